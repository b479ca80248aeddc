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
from router.dialogue.referring import content, reference
from router.dialogue.times import duration as length
from router.dialogue.values import severity

_EDGES: Final = re.compile(r"^[\s,.!?:;…-]+|[\s,.!?:;…-]+$")
_SPACES: Final = re.compile(r"\s+")
_TURN: Final = re.compile(
    r"(?:(?:no|nope|nah|actually|sorry|oops|wait|hm+|rather|i mean|i meant|make (?:it|that)|it'?s"
    r"|not that(?: one)?)\b[\s,.:;!-]*)+",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"\s*(?:[,;.!?:…]+(?=\s|$)|\s[-–—]+(?=\s))\s*")
_BEFORE: Final = re.compile(
    r"^(?:(?:oh|ah|eh|aw|nah|ok|okay|hm+|uh|um|erm?|well|so|right|sorry|oops|omg|lol|yes|yeah|yep|sure|please"
    r"|probably|just|fine|then|let'?s say|i(?:'?d| would)? (?:say|think|guess|believe|mean|meant)"
    r"|that(?:'?s| is)|it(?:'?s| is)|call it|make (?:it|that)|the)\b[^\w@<#]*)+",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"(?:[^\w>]+(?:then|please|pls|plz|thanks|thx|ty|i (?:think|guess|believe|mean|suppose|reckon)"
    r"|probably|i'?d say|for now|though|if you (?:like|can)|mate|ok|okay))*[^\w>]*$",
    re.IGNORECASE,
)
_TAKES_BACK: Final = re.compile(
    r"(?:no|nope|not|wait|actually|sorry|rather|or|but|er+m?|hm+|make (?:it|that)|i mean|i meant|hang on"
    r"|hold on|scratch that|and)\b",
    re.IGNORECASE,
)
"""How a part begins that changes what was said before it, or asks for something else."""
_EXCUSES: Final = re.compile(
    r"\b(?:oops|whoops|sorry|my bad|my mistake|please|pls|plz|no|wait|hm+|oh|ah|ugh|argh|damn|shit|crap|shoot"
    r"|can you|could you|would you|you|quick|quickly|now|again|ok|okay|actually|wrong (?:one|incident|person)"
    r"|that was (?:wrong|a mistake|an accident)|didn'?t mean (?:that|to|it)|i)\b"
)
_UNDOES: Final = re.compile(
    r"(?:undo|revert|reverse|take back)"
    r"(?: (?:that|this|it|the|my|last|previous|one|thing|change|step|action|command|assignment|escalation"
    r"|severity|ack(?:nowledge(?:ment)?)?|what|just|did))*"
)
_VALUE: Final = re.compile(r"\d")
_MORE: Final = re.compile(
    r"\b(?:the|one|ones|please|pls|i|mean|meant|think|guess|with|go|let'?s|take|pick|choose|that|is|it|it'?s|ok"
    r"|yes|option|number|just|of|them|those|these|thanks|would|be|say|i'?d|for|me|make|incident|from|list|top"
    r"|bottom|in|on|your|you|gave|if|so|kind|actually|no|sorry)\b"
)
_MAX_PLACE_WORDS: Final = 1
"""Of `the second one please` the place is left."""
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
    """Whether a text drops what was being done, and does nothing else but say why."""
    if folded(text) in CANCEL:
        return True
    parts = clauses(text)
    said_first = len(parts) > 1 and folded(trimmed(parts[0])) in CANCEL
    return said_first and not any(_VALUE.search(each) for each in parts)


def is_undo(text: str) -> bool:
    """Whether a text takes back what was just done."""
    said = " ".join(_EXCUSES.sub(" ", folded(text)).split())
    return said in UNDO or _UNDOES.fullmatch(said) is not None


def clauses(text: str) -> tuple[str, ...]:
    """The parts of a text between its commas, dashes and full stops."""
    return tuple(part for part in _BETWEEN.split(text) if part)


def trimmed(text: str) -> str:
    """A text without the words that lead to an answer or follow it (`oh, me`, `sev2 I think`)."""
    return _AFTER.sub("", _BEFORE.sub("", _EDGES.sub("", text)))


def leading(text: str) -> tuple[str, ...]:
    """What the answer in a text may be: all of it, or its first part (`P2, three wards are on paper`) where
    the rest does not take that back."""
    first, *rest = clauses(text) or ("",)
    taken_back = any(_TAKES_BACK.match(each) for each in rest)
    return tuple(dict.fromkeys((text, trimmed(text), *(() if taken_back else (trimmed(first),)))))


def chosen(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a text names by its value or its place; None where it names none."""
    said = folded(text)
    for choice in choices:
        if said == choice.lower():
            return choice
    named = words.incident_id(folded(text))
    if named is not None:
        return named if named in choices else None
    if said.isdigit() and 0 < int(said) <= len(choices):
        return choices[int(said) - 1]
    meant = reference(text, ())
    if meant.kind == "ordinal" and -1 <= meant.place < len(choices) and not _asks_more(text):
        return choices[meant.place]
    return None


def _asks_more(text: str) -> bool:
    """Whether there are words beside a place that ask for something: `let's see the timeline first`."""
    return bool(content(text)) or len(_MORE.sub(" ", folded(text)).split()) > _MAX_PLACE_WORDS


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
    for said in (_EDGES.sub("", each) for each in leading(rest)):
        read = {
            "incident_id": words.incident_id(said),
            "severity": severity(said),
            "service": catalogue.service(said),
        }
        if found := {slot: value for slot, value in read.items() if value}:
            return found
    return {}


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
