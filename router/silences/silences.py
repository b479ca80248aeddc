"""Silences as people and maintenance windows make and end them; every change is checked and audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from hashlib import blake2b
from typing import Any, Final, Protocol

import msgspec

from router import audit, ids
from router.events import SEVERITIES, refuse_nul
from router.problems import Conflict, Invalid, NotFound
from router.silences.durations import LONGEST, checked_end, parse_duration
from router.silences.muting import Matchers, Silence
from router.store import Store, statement
from router.store.database import Connection

MAX_REASON: Final = 500
MAX_ACTIVE: Final = 1_000
"""Every event is compared with each of them."""
MAX_LISTED: Final = 1_000
MAINTENANCE: Final = "maintenance"
"""Who makes and ends the silences of windows."""

_PREFIX: Final = "maintenance-"
_MAX_TEXT: Final = 200
_MAX_ITEMS: Final = 100
_COMBINE: Final = "give at least one of service, incident, severity, team, source and labels"


class AtLeast(msgspec.Struct, frozen=True):
    """A severity and all that are worse."""

    at_least: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be covered, as callers say it: texts or lists of them."""

    service: str | list[str] | None = None
    incident: str | None = None
    severity: str | list[str] | AtLeast | None = None
    team: str | list[str] | None = None
    source: str | list[str] | None = None
    labels: dict[str, str] = {}


class NewSilence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence as callers ask for it; its end is `for` (see durations.py) or `ends_at`."""

    matchers: Wanted
    lasts: str | None = msgspec.field(default=None, name="for")
    reason: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Window(Protocol):
    """A maintenance window, as the catalogue knows it."""

    @property
    def name(self) -> str: ...
    @property
    def services(self) -> Sequence[str]: ...
    @property
    def starts(self) -> datetime: ...
    @property
    def ends(self) -> datetime: ...


async def listed(store: Store, *, now: datetime, everything: bool = False, limit: int = 100) -> list[Silence]:
    """Those that are not over, or all; the newest first."""
    rows = await store.rows(
        "silences.list", {"all": everything, "now": now, "limit": max(1, min(limit, MAX_LISTED))}
    )
    return [from_row(row) for row in rows]


async def one(store: Store, silence_id: str) -> Silence:
    """A silence; NotFound says how to see which there are."""
    row = await store.row("silences.one", {"id": silence_id})
    if row is None:
        raise NotFound(f"there is no silence `{silence_id[:80]}`; `im silences list --all` shows them")
    return from_row(row)


async def add(
    store: Store, given: NewSilence, *, actor: str, now: datetime, timezone: tzinfo, id: str | None = None
) -> Silence:
    """Mute from now (or `starts_at`) on. Raises Invalid with the field, Conflict where there are too many.

    `id` is for callers that may ask twice: the second time changes nothing, and answers with the first.
    """
    silence = planned(given, actor=actor, now=now, timezone=timezone)
    silence = msgspec.structs.replace(silence, id=id or silence.id)
    async with store.transaction() as connection:
        await _require_room(connection, now)
        await _require_incident(connection, silence.matchers.incident)
        cursor = await connection.execute(statement("silences.add"), _parameters(silence))
        if await cursor.fetchone() is not None:
            about = {"matchers": silence.matchers, "ends_at": silence.ends_at, "reason": silence.reason}
            await audit.record(connection, actor, "silence.add", silence.id, data=about)
    return await one(store, silence.id)


def planned(given: NewSilence, *, actor: str, now: datetime, timezone: tzinfo) -> Silence:
    """The silence that is asked for, checked but not kept. Raises Invalid with the field."""
    starts = _start(given.starts_at, now, timezone)
    reason = " ".join(given.reason.split())
    if len(reason) > MAX_REASON:
        raise Invalid.at("reason", f"has {len(reason)} characters; at most {MAX_REASON} are taken")
    refuse_nul(reason, "reason")
    return Silence(
        id=ids.new(),
        created_by=actor,
        created_at=now,
        reason=reason,
        starts_at=starts,
        ends_at=_end(given, starts, timezone),
        matchers=matchers_of(given.matchers),
    )


def matchers_of(wanted: Wanted) -> Matchers:
    """The matchers, checked; Invalid where there is none, which would mute everything."""
    matchers = Matchers(
        service=_texts(wanted.service, "matchers.service"),
        incident=(wanted.incident or "").strip().upper() or None,
        severity=_severities(wanted.severity),
        team=_texts(wanted.team, "matchers.team"),
        source=_texts(wanted.source, "matchers.source"),
        labels=wanted.labels,
    )
    if matchers == Matchers():
        raise Invalid.at("matchers", f"are empty, and would mute everything; {_COMBINE}")
    for name, value in wanted.labels.items():
        if not name or max(len(name), len(value)) > 1000:
            raise Invalid.at("matchers.labels", "take names and values of at most 1,000 characters")
    refuse_nul(msgspec.to_builtins(wanted), "matchers")
    return matchers


async def expire(store: Store, silence_id: str, *, actor: str, now: datetime) -> Silence:
    """End a silence now; what it held back is decided again within seconds. NotFound, Conflict when over."""
    known = await one(store, silence_id)
    async with store.transaction() as connection:
        if not await _ended(connection, known.id, actor, now):
            raise Conflict(f"the silence is over since {known.over_at:%Y-%m-%d %H:%M} UTC")
        await audit.record(connection, actor, "silence.expire", known.id)
    return await one(store, known.id)


async def keep_maintenance(
    store: Store, windows: Sequence[Window], now: datetime, *, complete: bool = True
) -> tuple[str, ...]:
    """One silence for each window, those of windows that are gone ended; the ids of those that changed.

    `windows` are all that are not over, as far ahead as the caller looks; unless they are `complete`, as
    where a calendar could not be read, nothing is ended. The id is made of the window's
    name and start, so that any number of processes may do this again and again. What a person ended stays
    ended.
    """
    wanted = {each.id: each for window in windows if (each := of_window(window, now))}
    changed = []
    async with store.transaction() as connection:
        cursor = await connection.execute(statement("silences.maintenance"), {"prefix": _PREFIX, "now": now})
        gone = sorted({row["id"] for row in await cursor.fetchall()} - wanted.keys()) if complete else ()
        for silence_id in gone:
            if await _ended(connection, silence_id, MAINTENANCE, now):
                await audit.record(connection, MAINTENANCE, "silence.expire", silence_id)
                changed.append(silence_id)
        for silence in sorted(wanted.values(), key=lambda each: each.id):
            if await _kept(connection, silence):
                about = {"matchers": silence.matchers, "ends_at": silence.ends_at}
                await audit.record(connection, MAINTENANCE, "silence.add", silence.id, data=about)
                changed.append(silence.id)
    return tuple(changed)


def of_window(window: Window, now: datetime) -> Silence | None:
    """The silence of a window; None for one that is over or names no service, which would mute everything."""
    if window.ends <= max(now, window.starts) or not window.services:
        return None
    key = f"{window.name}\n{window.starts.astimezone(UTC).isoformat()}".encode()
    return Silence(
        id=_PREFIX + blake2b(key, digest_size=10).hexdigest(),
        created_by=MAINTENANCE,
        created_at=now,
        reason=window.name[:MAX_REASON],
        starts_at=window.starts,
        ends_at=window.ends,
        matchers=Matchers(service=tuple(window.services)),
    )


def from_row(row: Mapping[str, Any]) -> Silence:
    """A silence from its row."""
    return msgspec.convert(row, type=Silence)


async def _ended(connection: Connection, silence_id: str, actor: str, now: datetime) -> bool:
    cursor = await connection.execute(
        statement("silences.expire"), {"id": silence_id, "actor": actor, "now": now}
    )
    return await cursor.fetchone() is not None


async def _kept(connection: Connection, silence: Silence) -> bool:
    cursor = await connection.execute(statement("silences.keep_maintenance"), _parameters(silence))
    return await cursor.fetchone() is not None


async def _require_room(connection: Connection, now: datetime) -> None:
    cursor = await connection.execute(statement("silences.not_over"), {"now": now})
    row = await cursor.fetchone()
    if row and row["number"] >= MAX_ACTIVE:
        raise Conflict(f"there are {MAX_ACTIVE:,} silences already; end some with `im silences expire`")


async def _require_incident(connection: Connection, incident: str | None) -> None:
    if incident is None:
        return
    cursor = await connection.execute(statement("incidents.by_display"), {"id": incident})
    if await cursor.fetchone() is None:
        raise Invalid.at(
            "matchers.incident", f"there is no incident `{incident[:80]}`; `im incidents list` shows them"
        )


def _parameters(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "created_by": silence.created_by,
        "created_at": silence.created_at,
        "reason": silence.reason,
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "matchers": msgspec.json.encode(silence.matchers).decode(),
    }


def _start(given: datetime | None, now: datetime, timezone: tzinfo) -> datetime:
    if given is None:
        return now
    start = (given if given.tzinfo else given.replace(tzinfo=timezone)).astimezone(UTC)
    if start - now > LONGEST:
        raise Invalid.at("starts_at", f"lies more than {LONGEST.days} days ahead; give an earlier time")
    return max(start, now)


def _end(given: NewSilence, starts: datetime, timezone: tzinfo) -> datetime:
    if (given.lasts is None) == (given.ends_at is None):
        raise Invalid.at("for", "missing; give `for` (such as 2h) or `ends_at`, one of the two")
    if given.lasts is not None:
        return parse_duration(given.lasts, starts, timezone)
    assert given.ends_at is not None
    ends = given.ends_at if given.ends_at.tzinfo else given.ends_at.replace(tzinfo=timezone)
    return checked_end(ends, starts)


def _texts(given: str | list[str] | None, field: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys([given] if isinstance(given, str) else given or []))
    if len(found) > _MAX_ITEMS or any(not text.strip() or len(text) > _MAX_TEXT for text in found):
        raise Invalid.at(field, f"takes up to {_MAX_ITEMS} texts of 1 to {_MAX_TEXT} characters")
    return found


def _severities(given: str | list[str] | AtLeast | None) -> tuple[str, ...]:
    named = (given.at_least,) if isinstance(given, AtLeast) else _texts(given, "matchers.severity")
    unknown = [name for name in named if name not in SEVERITIES]
    if unknown:
        raise Invalid.at("matchers.severity", f"`{unknown[0][:40]}` is not one of {', '.join(SEVERITIES)}")
    if isinstance(given, AtLeast):
        return SEVERITIES[: SEVERITIES.index(given.at_least) + 1]
    return named
