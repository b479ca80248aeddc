"""Times of day: `10:05`, `6pm`, `half past 6`, `noon`, `evening`; in the digits of `spoken.written`."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_PARTS: Final = {
    "morning": (6 * 60, 12 * 60, 9 * 60),
    "afternoon": (12 * 60, 18 * 60, 13 * 60),
    "evening": (18 * 60, 24 * 60, 18 * 60),
    "night": (18 * 60, 30 * 60, 22 * 60),
}
_NAMED: Final = {"noon": 12 * 60, "midnight": 0}
_CLOCK: Final = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d)(?::\d\d)?)? ?(?P<half>[ap]m?)?"
    r"(?P<suffix> ?h(?:rs|ours)?)?(?: oclock|ish)?"
    r"|(?P<h>\d{1,2})h(?P<m>\d\d)|(?P<military>[0-2]\d[0-5]\d)h?",
    re.ASCII,
)
_FRACTION: Final = re.compile(
    r"(?:(?P<name>half|quarter)|(?P<number>\d{1,2})(?: min(?:ute)?s?)?) (?P<side>past|to|after|before)"
    r" (?P<rest>.+)"
)
_ABOUT: Final = re.compile(
    r"(?:(?:at|around|about|approximately|approx|roughly|like|ca|@|~|exactly|sharp) ?)+"
)
_PART: Final = re.compile(r"(?:in )?(?:the )?(?:early |late )?(?P<name>morning|afternoon|evening|night)s?")


class Clock(msgspec.Struct, frozen=True):
    """A time of day or a part of one, in minutes since midnight; `end` can be the next day's."""

    start: int
    end: int
    by: int
    """What is meant by "until": of `morning` nine o'clock, when people are at work."""
    vague: bool = False
    """Whether it could be twelve hours later: `6`, but not `6:00`, `06` or `6am`."""


def clock(said: str) -> Clock | None:
    """The time of day that a text says; None for other texts. A lone number is an hour."""
    said = _ABOUT.sub("", said, count=1) if _ABOUT.match(said) else said
    if part := _PART.fullmatch(said):
        start, end, by = _PARTS[part["name"]]
        return Clock(start, end, by)
    if said in _NAMED:
        return _point(_NAMED[said])
    if found := _CLOCK.fullmatch(said):
        return _read(found)
    return _fraction(said)


def _point(minute: int, *, vague: bool = False) -> Clock:
    return Clock(minute, minute, minute, vague)


def _read(found: re.Match[str]) -> Clock | None:
    if found["military"]:
        hour, minute = divmod(int(found["military"]), 100)
    else:
        hour, minute = int(found["hour"] or found["h"]), int(found["minute"] or found["m"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    if minute > 59 or hour * 60 + minute > 24 * 60:
        return None
    lone = found["hour"] and not (found["minute"] or half or found["suffix"])
    return _point(hour * 60 + minute, vague=bool(lone) and found["hour"][0] != "0" and hour <= 12)


def _fraction(said: str) -> Clock | None:
    """`half past 6`, `quarter to 7`, `10 past noon`; `10 to 6` is a range, and needs its `minutes`."""
    found = _FRACTION.fullmatch(said)
    hour = clock(found["rest"]) if found and not _FRACTION.match(found["rest"]) else None
    if found is None or hour is None or hour.start != hour.end:
        return None
    after = found["side"] in ("past", "after")
    if not after and not found["name"] and " min" not in said:
        return None
    minutes = {"half": 30, "quarter": 15}.get(found["name"] or "") or int(found["number"] or 0)
    return _point((hour.start + (minutes if after else -minutes)) % (24 * 60), vague=hour.vague)
