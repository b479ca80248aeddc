"""Periods and durations as people say them: `since monday`, `past 24h`, `until 6pm`, `half an hour`.

Small grammars read what people say often: lengths, days, times of day. dateparser is the last resort.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from router.dialogue import guessing
from router.dialogue.days import unit_of
from router.dialogue.lengths import Length, length
from router.dialogue.moments import Here, span, whole
from router.dialogue.names import zone_named
from router.dialogue.ranges import between, started
from router.dialogue.spoken import written

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a period is that has no beginning, as `before monday`."""

_SHORTEST: Final = timedelta(seconds=1)

_ROLLING: Final = re.compile(
    r"(?:(?:in|over|during|within|for|from|of) )?(?:the |these |this )?"
    r"(?:(?:last|past|previous|recent|latest) )?(?P<length>\d.*?)(?: or so)?"
)
_ROLLING_UNIT: Final = re.compile(
    r"(?:(?:in|over|during|within|for|from|of) )?(?:the |this )?"
    r"(?:past (?P<any>minute|hour|day|week|month|quarter|year)|last (?P<short>minute|hour|day))(?: or so)?"
)
_YOUNGER: Final = re.compile(
    r"(?:less than|under|newer than|younger than|(?:not|no) older than|since(?: about)?|starting)"
    r" (?!(?:1[3-9]|2[0-3])h\Z|\d{1,2}h\d)(?P<length>\d.*?)(?: ago| old| back)?"
)
"""`since 2h` is a length, `since 18h` and `since 9h30` are times of day."""
_OLDER: Final = re.compile(r"(?:more than|over|older than|longer than) (?P<length>\d.*?)(?: ago| old)?")
_TO_DATE: Final = re.compile(
    r"(?:(?:so far|earlier|already),? (?P<a>.+)|(?P<b>.+?),? so far|(?P<c>.+) (?:to|until) (?:date|now))"
)
_INITIALS: Final = {"wtd": "week", "mtd": "month", "qtd": "quarter", "ytd": "year"}
_SINCE: Final = re.compile(
    r"(?:since|starting|beginning|as of)(?: (?:from|on|at))? (?P<a>.+)|(?:from )?(?P<b>.+?) on-?wards?"
    r"|from (?P<c>.+) on|(?:from|between) (?P<d>.+) (?:to|until|and|-) (?:now|date|the present)"
)
_AFTER: Final = re.compile(r"(?:after|later than) (?P<rest>.+)")
_BEFORE: Final = re.compile(r"(?:before|prior to|earlier than|until|up to|up until) (?P<rest>.+)")
_LASTING: Final = re.compile(
    r"(?:(?:for|the|next|another|about|around|approximately|approx|roughly|only|just|maybe|at least|at most"
    r"|up to|within|in|like|say|over|during|coming|following|further|~) ?)+(?=\S)"
)
_TRAILING: Final = re.compile(
    r"(?: (?:please|pls|plz|from now(?: on)?|or so|more|max|only|tops|longer|long|thanks|at most"
    r"|latest|sharp))+\Z"
)
_ENDING: Final = re.compile(
    r"(?:(?:until|by|for|before) )?(?:the )?(?:(?:very )?end of|rest of|remainder of|eo(?=[dwm]\b)|all|whole"
    r"|entire)"
    r"(?: ?(?:the|this|my|our))? ?(?P<rest>.+)"
)
_LETTERS: Final = {"d": "day", "w": "week", "m": "month"}
_UNTIL: Final = re.compile(
    r"(?:until|by|before|up until|up to|not before|through)(?: (?:at|on|about|around))? (?P<rest>.+)"
)
_NEXT: Final = re.compile(
    r"(?:(?:for|over|during) )?(?:the )?(?:next|coming|following) (?P<unit>minute|hour|day|month)"
    r"|(?:for|over|during) the (?:next|coming|following) (?P<week>week)"
)
_HERE_AND_NOW: Final = re.compile(r"(?:for |over |during )?(?:tonight|today|overnight|(?:this|the) .+)")


class Interval(msgspec.Struct, frozen=True):
    """A period from `since` (inclusive) to `until` (exclusive), both aware UTC; never empty."""

    since: datetime
    until: datetime


def period(text: str, now: datetime, zone: ZoneInfo) -> Interval | None:
    """The period that a text says, as of `now` (aware) for somebody in `zone`; None for other texts.

    Days, weeks (from Monday), months, quarters and years are whole, today's too; `since …`, `… to date`
    and a moment alone (`10:05`, `2 hours ago`) last until now. `past week` are seven days until now, and
    `last week` is from Monday to Monday. A name that comes again (`tuesday`, `in march`) is the latest that
    has begun. What has no beginning (`before monday`) is since EVER. Never raises.
    """
    said = written(text)
    here = Here(now.astimezone(UTC), zone, "past")
    try:
        return (_period(said, here) or _period(said, _guessing(here))) if said else None
    except (ValueError, OverflowError):  # beyond the years of a calendar
        return None


def duration(text: str, now: datetime, zone: ZoneInfo) -> timedelta | datetime | None:
    """How long, as a length (`2h`), or until when (aware UTC), as of `now` (aware) for somebody in `zone`.

    A length is positive, and an end is after now: a time that is past today means tomorrow. `until monday`
    and `until tomorrow morning` end at nine, when people work; `tonight` ends with the night, at six.
    None for texts that say neither. Never raises.
    """
    said = _TRAILING.sub("", written(text))
    here = Here(now.astimezone(UTC), zone, "future")
    try:
        lasting = length(said) or length(_one(said))
        if lasting and here.now + lasting.span():  # raises beyond the calendar
            return lasting.span()
        return (_end(said, here) or _end(said, _guessing(here))) if said else None
    except (ValueError, OverflowError):
        return None


def ready() -> None:
    """Loads what is slow to load, so that the first text is read as fast as the others: about 0.2 s."""
    zone_named("berlin")
    guessing.ready()


# Periods.


def _period(said: str, here: Here) -> Interval | None:
    """The first reading of the text that is not empty, the most certain ones first."""
    for read in (_rolling, _whole, _to_date, _open_ended, _range):
        if (found := read(said, here)) and found.since < found.until:
            return found
    return None


def _guessing(here: Here) -> Here:
    return msgspec.structs.replace(here, guess=True)


def _rolling(said: str, here: Here) -> Interval | None:
    """`past 24h`, `last 3 days`, `the last hour`, `less than 2 days old`."""
    if said in ("ever", "all time", "of all time", "all-time"):
        return Interval(EVER, here.now)
    if found := _ROLLING_UNIT.fullmatch(said):
        unit = found["any"] or found["short"]
        return _last(Length(months=3) if unit == "quarter" else length(f"1 {unit}"), here)
    if (found := _OLDER.fullmatch(said)) and (far := length(found["length"])):
        return Interval(EVER, far.before(here.now, here.zone))
    found = _YOUNGER.fullmatch(said) or _ROLLING.fullmatch(said)
    return _last(length(found["length"]), here) if found else None


def _last(far: Length | None, here: Here) -> Interval | None:
    return Interval(far.before(here.now, here.zone), here.now) if far else None


def _to_date(said: str, here: Here) -> Interval | None:
    """`so far this week`, `week to date`, `ytd`: from its start until now."""
    found = _TO_DATE.fullmatch(said)
    name = _INITIALS.get(said) or (found and (found["a"] or found["b"] or found["c"]))
    since = span(name, here) if name else None
    return _until_now(since.since, here) if since else None


def _until_now(since: datetime, here: Here) -> Interval | None:
    return Interval(since, max(here.now, since + _SHORTEST)) if since <= here.now else None


def _whole(said: str, here: Here) -> Interval | None:
    """A span as it is; a moment until now."""
    found = span(said, here)
    if found is None:
        return None
    if found.since == found.until:
        return _until_now(found.since, here) if said != "now" else None
    return Interval(found.since, found.until)


def _open_ended(said: str, here: Here) -> Interval | None:
    """`since monday`, `after 10:05`, `before yesterday`, `since last week until today`."""
    if found := _BEFORE.fullmatch(said):
        end = span(found["rest"], here)
        return Interval(EVER, end.since) if end else None
    if found := _AFTER.fullmatch(said):
        start = span(found["rest"], here)
        return _until_now(start.until, here) if start else None
    if found := _SINCE.fullmatch(said):
        start = span(started(found["a"] or found["b"] or found["c"] or found["d"]), here)
        return _until_now(start.since, here) if start else None
    return None


def _range(said: str, here: Here) -> Interval | None:
    found = between(said, here)
    return Interval(*found) if found else None


# Durations.


def _end(said: str, here: Here) -> datetime | None:
    """When something is over, after now."""
    until = _UNTIL.fullmatch(said)
    if said.startswith("through ") and until:
        found = span(until["rest"], here)
        end = found.until if found else None
    else:
        end = _last_of(said, here)
    if end is None and until:
        end = _until(until["rest"], here)
    elif end is None:
        end = _alone(said, here)
    return end if end and end > here.now else None


def _last_of(said: str, here: Here) -> datetime | None:
    """`end of day`, `eow`, `the rest of the week`, `all night`, `end of friday`."""
    found = _ENDING.fullmatch(said)
    if found is None:
        return None
    rest = _LETTERS.get(found["rest"], found["rest"])
    if rest in ("day", "week", "month", "quarter", "year"):
        return whole(unit_of(rest, here.today), here).until
    this = span("tonight" if rest == "night" else rest, here)
    return this.until if this else None


def _until(said: str, here: Here) -> datetime | None:
    """When it begins; its end where it has begun."""
    found = span(said, here)
    if found is None:
        return None
    return found.by if found.by > here.now else found.until


def _alone(said: str, here: Here) -> datetime | None:
    """`tonight` and `this week` until they end, `tomorrow` and `6pm` until they begin."""
    bare = _bare(said)
    if bare.isdigit():  # of what?
        return None
    if _HERE_AND_NOW.fullmatch(said):
        found = span(bare, here) or span(said, here)
        return found.until if found else None
    return _until(bare, here)


def _bare(said: str) -> str:
    """Without `for`, `the next` and such."""
    return _LASTING.sub("", said, count=1) if _LASTING.match(said) else said


def _one(said: str) -> str:
    """`the next hour` is one hour."""
    found = _NEXT.fullmatch(said)
    return f"1 {found['unit'] or found['week']}" if found else _bare(said)
