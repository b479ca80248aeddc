"""Windows of local time (`mon-fri 08:00-18:00`), right through changes to and from daylight saving."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60
_CACHED_DAYS: Final = 64
_DAY: Final = timedelta(days=1)

Span = tuple[datetime, datetime]
"""From (inclusive), to (exclusive); aware UTC."""


class Window(msgspec.Struct, frozen=True):
    """Weekdays (0 = Monday), minutes since midnight; an `end` that is not after `start` is the next day's."""

    days: tuple[int, ...]
    start: int
    end: int
    zone: str
    written: str
    """As the file says it: "mon-fri 08:00-18:00"."""


def span(window: Window, day: date) -> Span:
    """The window that starts on `day`.

    A start or end that daylight saving skips moves to the end of the gap, and a window that is skipped
    whole keeps its length after the gap. Of a time that is repeated, the first one counts, so windows that
    follow each other neither overlap nor leave a hole.
    """
    zone = ZoneInfo(window.zone)
    length = (window.end - window.start) % DAY_MINUTES or DAY_MINUTES
    start = _instant(zone, day, window.start)
    end = _instant(zone, day, window.start + length)
    return (start, end) if end > start else (start, start + timedelta(minutes=length))


def is_open(window: Window) -> Callable[[datetime], bool]:
    """The test whether an aware time lies in the window; the days' spans are computed once."""
    zone = ZoneInfo(window.zone)
    days = frozenset(window.days)
    spans: dict[date, Span] = {}

    def starts_on(day: date, at: datetime) -> bool:
        if day.weekday() not in days:
            return False
        known = spans.get(day)
        if known is None:
            if len(spans) >= _CACHED_DAYS:
                spans.clear()
            known = spans[day] = span(window, day)
        return known[0] <= at < known[1]

    def test(at: datetime) -> bool:
        today = at.astimezone(zone).date()
        return starts_on(today, at) or starts_on(today - _DAY, at)

    return test


def _instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - wall time
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    return _gap_end(zone, wall)


def _gap_end(zone: ZoneInfo, wall: datetime) -> datetime:
    """The moment at which the clocks jumped over `wall`, by bisection (PEP 495 brackets it)."""
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
