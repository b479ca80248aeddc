"""Doing what is asked: which incident ► may they ► are they sure ► do it; every failure is an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from adapters.contract import DeliveryError
from router.chat import questions, undoing, which
from router.chat.asked import Answer, Asked, Missing, World, refused, said, sentence
from router.chat.commands import Button, Command
from router.chat.usage import INCIDENT, Misused
from router.events import SEVERITIES
from router.incidents import Incident
from router.policy.policy import Verdict
from router.problems import Problem, Unavailable

_SHOWN: Final = 80
_SERIOUS: Final[Mapping[str, str]] = {
    "resolve": "Resolve {}",
    "close": "Close {}",
    "escalate": "Make {} a SEV-1",
}
_DOUBTFUL: Final[Mapping[str, str]] = {
    "declare": "declare an incident, “{}”",
    "ack": "acknowledge {}",
    "resolve": "resolve {}",
    "close": "close {}",
    "escalate": "change the severity of {}",
    "assign": "assign {}",
    "update": "note that on {}",
    "room": "open the war room of {}",
    "silence": "silence {}",
}
_RANK: Final = {"refuse": 0, "confirm": 1, "allow": 2}


async def perform(world: World, asked: Asked) -> Answer:
    """Do what is asked, if the person may; every failure is an answer."""
    incident: Incident | None = None
    command = world.commands.find(asked.call.command) or world.commands.buttons.get(asked.call.command)
    if command is None:
        return Answer(message=world.commands.unknown(asked.call.command), outcome="misused")
    try:
        require_some(world, asked, command)
        if isinstance(command, Command) and command.complete is not None:
            asked = await command.complete(world, asked)
        if isinstance(command, Command) and command.about_one(asked.call.arguments):
            found = await which.incident(world, asked, command.states)
            if isinstance(found, Answer):
                return found
            incident = found
        verdict = _judged(world, asked, command, _severities(asked, incident))
        _require(verdict)
        if not asked.call.confirmed and (doubt := _doubt(verdict, asked, incident)):
            return await questions.confirm(world, _about(asked, incident), doubt, incident)
        answer = await command.run(world, _about(asked, incident), incident)
        return await undoing.offered(world, asked, incident, answer)
    except Missing as missing:
        asked = _about(asked, incident)
        return await questions.choose(
            world, asked, missing.slot, str(missing), missing.choices, people=missing.people
        )
    except (Problem, Misused, DeliveryError) as error:
        return told(error, asked, incident)


def _doubt(verdict: Verdict, asked: Asked, incident: Incident | None) -> str:
    """What is asked before it is done: what the policy says, or whether the incident that was found by its
    description is the one that is to be resolved, closed or made a SEV-1."""
    if verdict.outcome == "confirm":
        return sentence(verdict.reason)
    if asked.call.doubtful and asked.call.command in _DOUBTFUL:
        about = (
            incident.display_id if incident else asked.argument("title") or asked.argument("service") or "it"
        )
        return f"Do you want me to {_DOUBTFUL[asked.call.command].format(about[:_SHOWN])}?"
    if incident is None or not asked.call.described:
        return ""
    act = _SERIOUS.get(asked.call.command)
    if act is None or (asked.call.command == "escalate" and asked.argument("severity") != SEVERITIES[0]):
        return ""
    return f"{act.format(incident.display_id)}, “{incident.title[:_SHOWN]}”?"


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


def require_some(world: World, asked: Asked, command: Command | Button) -> None:
    """Refuse what the person may not do whatever the severity, before anything of any incident is told."""
    verdicts = [_judged(world, asked, command, (severity,)) for severity in (None, *SEVERITIES)]
    if all(verdict.outcome == "refuse" for verdict in verdicts):
        _require(verdicts[0])


class NotAllowed(Problem):
    """The policy refuses it."""


def _require(verdict: Verdict) -> None:
    if verdict.outcome == "refuse":
        raise NotAllowed(verdict.reason)


def told(error: Exception, asked: Asked, incident: Incident | None) -> Answer:
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
