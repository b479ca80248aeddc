"""What a rule can look at: one event, flattened into named facts."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the rules see it. A field that is None is missing: conditions on it are false.

    `at` is aware UTC and is what `local_time` reads. `recent` holds, by the name of a count, how many events
    its window holds for this event's key, the event itself included (see `rules.counts`).
    """

    event: str
    at: datetime
    severity: str | None = None
    service: str | None = None
    team: str | None = None
    status: str | None = None
    title: str | None = None
    description: str | None = None
    assignee: str | None = None
    actor: str | None = None
    note: str | None = None
    source: str | None = None
    command: str | None = None
    outcome: str | None = None
    channel: str | None = None
    user: str | None = None
    labels: dict[str, str] = {}
    recent: dict[str, int] = {}
