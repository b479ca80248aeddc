"""Lengths of time such as `2h`, `1h30` and `3 days`, in the digits of `spoken.written`."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from router.catalogue.catalogue import instant

_UNIT: Final = (
    r"(?:(?P<months>months?|mos?)|(?P<minutes>minutes?|mins?|m)|(?P<seconds>seconds?|secs?|s)"
    r"|(?P<hours>hours?|hrs?|h)|(?P<days>days?|d)|(?P<weeks>weeks?|wks?|w)|(?P<years>years?|yrs?|y))"
)
_PART: Final = re.compile(
    rf"(?P<number>\d{{1,6}}(?:[.,]\d{{1,3}})?)[ -]?{_UNIT}(?![a-z]),?(?: ?and\b)? *", re.ASCII
)
_TIGHT: Final = re.compile(
    r"(?P<hours>\d{1,3}) ?h(?:rs?|ours?)? ?(?P<minutes>[0-5]\d)(?: ?m(?:in(?:ute)?s?)?)?"
)
"""`1h30`, where the minutes need no unit."""
_EITHER: Final = re.compile(r"(\d{1,4}) ?(?:or|to|-|–) ?(\d{1,4})(?= ?[a-z]+\Z)", re.ASCII)
_UNIT_OR: Final = re.compile(r"1 (hour|day|week|minute) or (\d{1,2})\Z", re.ASCII)
_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 7 * 86_400}
_MONTHS: Final = {"months": 1, "years": 12}


class Length(msgspec.Struct, frozen=True):
    """A length as people count: months and days by the calendar, seconds by the clock."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    def span(self) -> timedelta:
        """How long it is, with months of 30 days (years of 365) and days of 24 hours."""
        years, months = divmod(self.months, 12)
        return timedelta(days=365 * years + 30 * months + self.days, seconds=self.seconds)

    def before(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The moment (aware UTC) so long before `now`: days keep the wall time, hours are exact."""
        start = now
        if self.months or self.days:
            local = now.astimezone(zone)
            day = months_after(local.date(), -self.months) - timedelta(days=self.days)
            wall = datetime.combine(day, local.time().replace(second=0, microsecond=0, fold=0))
            start = instant(wall, zone.key) + timedelta(seconds=local.second, microseconds=local.microsecond)
        return start - timedelta(seconds=self.seconds)


def months_after(day: date, months: int) -> date:
    """The same day so many months on; the month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def length(said: str) -> Length | None:
    """The length that a text says: `2h`, `1h30`, `1.5 hour`, `2 days and 3 hours`; None for other texts.

    Of a choice (`1 or 2 hours`, `2-3h`) it is the longer one. Never nothing: `0 minutes` is None.
    """
    said = _UNIT_OR.sub(r"\2 \1s", _EITHER.sub(_longer, said))
    if found := _TIGHT.fullmatch(said):
        total = Length(seconds=int(found["hours"]) * 3600 + int(found["minutes"]) * 60)
    else:
        total = _sum(said)
    return total if total != Length() else None


def _longer(found: re.Match[str]) -> str:
    return str(max(int(found[1]), int(found[2])))


def _sum(said: str) -> Length:
    total, place = Length(), 0
    while place < len(said):
        found = _PART.match(said, place)
        if found is None:
            return Length()
        part = _part(found)
        total = Length(total.months + part.months, total.days + part.days, total.seconds + part.seconds)
        place = found.end()
    return total


def _part(found: re.Match[str]) -> Length:
    number = float(found["number"].replace(",", "."))
    unit = next(name for name in (*_MONTHS, *_SECONDS) if found[name])
    if unit in _MONTHS:
        months = number * _MONTHS[unit]
        return Length(months=int(months), days=round(months % 1 * 30))
    if unit in ("days", "weeks") and number.is_integer():
        return Length(days=int(number) * _SECONDS[unit] // _SECONDS["days"])
    return Length(seconds=round(number * _SECONDS[unit]))
