"""A text as the units the encoder reads and the tagger tags, and entity spans as tags of those units."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from nlu_model.components.patterns import Mark, find_marks

OUTSIDE = "O"
FREE_TEXT = frozenset({"title", "note", "description"})  # as said; takes what is inside
# `data-pipeline`, `feature_flags`, `j.meyer`, `10:05` are one unit; `checkout/api` and `sev1:login` three.
WORD = re.compile(r"[^\W_]+(?:(?:[-_.\u2010\u2011]|(?<=\d):(?=\d))[^\W_]+)*|[^\w\s]|_")

# What the encoder reads instead of a mark: shapes it has no words for become words that it knows.
SAID_AS = {"incident_id": "inc 42", "severity": "severity 1", "link": "link"}
KINDS = ("", "incident_id", "severity", "user", "link")
SHAPES = ("lower", "title", "upper", "number", "mixed", "sign")
FEATURES = len(KINDS) + len(SHAPES) + 1


class Unit(NamedTuple):
    """One tagged piece of a text: where it stands, what the encoder reads there, what its shape says."""

    start: int
    end: int
    reading: str
    kind: str
    shape: str
    glued: bool  # no blank before it


class Span(NamedTuple):
    """An entity in a text, by offsets in code points; `end` is exclusive."""

    start: int
    end: int
    entity: str


def units_of(text: str) -> list[Unit]:
    """The text's units in order: each mark is one, and each word or sign outside of marks."""
    units: list[Unit] = []
    at = 0
    for mark in [*find_marks(text), Mark(len(text), len(text), "")]:
        words = WORD.finditer(text[at : mark.start])
        units += [_word(text, at + m.start(), at + m.end()) for m in words if not _mere_shade(m.group())]
        if mark.end > mark.start:
            units.append(_marked(text, mark))
        at = mark.end
    return units


def features_of(unit: Unit) -> list[float]:
    """What the tagger is told beside the encoder's view, which knows no case: FEATURES zeros and ones."""
    return [
        *(float(unit.kind == kind) for kind in KINDS),
        *(float(unit.shape == shape) for shape in SHAPES),
        float(unit.glued),
    ]


def tags_of(units: Sequence[Unit], spans: Sequence[Span]) -> list[str]:
    """A tag for each unit: `B-title` at a span's first unit, `I-title` after it, `O` elsewhere."""
    tags = [OUTSIDE] * len(units)
    for span in sorted(spans):
        inside = [n for n, unit in enumerate(units) if unit.start < span.end and unit.end > span.start]
        for n in inside:
            tags[n] = ("B-" if n == inside[0] else "I-") + span.entity
    return tags


def spans_of(units: Sequence[Unit], tags: Sequence[str]) -> list[Span]:
    """The spans that tags describe; an `I-` that continues nothing begins a span."""
    spans: list[Span] = []
    before = OUTSIDE
    for unit, tag in zip(units, tags, strict=True):
        if tag != OUTSIDE:
            entity = tag[2:]
            if tag.startswith("I-") and before[2:] == entity:
                spans[-1] = spans[-1]._replace(end=unit.end)
            else:
                spans.append(Span(unit.start, unit.end, entity))
        before = tag
    return spans


def may_follow(before: str, tag: str) -> bool:
    """Whether `tag` can stand after `before`: only `B-x` and `I-x` are followed by `I-x`."""
    return not tag.startswith("I-") or before[2:] == tag[2:]


def _word(text: str, start: int, end: int) -> Unit:
    word = text[start:end]
    return Unit(start, end, _in_words(word), "", _shape(word), _glued(text, start))


def _in_words(word: str) -> str:
    """A picture by its name, as the encoder has no sign for most: 👍 is "thumbs up sign"."""
    picture = len(word) == 1 and unicodedata.category(word) == "So"
    return unicodedata.name(word, word).lower() if picture else word


def _mere_shade(word: str) -> bool:
    """Whether it is no sign of its own but changes the one before: a skin tone, a joiner, a variation."""
    return len(word) == 1 and unicodedata.category(word) in {"Sk", "Mn", "Me", "Cf"} and ord(word) > 127


def _marked(text: str, mark: Mark) -> Unit:
    said = text[mark.start : mark.end]
    reading = SAID_AS.get(mark.kind) or ("@ " + said.lstrip("@") if said.startswith("@") else "@ dana")
    return Unit(mark.start, mark.end, reading, mark.kind, _shape(said), _glued(text, mark.start))


def _glued(text: str, start: int) -> bool:
    return start > 0 and not text[start - 1].isspace()


def _shape(word: str) -> str:
    if word.isdigit():
        return "number"
    if not word[0].isalnum():
        return "sign"
    if word.islower():
        return "lower" if word.isalpha() else "mixed"
    if word.istitle() and word.isalpha():
        return "title"
    return "upper" if word.isupper() else "mixed"
