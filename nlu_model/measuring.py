"""Measuring a model: its answers to annotated examples, figure by figure, and whether that is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from nlu_model import models
from nlu_model.client import Interpreter
from nlu_model.evaluation import (
    OUT_OF_SCOPE,
    Answer,
    Example,
    Scores,
    Span,
    Tally,
    evaluate,
    read_examples,
)
from nlu_model.parse import Parse

DEV: Final = Path(__file__).parent / "data" / "dev"
PATIENCE_SECONDS: Final = 20.0
"""For one answer; a person waits longer for many than a chat does for one."""
AT_ONCE: Final = 4
"""Questions that are under way at a time; the service has two processors."""

Ask = Callable[[str], Awaitable[Parse]]
"""What the model makes of a text; it may raise Away."""
Tell = Callable[[int, int], None]
"""Told how many of how many are done."""


class Measured(msgspec.Struct, frozen=True):
    """Examples, what the model answered to each, and the figures of it all."""

    examples: tuple[Example, ...]
    answers: tuple[Answer, ...]
    scores: Scores

    @property
    def errors(self) -> tuple[tuple[Example, Answer], ...]:
        """The examples that were not understood as they are annotated, and the answers."""
        pairs = zip(self.examples, self.answers, strict=True)
        return tuple((example, answer) for example, answer in pairs if not agrees(example, answer))


class Figure(msgspec.Struct, frozen=True):
    """A figure that a model can be held to, 0 to 1."""

    of: Callable[[Scores], float]
    says: str
    at_most: bool = False
    """Whether less is better."""


FIGURES: Final[Mapping[str, Figure]] = {
    "intent": Figure(lambda scores: scores.intent_accuracy, "intent accuracy, in scope"),
    "overall": Figure(lambda scores: scores.overall_accuracy, "intent accuracy, out_of_scope included"),
    "oos": Figure(lambda scores: scores.out_of_scope_recall, "out-of-scope recall"),
    "rejected": Figure(lambda scores: scores.false_rejections, "in scope but rejected", at_most=True),
    "entity": Figure(lambda scores: scores.entity_f1, "entity F1, exact ends"),
    "value": Figure(lambda scores: scores.value_f1, "entity F1, by value"),
    "title": Figure(lambda scores: word_f1(scores, "title"), "title, F1 of words"),
    "note": Figure(lambda scores: word_f1(scores, "note"), "note, F1 of words"),
    "words": Figure(lambda scores: scores.word_f1, "title, note and description, F1 of words"),
}
"""By the name that `--min` takes."""


async def evaluate_model(parse: Ask, data: Path = DEV) -> Scores:
    """The figures of a model on annotated examples.

    ValueError names a file at fault; what `parse` raises (Away) ends it.
    """
    return (await measured(parse, read_examples(data))).scores


async def measured(parse: Ask, examples: Sequence[Example], tell: Tell | None = None) -> Measured:
    """The model's answers to examples, AT_ONCE at a time, in their order. What `parse` raises ends it."""
    free, done = asyncio.Semaphore(AT_ONCE), 0

    async def ask(example: Example) -> Answer:
        nonlocal done
        async with free:
            answer = answer_of(await parse(example.text))
        done += 1
        if tell:
            tell(done, len(examples))
        return answer

    tasks = [asyncio.create_task(ask(example)) for example in examples]
    try:
        answers = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return Measured(tuple(examples), tuple(answers), evaluate(examples, answers))


def card_at(address: str, data: Path = DEV) -> models.Scores:
    """What the shelf is to remember of the model that answers at an address; Away where none does.

    For a new model before it takes over: `im nlu train` serves it for as long as this takes.
    """

    async def asked() -> Scores:
        async with Interpreter(lambda: address, timeout=PATIENCE_SECONDS) as interpreter:
            return await evaluate_model(interpreter.parse, data)

    return card_of(asyncio.run(asked()))


def answer_of(parse: Parse) -> Answer:
    """A parse as it is measured."""
    spans = (Span(each.entity, each.text, each.start, each.end) for each in parse.entities)
    return Answer(parse.intent, tuple(spans))


def card_of(scores: Scores) -> models.Scores:
    """What the shelf of models remembers of the figures, and compares when a new model is to take over."""
    return models.Scores(
        intent_accuracy=scores.intent_accuracy,
        oos_recall=scores.out_of_scope_recall,
        entity_f1=scores.entity_f1,
    )


def agrees(example: Example, answer: Answer) -> bool:
    """Whether an answer is what the example is annotated with: the intent, and every span."""
    return example.intent == answer.intent and frozenset(example.spans) == frozenset(answer.spans)


def by_intent(scores: Scores) -> dict[str, Tally]:
    """Hits, claims and truths of each intent, by its name; `out_of_scope` last."""
    names = {name for pair in scores.confusion for name in pair}
    return {
        name: Tally(
            hits=scores.confusion.get((name, name), 0),
            claimed=sum(count for (_, answered), count in scores.confusion.items() if answered == name),
            true=sum(count for (meant, _), count in scores.confusion.items() if meant == name),
        )
        for name in sorted(names, key=lambda name: (name == OUT_OF_SCOPE, name))
    }


def confused(scores: Scores, most: int = 15) -> list[tuple[str, str, int]]:
    """(meant, understood, how often) of what was mistaken, the most frequent first."""
    wrong = [
        (meant, answered, count) for (meant, answered), count in scores.confusion.items() if meant != answered
    ]
    return sorted(wrong, key=lambda row: (-row[2], row[0], row[1]))[:most]


def word_f1(scores: Scores, entity: str) -> float:
    """F1 over the words of an entity that is free text; 1 where none was marked or found."""
    return scores.words.get(entity, Tally()).f1


def bounds(text: str) -> dict[str, float]:
    """`intent=0.97,oos=0.93` as figures and their bounds. ValueError with the mend for anything else."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        try:
            bound = float(value)
        except ValueError:
            bound = -1.0
        if name not in FIGURES or not equals or not 0 <= bound <= 1:
            raise ValueError(f"`{part.strip()}` is not NAME=0.97; names are {', '.join(FIGURES)}")
        found[name] = bound
    return found


def missed(scores: Scores, bounds: Mapping[str, float]) -> list[str]:
    """The bounds that the figures do not keep, in words; compared unrounded."""
    found = []
    for name, bound in bounds.items():
        figure = FIGURES[name]
        value = figure.of(scores)
        if value > bound if figure.at_most else value < bound:
            wanted = "at most" if figure.at_most else "at least"
            found.append(f"{name} is {value:.4f}, wanted {wanted} {bound}")
    return found
