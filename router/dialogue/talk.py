"""What is remembered of a conversation: one for each person in each channel or thread, for a while.

It is kept in Redis and may be lost at any time: a question then has to be asked again, and nothing else.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.inbound import ChatInput
from nlu_model.parse import Parse
from router.chat.asked import Answer, Asks, Call
from router.chat.usage import INCIDENT
from router.dialogue.intents import BY_COMMAND, INTENTS
from router.targets import Provider

LIVES_SECONDS: Final = 1800
_log = structlog.get_logger()


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation so far, as far as it bears on what is said next."""

    pending: Asks | None = None
    """The question that waits for an answer."""
    subject: str | None = None
    """The incident that was last talked about: what `it` means."""
    listed: tuple[str, ...] = ()
    """The incidents that were last shown in an order: what `the second one` means."""
    last: Call | None = None
    """What was last done: what `and for payments?` and `no, I meant INC-56` change."""
    undo: str | None = None
    undo_until: datetime | None = None


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence that was dealt with: the answer, and how it was understood."""

    answer: Answer
    call: Call
    parse: Parse | None = None
    """None where no model was asked."""
    cancelled: bool = False
    before: Spoken | None = None
    """What was done first, where a sentence asked for two things."""


SILENT: Final = Talk()


class Talks:
    """Conversations by where they are held and by whom."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def load(self, provider: Provider, given: ChatInput) -> Talk:
        """The conversation that an input goes on with; an empty one where there is none, or no Redis."""
        try:
            kept = await self._redis.get(key_of(provider, given, given.thread))
            return msgspec.json.decode(kept, type=Talk) if kept else SILENT
        except (RedisError, OSError, msgspec.MsgspecError) as error:
            _log.warning("talk_not_known", error=type(error).__name__)
            return SILENT

    async def save(self, provider: Provider, given: ChatInput, talk: Talk) -> None:
        """Remember it: where it was said, and in the thread that may follow from it."""
        kept = msgspec.json.encode(talk)
        threads = {given.thread, *([given.message] if given.kind == "mention" and not given.thread else [])}
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for thread in threads:
                    pipe.set(key_of(provider, given, thread), kept, ex=LIVES_SECONDS)
                await pipe.execute()
        except (RedisError, OSError) as error:
            _log.warning("talk_not_kept", error=type(error).__name__)


def key_of(provider: Provider, given: ChatInput, thread: str | None) -> str:
    """Where a conversation is kept. Ids are hashed, as they may hold anything."""
    parts = [provider.name, given.workspace, given.channel, thread or "", given.user.id]
    return "im:talk:" + blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def after(talk: Talk, spoken: Spoken, until: datetime) -> Talk:
    """The conversation after a turn; `until` is the end of what can be undone now."""
    if spoken.before:
        talk = after(talk, spoken.before, until)
    answer, call = spoken.answer, spoken.call
    about: dict[str, Any] = {"subject": answer.incident.display_id} if answer.incident else {}
    if spoken.cancelled:
        return msgspec.structs.replace(talk, pending=None)
    if answer.outcome == "asked":
        listed = answer.asks.choices if answer.asks and answer.asks.slot == INCIDENT else talk.listed
        return msgspec.structs.replace(talk, pending=answer.asks, listed=listed, **about)
    if answer.outcome != "done":
        # What was said meanwhile and is none of ours leaves the question open; another command closes it.
        return msgspec.structs.replace(talk, pending=None, **about) if call.command else talk
    if answer.listed:
        about = {"subject": answer.listed[0] if len(answer.listed) == 1 else None, "listed": answer.listed}
    return msgspec.structs.replace(
        talk,
        pending=None,
        last=call if call.command else talk.last,
        **_undoable(spoken, until),
        **about,
    )


def _undoable(spoken: Spoken, until: datetime) -> dict[str, Any]:
    """What can be taken back: what was just done, also after a question; what cannot be closes it."""
    if spoken.answer.undo:
        return {"undo": spoken.answer.undo, "undo_until": until}
    doing = INTENTS.get(BY_COMMAND.get(spoken.call.command, ""))
    return {} if doing is not None and not doing.acts else {"undo": None, "undo_until": None}
