"""Incidents that are meant without their id: `it`, `the second one`, `the one about logins`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from nlu_model.parse import Entity
from router.catalogue.catalogue import Catalogue
from router.dialogue.phrases import STOP

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9'’&+./-]*[a-z0-9]|[a-z0-9]", re.IGNORECASE)
_HEAD: Final = (
    r"(?:one|ones|incident|incidents|issue|issues|outage|problem|ticket|alert|thing|case|inc|event|mess|fire)"
)
_BEFORE: Final = re.compile(rf"(?P<words>(?:[\w'’&+./-]+\s+){{1,6}}){_HEAD}\b", re.IGNORECASE)
_AFTER: Final = re.compile(
    rf"\b{_HEAD}\s+(?:(?:we|that|which|is|was|are|were|has|have|had)\s+)*"
    r"(?:about|with|on|for|in|regarding|concerning|around|of|where|called|named|affecting|from|related\s+to|"
    r"when|hitting|saying|titled|over|at)\s+(?P<words>[^,.;:!?\n]+)",
    re.IGNORECASE,
)
_PLACE: Final = r"(?:first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th|former|latter|top|bottom)"
_ORDINAL: Final = re.compile(
    rf"\b(?:the\s+)?(?P<of>{_PLACE})\s+(?:one|incident|of\s+(?:them|those|these|the\s+(?:two|three)))\b"
    rf"|\bthe\s+(?P<the>{_PLACE})(?=\s*[.!?]?\s*$|\s+(?:to|as|please|pls|is)\b)"
    rf"|^\W*(?P<alone>{_PLACE})\W*$"
    r"|\b(?:number|option|no\.?|nr\.?)\s*(?P<number>\d)\b",
    re.IGNORECASE,
)
_NEWEST: Final = re.compile(
    rf"\b(?:newest|latest|most\s+recent|last(?!\s+ones?\b))\s+(?:{_HEAD}|open)\b|\bthe\s+(?:newest|latest)\b",
    re.IGNORECASE,
)
_COMPARED: Final = re.compile(
    rf"\bthe\s+(?:(?P<new>newer|later|more\s+recent)|(?P<old>older|oldest|earlier|earliest))"
    rf"(?:\s+(?:{_HEAD}|of\s+(?:them|those|these|the\s+(?:two|three)))\b|\s*[.!?,]?\s*$)",
    re.IGNORECASE,
)
_PRONOUN: Final = re.compile(
    r"\b(?:it|its|this|that|these|those|same|him)\b|\b(?:the|this|that|our|my|current)\s+(?:same\s+)?"
    r"(?:incident|one|issue|outage|problem|ticket|thing|inc)\b",
    re.IGNORECASE,
)
_PLACES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("first", "1st", "former", "top"), 0),
    **dict.fromkeys(("second", "2nd"), 1),
    **dict.fromkeys(("third", "3rd"), 2),
    **dict.fromkeys(("fourth", "4th"), 3),
    **dict.fromkeys(("fifth", "5th"), 4),
    **dict.fromkeys(("last", "latter", "bottom"), -1),
}
_SUFFIXES: Final = ("ings", "ing", "edly", "ed", "es", "s", "ly")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """How an incident was referred to."""

    kind: Literal["none", "pronoun", "ordinal", "newest", "newer", "oldest", "described"]
    place: int = 0
    """Of an ordinal: 0 is the first, -1 the last."""
    words: tuple[str, ...] = ()
    """Of a description."""
    weak: bool = False
    """The words may be no description at all: they count only where they fit an incident."""
    service: str | None = None
    severity: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that can be meant."""

    display_id: str
    title: str
    severity: str
    status: str
    service: str | None = None
    description: str | None = None
    assignee: str | None = None


def reference(
    text: str, entities: Sequence[Entity], *, service: str | None = None, severity: str | None = None
) -> Reference:
    """The reference in a sentence. `service` and `severity` are what was said of the incident, not what it
    is to become."""
    left = without(text, (each for each in entities if each.entity != "service"))
    if found := _COMPARED.search(left):
        return Reference(kind="newer" if found["new"] else "oldest", service=service, severity=severity)
    if found := _NEWEST.search(left):
        return Reference(kind="newest", service=service, severity=severity)
    if found := _ORDINAL.search(left):
        named = found["of"] or found["the"] or found["alone"]
        place = int(found["number"]) - 1 if found["number"] else _PLACES[named.lower()]
        return Reference(kind="ordinal", place=place)
    words = _described(left)
    if service:  # counts as one word, however many it has
        of_service = {word for each in entities if each.entity == "service" for word in content(each.text)}
        words = tuple(word for word in words if word not in of_service)
    if words or service or severity:
        return Reference(kind="described", words=words, service=service, severity=severity)
    kind: Literal["pronoun", "none"] = "pronoun" if _PRONOUN.search(left) else "none"
    weak = content(left)
    return Reference(kind=kind, words=weak, weak=True)


def without(text: str, entities: Iterable[Entity]) -> str:
    """The text without some of the values in it, so that no note is taken for a description."""
    for entity in entities:
        text = text[: entity.start] + "," * (entity.end - entity.start) + text[entity.end :]
    return text


def _described(text: str) -> tuple[str, ...]:
    found = [content(each["words"]) for each in _AFTER.finditer(text)]
    found += [content(_near(each["words"])) for each in _BEFORE.finditer(text)]
    return tuple(dict.fromkeys(word for words in found for word in words))


def _near(words: str) -> str:
    """What belongs to the noun: what comes after the last article or pronoun before it."""
    parts = re.split(r"\b(?:the|this|that|our|my|your|those|these|a|an)\b", words, flags=re.IGNORECASE)
    return parts[-1]


def content(text: str) -> tuple[str, ...]:
    """The words of a text that say what something is about, in lower case."""
    words = (each.group().lower().replace("’", "'") for each in _WORD.finditer(text))
    return tuple(word for word in words if word not in STOP and (len(word) > 2 or not word.isdigit()))


def matching(
    wanted: Reference, candidates: Sequence[Candidate], catalogue: Catalogue
) -> tuple[Candidate, ...]:
    """The candidates that a description fits best, in their order; several where it fits them equally."""
    fitting = [each for each in candidates if wanted.severity in (None, each.severity)]
    if not wanted.words and not wanted.service:
        return tuple(fitting) if wanted.severity else ()
    scores = [(_score(wanted, each, catalogue), each) for each in fitting]
    best = max((score for score, _ in scores), default=0.0)
    enough = 0.0 if wanted.weak else 0.49
    return tuple(each for score, each in scores if score == best and score > enough)


def _score(wanted: Reference, incident: Candidate, catalogue: Catalogue) -> float:
    """The share of the words that are about the incident; its title counts more than what is around it."""
    words = [*wanted.words]
    if wanted.service and not any(catalogue.service(word) == wanted.service for word in words):
        words.append(wanted.service)
    return sum(_hit(word, incident, catalogue) for word in words) / len(words)


def _hit(word: str, incident: Candidate, catalogue: Catalogue) -> float:
    """How far an incident is about a word, or about a service of several words."""
    title, around = content(incident.title), _around(incident, catalogue)
    if _service_fits(word, incident, catalogue):
        return 1.0
    parts = content(word) or (word,)
    if all(_in(part, title) for part in parts):
        return 1.0
    return 0.9 * all(_in(part, (*title, *around)) for part in parts)


def _service_fits(word: str, incident: Candidate, catalogue: Catalogue) -> bool:
    service = catalogue.service(word) or word
    return incident.service is not None and incident.service.lower() == service.lower()


def _around(incident: Candidate, catalogue: Catalogue) -> tuple[str, ...]:
    service = catalogue.services.get(incident.service or "")
    names = " ".join((service.name, *service.aliases)) if service else incident.service or ""
    return (*content(incident.description or ""), *content(names))


def _in(word: str, words: Sequence[str]) -> bool:
    return any(_alike(word, each) for each in words)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    a, b = _stem(one), _stem(other)
    return a == b or (min(len(a), len(b)) >= 4 and (a.startswith(b) or b.startswith(a)))


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def candidate(row: Mapping[str, Any]) -> Candidate:
    """A row of `dialogue.candidates`."""
    return Candidate(**{name: row[name] for name in Candidate.__struct_fields__})
