"""What people are told: the message for an event, in the router's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, cast

import msgspec

from adapters.contract import Action, IncidentCard, Message, Severity, Status
from router.events import Event
from router.incidents import Incident

HEADLINES: Final[Mapping[str, str]] = {
    "incident.created": "🚨 New Incident Declared",
    "incident.acknowledged": "👀 Incident Acknowledged",
    "incident.updated": "📝 Incident Updated",
    "incident.severity_changed": "⚠️ Severity Changed",
    "incident.assigned": "👤 Incident Assigned",
    "incident.resolved": "✅ Incident Resolved",
    "incident.closed": "📁 Incident Closed",
    "incident.reopened": "🔁 Incident Reopened",
    "sla.warning": "⏳ SLA Warning",
    "sla.breached": "⏰ SLA Breached",
}

MODES: Final[Mapping[str, str]] = {
    "incident.updated": "edit_reply",
    "incident.resolved": "edit_reply",
    "incident.reopened": "edit_reply",
    "sla.warning": "reply",
    "sla.breached": "reply",
}
"""How an event shows where its incident is already announced; everything else edits in place."""

MAX_STEPS: Final = 30
_LINE_TITLE: Final = 60
_STEPS: Final[Mapping[str, str]] = {
    "incident.created": "declared",
    "incident.acknowledged": "acknowledged",
    "incident.updated": "updated",
    "incident.severity_changed": "severity changed to {severity}",
    "incident.assigned": "assigned to {assignee}",
    "incident.resolved": "resolved",
    "incident.closed": "closed",
    "incident.reopened": "reopened",
    "sla.warning": "SLA warning",
    "sla.breached": "SLA breached",
}


def message(event: Event, incident: Incident, *, template: str | None, badges: Sequence[str] = ()) -> Message:
    """The message that shows an incident after an event."""
    return Message(
        event=event.type,
        headline=HEADLINES[event.type],
        incident=card(incident),
        actor=event.actor,
        note=event.note,
        facts=times(incident) if event.type in ("incident.resolved", "incident.closed") else (),
        badges=tuple(badges),
        actions=actions(incident),
        template=template,
    )


def card(incident: Incident) -> IncidentCard:
    """The incident as adapters see it."""
    return IncidentCard(
        id=incident.display_id,
        title=incident.title,
        severity=cast("Severity", incident.severity),
        status=cast("Status", incident.status),
        started_at=incident.started_at,
        service=incident.service,
        description=incident.description,
        assignee=incident.assignee,
        url=incident.url,
    )


def actions(incident: Incident, *, details: bool = True) -> tuple[Action, ...]:
    """The buttons that make sense in the incident's state; `details` is for where they are not shown yet."""
    value = incident.display_id
    link = Action(id="details", label="View Details", value=value, url=incident.url)
    names = [each for each in _BUTTONS[incident.status] if details or incident.url or each != "details"]
    return tuple(link if each == "details" else _button(each, value) for each in names)


def _button(name: str, value: str) -> Action:
    label, style = _LABELS[name]
    return Action(id=name, label=label, value=value, style=style)


_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("acknowledge", "war_room", "details", "escalate"),
    "acknowledged": ("resolve", "update", "assign", "war_room", "details", "escalate"),
    "resolved": ("close", "reopen", "details"),
    "closed": ("details",),
}
_LABELS: Final[Mapping[str, tuple[str, Literal["default", "primary", "danger"]]]] = {
    "acknowledge": ("Acknowledge", "primary"),
    "war_room": ("Join War Room", "default"),
    "escalate": ("Escalate", "danger"),
    "assign": ("Assign", "default"),
    "update": ("Status Update", "default"),
    "resolve": ("Resolve", "primary"),
    "close": ("Close", "default"),
    "reopen": ("Reopen", "default"),
}


def step(event: Event, incident: Incident) -> str:
    """One line for the list of steps that a merged message skipped: `10:02 acknowledged by dana: on it`."""
    words = _STEPS[event.type].format(severity=incident.severity, assignee=incident.assignee or "nobody")
    by = f" by {event.actor}" if event.actor else ""
    note = f": {event.note}" if event.note else ""
    return f"{event.at:%H:%M} {words}{by}{note}"


def merged(waiting: Sequence[tuple[Message, str]], shown: Sequence[str] = ()) -> Message:
    """One message for several of a stream that were waiting: the newest state, and the steps skipped.

    `waiting` is (message, its step), oldest first; `shown` are the steps that the message to be edited lists
    already, which must not vanish with the edit. One alone, with nothing shown before, stays as it is.
    """
    newest = waiting[-1][0]
    if len(waiting) == 1 and not shown:
        return newest
    badges = dict.fromkeys(badge for each, _ in waiting for badge in each.badges)
    steps = (*shown, *(text for _, text in waiting))[-MAX_STEPS:]
    return msgspec.structs.replace(newest, steps=steps, badges=tuple(badges))


def summary(waiting: Sequence[Message]) -> Message:
    """One message that names many incidents, for a channel where more wait than its rate lets through."""
    lines = [_line(message.incident) for message in waiting if message.incident]
    return Message(event="summary", headline=f"📚 {len(lines)} incidents at once", text="\n".join(lines))


def _line(incident: IncidentCard) -> str:
    title = incident.title if len(incident.title) <= _LINE_TITLE else incident.title[: _LINE_TITLE - 1] + "…"
    service = f" · {incident.service[:30]}" if incident.service else ""
    return f"{incident.id} · {incident.severity} · {incident.status}{service} · {title}"


def duration(length: timedelta) -> str:
    """A length of time in two units at most: `2 h 5 min`, `3 d 4 h`, `40 s`."""
    seconds = max(0, int(length.total_seconds()))
    parts = [
        (seconds // 86_400, "d"),
        (seconds % 86_400 // 3_600, "h"),
        (seconds % 3_600 // 60, "min"),
        (seconds % 60, "s"),
    ]
    first = next((index for index, (number, _) in enumerate(parts) if number), 3)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def times(incident: Incident) -> tuple[tuple[str, str], ...]:
    """How long it took to acknowledge and to resolve, as far as that is known."""
    rows = (
        ("Time to acknowledge", incident.time_to_acknowledge),
        ("Time to resolve", incident.time_to_resolve),
    )
    return tuple((label, duration(length)) for label, length in rows if length is not None)
