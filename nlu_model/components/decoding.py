"""The best sequence of tags, given what the tagger, the words' shapes and the intent have to say."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from nlu_model.components.forward import softmax
from nlu_model.components.units import FREE_TEXT, OUTSIDE, Span, Unit, may_follow, spans_of

BARRED = -1e9


def best_spans(
    units: Sequence[Unit],
    logits: np.ndarray,
    steps: np.ndarray,
    tags: Sequence[str],
    entities: Collection[str],
) -> list[tuple[Span, float]]:
    """A sentence's entities with their confidence (0..1), of the kinds in `entities` only.

    `logits` are (units, tags), `steps` (tags, tags) says how well the second follows the first. A mark is an
    entity of its own kind or part of free text, never anything else.
    """
    if not units:
        return []
    before = ["", *(unit.kind for unit in units[:-1])]
    allowed = np.array(
        [
            [_possible(unit, kind, tag, entities) for tag in tags]
            for unit, kind in zip(units, before, strict=True)
        ]
    )
    scores = np.where(allowed, logits - logits.max(axis=1, keepdims=True), BARRED)
    path = _best_path(scores, steps + _barred(tags), _starts(tags))
    likely = softmax(logits)
    named = [tags[n] for n in path]
    return [(span, _sure_of(span, units, path, likely)) for span in spans_of(units, named)]


def entities_of(pairs: Mapping[str, Mapping[str, int]], examples: Mapping[str, int]) -> dict[str, list[str]]:
    """By intent, the entities that at least one in 200 of its training examples has."""
    return {
        intent: sorted(entity for entity, seen in pairs.get(intent, {}).items() if seen >= max(1, of / 200))
        for intent, of in examples.items()
    }


def _possible(unit: Unit, before: str, tag: str, entities: Collection[str]) -> bool:
    """Whether a unit can have a tag; `before` is the kind of the one before it, "" if that is no mark."""
    entity = tag[2:]
    if tag == OUTSIDE:
        return unit.kind not in entities
    if entity not in entities or (entity == "severity" and not _may_be_severity(unit)):
        return False
    if tag == "I-" + before or (entity == "incident_id" and unit.kind != entity):
        return False  # a mark is whole as it is, and nothing but a mark is an incident's id
    if unit.kind in ("", "link"):
        return True
    return entity in FREE_TEXT or tag == "B-" + unit.kind


def _may_be_severity(unit: Unit) -> bool:
    """Numbers above 9 are no severities, and the word "severity" is not one itself."""
    word = unit.reading.lower()
    return word not in {"severity", "sev", "prio", "priority"} and not (word.isdigit() and len(word) > 1)


def _best_path(scores: np.ndarray, steps: np.ndarray, starts: np.ndarray) -> list[int]:
    """Viterbi: the tag numbers whose scores and steps sum highest."""
    best = scores[0] + starts
    back = []
    for row in scores[1:]:
        through = best[:, None] + steps
        back.append(through.argmax(axis=0))
        best = through.max(axis=0) + row
    path = [int(best.argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return path[::-1]


def _barred(tags: Sequence[str]) -> np.ndarray:
    return np.array([[0.0 if may_follow(before, tag) else BARRED for tag in tags] for before in tags])


def _starts(tags: Sequence[str]) -> np.ndarray:
    return np.array([0.0 if may_follow(OUTSIDE, tag) else BARRED for tag in tags])


def _sure_of(span: Span, units: Sequence[Unit], path: Sequence[int], likely: np.ndarray) -> float:
    own = [likely[n, path[n]] for n, unit in enumerate(units) if span.start <= unit.start < span.end]
    return float(np.mean(own))
