"""Times and lengths as people say them, rewritten in digits: `an hour and a half` is `1.5 hour`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from router.chat.words import plain
from router.dialogue.slips import meant

LONGEST: Final = 100
"""Characters; what is longer says no time."""
UNIT: Final = r"(?:second|sec|minute|min|hour|hr|day|week|wk|month|quarter|year)s?"
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)

_ONES: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: Final = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS: Final = {
    **{word: number for number, word in enumerate((*_ONES, *_TEENS))},
    **{word: number for number, word in zip(range(20, 100, 10), _TENS, strict=True)},
}
_ORDINALS: Final = {
    "first": "1st",
    "third": "3rd",
    "fourth": "4th",
    "fifth": "5th",
    "sixth": "6th",
    "seventh": "7th",
    "eighth": "8th",
    "ninth": "9th",
    "tenth": "10th",
}
_SPELLINGS: Final = {
    **dict.fromkeys(("tommorow", "tmrw", "tmr", "tmw"), "tomorrow"),
    **dict.fromkeys(("yday", "ystd"), "yesterday"),
    **dict.fromkeys(("midday", "noontime", "lunchtime", "lunch"), "noon"),
    **dict.fromkeys(("til", "till", "untill", "upto"), "until"),
    **dict.fromkeys(("sinse", "sice", "snice", "sicne"), "since"),
    "tonite": "tonight",
    "thru": "through",
}
_VOCABULARY: Final = (
    *WEEKDAYS,
    *(month for month in MONTHS if len(month) > 5),
    *("tomorrow", "yesterday", "tonight", "morning", "afternoon", "evening", "overnight", "midnight"),
    *("weekend", "minute", "minutes", "second", "seconds", "between", "quarter", "fortnight", "months"),
)

Rewriting = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _sum(found: re.Match[str]) -> str:
    return str(_NUMBERS[found[1]] + _NUMBERS[found[2]])


_REWRITINGS: Final[tuple[Rewriting, ...]] = tuple(
    (re.compile(pattern), to)
    for pattern, to in (
        (rf"\b({'|'.join(_TENS)})[ -]({'|'.join(_ONES[1:])})\b", _sum),
        (rf"\b({'|'.join(_NUMBERS)})\b", lambda found: str(_NUMBERS[found[1]])),
        (rf"\b({'|'.join(_ORDINALS)})\b", lambda found: _ORDINALS[found[1]]),
        (r"\bsecond(?= of\b| quarter\b)", "2nd"),
        (r"(\d) ?½", r"\1.5"),
        (r"½", "0.5"),
        (r"\b(?:a )?couple(?: of)?(?: more)?\b", "2"),
        (r"\b(?:a |the )?few(?: more)?\b", "3"),
        (r"\b3 quarters? of an hour\b", "45 minutes"),
        (r"\b(?:an? |1 )?quarter(?: of)?(?: an)? hour\b", "15 minutes"),
        (rf"\b(\d+) and a half ({UNIT})\b", r"\1.5 \2"),
        (r"\b(\d+) and a quarter (hours?)\b", r"\1.25 \2"),
        (r"\b(\d+|an?) (?:more|extra|additional) ", r"\1 "),
        (r"\bthis (past|last|coming|next) ", r"\1 "),
        (rf"\bhalf(?: of)? an? ({UNIT})\b", r"0.5 \1"),
        (rf"\b(?:a )?half[ -]?({UNIT})\b", r"0.5 \1"),
        (r"\b(?:an? )?fortnight\b", "2 weeks"),
        (rf"\b(?:an?|another) ({UNIT})\b", r"1 \1"),
        (rf"\b(\d+) ({UNIT}) and a half\b", r"\1.5 \2"),
        (r"\b([ap])\.m\b\.?", r"\1m"),
        (r"(\d) ?o ?'?clock\b", r"\1 oclock"),
    )
)
_PART: Final = r"(?P<part>morning|afternoon|evening|night)"
_HOUR: Final = r"(?P<at>\d{1,2}(?:[:.]\d\d)?)"
_DAY: Final = rf"(?P<day>yesterday|tomorrow|this|last|{'|'.join(WEEKDAYS)})"
_IN_PARTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_HOUR} (?:in the {_PART}|at (?P<night>night))\b",
        rf"\b{_HOUR} {_DAY} {_PART}\b",
        rf"\b{_HOUR} (?P<tonight>tonight)\b",
        rf"\b(?:{_DAY} )?{_PART},? (?:at|around|about) {_HOUR}(?![\d:.]| ?[ap]m)",
        rf"\b(?P<tonight>tonight),? (?:at|around|about) {_HOUR}(?![\d:.]| ?[ap]m)",
    )
)
"""Hours of which the part of the day says whether they are before noon."""
_DAYS: Final = {"this": "today", "last": "yesterday"}
_AFTER: Final = re.compile(r"(?:(?!(?<=\d\.\d)\.|(?<=\d\.\d\d)\.)['.,!?;:\"`]|(?<=[a-z])'s)+\Z")
"""Not the last dot of `5.11.`, which makes it a date."""
_DASHES: Final = re.compile(r"[–—−‒―]")
_ENDS: Final = " \t\n.,!?;:'\"`"


def written(text: str) -> str:
    """A text in lower case, numbers in digits, one spelling for each word; empty where it is too long."""
    said = " ".join(_DASHES.sub("-", plain(text).lower()).replace("’", "'").split()).lstrip(_ENDS)
    said = _AFTER.sub("", said)
    if not said or len(said) > LONGEST:
        return ""
    said = re.sub(r"[^\W\d_]+", lambda found: _spelled(found[0]), said)
    for pattern, to in _REWRITINGS:
        said = pattern.sub(to, said)
    for form in _IN_PARTS:
        said = form.sub(_half_named, said)
    return said


def _spelled(word: str) -> str:
    return _SPELLINGS.get(word) or meant(word, _VOCABULARY, at_least=6)


def _half_named(found: re.Match[str]) -> str:
    """`9 tomorrow morning` is `9am tomorrow`, `tonight at 9` is `9pm today`."""
    groups = found.groupdict()
    night = groups.get("night") or groups.get("tonight") or groups.get("part") == "night"
    hour = int(re.split(r"[:.]", found["at"])[0])
    if hour == 0 or hour > 12:
        half = ""
    elif groups.get("part") == "morning" or (night and hour == 12):
        half = "am"
    else:
        half = "pm"
    day = "today" if groups.get("tonight") else (groups.get("day") or "")
    return f"{found['at']}{half} {_DAYS.get(day, day)}".rstrip()
