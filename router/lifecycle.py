"""The lifecycle as people walk it: declare ► acknowledge ► resolve ► close, and what is refused on the way.

Sources say what is; their events are never refused here (router/incidents.py). A person asks for a change,
so a change that makes no sense is answered with what is true instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from router.compose import duration
from router.events import Event, Hand, Verb
from router.incidents import OVER, Incident
from router.problems import Conflict

EVENTS: Final[Mapping[Verb, str]] = {
    "declare": "incident.created",
    "acknowledge": "incident.acknowledged",
    "unacknowledge": "incident.reopened",
    "resolve": "incident.resolved",
    "close": "incident.closed",
    "reopen": "incident.reopened",
    "escalate": "incident.severity_changed",
    "assign": "incident.assigned",
    "update": "incident.updated",
}
"""The event that each verb makes."""

FROM: Final[Mapping[Verb, tuple[str, ...]]] = {
    "acknowledge": ("open",),
    "unacknowledge": ("acknowledged",),
    "resolve": ("open", "acknowledged"),
    "close": ("resolved",),
    "reopen": OVER,
    "escalate": ("open", "acknowledged"),
    "assign": ("open", "acknowledged"),
    "update": ("open", "acknowledged", "resolved", "closed"),
}
"""The states in which a verb makes sense."""

_MENDS: Final[Mapping[tuple[Verb, str], str]] = {
    ("close", "open"): "resolve it first",
    ("close", "acknowledged"): "resolve it first",
    ("acknowledge", "resolved"): "reopen it first",
    ("acknowledge", "closed"): "reopen it first",
    ("escalate", "resolved"): "reopen it first",
    ("escalate", "closed"): "reopen it first",
    ("assign", "resolved"): "reopen it first",
    ("assign", "closed"): "reopen it first",
}


def possible(incident: Incident) -> tuple[Verb, ...]:
    """What a person can do with an incident in its state, in the lifecycle's order."""
    return tuple(verb for verb, states in FROM.items() if incident.status in states)


def asked(event: Event, hand: Hand, known: Incident | None) -> Event:
    """The event of a person's act on an incident in its true state; Conflict says why it cannot be.

    An acknowledgement takes ownership of an incident that nobody has.
    """
    if known is None:
        return event
    if known.status not in FROM.get(hand.verb, ()):
        raise Conflict(_refusal(hand.verb, known, event.at))
    _refuse_no_change(hand.verb, known, event)
    if hand.verb == "acknowledge" and known.assignee is None and hand.account:
        incident = msgspec.structs.replace(event.incident, assignee=hand.account)
        return msgspec.structs.replace(event, incident=incident)
    return event


def _refuse_no_change(verb: Verb, known: Incident, event: Event) -> None:
    if verb == "escalate" and event.incident.severity == known.severity:
        raise Conflict(f"{known.display_id} is {known.severity} already")
    if verb == "assign" and event.incident.assignee == known.assignee:
        raise Conflict(f"{known.display_id} is assigned to {known.assignee} already")


def _refusal(verb: Verb, known: Incident, at: datetime) -> str:
    """`INC-1 was acknowledged by dana 2 min ago`, or what has to come first."""
    mend = _MENDS.get((verb, known.status))
    if mend:
        return f"{known.display_id} is {known.status}; {mend}"
    if known.status == "open":
        return f"{known.display_id} is open"
    return f"{known.display_id} was {known.status}{changed_by(known)}{ago(known, at)}"


def changed_by(incident: Incident) -> str:
    """` by dana`, where it is known who brought the incident into its state."""
    return f" by {incident.status_by}" if incident.status_by else ""


def ago(incident: Incident, at: datetime) -> str:
    """` 2 min ago`: how long the incident has been in its state."""
    return f" {duration(at - incident.status_at)} ago" if incident.status_at else ""
