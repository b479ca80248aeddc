"""Taking back what was just done: an acknowledgement, an assignment, a change of severity."""

from __future__ import annotations

from typing import Final

import msgspec

from router.chat import lifecycle, questions
from router.chat.asked import Answer, Asked, Call, World, button, done
from router.chat.usage import INCIDENT
from router.chat.which import by_id
from router.events import Verb
from router.incidents import Incident
from router.problems import Conflict

UNDO: Final = "undo"
"""The button that takes back; its value is the number of the question that holds what to take back."""
LIVES_SECONDS: Final = 120.0
_VERBS: Final[dict[str, Verb]] = {"ack": "unacknowledge", "escalate": "escalate", "assign": "assign"}
_SEEN: Final = "seen"
_SEVERITY: Final = "severity"
_ASSIGNEE: Final = "assignee"


async def offered(world: World, asked: Asked, before: Incident | None, answer: Answer) -> Answer:
    """The answer with a button that takes back what was done, where that is possible."""
    after = answer.incident
    command = asked.call.command
    if command not in _VERBS or before is None or after is None or answer.outcome != "done":
        return answer
    back = Call(
        command=command,
        arguments={
            INCIDENT: after.display_id,
            _SEEN: _state(after),
            _SEVERITY: before.severity,
            _ASSIGNEE: before.assignee or "",
        },
    )
    held = msgspec.structs.replace(asked, call=back)
    number = await questions.keep(world, held, UNDO, seconds=LIVES_SECONDS)
    assert answer.message is not None
    actions = (*answer.message.actions, button(UNDO, "Undo", number))
    message = msgspec.structs.replace(answer.message, actions=actions)
    return msgspec.structs.replace(answer, message=message, undo=number)


def _state(incident: Incident) -> str:
    """What must be as it was left for taking back to make sense."""
    return "|".join((incident.status, incident.severity, incident.assignee or ""))


async def undo(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Bring it back into the state before. Conflict where somebody has changed it since."""
    number = asked.argument("value") or ""
    held = await questions.taken(world, asked, number, late="that was too long ago to be undone")
    incident = await by_id(world, held.arguments[INCIDENT])
    if _state(incident) != held.arguments[_SEEN] and asked.begun is None:
        raise Conflict(f"{incident.display_id} has changed since; say what it should be")
    verb = _VERBS[held.command]
    changes = {_SEVERITY: held.arguments[_SEVERITY]} if verb == "escalate" else {}
    if verb != "escalate":
        changes = {_ASSIGNEE: held.arguments[_ASSIGNEE]}
    after = await lifecycle.perform(world, asked, verb, incident, changes=changes)
    owner = f"assigned to {after.assignee}" if after.assignee else "not assigned"
    return done(f"Undone: {after.display_id} is {after.status}, {after.severity}, {owner}.", after)
