"""Bare answers that need no model: yes, never mind, `the second one`, a value of the kind asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from router.catalogue.catalogue import Catalogue
from router.chat import words
from router.chat.usage import INCIDENT
from router.dialogue.names import user
from router.dialogue.phrases import CANCEL, NO, UNDO, YES
from router.dialogue.referring import reference
from router.dialogue.times import duration as length
from router.dialogue.values import severity

_EDGES: Final = re.compile(r"^[\s,.!?:;…-]+|[\s,.!?:;…-]+$")
_SPACES: Final = re.compile(r"\s+")
_TURN: Final = re.compile(
    r"(?:(?:no|nope|nah|actually|sorry|oops|wait|hm+|rather|i mean|i meant|make (?:it|that)|it'?s"
    r"|not that(?: one)?)\b[\s,.:;!-]*)+",
    re.IGNORECASE,
)
_MAX_USER_WORDS: Final = 2


def folded(text: str) -> str:
    """A short text as it is compared: lower case, without what is around it."""
    return _SPACES.sub(" ", _EDGES.sub("", text.lower().replace("’", "'").replace(",", " "))).strip()


def is_yes(text: str) -> bool:
    """Whether a text is a yes and nothing else."""
    return folded(text) in YES


def is_no(text: str) -> bool:
    """Whether a text is a no and nothing else."""
    return folded(text) in NO


def is_cancel(text: str) -> bool:
    """Whether a text drops what was being done, and does nothing else."""
    return folded(text) in CANCEL


def is_undo(text: str) -> bool:
    """Whether a text takes back what was just done."""
    return folded(text) in UNDO


def chosen(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a text names by its value or its place; None where it names none."""
    said = folded(text)
    for choice in choices:
        if said == choice.lower():
            return choice
    named = words.incident_id(folded(text))
    if named is not None:
        return named if named in choices else None
    meant = reference(text, ())
    if said.isdigit() and 0 < int(said) <= len(choices):
        return choices[int(said) - 1]
    if meant.kind == "ordinal" and -1 <= meant.place < len(choices):
        return choices[meant.place]
    return None


def value(slot: str, text: str, *, now: datetime, zone: ZoneInfo, catalogue: Catalogue) -> str | None:
    """The value of a slot that a text is and nothing else; None where it may be something else."""
    said = _EDGES.sub("", text)
    if slot == "duration":
        return duration(said, now, zone)
    if slot == "service":
        return catalogue.service(said)
    read = _KINDS.get(slot)
    return read(said) if read else None


def turned(text: str) -> str | None:
    """What follows words that turn to something else (`no, sev 1`, `actually INC-56`); None where none do."""
    found = _TURN.match(text.strip())
    rest = text.strip()[found.end() :] if found else ""
    return rest or None


def correction(text: str, catalogue: Catalogue) -> dict[str, str]:
    """The slot that `no, sev 1` or `sorry, INC-56` changes, with its value; empty where it is neither."""
    rest = turned(text)
    if rest is None:
        return {}
    said = _EDGES.sub("", rest)
    read = {
        "incident_id": words.incident_id(said),
        "severity": severity(said),
        "service": catalogue.service(said),
    }
    return {slot: value for slot, value in read.items() if value}


def duration(text: str, now: datetime, zone: ZoneInfo) -> str | None:
    """A length or an end as `/im silence` takes it; None where a text is neither."""
    found = length(text, now, zone)
    if found is None:
        return None
    if isinstance(found, datetime):
        return found.isoformat()
    return f"{max(1, round(found.total_seconds() / 60))}m"


def _user(text: str) -> str | None:
    if len(text.split()) > _MAX_USER_WORDS or not text:
        return None
    mentioned = text.startswith(("@", "<@"))
    return user(text) if mentioned or text.lower() in ("me", "myself") else None


_KINDS: Final[Mapping[str, Callable[[str], str | None]]] = {
    INCIDENT: words.incident_id,
    "severity": severity,
    "user": _user,
}
