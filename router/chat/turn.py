"""One input, from what was said to what is answered: who ► what ► which ► may they ► do ► answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog

from adapters.contract import DeliveryError, Message
from adapters.inbound import ChatInput, Receives
from router.chat import interactions, questions, usage, which, words
from router.chat.asked import Answer, Asked, Call, Missing, World, refused, said, sentence, stranger
from router.chat.commands import Button, Command
from router.chat.inbox import Item
from router.chat.places import place_of
from router.chat.speaking import speaking
from router.chat.usage import INCIDENT, Misused
from router.events import SEVERITIES
from router.incidents import Incident
from router.people.people import Identity, Speaker
from router.policy.policy import Verdict
from router.problems import Problem, Unavailable
from router.targets import Provider

_log = structlog.get_logger()
_SHOWN: Final = 200
_CODE: Final = re.compile(r"\A(\W*link\b\W*)\w.*", re.IGNORECASE | re.DOTALL)
_RANK: Final = {"refuse": 0, "confirm": 1, "allow": 2}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """An input that was dealt with: everything that is written down about it."""

    answer: Answer
    asked: Asked | None = None
    """None for a reaction, and for a provider that is gone."""

    @property
    def command(self) -> str:
        """The command as metrics and rules name it."""
        return self.asked.call.command if self.asked else ""


async def turn(world: World, item: Item, provider: Provider) -> Turn:
    """Deal with an input. Raises Unavailable where it is to be done again later; all else is an answer."""
    asked = await _asked(world, item, provider)
    try:
        call = await _call(world, asked)
    except (Problem, Misused) as error:
        return Turn(answer=_told(error, asked, None), asked=asked)
    if call is None:
        return Turn(answer=Answer(message=said("All right, nothing was done."), outcome="done"), asked=asked)
    asked = msgspec.structs.replace(asked, call=call)
    return Turn(answer=await perform(world, asked), asked=asked)


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
    if given.kind in ("command", "mention"):
        return typed(world, given.text, asked.call.said)
    if given.action in world.commands.buttons:
        return Call(command=given.action, arguments={"value": given.value}, said=asked.call.said)
    number, _, value = given.value.partition(" ")
    if given.action == questions.CHOOSE:
        chosen = f"<{value}>" if value.startswith("@") else value
        return await questions.answered(world, asked, number, chosen)
    if given.action == questions.CONFIRM:
        return await questions.answered(world, asked, number, "yes")
    if given.action == questions.CANCEL:
        return await questions.answered(world, asked, number, None)
    return interactions.called(given)


def typed(world: World, text: str, said: str) -> Call:
    """A command as typed; nothing at all is a call for help."""
    first, _, rest = words.plain(text).partition(" ")
    first, newline, below = first.partition("\n")
    rest = f"{below} {rest}" if newline else rest
    if not first:
        return Call(command="help", said=said)
    command = world.commands.find(first)
    if command is None:
        return Call(command=first[:40].lower(), said=said)
    return Call(command=command.name, arguments=_arguments(command, rest), said=said)


def _arguments(command: Command, rest: str) -> dict[str, str]:
    try:
        return usage.arguments(command.usage, rest)
    except Misused as error:
        raise Misused(
            f"{sentence(str(error))}\nUsage: {command.usage.shown}\nExample: {command.example}"
        ) from None


async def perform(world: World, asked: Asked) -> Answer:
    """Do what is asked, if the person may; every failure is an answer."""
    incident: Incident | None = None
    command = world.commands.find(asked.call.command) or world.commands.buttons.get(asked.call.command)
    if command is None:
        return Answer(message=world.commands.unknown(asked.call.command), outcome="misused")
    try:
        _require_some(world, asked, command)
        if isinstance(command, Command) and command.complete is not None:
            asked = await command.complete(world, asked)
        if isinstance(command, Command) and command.about_one(asked.call.arguments):
            found = await which.incident(world, asked, command.states)
            if isinstance(found, Answer):
                return found
            incident = found
        verdict = _judged(world, asked, command, _severities(asked, incident))
        _require(verdict)
        if verdict.outcome == "confirm" and not asked.call.confirmed:
            return await questions.confirm(world, asked, sentence(verdict.reason), incident)
        return await command.run(world, _about(asked, incident), incident)
    except Missing as missing:
        asked = _about(asked, incident)
        return await questions.choose(
            world, asked, missing.slot, str(missing), missing.choices, people=missing.people
        )
    except (Problem, Misused, DeliveryError) as error:
        return _told(error, asked, incident)


def _about(asked: Asked, incident: Incident | None) -> Asked:
    """The call with the incident that was found in it, so that a question asked now is about that one."""
    if incident is None:
        return asked
    named = {**asked.call.arguments, INCIDENT: incident.display_id}
    return msgspec.structs.replace(asked, call=msgspec.structs.replace(asked.call, arguments=named))


def _judged(
    world: World, asked: Asked, command: Command | Button, severities: Sequence[str | None]
) -> Verdict:
    """The strictest of what the policy says for the incident's severity, before and after."""
    name = command.name if isinstance(command, Command) else command.id
    verdicts = [
        world.policy.judge(
            asked.speaker.role, name, place=asked.place, severity=severity, default_role=command.role
        )
        for severity in severities
    ]
    return min(verdicts, key=lambda verdict: _RANK[verdict.outcome])


def _severities(asked: Asked, incident: Incident | None) -> tuple[str | None, ...]:
    named = (incident.severity if incident else None, asked.argument("severity"))
    return tuple(each for each in named if each) or (None,)


def _require_some(world: World, asked: Asked, command: Command | Button) -> None:
    """Refuse what the person may not do whatever the severity, before anything of any incident is told."""
    verdicts = [_judged(world, asked, command, (severity,)) for severity in (None, *SEVERITIES)]
    if all(verdict.outcome == "refuse" for verdict in verdicts):
        _require(verdicts[0])


class NotAllowed(Problem):
    """The policy refuses it."""


def _require(verdict: Verdict) -> None:
    if verdict.outcome == "refuse":
        raise NotAllowed(verdict.reason)


def _told(error: Exception, asked: Asked, incident: Incident | None) -> Answer:
    """A failure in words; Unavailable is none: the input waits."""
    if isinstance(error, Unavailable):
        raise error
    if isinstance(error, Misused):
        first, _, more = str(error).partition("\n")
        return Answer(message=said(sentence(first), more), outcome="misused", incident=incident)
    if isinstance(error, DeliveryError):
        detail = f"{asked.provider.name} does not play along: {error.detail}"
        return Answer(message=said(sentence(detail)), outcome="failed", incident=incident)
    assert isinstance(error, Problem)
    return refused(error.detail, incident)


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
        _require_some(world, asked, command)
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
