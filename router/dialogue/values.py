"""What the entities of a text mean: ids, severities, statuses and the rest in the words of the router."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from nlu_model.parse import Entity
from router.catalogue.catalogue import Catalogue
from router.chat import words
from router.dialogue.names import service, user
from router.dialogue.slips import meant, slip
from router.dialogue.spoken import written
from router.dialogue.times import Interval, duration, period
from router.events import STATUSES

_AROUND: Final = " \t\n\"'`*()[].,;:!?"
_SPACED: Final = re.compile(r"\s*[-–—_:]\s*")
_DECORATION: Final = re.compile(
    r"\b(?:severity|level|lvl|priority|prio|incidents?|ones?|an?|the|as|is|to|of)\b|[:=,]"
)
_NUMBERED: Final = re.compile(r"(?P<word>[a-z]*)[ -]*(?P<number>[1-4])(?:'?s)?")
_SEVERITY_WORDS: Final = {
    **{name: number for name, number in words.SEVERITIES.items() if name.isalpha()},
    "crit": "SEV-1",
    "informational": "SEV-4",
    "information": "SEV-4",
}
_PREFIXES: Final = ("sev", "severity", "prio", "priority")

_ACTIVE: Final = ("open", "acknowledged")
_STATUS_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: tuple(filter(None, value.split(","))) for name, value in words.STATUSES.items()},
    **dict.fromkeys(("all", "any", "every", "everything"), STATUSES),
    **dict.fromkeys(("active", "ongoing", "current", "live", "outstanding", "in progress"), _ACTIVE),
    **dict.fromkeys(("firing", "running", "unsolved", "unfixed"), _ACTIVE),
    **dict.fromkeys(("opened", "new", "unacknowledged", "unacked", "unack'd"), ("open",)),
    **dict.fromkeys(("ack", "ack'd", "ackd", "acknowledge"), ("acknowledged",)),
    **dict.fromkeys(("resolve", "fixed", "solved", "done", "mitigated"), ("resolved",)),
    **dict.fromkeys(("close", "shut"), ("closed",)),
    "unclosed": STATUSES[:3],
}
_PROGRESS: Final = (("acknowledged",), ("resolved",))
_NOT: Final = re.compile(r"(?:not|non|no|isn't|aren't|never|un(?=[- ]))(?: yet| been| longer)?[ -]*")
_STATUS_FILLERS: Final = re.compile(
    r"\b(?:still|currently|yet|incidents?|ones?|states?|status(?:es)?|only|just|the|are|is|that|which|were|been|be)\b"
)
_STATUS_JOINTS: Final = re.compile(r"\s*(?:,|/|&|\+|\band\b|\bor\b|\bbut\b|\bnor\b)\s*")


def incident_id(text: str) -> str | None:
    """`INC-77` for `inc-77`, `#INC 77`, `inc77` and `inc - 77`; None for other words."""
    said = " ".join(_SPACED.sub("-", words.plain(text).strip(_AROUND)).split())
    return words.incident_id(re.sub(r"\A#\s+", "#", said))


def severity(text: str) -> str | None:
    """`SEV-1` for `sev one`, `P 1`, `prio 1`, `critical`; one slip of the fingers is forgiven. None for other
    words, and for two severities at once."""
    said = " ".join(_DECORATION.sub(" ", written(text).replace("_", "-")).split()).strip(_AROUND + "-")
    if found := _NUMBERED.fullmatch(said):
        prefix = found["word"]
        alike = any(slip(prefix, known) for known in _PREFIXES) or prefix in ("", "s", "p")
        return f"SEV-{found['number']}" if alike else None
    return _SEVERITY_WORDS.get(meant(said, _SEVERITY_WORDS, at_least=5))


def status(text: str) -> tuple[str, ...]:
    """The statuses that a text asks for, in the order of a life: two for `unresolved`, three for
    `not closed`, all four for `all`. Empty for other words."""
    said = " ".join(words.plain(text).lower().replace("’", "'").split()).strip(_AROUND)
    if len(said) > 80:
        return ()
    asked: set[str] = set()
    refused: set[str] = set()
    for part in filter(None, _STATUS_JOINTS.split(said)):
        bare = " ".join(_STATUS_FILLERS.sub(" ", part).split())
        negated = _NOT.match(bare)
        found = _one_status(bare[negated.end() :].strip() if negated else bare)
        if not found:
            return ()
        (refused if negated else asked).update(_no_longer(found) if negated else found)
    chosen = (asked or set(STATUSES)) - refused if asked or refused else set()
    return tuple(each for each in STATUSES if each in chosen)


def _one_status(said: str) -> tuple[str, ...]:
    return _STATUS_WORDS.get(meant(said, _STATUS_WORDS, at_least=4), ())


def _no_longer(found: tuple[str, ...]) -> tuple[str, ...]:
    """What `not …` leaves out: what is not acknowledged is not resolved either."""
    return STATUSES[STATUSES.index(found[0]) :] if found in _PROGRESS else found


# Entities.


def value_of(entity: Entity, *, now: datetime, zone: ZoneInfo, catalogue: Catalogue) -> object:
    """What an entity means, ready for JSON, for somebody in `zone` at `now` (aware).

    A text for ids, severities, services, people and free words; a status is a text, or a list where several
    are meant; a period is `{"since", "until"}` in ISO with the zone's offset; a duration is its seconds (int)
    or its end in ISO. The text as said, trimmed, where it cannot be read.
    """
    said = entity.text.strip()
    if entity.entity == "service":
        return service(said, catalogue)
    if entity.entity == "period":
        interval = period(said, now, zone)
        return _interval(interval, zone) if interval else said
    if entity.entity == "duration":
        return _duration(duration(said, now, zone), zone) or said
    read = _READERS.get(entity.entity)
    return (read(said) if read else None) or said


def _status(text: str) -> str | list[str] | None:
    found = status(text)
    return list(found) if len(found) > 1 else next(iter(found), None)


_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "incident_id": incident_id,
    "severity": severity,
    "status": _status,
    "user": user,
}


def _interval(interval: Interval, zone: ZoneInfo) -> dict[str, str]:
    return {name: at.astimezone(zone).isoformat() for name, at in msgspec.structs.asdict(interval).items()}


def _duration(lasting: timedelta | datetime | None, zone: ZoneInfo) -> int | str | None:
    if isinstance(lasting, datetime):
        return lasting.astimezone(zone).isoformat()
    return round(lasting.total_seconds()) if lasting else None
