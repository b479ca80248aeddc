"""iCalendar schedules: read into shifts, fetched in the background, the last good copy of each kept."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import icalendar
import msgspec
import recurring_ical_events  # type: ignore[import-untyped]  # it ships no types
from icalendar.error import GloballyUniqueTZIDGuessed

from adapters.contract import DeliveryError, Outbound

MAX_BYTES: Final = 2 * 1024 * 1024
FETCH_SECONDS: Final = 10.0
EVERY: Final = timedelta(minutes=5)
"""Between two fetches of an address."""
SOONER: Final = timedelta(seconds=30)
"""Between two readings of a file, and after a failure."""
HORIZON: Final = timedelta(days=35)
"""How far ahead a calendar is expanded: a month's shift, and the one after it begins."""

_DAY: Final = timedelta(days=1)
_TIMES: Final = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")
_TOO_OFTEN: Final = ("SECONDLY", "MINUTELY")
"""Repetitions that would be millions of shifts."""
_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What the libraries raise over broken calendars; they document only ValueError."""
_parsing: Final = threading.Lock()


class CalendarRef(msgspec.Struct, frozen=True):
    """Where a calendar is. `source` may be a secret (feeds carry a token in their address): show `shown`."""

    source: str
    """An absolute path, or an address."""
    shown: str
    """The path as the catalogue writes it, or the host of the address."""
    zone: str
    """The zone of its all-day events, and of times without one where it names none (X-WR-TIMEZONE)."""

    @property
    def remote(self) -> bool:
        """Whether it is fetched over HTTP."""
        return "://" in self.source


class Attendee(msgspec.Struct, frozen=True):
    """Who is invited to a shift: `mailto:` left out, the common name where there is one."""

    email: str
    name: str = ""


class Shift(msgspec.Struct, frozen=True):
    """One occurrence of an event, from `starts` (inclusive) to `ends` (exclusive), both aware UTC."""

    starts: datetime
    ends: datetime
    summary: str
    attendees: tuple[Attendee, ...] = ()


class CalendarError(ValueError):
    """A calendar that cannot be used; the text says why, and never where it was fetched from."""


class Calendar:
    """A calendar that has been read. Raises CalendarError over a text that is not one, or is broken in parts.

    It is refused whole: a shift that were left out would be a page that nobody gets.
    """

    def __init__(self, text: str) -> None:
        components = _components(text)
        try:
            self._queries = [recurring_ical_events.of(one) for one in components]
        except _UNREADABLE as error:
            raise _unreadable(error) from None
        self._ahead: dict[tuple[str, date], tuple[Shift, ...]] = {}

    def shifts(self, since: datetime, until: datetime, zone: str) -> tuple[Shift, ...]:
        """The occurrences that overlap [since, until), by their start. Raises CalendarError."""
        local = ZoneInfo(zone)
        # A day more on either side, because the library compares floating times and dates in its own way.
        first, last = since.astimezone(local) - _DAY, until.astimezone(local) + _DAY
        try:
            found = [_shift(one, local) for query in self._queries for one in query.between(first, last)]
        except _UNREADABLE as error:
            raise CalendarError(
                f"an event cannot be read ({type(error).__name__}); export it again"
            ) from None
        kept = [one for one in found if one and one.starts < until and one.ends > since]
        return tuple(sorted(kept, key=lambda one: one.starts))

    def ahead(self, at: datetime, zone: str) -> tuple[Shift, ...]:
        """The occurrences from a time to HORIZON after it; expanded once for each day."""
        key = (zone, at.astimezone(UTC).date())
        known = self._ahead.get(key)
        if known is None:
            midnight = datetime(key[1].year, key[1].month, key[1].day, tzinfo=UTC)
            known = self.shifts(midnight, midnight + _DAY + HORIZON, zone)
            if len(self._ahead) >= 8:
                self._ahead.clear()
            self._ahead[key] = known
        return tuple(one for one in known if one.ends > at)


class Kept(msgspec.Struct, frozen=True):
    """The last good copy of a calendar, when it was read (aware UTC), and what is wrong since then.

    `stale` is how much older than the last try the copy is.
    """

    calendar: Calendar | None = None
    read_at: datetime | None = None
    problem: str = ""
    stale: timedelta = timedelta()


class KeptCalendars(Protocol):
    """Where calendars are looked up by their source; a dict will do."""

    def get(self, source: str, /) -> Kept | None: ...


class Calendars:
    """The calendars that a catalogue names. `refresh` reads those that are due; nothing else does I/O.

    `clock` gives aware UTC. Redirects are not followed: the named host is the one that was meant.
    """

    def __init__(self, http: Outbound, clock: Callable[[], datetime]) -> None:
        self._http = http
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self._digests: dict[str, bytes] = {}
        self._due: dict[str, datetime] = {}

    def get(self, source: str, /) -> Kept | None:
        """What is kept of a source; None before it has been tried."""
        return self._kept.get(source)

    async def refresh(self, refs: Iterable[CalendarRef], *, force: bool = False) -> None:
        """Read what is due of these, all at once, and forget the others; a bad calendar raises nothing."""
        named = {ref.source: ref for ref in refs}
        for gone in self._kept.keys() - named.keys():
            del self._kept[gone], self._due[gone]
            self._digests.pop(gone, None)
        now = self._clock()
        due = [ref for ref in named.values() if force or self._due.get(ref.source, now) <= now]
        await asyncio.gather(*(self._read(ref) for ref in due))

    async def _read(self, ref: CalendarRef) -> None:
        before = self._kept.get(ref.source, Kept())
        try:
            raw = await self._fetched(ref) if ref.remote else await asyncio.to_thread(_file, ref.source)
            kept = Kept(await self._parsed(ref, raw, before), self._clock())
        except (CalendarError, DeliveryError) as error:
            problem = f"the calendar {ref.shown}: {error}"
            stale = self._clock() - before.read_at if before.read_at else timedelta()
            kept = msgspec.structs.replace(before, problem=problem, stale=stale)
        wait = SOONER if kept.problem or not ref.remote else EVERY
        self._kept[ref.source], self._due[ref.source] = kept, self._clock() + wait

    async def _fetched(self, ref: CalendarRef) -> bytes:
        headers = {"accept": "text/calendar", "accept-encoding": "gzip"}
        answer = await self._http.request("GET", ref.source, headers=headers, timeout=FETCH_SECONDS)
        if 300 <= answer.status < 400:
            raise CalendarError(f"it answered {answer.status}, a redirect; give the address it leads to")
        if answer.status != 200:
            raise CalendarError(f"it answered {answer.status}; check that the address is still valid")
        return answer.body

    async def _parsed(self, ref: CalendarRef, raw: bytes, before: Kept) -> Calendar:
        digest = sha256(raw).digest()
        if before.calendar is not None and self._digests.get(ref.source) == digest:
            return before.calendar
        calendar = await asyncio.to_thread(_tried, raw, self._clock(), ref.zone)
        self._digests[ref.source] = digest
        return calendar


def _file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CalendarError(f"cannot be read ({error.strerror}); check the path in the catalogue") from None


def _tried(raw: bytes, now: datetime, zone: str) -> Calendar:
    """The calendar of these bytes, expanded once so that what is broken shows now and not at night."""
    if len(raw) > MAX_BYTES:
        raise CalendarError("is larger than 2 MiB; export a shorter time")
    try:
        calendar = Calendar(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CalendarError("is not UTF-8 text; export it as iCalendar (.ics)") from None
    calendar.ahead(now, zone)
    return calendar


# Reading ---------------------------------------------------------------------------------------------


def _components(text: str) -> list[icalendar.Calendar]:
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise CalendarError("does not begin with BEGIN:VCALENDAR; is it a page to log in at?")
    try:
        # Zones that a file defines are kept by the library for all later files, under names that those may
        # use for something else: begin afresh.
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore", GloballyUniqueTZIDGuessed)
            icalendar.use_zoneinfo()  # type: ignore[no-untyped-call]
            found = icalendar.Calendar.from_ical(text, multiple=True)
    except _UNREADABLE as error:
        raise CalendarError(
            f"is not readable as iCalendar ({type(error).__name__}); export it again"
        ) from None
    for one in found:
        _check(one)
    return found


def _unreadable(error: Exception) -> CalendarError:
    # The text of the error quotes the calendar; its kind does not.
    return CalendarError(f"is not readable as iCalendar ({type(error).__name__}); export it again")


def _check(calendar: icalendar.Calendar) -> None:
    zone = calendar.get("X-WR-TIMEZONE")
    if zone is not None:
        _known_zone(str(zone))
    for event in calendar.walk("VEVENT"):
        name = str(event.get("SUMMARY") or event.get("UID") or "")[:80]
        problem = next(_event_problems(event), None)
        if problem:
            raise CalendarError(f"the event `{name}` {problem}")


def _known_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise CalendarError(
            f"X-WR-TIMEZONE: there is no time zone `{name[:60]}`; write it like Europe/Berlin"
        ) from None


def _event_problems(event: Any) -> Iterator[str]:
    broken = [name for name, _ in event.errors if name in (*_TIMES, "RRULE", "DURATION")]
    if broken:
        yield f"has an unreadable {broken[0]}; mend it where it was exported"
    elif "DTSTART" not in event:
        yield "has no DTSTART; mend it where it was exported"
    yield from (
        f"uses the time zone `{zone[:60]}`, which is neither known nor defined in the file (VTIMEZONE)"
        for zone in _unknown_zones(event)
    )
    rules = event.get("RRULE") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        if str(rule.get("FREQ", [""])[0]).upper() in _TOO_OFTEN:
            yield "repeats every minute or second; a shift cannot"


def _unknown_zones(event: Any) -> Iterator[str]:
    """The TZIDs that the library did not know: it leaves such times floating."""
    for name in _TIMES:
        given = event.get(name)
        for value in given if isinstance(given, list) else [given] if given is not None else []:
            zone = value.params.get("TZID")
            times = [one.dt for one in value.dts] if hasattr(value, "dts") else [value.dt]
            if zone and any(getattr(time, "tzinfo", UTC) is None for time in times):
                yield str(zone)


def _shift(event: Any, zone: ZoneInfo) -> Shift | None:
    """A shift; None for what takes no time or was called off."""
    starts, ends = _instant(event.start, zone), _instant(event.end, zone)
    if ends <= starts or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    given = event.get("ATTENDEE") or []
    attendees = tuple(_attendee(one) for one in (given if isinstance(given, list) else [given]))
    return Shift(starts, ends, str(event.get("SUMMARY", "")).strip(), attendees)


def _attendee(value: Any) -> Attendee:
    text = str(value).strip()  # PagerDuty writes the address without `mailto:`
    email = text[7:] if text.lower().startswith("mailto:") else text
    return Attendee(email.lower(), str(value.params.get("CN", "")).strip())


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
