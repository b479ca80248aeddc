"""The last resort for dates as said: dateparser, which is slow to load and guesses wildly if left alone."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec

_LONGEST: Final = 48
_WORTH_IT: Final = re.compile(
    r"(?=.*\d)(?=.*(?:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\d{4}|\bago\b))[a-z0-9 ,.:/+'-]+",
    re.ASCII,
)
_SEVERAL: Final = re.compile(r"\b(?:and|or|to|until|between|through)\b|\.-|-\d{1,2}\b(?! )| - ")
_NUMBERS: Final = re.compile(r"\d+")
_SLASHED: Final = re.compile(r"\b\d{1,2}[/-]\d{1,2}\b")


class Guess(msgspec.Struct, frozen=True):
    """A moment, of wall time unless it says a zone of its own; only its date counts for a whole day."""

    at: datetime
    whole_day: bool


def guessed(said: str, local: datetime, *, future: bool) -> Guess | None:
    """The moment that a text says by dateparser's reading; None for other texts.

    It has to name a day and a month or how long ago; what does not look like that is not given to it.
    """
    looks = len(said) <= _LONGEST and _WORTH_IT.fullmatch(said) and len(_NUMBERS.findall(said)) <= 7
    if not looks or _SEVERAL.search(said) or _SLASHED.search(said):  # which is the month would be guessed
        return None
    try:
        found = _parser(future=future, wall=local.replace(tzinfo=None, microsecond=0, fold=0)).get_date_data(
            said
        )
    except (ValueError, OverflowError, TypeError, AttributeError, LookupError, RecursionError):
        return None  # its bugs are no news to the person
    return Guess(found.date_obj, found.period != "time") if found.date_obj else None


def ready() -> None:
    """Loads dateparser with its English; takes 0.2 s that otherwise the first guess would take."""
    guessed("5th of january, 10:30", datetime(2026, 1, 5), future=False)  # noqa: DTZ001 - wall time


@cache
def _imported() -> Any:
    from dateparser.date import DateDataParser  # noqa: PLC0415 - slow, and seldom needed

    return DateDataParser


def _parser(*, future: bool, wall: datetime) -> Any:
    settings = {
        "PARSERS": ["relative-time", "absolute-time"],
        "PREFER_DATES_FROM": "future" if future else "past",
        "RELATIVE_BASE": wall,
        "REQUIRE_PARTS": ["day", "month"],
        "RETURN_TIME_AS_PERIOD": True,
        "TIMEZONE": "UTC",
    }
    return _imported()(languages=["en"], settings=settings)
