"""Incidents: what an event does to the state of one, without any effect on the world."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from router.events import Event
from router.problems import Invalid

OVER: Final = ("resolved", "closed")

_STATUS_OF: Final[Mapping[str, str]] = {
    "incident.acknowledged": "acknowledged",
    "incident.resolved": "resolved",
    "incident.closed": "closed",
    "incident.reopened": "open",
}


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an incident. It is identified by (source, external_id) and shown as display_id."""

    id: str
    source: str
    external_id: str
    display_id: str
    title: str
    severity: str
    status: str
    service: str | None = None
    description: str | None = None
    assignee: str | None = None
    url: str | None = None
    labels: dict[str, str] = {}
    started_at: datetime
    changed_at: datetime
    """The time of the newest event that moved the state."""
    status_at: datetime | None = None
    """The time of the newest change of the status; None while it has its first."""
    status_by: str | None = None
    """Who made that change, as the event named its actor."""
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    created_seen: bool = False
    """Whether its incident.created has come; events may arrive out of order."""

    @property
    def time_to_acknowledge(self) -> timedelta | None:
        """From the start to the first acknowledgement."""
        return self.acknowledged_at - self.started_at if self.acknowledged_at else None

    @property
    def time_to_resolve(self) -> timedelta | None:
        """From the start to the resolution."""
        return self.resolved_at - self.started_at if self.resolved_at else None


class Change(msgspec.Struct, frozen=True):
    """What an event did: the state before (None for a new incident) and after, and whether it came late."""

    before: Incident | None
    after: Incident
    late: bool
    """An event older than what is known moves nothing."""


def apply(known: Incident | None, event: Event, *, new_id: str, display_id: str) -> Change:
    """The change that an event makes.

    Only an event that is not older than the newest one moves the state, unless its sender's order is that
    of arrival; the status waits only for a newer status, not for a note that overtook it. Leaving resolved
    or closed needs incident.reopened. Deadlines (sla.*) move nothing. An unknown incident is created by
    whatever event comes first, as long as that says title and severity. `new_id` and `display_id` are for
    a new incident. Raises Invalid.
    """
    if known is None:
        return Change(None, _first(event, new_id, display_id), late=False)
    if event.type.startswith("sla."):
        return Change(known, known, late=False)
    if event.at < known.changed_at and not event.refires and event.hand is None:
        after = _late_status(known, _fill_from_late(known, event), event)
        return Change(known, after, late=after.status == known.status)
    return Change(known, _moved(known, event), late=False)


def _first(event: Event, new_id: str, display_id: str) -> Incident:
    given = event.incident
    for name in ("title", "severity"):
        if not getattr(given, name):
            raise Invalid.at(
                f"incident.{name}",
                f"missing, and incident `{given.id}` is not known; send it, or incident.created first",
            )
    status = _STATUS_OF.get(event.type) or given.status or "open"
    start = Incident(
        id=new_id,
        source=event.source,
        external_id=given.id,
        display_id=display_id,
        title=given.title or "",
        severity=given.severity or "",
        status="open",
        service=given.service,
        description=given.description,
        assignee=given.assignee,
        url=given.url,
        labels=given.labels or {},
        started_at=event.at,
        changed_at=event.at,
        created_seen=event.type == "incident.created",
    )
    return _with_status(start, status, event)


def _moved(known: Incident, event: Event) -> Incident:
    given = event.incident
    named = {
        name: value
        for name in ("title", "severity", "service", "description", "assignee", "url", "labels")
        if (value := getattr(given, name)) is not None
    }
    if "assignee" in named:
        named["assignee"] = named["assignee"] or None  # an empty name takes it from whoever had it
    moved = msgspec.structs.replace(
        known,
        **named,
        changed_at=max(event.at, known.changed_at),
        created_seen=known.created_seen or event.type == "incident.created",
    )
    return _with_status(moved, _next_status(known.status, event), event)


def _next_status(now: str, event: Event) -> str:
    wanted = _STATUS_OF.get(event.type) or event.incident.status or now
    if event.type == "incident.reopened":
        return wanted
    if now in OVER and wanted not in OVER:
        return now
    return "closed" if now == "closed" else wanted


def _with_status(incident: Incident, status: str, event: Event) -> Incident:
    at = event.at
    acknowledged = incident.acknowledged_at
    resolved = incident.resolved_at
    closed = incident.closed_at
    if status == "open":
        acknowledged = resolved = closed = None
    elif status == "acknowledged":
        acknowledged, resolved, closed = acknowledged or at, None, None
    else:
        resolved = resolved or at
        closed = (closed or at) if status == "closed" else None
    return msgspec.structs.replace(
        incident,
        status=status,
        status_at=incident.status_at if status == incident.status else at,
        status_by=incident.status_by if status == incident.status else event.actor,
        acknowledged_at=acknowledged,
        resolved_at=resolved,
        closed_at=closed,
    )


def _late_status(known: Incident, filled: Incident, event: Event) -> Incident:
    if event.type not in _STATUS_OF or (known.status_at is not None and event.at < known.status_at):
        return filled
    return _with_status(filled, _next_status(known.status, event), event)


def _fill_from_late(known: Incident, event: Event) -> Incident:
    """A late event's time and texts fill what nobody has said since."""
    given = event.incident
    blank = {
        name: value
        for name in ("service", "description", "assignee", "url")
        if getattr(known, name) is None and (value := getattr(given, name)) is not None
    }
    acknowledged = known.acknowledged_at
    if event.type == "incident.acknowledged" and known.status != "open":
        acknowledged = min(acknowledged or event.at, event.at)
    created = event.type == "incident.created"
    return msgspec.structs.replace(
        known,
        **blank,
        acknowledged_at=acknowledged,
        started_at=min(known.started_at, event.at) if created else known.started_at,
        created_seen=known.created_seen or created,
    )
