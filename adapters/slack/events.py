"""Events, as what people did: mentions, direct messages and reactions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from adapters.http import UNREADABLE
from adapters.inbound import ChatInput, Person, Received, Refusal, Refused
from adapters.slack import place
from adapters.slack.belonging import Home, kind_of, require
from adapters.slack.markup import typed
from adapters.slack.wire import Envelope, Kind, Reaction, Spoken

# https://docs.slack.dev/reference/events/message#subtypes : those under which people still say something.
SAID: Final = frozenset({None, "file_share", "thread_broadcast", "me_message"})

VOTES: Final[Mapping[str, str]] = {"+1": "+1", "thumbsup": "+1", "-1": "-1", "thumbsdown": "-1"}
"""By the emoji's name; a skin tone follows as `::skin-tone-<2..6>`."""

_MENTION: Final = re.compile(r"<@[UW][A-Z0-9_]+(?:\|[^<>]*)?>")

T = TypeVar("T")


def event(envelope: Envelope, home: Home) -> Received:
    """Refused for another workspace's event; one that means nothing here is a note."""
    allowed = envelope.authorizations or []
    require(
        home,
        (
            envelope.team_id,
            envelope.context_team_id,
            *(one.team_id for one in allowed),
            *(one.enterprise_id for one in allowed if one.is_enterprise_install),
        ),
    )
    kind = _decoded(envelope.event, Kind).type
    reader = _READERS.get(kind)
    return reader(envelope, home) if reader else Received(note="an event that means nothing here")


def _mention(envelope: Envelope, home: Home) -> Received:
    return _spoken(envelope, _decoded(envelope.event, Spoken), home)


def _message(envelope: Envelope, home: Home) -> Received:
    said = _decoded(envelope.event, Spoken)
    if said.channel_type != "im":
        return Received(note="a message that is not to the bot")
    return _spoken(envelope, said, home)


def _spoken(envelope: Envelope, said: Spoken, home: Home) -> Received:
    note = _unspoken(envelope, said)
    if note or said.user is None:
        return Received(note=note or "a message of nobody")
    thread = said.thread_ts if said.thread_ts != said.ts else None
    direct = place.is_direct(said.channel)
    answered_in = thread or ("" if direct else said.ts)
    done = ChatInput(
        key=envelope.event_id,
        kind="mention",
        user=Person(id=said.user),
        workspace=_workspace(envelope, said.user_team or said.team, home),
        channel=place.named(said.user, said.channel, "").channel,
        channel_kind=kind_of(said.channel, external=envelope.is_ext_shared_channel),
        thread=place.named(said.user, said.channel, thread).message_id if thread else None,
        message=place.named(said.user, said.channel, said.ts).message_id,
        text=_without_bot(envelope, said.text or ""),
        reply={"channel": said.channel} | ({"thread_ts": answered_in} if answered_in else {}),
    )
    return Received(inputs=(done,))


def _unspoken(envelope: Envelope, said: Spoken) -> str:
    """Why nothing follows from a message, or an empty text."""
    if said.bot_id or said.subtype == "bot_message" or said.user in _bots(envelope):
        return "a bot's message"
    if said.edited is not None or said.subtype == "message_changed":
        return "an edited message"
    return "" if said.subtype in SAID else "a message that nobody said"


def _reaction(envelope: Envelope, home: Home) -> Received:
    given = _decoded(envelope.event, Reaction)
    vote = VOTES.get(given.reaction.partition("::")[0])
    bots = _bots(envelope)
    if vote is None or given.item.type != "message" or not given.item.channel or not given.item.ts:
        return Received(note="a reaction that says nothing to the bot")
    if given.user in bots or (bots and given.item_user not in bots):
        return Received(note="a reaction to somebody else's message, or a bot's")
    at = place.named(given.user, given.item.channel, given.item.ts)
    done = ChatInput(
        key=envelope.event_id,
        kind="reaction",
        user=Person(id=given.user),
        workspace=home.team,
        channel=at.channel,
        channel_kind=kind_of(given.item.channel, external=envelope.is_ext_shared_channel),
        message=at.message_id,
        action=vote,
        reply={"channel": given.item.channel, "thread_ts": given.item.ts},
    )
    return Received(inputs=(done,))


def _bots(envelope: Envelope) -> frozenset[str]:
    """The bot's own user ids, as the installations that the event is for name them."""
    return frozenset(one.user_id for one in envelope.authorizations or () if one.is_bot)


def _workspace(envelope: Envelope, theirs: str | None, home: Home) -> str:
    """People of the same organisation have one identity in all of its workspaces; strangers keep theirs."""
    return theirs if theirs and envelope.is_ext_shared_channel else home.team


def _without_bot(envelope: Envelope, text: str) -> str:
    bots = _bots(envelope)
    if bots:
        names = "|".join(map(re.escape, bots))
        without = re.sub(rf"<@(?:{names})(?:\|[^<>]*)?>", "", text)
    else:
        without = _MENTION.sub("", text, count=1)
    return typed(without).strip()


def _decoded(body: msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE:
        raise Refused(Refusal.MALFORMED, "the event is not of the shape that Slack documents") from None


_READERS: Final[Mapping[str, Callable[[Envelope, Home], Received]]] = {
    "app_mention": _mention,
    "message": _message,
    "reaction_added": _reaction,
}
