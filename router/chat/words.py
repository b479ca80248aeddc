"""What a person typed, split into words as people on phones and keyboards type them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

SEVERITIES: Final = {
    **{f"{prefix}{number}": f"SEV-{number}" for prefix in ("sev-", "sev", "s", "p", "") for number in "1234"},
    "critical": "SEV-1",
    "major": "SEV-2",
    "minor": "SEV-3",
    "low": "SEV-4",
    "info": "SEV-4",
}
STATUSES: Final = {
    **{name: name for name in ("open", "acknowledged", "resolved", "closed")},
    "acked": "acknowledged",
    "unresolved": "open,acknowledged",
    "all": "",
}

_QUOTES: Final = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "＂": '"'})
_SPACES: Final = re.compile(r"[^\S\n]|[\u200b\ufeff]")
# Phones make one long dash of two short ones.
_DASHES: Final = re.compile(r"^(?:[—–−‒―]+-?|-+[—–−‒―]+|--)(?=[A-Za-z])")
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+)', re.DOTALL)
_ASSIGNED: Final = re.compile(r'(\S+?=)"((?:[^"\\]|\\.)*)"(?=\s|$)', re.DOTALL)
_SINGLE: Final = re.compile(r"[‘'](?P<inner>[^‘’'\n]+)[’'](?=\s|$)")
_ESCAPED: Final = re.compile(r'\\(["\\])')
_ID: Final = re.compile(r"#?inc[-_ ]?(?P<rest>\d[\w-]*|[a-z0-9]+-[\w-]+)[,.;:!?]?\Z", re.IGNORECASE)
_DURATION: Final = re.compile(
    r"(\d+(\.\d+)?(s|sec|m|min|mins|h|hr|hrs|d|w|days?|hours?|minutes?|weeks?))+\Z", re.IGNORECASE
)


class Word(msgspec.Struct, frozen=True):
    """A word as it is meant, as it was typed, and whether quotes hold it together."""

    text: str
    raw: str
    quoted: bool = False


def plain(text: str) -> str:
    """The text with the quotes and spaces that phones put in replaced by those of keyboards."""
    return _SPACES.sub(" ", text.translate(_QUOTES)).strip()


def split(text: str) -> list[Word]:
    """The words of a text. A quote that is never closed is a character like any other."""
    return list(_words(plain(text)))


def _words(text: str) -> Iterator[Word]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _SINGLE.match(text, at)
        if found:
            yield Word(found["inner"], found[0], quoted=True)
        elif found := _ASSIGNED.match(text, at):
            yield Word(found[1] + _ESCAPED.sub(r"\1", found[2]), found[0])
        else:
            found = _WORD.match(text, at)
            assert found is not None
            yield _word(found)
        at = found.end()


def _word(found: re.Match[str]) -> Word:
    if found[1] is not None:
        return Word(_ESCAPED.sub(r"\1", found[1]), found[0], quoted=True)
    return Word(_DASHES.sub("--", found[2]), found[2])


def incident_id(text: str) -> str | None:
    """`INC-77` for `inc-77`, `#INC-77`, `inc77` and `INC 77`; None for other words."""
    found = _ID.match(text.strip())
    return f"INC-{found['rest'].upper()}" if found else None


def severity(text: str) -> str | None:
    """`SEV-1` for `sev1`, `p1`, `1`, `critical`; None for other words."""
    return SEVERITIES.get(text.lower().replace("_", "-").replace(" ", "-").strip("-"))


def is_duration(text: str) -> bool:
    """Whether a word is a length of time such as `2h` or `90min`."""
    return bool(_DURATION.match(text))


def said(words: list[Word]) -> str:
    """Words as one text: what one pair of quotes held, or as it was typed."""
    if len(words) == 1:
        return words[0].text
    return " ".join(word.raw for word in words)
