"""Days by name: `yesterday`, `last week`, `on tuesday`, `5 may`, `q3`; in the digits of `spoken.written`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from router.dialogue.lengths import months_after
from router.dialogue.spoken import MONTHS, WEEKDAYS

Unit = Literal["day", "week", "month", "quarter", "year"]

_ROUND: Final = 2
"""How many weeks, months or years before and after today a name without one may mean."""
_SHIFT: Final = {"last": -1, "previous": -1, "past": -1, "next": 1, "coming": 1, "following": 1}
_MONTH: Final = rf"(?P<month>{'|'.join(rf'{name}|{name[:3]}' for name in MONTHS)}|sept)\.?"
_WEEKDAY: Final = (
    r"(?P<weekday>mon(?:day)?|tue(?:s|sday)?|wed(?:s|nesday)?|thu(?:r|rs|rsday)?"
    r"|fri(?:day)?|sat(?:urday)?|sun(?:day)?)s?"
)
_WHICH: Final = rf"(?P<which>{'|'.join(_SHIFT)}|this|current)"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_NUMBER: Final = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|\.)?"


class Days(msgspec.Struct, frozen=True):
    """Whole days: the first one, and the first one after them."""

    first: date
    after: date


def days(said: str, today: date) -> tuple[Days, ...]:
    """The days that a text can mean, in order: several for a name that comes again (`tuesday`, `5 may`),
    one for a name that does not (`yesterday`, `5 may 2026`, `last tuesday`), none for other texts.

    Weeks begin on Monday. `last tuesday` is the last one before today. A date with slashes whose month
    could be its day is none: it would be guessed wrongly half the time.
    """
    for pattern, read in _FORMS:
        if found := pattern.fullmatch(said):
            try:
                return tuple(read(found, today))
            except (ValueError, OverflowError):  # no such day: 31 june
                return ()
    return ()


def unit_of(unit: str, day: date) -> Days:
    """The day, week, month, quarter or year that a day is in."""
    if unit == "day":
        return Days(day, day + timedelta(days=1))
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return Days(monday, monday + timedelta(days=7))
    length = {"month": 1, "quarter": 3, "year": 12}[unit]
    first = day.replace(day=1, month=(day.month - 1) // length * length + 1)
    return Days(first, months_after(first, length))


def _shifted(unit: str, today: date, by: int) -> Days:
    if unit in ("day", "week"):
        return unit_of(unit, today + timedelta(days=by * (1 if unit == "day" else 7)))
    return unit_of(
        unit, months_after(today.replace(day=1), by * {"month": 1, "quarter": 3, "year": 12}[unit])
    )


def _near(found: re.Match[str], today: date) -> Iterator[Days]:
    names = {"today": 0, "yesterday": -1, "tomorrow": 1}
    offset = names.get(found[0])
    if offset is None:
        offset = -2 if found[0].endswith("yesterday") else 2
    yield _shifted("day", today, offset)


def _unit(found: re.Match[str], today: date) -> Iterator[Days]:
    by = _SHIFT.get(found["which"] or "this", 0)
    yield _shifted(found["unit"], today, -2 if found["twice"] else by)


def _ago(found: re.Match[str], today: date) -> Iterator[Days]:
    yield _shifted(found["unit"], today, -int(found["number"]))


def _weekend(found: re.Match[str], today: date) -> Iterator[Days]:
    saturday = unit_of("week", today).first + timedelta(days=5)
    which = found["which"]
    if which in (None, "this", "current"):
        weeks: tuple[int, ...] = (-1, 0, 1)
    elif which in ("last", "past", "previous"):  # on Tuesday the one just past, on Sunday the one before
        weeks = (-1,)
    else:
        weeks = (1 if today >= saturday else 0,)
    for week in weeks:
        first = saturday + timedelta(days=7 * week)
        yield Days(first, first + timedelta(days=2))


def _weekday(found: re.Match[str], today: date) -> Iterator[Days]:
    day = unit_of("week", today).first + timedelta(days=_weekday_number(found))
    which, week = found["which"], found["week"] or found["before"]
    if week or which in ("this", "current"):
        yield _shifted("day", day, 7 * _SHIFT.get(week or "this", 0))
    elif which in ("last", "past", "previous"):
        yield _shifted("day", day, -7 if day >= today else 0)
    elif which:
        yield _shifted("day", day, 7 if day <= today else 0)
    else:
        yield from (_shifted("day", day, 7 * week) for week in range(-_ROUND, _ROUND + 1))


def _weekday_number(found: re.Match[str]) -> int:
    return next(at for at, name in enumerate(WEEKDAYS) if name.startswith(found["weekday"][:3]))


def _month_number(found: re.Match[str]) -> int:
    return next(at for at, name in enumerate(MONTHS, start=1) if name.startswith(found["month"][:3]))


def _month(found: re.Match[str], today: date) -> Iterator[Days]:
    month, which = _month_number(found), found["which"]
    if found["year"]:
        years: tuple[int, ...] = (int(found["year"]),)
    elif which in ("this", "current"):
        years = (today.year,)
    elif which in ("last", "past", "previous"):
        years = (today.year - (month >= today.month),)
    elif which:
        years = (today.year + (month <= today.month),)
    else:
        years = tuple(range(today.year - _ROUND, today.year + _ROUND + 1))
    yield from (unit_of("month", date(year, month, 1)) for year in years)


def _date(found: re.Match[str], today: date) -> Iterator[Days]:
    groups = found.groupdict()
    month = _month_number(found) if groups.get("month") else int(found["number"])
    yield from _in_years(groups.get("year"), month, int(found["day"]), today)


def _in_years(year: str | None, month: int, day: int, today: date) -> Iterator[Days]:
    if year:
        full = int(year) if len(year) == 4 else 2000 + int(year)
        yield unit_of("day", date(full, month, day))
        return
    # 29 february is not in every year, but in one of four.
    for near in range(today.year - 4, today.year + 5):
        try:
            found = date(near, month, day)
        except ValueError:
            continue
        yield unit_of("day", found)


def _slashed(found: re.Match[str], today: date) -> Iterator[Days]:
    first, second = int(found["first"]), int(found["second"])
    if first == second or first > 12:
        yield from _in_years(found["year"], second, first, today)
    elif second > 12:
        yield from _in_years(found["year"], first, second, today)


def _of_month(found: re.Match[str], today: date) -> Iterator[Days]:
    for by in range(-_ROUND, _ROUND + 1):
        first = months_after(today.replace(day=1), by)
        day = first + timedelta(days=int(found["day"]) - 1)
        if day.month == first.month and int(found["day"]):
            yield unit_of("day", day)


def _quarter(found: re.Match[str], today: date) -> Iterator[Days]:
    month = int(found["q"] or found["nth"]) * 3 - 2
    years = (int(found["year"]),) if found["year"] else range(today.year - _ROUND, today.year + _ROUND + 1)
    yield from (unit_of("quarter", date(year, month, 1)) for year in years)


def _iso_week(found: re.Match[str], today: date) -> Iterator[Days]:
    number = int(found["number"])
    years = (int(found["year"]),) if found["year"] else range(today.year - 6, today.year + 7)
    for year in years:
        if number < 53 or date(year, 12, 28).isocalendar().week == 53:
            yield unit_of("week", date.fromisocalendar(year, number, 1))


def _year(found: re.Match[str], _today: date) -> Iterator[Days]:
    yield unit_of("year", date(int(found["year"]), 1, 1))


Form = tuple[re.Pattern[str], Callable[[re.Match[str], date], Iterator[Days]]]

_OPENING: Final = rf"(?:{_WEEKDAY},? (?:the )?)?"
_FORMS: Final[tuple[Form, ...]] = tuple(
    (re.compile(pattern, re.ASCII), read)
    for pattern, read in (
        (r"today|yesterday|tomorrow|(?:the )?day (?:before yesterday|after tomorrow)", _near),
        (rf"(?:the )?(?:{_WHICH} )?(?P<unit>day|week|month|quarter|year)(?P<twice> before last)?", _unit),
        (r"(?P<number>\d{1,4}) (?P<unit>day|week|month|quarter|year)s? ago", _ago),
        (rf"(?:the )?(?:{_WHICH} )?week-? ?end", _weekend),
        (
            (
                rf"(?:the )?(?:(?P<before>last|previous|this|next) week'?s? |{_WHICH} )?{_WEEKDAY}"
                r"(?:,? (?:of )?(?P<week>last|previous|this|next) week)?"
            ),
            _weekday,
        ),
        (rf"(?:the )?(?:month of )?(?:{_WHICH} )?{_MONTH}(?:,? (?:of )?{_YEAR})?", _month),
        (rf"{_OPENING}(?:the )?{_NUMBER}[ -]?(?:of )?{_MONTH}(?:,?[ -](?:of )?{_YEAR})?", _date),
        (rf"{_OPENING}{_MONTH} (?:the )?{_NUMBER}(?:,? (?:of )?{_YEAR})?", _date),
        (rf"{_YEAR}[-/](?P<number>\d\d?)[-/](?P<day>\d\d?)", _date),
        (r"(?P<day>\d\d?)\. ?(?P<number>\d\d?)\. ?(?P<year>(?:20)?\d\d)?", _date),
        (r"(?P<day>\d\d?(?=\.\d\Z)|2[4-9]|3[01])\.(?P<number>\d\d?)", _date),
        (r"(?P<first>\d\d?)/(?P<second>\d\d?)(?:/(?P<year>(?:20)?\d\d))?", _slashed),
        (r"(?P<first>\d\d?)-(?P<second>\d\d?)-(?P<year>(?:20)?\d\d)", _slashed),
        (r"(?:the )?(?P<day>\d\d?)(?:st|nd|rd|th)(?: of (?:the|this) month)?", _of_month),
        (rf"(?:the )?(?:q(?P<q>[1-4])|(?P<nth>[1-4])(?:st|nd|rd|th) quarter)(?: (?:of )?{_YEAR})?", _quarter),
        (rf"(?:calendar week|week|cw|kw|w) ?(?P<number>[0-5]?\d)(?: (?:of )?{_YEAR})?", _iso_week),
        (rf"{_YEAR}-?w(?P<number>[0-5]\d)", _iso_week),
        (_YEAR, _year),
    )
)
