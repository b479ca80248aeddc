"""When something ends, in people's words: `2h`, `1h30m`, `90 minutes`, `until 18:00`, an ISO time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from router.problems import Invalid

LONGEST: Final = timedelta(days=30)
"""What has to stay silent for longer is not an incident any more, and nobody would remember that it is."""

_MINUTES: Final[Mapping[str, int]] = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
_UNIT: Final = r"(?:(?P<w>weeks?|w)|(?P<d>days?|d)|(?P<h>hours?|hrs?|h)|(?P<m>minutes?|mins?|m))"
_PART: Final = re.compile(
    rf"\s*(?P<number>\d{{1,6}}(?:\.\d{{1,3}})?|an?\b|half an\b)\s*{_UNIT}(?![a-z])\s*,?(?:\s*and\b)?"
)
_PART_TIGHT: Final = re.compile(rf"\s*(?P<number>\d{{1,6}})\s*{_UNIT}(?=\d)")
_NUMBERS: Final[Mapping[str, float]] = {"a": 1, "an": 1, "half an": 0.5}
_CLOCK: Final = re.compile(
    r"(?P<tomorrow>tomorrow\s+)?(?:at\s+)?(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>am|pm)?(?P<after>\s+tomorrow)?"
)
_FORMS: Final = "write it like 2h, 1h30m, 90 minutes, until 18:00 or 2026-01-05T18:00Z"


def parse_duration(text: str, now: datetime, timezone: tzinfo) -> datetime:
    """The end that a text means, counted from `now`: aware UTC.

    A time of day is the next one in `timezone`, as is an ISO time without an offset. Raises Invalid at
    `for`: nonsense, nothing, the past, or more than 30 days.
    """
    said = " ".join(text.lower().split()).removeprefix("for ")
    until = said.startswith("until ")
    said = said.removeprefix("until ")
    end = (
        (None if until else _span(said, now))
        or _clock(said, now, timezone, bare=until)
        or _iso(said, timezone)
    )
    if end is None:
        raise Invalid.at("for", f"`{text[:40]}` says no end; {_FORMS}")
    return checked_end(end, now)


def checked_end(end: datetime, now: datetime) -> datetime:
    """The end in UTC; Invalid where it is not after `now`, or more than 30 days after it."""
    if end <= now:
        raise Invalid.at("for", f"ends at {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC, which is past; {_FORMS}")
    if end - now > LONGEST:
        raise Invalid.at(
            "for", f"is longer than {LONGEST.days} days; give a shorter time, and another one later"
        )
    return end.astimezone(UTC)


def _span(said: str, now: datetime) -> datetime | None:
    minutes, place = 0.0, 0
    while place < len(said):
        found = _PART_TIGHT.match(said, place) or _PART.match(said, place)
        if found is None:
            return None
        number = found["number"]
        unit = next(name for name in _MINUTES if found[name])
        minutes += _MINUTES[unit] * (_NUMBERS[number] if number in _NUMBERS else float(number))
        place = found.end()
    # A day too many is refused all the same, and any number of them would not fit a date.
    return now + min(timedelta(minutes=min(minutes, 1e6)), LONGEST + timedelta(days=1)) if said else None


def _clock(said: str, now: datetime, timezone: tzinfo, *, bare: bool) -> datetime | None:
    """The next `18:00` or `6pm`; a lone number is an hour only after `until`."""
    found = _CLOCK.fullmatch(said)
    if found is None or not (bare or found["minute"] or found["half"]):
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] == "pm" else 0)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return None
    return _next(hour, minute, now.astimezone(timezone), skip=bool(found["tomorrow"] or found["after"]))


def _next(hour: int, minute: int, local: datetime, *, skip: bool) -> datetime:
    """The next such wall time. One that a change of the clocks skips is taken after the gap."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if skip:
        return (midnight + timedelta(days=1, hours=hour, minutes=minute)).astimezone(UTC)
    today = (midnight + timedelta(hours=hour, minutes=minute)).astimezone(UTC)
    if today > local:
        return today
    return (midnight + timedelta(days=1, hours=hour, minutes=minute)).astimezone(UTC)


def _iso(said: str, timezone: tzinfo) -> datetime | None:
    try:
        given = datetime.fromisoformat(said.upper())
    except ValueError:
        return None
    return given if given.tzinfo else given.replace(tzinfo=timezone)
