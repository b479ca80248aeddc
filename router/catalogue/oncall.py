"""Who is on call: rotations and calendars to people, and planned maintenance to spans of time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import structlog

from router.catalogue.calendars import CalendarError, CalendarRef, Calendars, Kept, KeptCalendars, Shift
from router.catalogue.catalogue import Catalogue, Layer, Person, Rotation, Service, folded, instant
from router.catalogue.live import LiveCatalogue
from rules.windows import is_open, span

MAX_CHANGES: Final = 400
"""Handovers that are looked at for the end of a shift."""

_DAY: Final = timedelta(days=1)
_log = structlog.get_logger()


class OnCall(msgspec.Struct, frozen=True):
    """Who is on call for a service; the first comes first.

    `until` (aware UTC) is when the answer changes, None when that is not in sight. `via` is "rotation",
    "override", "ical" or "" (no schedule). `note` is one sentence where something is not as it should be.
    """

    people: tuple[str, ...]
    until: datetime | None
    via: str
    note: str = ""


class MaintenanceWindow(msgspec.Struct, frozen=True):
    """Planned work on services (catalogue names), from `starts` to `ends` (exclusive), both aware UTC."""

    name: str
    services: tuple[str, ...]
    starts: datetime
    ends: datetime


class _Schedule(NamedTuple):
    """Who is on call at a time, and the next time at which that may change."""

    people: Callable[[datetime], tuple[str, ...]]
    change: Callable[[datetime], datetime | None]


def on_call(catalogue: Catalogue, service: str, at: datetime, calendars: KeptCalendars) -> OnCall:
    """Who is on call for a service (its name or an alias) at an aware time. Never raises: see `note`."""
    name = catalogue.service(service)
    if name is None:
        near = catalogue.near(service)
        mend = f"did you mean `{near[0]}`?" if near else "the catalogue does not name it"
        return OnCall((), None, "", f"there is no service `{service[:80]}`; {mend}")
    found = catalogue.services[name]
    if isinstance(found.on_call, Rotation):
        return _by_rotation(found.on_call, at)
    if isinstance(found.on_call, CalendarRef):
        return _by_calendar(catalogue, found, found.on_call, at, calendars)
    return OnCall((), None, "", f"`{name}` has no schedule; give it `on_call` in the catalogue")


def windows(
    catalogue: Catalogue, calendars: KeptCalendars, since: datetime, until: datetime
) -> tuple[MaintenanceWindow, ...]:
    """The planned maintenance that overlaps [since, until), by its start. Never raises."""
    found: list[MaintenanceWindow] = []
    for plan in catalogue.maintenance:
        if isinstance(plan.when, CalendarRef):
            kept = calendars.get(plan.when.source)
            shifts = _maintenance_shifts(plan.when, kept, since, until)
            found += [
                MaintenanceWindow(
                    f"{plan.name}: {one.summary}" if one.summary else plan.name,
                    plan.services,
                    one.starts,
                    one.ends,
                )
                for one in shifts
            ]
        elif plan.when[0] < until and plan.when[1] > since:
            found.append(MaintenanceWindow(plan.name, plan.services, *plan.when))
    return tuple(sorted(found, key=lambda one: (one.starts, one.name)))


def _maintenance_shifts(
    ref: CalendarRef, kept: Kept | None, since: datetime, until: datetime
) -> tuple[Shift, ...]:
    if kept is None or kept.calendar is None:
        return ()
    try:
        return kept.calendar.shifts(since, until, ref.zone)
    except CalendarError:  # it was tried when it was read; a span far from then may still break it
        return ()


def _until(schedule: _Schedule, at: datetime, people: tuple[str, ...]) -> datetime | None:
    moment: datetime | None = at
    for _ in range(MAX_CHANGES):
        moment = schedule.change(moment) if moment else None
        if moment is None or schedule.people(moment) != people:
            return moment
    return None


# Rotations -------------------------------------------------------------------------------------------


def _by_rotation(rotation: Rotation, at: datetime) -> OnCall:
    schedule = _Schedule(lambda when: _turn_of(rotation, when), lambda when: _next_change(rotation, when))
    people = schedule.people(at)
    standing_in = any(one.starts <= at < one.ends for one in rotation.overrides)
    via = "override" if standing_in else "rotation"
    note = "" if people else "nobody’s turn covers this time; give the rotation a layer without `restrict`"
    if not people and all(at < handover(one, 0) for one in rotation.layers):
        note = "the rotation has not begun"
    return OnCall(people, _until(schedule, at, people), via, note)


def _turn_of(rotation: Rotation, at: datetime) -> tuple[str, ...]:
    for override in reversed(rotation.overrides):
        if override.starts <= at < override.ends:
            return (override.member,)
    for layer in rotation.layers:
        turn = turn_at(layer, at)
        if turn is not None and (layer.restrict is None or is_open(layer.restrict)(at)):
            return (layer.members[turn % len(layer.members)],)
    return ()


def handover(layer: Layer, turn: int) -> datetime:
    """When a turn (0 is the first) begins, aware UTC: at the same wall time all year."""
    return instant(layer.start + turn * layer.every, layer.zone)


def turn_at(layer: Layer, at: datetime) -> int | None:
    """Which turn it is at an aware time; None before the first."""
    if at < handover(layer, 0):
        return None
    wall = at.astimezone(ZoneInfo(layer.zone)).replace(tzinfo=None)
    turn = max((wall - layer.start) // layer.every, 0)
    # Around a change of the clocks, the wall time alone is off by what the clocks moved.
    while handover(layer, turn + 1) <= at:
        turn += 1
    while handover(layer, turn) > at:
        turn -= 1
    return turn


def _next_change(rotation: Rotation, at: datetime) -> datetime | None:
    edges = [edge for one in rotation.overrides for edge in (one.starts, one.ends)]
    for layer in rotation.layers:
        edges += _layer_edges(layer, at)
    return min((edge for edge in edges if edge > at), default=None)


def _layer_edges(layer: Layer, at: datetime) -> Iterable[datetime]:
    turn = turn_at(layer, at)
    if turn is None:
        yield handover(layer, 0)
    elif len(set(layer.members)) > 1:
        yield handover(layer, turn + 1)
    if layer.restrict is not None:
        today = at.astimezone(ZoneInfo(layer.restrict.zone)).date()
        for day in (today + step * _DAY for step in range(-1, 9)):
            if day.weekday() in layer.restrict.days:
                yield from span(layer.restrict, day)


# Calendars -------------------------------------------------------------------------------------------


def _by_calendar(
    catalogue: Catalogue, service: Service, ref: CalendarRef, at: datetime, calendars: KeptCalendars
) -> OnCall:
    kept = calendars.get(ref.source) or Kept(problem=f"the calendar {ref.shown} has not been read yet")
    if kept.calendar is None:
        return OnCall((), None, "ical", kept.problem)
    try:
        shifts = kept.calendar.ahead(at, ref.zone)
    except CalendarError as error:
        return OnCall((), None, "ical", f"the calendar {ref.shown}: {error}")
    who = _Who(catalogue, service)
    named = [(shift, who.of(shift)) for shift in sorted(shifts, key=_level, reverse=True)]
    edges = sorted({edge for shift in shifts for edge in (shift.starts, shift.ends)})
    schedule = _Schedule(
        lambda when: _together(found for shift, (found, _) in named if shift.starts <= when < shift.ends),
        lambda when: next((edge for edge in edges if edge > when), None),
    )
    people = schedule.people(at)
    strangers = _together(unknown for shift, (_, unknown) in named if shift.starts <= at)
    notes = (_age(kept), _unnamed(ref, people, strangers))
    return OnCall(people, _until(schedule, at, people), "ical", "; ".join(filter(None, notes)))


def _level(shift: Shift) -> int:
    """Grafana OnCall's priority: `[L1]` to `[L9]` at the start of the summary; 0 without."""
    matched = _LEVEL.match(shift.summary)
    return int(matched[1]) if matched else 0


def _together(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(account for group in groups for account in group))


def _unnamed(ref: CalendarRef, people: tuple[str, ...], strangers: tuple[str, ...]) -> str:
    if strangers:
        shown = ", ".join(f"`{text[:60]}`" for text in strangers[:5])
        return (
            f"the calendar {ref.shown} names {shown}, who is nobody in the catalogue; add them to `members`"
        )
    return "" if people else f"the calendar {ref.shown} has nobody on call at this time"


def _age(kept: Kept) -> str:
    if not kept.problem:
        return ""
    minutes = int(kept.stale.total_seconds()) // 60
    age = f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"
    return f"{kept.problem} (its last good copy, {age} old, is used)"


# People in calendars ---------------------------------------------------------------------------------

_LEVEL: Final = re.compile(r"^\s*\[l([0-9])\]\s*", re.IGNORECASE)
_ADORNMENTS: Final = (
    _LEVEL,
    re.compile(r"^\s*on[- ]?call\b\s*(?:[-–:|]|for\b)?\s*", re.IGNORECASE),
    re.compile(r"(?<=\S)\s*[-–:|(]?\s*(?:\bis\s+)?\bon[- ]?call\)?\s*$", re.IGNORECASE),
)
"""What stands around names: a priority, `On Call - ` before, ` on call` behind."""
_SEPARATED: Final = re.compile(r"\s+[-–|]\s+|\s*[:(]\s*|\)")
_LISTED: Final = re.compile(r"\s*(?:[,;&/+]|\band\b)\s*")
_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+")

_Found = tuple[tuple[str, ...], tuple[str, ...]]
"""Accounts, and what names nobody."""


class _Who:
    """Finds members in what calendars write: those of the service's team first, then everybody.

    Grafana OnCall writes the account as the summary (https://github.com/grafana/oncall,
    engine/apps/schedules), PagerDuty `On Call - NAME - SCHEDULE` and the e-mail as attendee, Opsgenie a
    summary that begins with the name; calendars that people keep themselves write any of these.
    """

    def __init__(self, catalogue: Catalogue, service: Service) -> None:
        team = catalogue.teams.get(service.team)
        own = [catalogue.people[account] for account in (team.members if team else ())]
        self._circles = (_index(own), _index(catalogue.people.values()))

    def of(self, shift: Shift) -> _Found:
        """The accounts of a shift, in its order, and what it names beside them."""
        invited = [(self.known(one.email) or self.known(one.name), one.email) for one in shift.attendees]
        if any(account for account, _ in invited):
            return _divided(invited)
        return self._named(shift.summary)

    def _named(self, summary: str) -> _Found:
        text = summary
        for adornment in _ADORNMENTS:
            text = adornment.sub("", text, count=1)
        for whole in (summary, text, *_SEPARATED.split(text)):
            if account := self.known(whole):
                return (account,), ()
        for listed in (*map(_LISTED.split, _SEPARATED.split(text)), _EMAIL.findall(summary)):
            found = [(self.known(name), name) for name in listed]
            if any(account for account, _ in found):
                return _divided(found)
        leading = self._leading(text)
        return ((leading,), ()) if leading else ((), (summary or "a shift without a summary",))

    def _leading(self, text: str) -> str | None:
        """Whom a text begins with, by as many of its words as make a name."""
        words = text.split()
        starts = (" ".join(words[:count]) for count in range(len(words), 0, -1))
        return next(filter(None, map(self.known, starts)), None)

    def known(self, name: str) -> str | None:
        """The account that a name, an account or an e-mail address belongs to."""
        keys = [_key(name), _key(name.partition("@")[0]) + "@"] if "@" in name else [_key(name)]
        found = (circle.get(key) for key in keys if key for circle in self._circles)
        return next(filter(None, found), None)


def _divided(found: Iterable[tuple[str | None, str]]) -> _Found:
    pairs = list(found)
    accounts = dict.fromkeys(account for account, _ in pairs if account)
    return tuple(accounts), tuple(name for account, name in pairs if not account and name)


def _key(text: str) -> str:
    """A name as names are compared; of an address only the case does not matter."""
    return text.strip().casefold() if "@" in text else folded(text.replace(".", " "))


def _index(people: Iterable[Person]) -> dict[str, str | None]:
    """Accounts by all that a calendar may call them; None where several are called the same.

    An account goes before an e-mail, and that before a name. Where a person has no e-mail in the catalogue,
    `account@` stands for all addresses that begin so.
    """
    found: dict[str, str | None] = {}
    everybody = list(people)
    for names in (
        [(_key(one.account), one.account) for one in everybody],
        [(_key(one.email) if one.email else _key(one.account) + "@", one.account) for one in everybody],
        [(_key(one.name), one.account) for one in everybody if one.name],
    ):
        tier: dict[str, str | None] = {}
        for key, account in names:
            tier[key] = account if tier.get(key, account) == account else None
        found = tier | found
    return found


# The parts of a process ------------------------------------------------------------------------------


class Roster(msgspec.Struct, frozen=True):
    """The live catalogue and its calendars: what a process asks who is on call."""

    live: LiveCatalogue
    calendars: Calendars

    def on_call(self, service: str, at: datetime) -> OnCall:
        """As the function, with what is in force."""
        return on_call(self.live.current, service, at, self.calendars)

    def windows(self, since: datetime, until: datetime) -> tuple[MaintenanceWindow, ...]:
        """As the function, with what is in force."""
        return windows(self.live.current, self.calendars, since, until)

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the file and the calendars, one sentence each."""
        kept = (self.calendars.get(ref.source) for ref in self.live.current.calendars())
        return (*map(str, self.live.problems), *(one.problem for one in kept if one and one.problem))

    async def refresh(self, *, force: bool = False) -> None:
        """Look at the file, and at the calendars that are due."""
        await asyncio.to_thread(self.live.refresh, force=force)
        await self.calendars.refresh(self.live.current.calendars(), force=force)

    async def run(self, *, every: float = 1.0) -> None:
        """Keep both fresh until cancelled, and say once what goes wrong."""
        told: tuple[str, ...] = ()
        while True:
            await self.refresh()
            problems = self.problems()
            for problem in problems:
                if problem not in told:
                    _log.error("catalogue_problem", problem=problem)
            told = problems
            await asyncio.sleep(every)
