"""From one time to another: `between monday and friday`, `from 1 to 5 may`, `yesterday from 9 to 11`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from router.dialogue.clocks import Clock, clock
from router.dialogue.days import days
from router.dialogue.moments import Here, Span, span

_JOINT: Final = re.compile(r" (?:and|to|until|through|-|–|—) |(?<=\d)\.?[-–—](?=\d)")
_STARTS: Final = re.compile(r"(?:the )?(?:start|beginning|begin) of (?P<rest>.+)")
_PARTLY: Final = re.compile(r"(?P<day>.+?),? (?:since|after|from) (?P<at>\S+(?: [ap]m)?)")
_RANGE: Final = re.compile(r"(?P<day>.+?,? )??(?:between|from|since) (?P<rest>.+)")
_MONTH: Final = re.compile(
    r"(?P<before>.*?)(?P<month>\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
)
_YEAR: Final = re.compile(r",? \d{4}\Z")
_LONE_DAY: Final = re.compile(r"(?:the )?\d{1,2}(?:st|nd|rd|th|\.)?")

Ends = tuple[datetime, datetime]
"""From (inclusive), to (exclusive); aware UTC."""


def between(said: str, here: Here) -> Ends | None:
    """The time from one end to the other, with the whole of a last day; None for other texts.

    Of hours it is the shortest time, then the latest that has begun: `between 9 and 5` ends in the afternoon.
    Of days that come again it is the latest of which both ends have begun. Two days side by side need no
    `between`: `today and yesterday`. `yesterday after 15:00` is until midnight.
    """
    if found := _PARTLY.fullmatch(said):
        return _rest_of(found["day"], found["at"], here)
    found = _RANGE.fullmatch(said)
    rest, day = (found["rest"], (found["day"] or "").strip(" ,")) if found else (said, "")
    for joint in _JOINT.finditer(rest):
        first, last = started(rest[: joint.start()]), rest[joint.end() :]
        side_by_side = found is None and "and" in joint[0]
        if not side_by_side and (
            hours := _hours(first, *((last, day) if day else _clock_and_day(last)), here)
        ):
            return hours
        if ends := _ends(*_shared(first, f"{last} {day}".strip()), here):
            return _joined(*ends) if side_by_side else (ends[0].since, ends[1].until)
    return None


def _rest_of(day: str, at: str, here: Here) -> Ends | None:
    """`yesterday after 15:00`: until the day ends, today until now."""
    start = span(f"{at} {day}", here) if clock(at) and days(day, here.today) else None
    if start is None:
        return None
    ends = here.at(start.since.astimezone(here.zone).date() + timedelta(days=1), 0)
    return start.until, min(ends, here.now)


def started(said: str) -> str:
    """`the start of this week` is where the week starts."""
    found = _STARTS.fullmatch(said)
    return found["rest"] if found else said


def _clock_and_day(last: str) -> tuple[str, str]:
    """`11 yesterday` is a time of day and a day."""
    words = last.split(" ")
    for at in range(1, len(words)):
        day = " ".join(words[at:]).removeprefix("on ")
        if clock(" ".join(words[:at])) and not day.startswith(("am", "pm")):
            return " ".join(words[:at]), day
    return last, ""


def _hours(first: str, last: str, day: str, here: Here) -> Ends | None:
    """`9` to `11`, on a day or the last time that it was nine."""
    start, end = clock(first), clock(last)
    if start is None or end is None:
        return None
    if day:  # there a lone hour is one of 24, as in `monday at 9`
        start = msgspec.structs.replace(start, vague=False)
    spans = [
        (long, _span(each, at, long, here)) for each in _on(day, here) for at, long in _lengths(start, end)
    ]
    begun = [each for each in spans if each[1][0] < here.now]
    return min(begun, key=lambda each: (each[0], here.now - each[1][0]), default=(0, None))[1]


def _on(day: str, here: Here) -> list[date]:
    """The days that a text can mean; today and yesterday without one."""
    one = timedelta(days=1)
    if not day:
        return [here.today, here.today - one]
    return [each.first for each in days(day, here.today) if each.after - each.first == one]


def _span(day: date, begin: int, long: int, here: Here) -> Ends:
    return here.at(day, begin), here.at(day, begin + long)


def _lengths(start: Clock, end: Clock) -> list[tuple[int, int]]:
    """Every beginning and how long it is from there to the end, in minutes."""
    begins = (start.start, start.start + 720) if start.vague else (start.start,)
    ends = (end.end, end.end + 720) if end.vague else (end.end,)
    return [(begin, min((other - begin - 1) % 1440 + 1 for other in ends)) for begin in begins]


def _shared(first: str, last: str) -> tuple[str, str]:
    """Both ends with the month and the year that only one of them has: `1 to 5 may 2026`."""
    month = _MONTH.search(last)
    if month and _LONE_DAY.fullmatch(first):
        year = _YEAR.search(last)
        return f"{first} {month['month']}{year[0] if year else ''}", last
    month = _MONTH.search(first)
    if month and _LONE_DAY.fullmatch(last):
        return first, f"{last} {month['month']}"
    year = _YEAR.search(last)
    return (f"{first}{year[0]}" if year and month and not _YEAR.search(first) else first), last


def _ends(first: str, last: str, here: Here) -> tuple[Span, Span] | None:
    """Both ends; a name that comes again is the last one before the other end."""
    end, start = span(last, here), span(first, here)
    if start is None or end is None:
        return None
    if not start.fixed:
        before = msgspec.structs.replace(here, now=end.since)
        start = span(first, before) or start
    return start, end


def _joined(one: Span, other: Span) -> Ends | None:
    """Two spans without a gap between, in either order."""
    first, last = sorted((one, other), key=lambda each: each.since)
    return (first.since, last.until) if last.since <= first.until < last.until else None
