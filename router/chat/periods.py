"""Periods in questions and answers: read in the speaker's time zone, and said again in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from router.catalogue.catalogue import instant
from router.chat.asked import Asked, World
from router.chat.usage import Misused
from router.dialogue.days import unit_of
from router.dialogue.lengths import Length
from router.dialogue.moments import Here, whole
from router.dialogue.times import EVER, Interval
from router.dialogue.times import period as spoken
from router.dialogue.zones import zone_of

_LATEST: Final = datetime(9990, 1, 1, tzinfo=UTC)
"""Years after it cannot be told in every time zone."""
_DAY: Final = timedelta(days=1)
_UNITS: Final = ("day", "week", "month", "quarter", "year")
_DAYS: Final = {0: "today", 1: "yesterday", -1: "tomorrow"}
_WHICH: Final = {0: "this", 1: "last", -1: "next"}
_LENGTHS: Final = (
    (timedelta(hours=1), "hour", timedelta(hours=72)),
    (timedelta(minutes=1), "minute", timedelta(hours=2)),
)
"""How exact lengths are said, and up to which length."""
_EXAMPLES: Final = "`today`, `last week`, `since Monday`, `past 24h` or `2026-11-02/2026-11-08`"


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` to `until` (aware UTC, half-open), as somebody in `zone` speaks of it at `now`."""

    since: datetime
    until: datetime
    now: datetime
    zone: ZoneInfo


def period_of(world: World, asked: Asked) -> Period | None:
    """The period that is asked about, None where none is named; Misused where it cannot be read."""
    text = (asked.argument("period") or "").strip()
    return read(text, asked.at, zone_of(world, asked)) if text else None


def read(text: str, now: datetime, zone: ZoneInfo) -> Period:
    """A period as people say it, or `since/until` in ISO; Misused has examples.

    An ISO time without an offset is one in `zone`; a date alone is the whole day, as an end too.
    """
    found = _iso(text, zone) or spoken(text, now, zone)
    if found is None or found.since >= _LATEST:
        raise Misused(f"`{text[:60]}` is no period that I can read; say such as {_EXAMPLES}")
    if found.since >= found.until:
        raise Misused(f"`{text[:60]}` ends before it begins; say such as {_EXAMPLES}")
    return Period(
        since=max(found.since, EVER),
        until=min(max(found.until, EVER + _DAY), _LATEST),
        now=now.astimezone(UTC),
        zone=zone,
    )


def last_days(days: int, now: datetime, zone: ZoneInfo) -> Period:
    """So many days until now, by the clock on the wall."""
    now = now.astimezone(UTC)
    return Period(since=Length(days=days).before(now, zone), until=now, now=now, zone=zone)


def _iso(text: str, zone: ZoneInfo) -> Interval | None:
    first, slash, last = (part.strip() for part in text.partition("/"))
    if not slash:
        return None
    try:
        return Interval(_moment(first, zone), _moment(last, zone, days=1))
    except (ValueError, OverflowError):  # not ISO, or beyond the years of a calendar
        return None


def _moment(text: str, zone: ZoneInfo, *, days: int = 0) -> datetime:
    """An ISO moment in UTC; of a date alone its midnight, `days` later."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except ValueError:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    return instant(datetime.combine(day, time()), zone.key)


# In words.


def in_full(period: Period) -> str:
    """With its dates and the zone: `this week (Mon 23 Nov 00:00 – now, Europe/Berlin)`."""
    name = _name(period)
    if not name:
        return f"{phrase(period)} ({period.zone.key})"
    until = "now" if period.since < period.now <= period.until else shown(period.until, period)
    return f"{name} ({shown(period.since, period)} – {until}, {period.zone.key})"


def phrase(period: Period) -> str:
    """`this week`, `in the last 3 days`, `since Mon 23 Nov`, `on Fri 20 Nov`, `from … to …`."""
    if name := _name(period):
        return name
    if period.since <= EVER:
        return "ever" if period.until >= period.now else f"before {_point(period.until, period)}"
    if period.until == period.now:
        return f"since {_point(period.since, period)}"
    since, until = period.since.astimezone(period.zone), period.until.astimezone(period.zone)
    if since.time() != time() or until.time() != time():
        return f"from {shown(since, period)} to {shown(until, period)}"
    first, last = since.date(), until.date() - _DAY
    if first == last:
        return f"on {day_shown(first, period)}"
    return f"from {day_shown(first, period)} to {day_shown(last, period)}"


def shown(at: datetime, period: Period) -> str:
    """`Mon 23 Nov 10:05`, with the year where it is another one."""
    return moment_shown(at, period.now, period.zone)


def moment_shown(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """An aware moment by the clock in `zone`: `Mon 23 Nov 10:05`, with the year where it is not this one."""
    local = at.astimezone(zone)
    return f"{_day(local.date(), now.astimezone(zone).year)} {local:%H:%M}"


def day_shown(day: date, period: Period) -> str:
    """`Mon 23 Nov`, with the year where it is another one."""
    return _day(day, period.now.astimezone(period.zone).year)


def _day(day: date, this_year: int) -> str:
    return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != this_year else "")


def _point(at: datetime, period: Period) -> str:
    local = at.astimezone(period.zone)
    return day_shown(local.date(), period) if local.time() == time() else shown(at, period)


def _name(period: Period) -> str:
    """What people call it, where they have a name for it."""
    return _unit_name(period) or _length_name(period)


def _unit_name(period: Period) -> str:
    """`today`, `last week`, `this month`, where it is one as a whole."""
    here = Here(period.now, period.zone, "past")
    first = period.since.astimezone(period.zone).date()
    for unit in _UNITS:
        days = unit_of(unit, first)
        if whole(days, here).since != period.since or whole(days, here).until != period.until:
            continue
        for steps in (0, 1, -1):
            if days.first <= _stepped(unit, here.today, steps) < days.after:
                return _DAYS[steps] if unit == "day" else f"{_WHICH[steps]} {unit}"
    return ""


def _stepped(unit: str, today: date, back: int) -> date:
    """A day of the unit so many before today's."""
    this = unit_of(unit, today)
    if back == 0:
        return today
    return unit_of(unit, this.first - _DAY).first if back > 0 else this.after


def _length_name(period: Period) -> str:
    """`in the last 3 days`, where it lasts until now and did not begin at midnight."""
    since, until = (at.astimezone(period.zone).replace(tzinfo=None) for at in (period.since, period.until))
    if period.until != period.now or (since.time() == time() and until.time() != time()):
        return ""
    exact, wall = period.until - period.since, until - since
    if wall % _DAY == timedelta() and wall >= 2 * _DAY:
        return f"in the last {wall // _DAY} days"
    for length, name, longest in _LENGTHS:
        number, rest = divmod(exact, length)
        if not rest and exact <= longest:
            return f"in the last {f'{number} {name}s' if number > 1 else name}"
    return ""
