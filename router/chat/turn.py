"""One input, from what was said to what is answered: who ► what ► which ► may they ► do ► answer."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog

from adapters.contract import DeliveryError, Message
from adapters.inbound import ChatInput, Receives
from nlu_model.parse import Parse
from router.chat import interactions, questions
from router.chat.asked import Answer, Asked, Call, World, stranger
from router.chat.inbox import Item
from router.chat.performing import NotAllowed, perform, require_some, told
from router.chat.places import place_of
from router.chat.speaking import speaking
from router.chat.typed import typed
from router.chat.undoing import LIVES_SECONDS
from router.chat.usage import Misused
from router.dialogue import conversation
from router.dialogue.conversation import LEFT
from router.dialogue.scene import MEANT, resolved
from router.dialogue.talk import Spoken, Talk, after
from router.dialogue.twofold import first_of
from router.people.people import Identity, Speaker
from router.problems import Problem
from router.targets import Provider

_log = structlog.get_logger()
_SHOWN: Final = 200
_CODE: Final = re.compile(r"\A(\W*link\b\W*)\w.*", re.IGNORECASE | re.DOTALL)


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """An input that was dealt with: everything that is written down about it."""

    answer: Answer
    asked: Asked | None = None
    """None for a reaction, and for a provider that is gone."""
    talk: Talk | None = None
    """The conversation as it is then."""
    parse: Parse | None = None
    """Of a mention that the model read."""
    cancelled: bool = False
    before: Turn | None = None
    """What was done first, where a sentence asked for two things."""

    @property
    def command(self) -> str:
        """The command as metrics and rules name it."""
        return self.asked.call.command if self.asked else ""


async def turn(world: World, item: Item, provider: Provider) -> Turn:
    """Deal with an input. Raises Unavailable where it is to be done again later; all else is an answer."""
    asked = await _asked(world, item, provider)
    talk = await world.talks.load(provider, item.given)
    if item.given.kind == "mention":
        spoken = await conversation.spoken(world, asked, talk)
    else:
        spoken = await _done(world, asked)
    first = spoken.before
    before = None
    if first is not None:
        did = msgspec.structs.replace(asked, call=first.call, id=first_of(asked.id))
        before = Turn(answer=first.answer, asked=did)
    asked = msgspec.structs.replace(asked, call=spoken.call)
    until = asked.at + timedelta(seconds=LIVES_SECONDS)
    return Turn(
        answer=spoken.answer,
        asked=asked,
        talk=after(talk, spoken, until),
        parse=spoken.parse,
        cancelled=spoken.cancelled,
        before=before,
    )


async def _done(world: World, asked: Asked) -> Spoken:
    """What was typed, pressed or filled in."""
    try:
        call = await _call(world, asked)
    except (Problem, Misused) as error:
        return Spoken(answer=told(error, asked, None), call=asked.call)
    if call is None:
        return Spoken(answer=LEFT, call=asked.call, cancelled=True)
    return Spoken(answer=await perform(world, msgspec.structs.replace(asked, call=call)), call=call)


async def _asked(world: World, item: Item, provider: Provider) -> Asked:
    given = item.given
    identity = Identity(platform=provider.platform, workspace=given.workspace, user=given.user.id)
    speaker = await speaking(world, provider, identity, given.user)
    return Asked(
        id=item.id,
        call=Call(command="", said=said_by(given)),
        speaker=speaker,
        name=await _name(world, speaker),
        place=await place_of(world, provider, given),
        given=given,
        provider=provider,
        at=world.clock(),
        begun=item.received_at if item.attempts > 1 else None,
    )


async def _name(world: World, speaker: Speaker) -> str:
    return speaker.label if speaker.account else await stranger(world.people, speaker.label)


def said_by(given: ChatInput) -> str:
    """What the timeline, the audit and other channels are told of an input: `/im ack INC-7`,
    `[acknowledge] INC-7`; of a link's code nothing, as it stays good where it was typed in vain."""
    typed = _CODE.sub(r"\1…", given.text)
    if given.kind == "command":
        return f"/im {typed}".strip()
    return typed if given.kind == "mention" else f"[{given.action}] {given.value}".strip()


async def _call(world: World, asked: Asked) -> Call | None:
    """The command that is meant; None for a question that was answered with no."""
    given = asked.given
    if given.kind == "command":
        return typed(world, given.text, asked.call.said)
    if given.action in world.commands.buttons:
        return Call(command=given.action, arguments={"value": given.value}, said=asked.call.said)
    number, _, value = given.value.partition(" ")
    if given.action == questions.CHOOSE:
        chosen = f"<{value}>" if value.startswith("@") else value
        call = await questions.answered(world, asked, number, chosen)
        return resolved(call) if call and call.command == MEANT else call
    if given.action == questions.CONFIRM:
        return await questions.answered(world, asked, number, "yes")
    if given.action == questions.CANCEL:
        return await questions.answered(world, asked, number, None)
    return interactions.called(given)


async def open_form(world: World, item: Item, provider: Provider) -> Turn | None:
    """Open the form that an input asks for; None where it is none, or this platform has no forms here.

    A form that came too late (the trigger has run out) is said in words.
    """
    form = interactions.form_for(item.given, world.roster.live.current.names())
    adapter = world.parts.adapters.connected(provider).adapter
    if form is None or not isinstance(adapter, Receives):
        return None
    asked = await _asked(world, item, provider)
    command = world.commands.find(form.id)
    assert command is not None
    try:
        require_some(world, asked, command)
    except NotAllowed:
        return None
    try:
        opened = await adapter.open_form(item.given, form)
    except DeliveryError as error:
        _log.warning("form_not_opened", provider=provider.name, reason=error.reason.value)
        opened = False
    if not opened:
        return None
    call = Call(command=form.id, said=asked.call.said)
    return Turn(answer=Answer(message=None, outcome="asked"), asked=msgspec.structs.replace(asked, call=call))


NOTHING: Final = Turn(answer=Answer(message=None, outcome="ignored"))
"""An input that nobody is answered for: a reaction, or one whose provider is gone."""


def audit_entry(made: Turn, item: Item) -> dict[str, Any]:
    """The audit row of an attempt, allowed or not."""
    given, asked = item.given, made.asked
    speaker = asked.speaker.label if asked else given.user.id
    return {
        "actor": f"{item.provider}:{given.user.id}",
        "action": f"chat.{made.command or given.kind}",
        "subject": made.answer.incident.display_id if made.answer.incident else given.channel,
        "outcome": made.answer.outcome,
        "data": {
            "who": speaker,
            "role": asked.speaker.role if asked else None,
            "channel": given.channel,
            "place": asked.place.kind if asked else None,
            "said": said_by(given)[:_SHOWN],
            "answer": _headline(made.answer.message),
        },
    }


def _headline(message: Message | None) -> str | None:
    return message.headline[:_SHOWN] if message else None
