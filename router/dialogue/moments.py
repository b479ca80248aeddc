"""A moment or a span of time by name: `yesterday evening`, `monday 9:00`, `2 hours ago`, an ISO time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from router.catalogue.catalogue import instant
from router.dialogue.clocks import Clock, clock
from router.dialogue.days import Days, days
from router.dialogue.guessing import guessed
from router.dialogue.lengths import length
from router.dialogue.names import zone_named

Way = Literal["past", "future"]

AT_WORK: Final = 9 * 60
"""What "until monday" means on Monday, in minutes since midnight: people want it back when they work."""
_BUSINESS_ENDS: Final = 18 * 60
_NIGHT: Final = 6
"""The hour at which a night ends, and before which `tonight` is the one that began yesterday."""

_LEADING: Final = re.compile(
    r"(?:(?:on|in|at|during|over|within|for|from|of|throughout|around|about|the|as of) )+(?=\S)"
)
_JOINT: Final = re.compile(
    r"(?:^(?:,|at|on|in the|in|around|about|of|the)+ )|(?:,| at| on| in| around| of|,? from)$"
)
_ZONED: Final = re.compile(
    r"(?P<rest>.*\d(?::\d\d)? ?(?:[ap]m|h)?|.*\b(?:noon|midnight)) (?P<zone>[a-z][a-z_/ +-]*\d*)"
)
_CLOSE: Final = re.compile(r"(?:close|end) of (?:business|work|play)(?: day)?|cob|eob")
_AGO: Final = re.compile(r"(?P<length>.+?) (?:ago|back|earlier)")
_AHEAD: Final = re.compile(r"(?:in )?(?P<length>.+?) (?:from now|later|ahead)|in (?P<other>.+)")
_BY_NAME: Final = re.compile(r"\d+ (?:day|week|month|quarter|year)s? ago")


class Here(msgspec.Struct, frozen=True):
    """Who asks: now (aware UTC), where they are, and whether they speak of the past or of what comes."""

    now: datetime
    zone: ZoneInfo
    way: Way
    guess: bool = False
    """Whether dateparser may guess what the grammars here do not know."""

    @property
    def local(self) -> datetime:
        """Now, by the clock on the wall."""
        return self.now.astimezone(self.zone)

    @property
    def today(self) -> date:
        """The day that it is here."""
        return self.local.date()

    def at(self, day: date, minute: int) -> datetime:
        """The moment (aware UTC) of a minute since midnight; one that the clocks skip is after the gap."""
        return instant(datetime.combine(day, time()) + timedelta(minutes=minute), self.zone.key)


class Span(msgspec.Struct, frozen=True):
    """From `since` to `until` (aware UTC, half-open); the same for a moment. `by`: what "until it" means."""

    since: datetime
    until: datetime
    by: datetime
    fixed: bool = True
    """Whether the words mean this one alone, and not the nearest of many, as `monday` does."""


def span(said: str, here: Here) -> Span | None:
    """The span or moment that a text names; None for other texts.

    Of a name that comes again it is the latest that has begun, or the next one that is to come.
    """
    said, here = _in_its_zone(said, here)
    bare = _LEADING.sub("", said, count=1) if _LEADING.match(said) else said
    spans = _exact(said, here) or _exact(bare, here) or tuple(_named(bare, here))
    if spans or not here.guess:
        return nearest(spans, here)
    return _guess(bare, here)


def nearest(spans: Iterable[Span], here: Here) -> Span | None:
    """The latest span that has begun before now, or the first that is to come; the only one in any case."""
    found = tuple(spans)
    if len(found) == 1:
        return found[0]
    if here.way == "past":
        begun = [each for each in found if each.since < here.now]
        chosen = max(begun, key=lambda each: each.since, default=None)
    else:
        coming = [each for each in found if each.by > here.now]
        chosen = min(coming, key=lambda each: each.by, default=None)
    return msgspec.structs.replace(chosen, fixed=False) if chosen else None


def whole(which: Days, here: Here) -> Span:
    """Days from midnight to midnight."""
    return Span(here.at(which.first, 0), here.at(which.after, 0), here.at(which.first, AT_WORK))


def _in_its_zone(said: str, here: Here) -> tuple[str, Here]:
    """`6pm cet` is 6pm there."""
    found = _ZONED.fullmatch(said)
    zone = zone_named(found["zone"]) if found else None
    if found is None or zone is None:
        return said, here
    return found["rest"].strip(), msgspec.structs.replace(here, zone=zone)


def _exact(said: str, here: Here) -> tuple[Span, ...]:
    if found := (_AGO.fullmatch(said) if here.way == "past" else _AHEAD.fullmatch(said)):
        return _away(found, here)
    if len(said) > 10 and (at := _iso(said, here)):
        return (Span(at, at, at),)
    return ()


def _away(found: re.Match[str], here: Here) -> tuple[Span, ...]:
    """`2 hours ago`; `3 days ago` is a day by name."""
    far = length(found["length"] or found["other"])
    if far is None or (here.way == "past" and _BY_NAME.fullmatch(found[0])):
        return ()
    at = far.before(here.now, here.zone) if here.way == "past" else here.now + far.span()
    return (Span(at, at, at),)


def _iso(said: str, here: Here) -> datetime | None:
    try:
        given = datetime.fromisoformat(said.upper())
    except ValueError:
        return None
    if given.tzinfo:
        return given.astimezone(UTC)
    seconds = timedelta(seconds=given.second, microseconds=given.microsecond)
    return instant(given.replace(second=0, microsecond=0), here.zone.key) + seconds


def _named(said: str, here: Here) -> Iterator[Span]:
    if special := _special(said, here):
        yield special
    elif found := days(said, here.today):
        yield from (whole(each, here) for each in found)
    elif at := clock(said):
        yield from _by_clock(at, here)
    else:
        yield from _both(said, here)


def _special(said: str, here: Here) -> Span | None:
    """What is neither a day nor a time of day: nights that began yesterday, the end of business."""
    today, day = here.today, timedelta(days=1)
    tonight = today - day if here.local.hour < _NIGHT else today
    if said in ("tonight", "this night"):
        return _part(tonight, Clock(18 * 60, 30 * 60, 18 * 60), here)
    if said in ("last night", "yesterday night"):
        return _part(today - day, Clock(18 * 60, 30 * 60, 18 * 60), here)
    if said in ("overnight", "night"):
        night = tonight if here.way == "future" else today - day
        return _part(night, Clock(22 * 60, 30 * 60, 30 * 60), here)
    if said == "now":
        return Span(here.now, here.now, here.now)
    if _CLOSE.fullmatch(said):
        ends = Clock(_BUSINESS_ENDS, _BUSINESS_ENDS, _BUSINESS_ENDS)
        return nearest([_part(today + by * day, ends, here) for by in (-1, 0, 1)], here)
    this = clock(said.removeprefix("this ")) if said.startswith("this ") else None
    return _part(today, this, here) if this else None


def _by_clock(at: Clock, here: Here) -> Iterator[Span]:
    """A time of day alone is the last or the next one; `6` can be in the morning and in the evening."""
    later = Clock(at.start + 720, at.end + 720, at.by + 720)
    for offset in (-1, 0, 1):
        day = here.today + timedelta(days=offset)
        for each in (at, later) if at.vague else (at,):
            yield _part(day, each, here)
            if each.start == each.end and (again := _again(day, each.start, here)):
                yield Span(again, again, again)


def _again(day: date, minute: int, here: Here) -> datetime | None:
    """The second moment of a wall time that the clocks go through twice."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    second = wall.replace(tzinfo=here.zone, fold=1).astimezone(UTC)
    first = wall.replace(tzinfo=here.zone).astimezone(UTC)
    return second if second > first else None


def _both(said: str, here: Here) -> Iterator[Span]:
    """A day and a time of day, in either order."""
    words = said.split(" ")
    for at in range(1, len(words)):
        left, right = (_JOINT.sub("", " ".join(part)).strip() for part in (words[:at], words[at:]))
        for day, when in ((left, right), (right, left)):
            if (minutes := clock(when)) and (found := days(day, here.today)):
                yield from (
                    _part(each.first, minutes, here)
                    for each in found
                    if each.after - each.first == timedelta(days=1)
                )
                return


def _part(day: date, at: Clock, here: Here) -> Span:
    return Span(here.at(day, at.start), here.at(day, at.end), here.at(day, at.by))


def _guess(said: str, here: Here) -> Span | None:
    found = guessed(said, here.local, future=here.way == "future")
    if found is None:
        return None
    if found.whole_day:
        return whole(Days(found.at.date(), found.at.date() + timedelta(days=1)), here)
    at = found.at.astimezone(UTC) if found.at.tzinfo else _iso(found.at.isoformat(), here)
    return Span(at, at, at) if at else None
