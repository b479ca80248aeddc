"""Training examples of what people said: one line with marks, `ack [INC-7](incident_id)`, as Rasa has it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from nlu_model.parse import Entity, Parse
from router.chat.words import plain
from router.problems import Invalid

ENTITIES: Final = (
    "incident_id",
    "severity",
    "service",
    "user",
    "status",
    "period",
    "duration",
    "title",
    "note",
    "description",
)
_MARK: Final = re.compile(r"\[([^\[\]]+)\]\(([^()]*)\)")
_BRACKETS: Final = str.maketrans("[]", "()")
_SHOWN: Final = 200


class Marking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entity in a text; `start` and `end` count code points, half-open."""

    entity: str
    start: int
    end: int


def marked(text: str, markings: Sequence[Marking]) -> str:
    """The text as an example. Raises Invalid for marks that overlap, mark nothing, or are of no entity.

    Square brackets of the text itself become round ones, as they would be read as marks.
    """
    shown, at, clean = "", 0, _clean(text)
    for each in sorted(markings, key=lambda marking: marking.start):
        if each.entity not in ENTITIES:
            known = ", ".join(ENTITIES)
            raise Invalid.at("entities", f"there is no entity `{each.entity[:60]}`; known are {known}")
        if not at <= each.start < each.end <= len(text):
            place = f"{each.start} to {each.end}"
            raise Invalid.at("entities", f"{place} is not in the text, or overlaps another one")
        words = clean[each.start : each.end]
        if not words.strip():
            raise Invalid.at("entities", f"there are no words from {each.start} to {each.end}")
        before, after = _blanks(words)
        shown += f"{clean[at : each.start]}{before}[{words.strip()}]({each.entity}){after}"
        at = each.end
    return _line(shown + clean[at:])


def as_marked(example: str, text: str) -> str:
    """The text as a person has marked it. Raises Invalid where the words are others than the text's."""
    words, markings = unmarked(example)
    if _compared(words) != _compared(text):
        raise Invalid.at("example", f"has other words than were said; mark these: {_compared(text)[:_SHOWN]}")
    return marked(words, markings)


def unmarked(example: str) -> tuple[str, list[Marking]]:
    """The words of an example, and its marks by their places in them."""
    words, at = "", 0
    found: list[Marking] = []
    for mark in _MARK.finditer(example):
        words += example[at : mark.start()]
        found.append(Marking(mark[2], len(words), len(words) + len(mark[1])))
        words += mark[1]
        at = mark.end()
    return words + example[at:], found


def found_in(text: str, parse: Mapping[str, Any] | None) -> list[Marking]:
    """What the model marked, where it stands in the text as it was kept: redacting moves places."""
    found: list[Marking] = []
    at = 0
    entities = msgspec.convert(parse, type=Parse).entities if parse else ()
    for each in sorted(entities, key=lambda entity: entity.start):
        start = _place(text, each, at)
        if start >= 0 and each.entity in ENTITIES:
            at = start + len(each.text)
            found.append(Marking(each.entity, start, at))
    return found


def as_yaml(examples: Sequence[tuple[str, str]]) -> str:
    """(intent, example) in Rasa's training format."""
    by_intent: defaultdict[str, list[str]] = defaultdict(list)
    for intent, example in examples:
        by_intent[intent].append(f"    - {example}\n")
    sections = [f"- intent: {intent}\n  examples: |\n{''.join(lines)}" for intent, lines in by_intent.items()]
    return 'version: "3.1"\nnlu:' + ("\n" + "\n".join(sections) if sections else " []\n")


def _place(text: str, entity: Entity, at: int) -> int:
    """Where an entity's words stand, at `at` or after it; -1 where they do not."""
    if not entity.text.strip():
        return -1
    if entity.start >= at and text.startswith(entity.text, entity.start):
        return entity.start
    return text.find(entity.text, at)


def _blanks(words: str) -> tuple[str, str]:
    """The blanks around words: marks hold none at their ends."""
    bare = words.lstrip()
    return words[: len(words) - len(bare)], bare[len(bare.rstrip()) :]


def _clean(text: str) -> str:
    """The text, as long as before, without what an example cannot hold."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown.translate(_BRACKETS)


def _compared(text: str) -> str:
    """A text as what was said and what was typed again are compared: quotes and blanks aside."""
    return plain(_line(_clean(text))).replace("’", "'")


def _line(text: str) -> str:
    return " ".join(text.split())
