"""Measuring: answers in their order, figures by name, bounds that are kept or missed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nlu_model.client import Away
from nlu_model.evaluation import Example, read_example
from nlu_model.measuring import (
    AT_ONCE,
    bounds,
    by_intent,
    card_at,
    card_of,
    confused,
    evaluate_model,
    measured,
    missed,
    word_f1,
)
from nlu_model.parse import Entity, Parse
from tests.fakes.nlu import NluFake

EXAMPLES = [
    read_example("ack [INC-7](incident_id)", "acknowledge_incident"),
    read_example("resolve [INC-7](incident_id), [restarted the primary](note)", "resolve_incident"),
    read_example("good morning", "greet"),
    read_example("deploy checkout", "out_of_scope"),
    read_example("what a day", "out_of_scope"),
]
SAID: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "ack INC-7": ("acknowledge_incident", [("INC-7", "incident_id")]),
    "resolve INC-7, restarted the primary": (
        "resolve_incident",
        [("INC-7", "incident_id"), ("restarted", "note")],
    ),
    "good morning": ("out_of_scope", []),
    "deploy checkout": ("greet", []),
    "what a day": ("out_of_scope", []),
}


async def model(text: str) -> Parse:
    intent, entities = SAID[text]
    await asyncio.sleep(0.001 * len(text))  # answers come out of order
    found = (Entity(name, word, text.index(word), text.index(word) + len(word)) for word, name in entities)
    return Parse(text, intent, 0.9, tuple(found), ())


async def test_answers_stand_beside_their_examples_and_errors_are_those_that_differ() -> None:
    told: list[tuple[int, int]] = []
    found = await measured(model, EXAMPLES, lambda done, of: told.append((done, of)))
    assert [answer.intent for answer in found.answers] == [SAID[each.text][0] for each in EXAMPLES]
    assert [example.text for example, _ in found.errors] == [EXAMPLES[n].text for n in (1, 2, 3)]
    assert told == [(n, 5) for n in range(1, 6)]


async def test_the_figures_are_those_of_the_answers(tmp_path: Path) -> None:
    scores = (await measured(model, EXAMPLES)).scores
    assert scores.intent_accuracy == pytest.approx(2 / 3)
    assert scores.overall_accuracy == pytest.approx(3 / 5)
    assert scores.out_of_scope_recall == pytest.approx(1 / 2)
    assert scores.false_rejections == pytest.approx(1 / 3)
    assert scores.entity_f1 == 1.0
    assert word_f1(scores, "note") == pytest.approx(2 * 1 / (1 + 3))
    assert word_f1(scores, "title") == 1.0
    greet = by_intent(scores)["greet"]
    assert (greet.precision, greet.recall, greet.true) == (0.0, 0.0, 1)
    assert list(by_intent(scores))[-1] == "out_of_scope"
    assert confused(scores) == [("greet", "out_of_scope", 1), ("out_of_scope", "greet", 1)]
    card = card_of(scores)
    assert card.intent_accuracy == pytest.approx(2 / 3)
    assert (card.oos_recall, card.entity_f1) == (0.5, 1.0)
    (tmp_path / "dev.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - good morning\n'
    )
    assert (await evaluate_model(model, tmp_path)).false_rejections == 1.0


async def test_so_many_are_asked_at_a_time_and_no_more() -> None:
    running, most = 0, 0

    async def ask(text: str) -> Parse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return Parse(text, "help", 1.0, (), ())

    await measured(ask, [Example(str(n), "help") for n in range(20)])
    assert most == AT_ONCE


async def test_a_model_that_is_away_ends_it() -> None:
    async def away(text: str) -> Parse:
        raise Away("it is being trained")

    with pytest.raises(Away, match="being trained"):
        await measured(away, EXAMPLES)


async def test_bounds_are_compared_unrounded_and_rejections_are_at_most() -> None:
    scores = (await measured(model, EXAMPLES)).scores
    assert missed(scores, bounds("oos=0.5, rejected=0.4,entity=1,intent=0.66")) == []
    assert missed(scores, bounds("oos=0.51,rejected=0.3")) == [
        "oos is 0.5000, wanted at least 0.51",
        "rejected is 0.3333, wanted at most 0.3",
    ]


@pytest.mark.parametrize(
    "text", ["", "intent", "intent=", "intent=x", "intent=97", "intent=-1", "f1=0.9", "oos=nan"]
)
def test_bounds_that_are_none_are_refused_with_the_names(text: str) -> None:
    with pytest.raises(ValueError, match="names are intent, overall, oos"):
        bounds(text)


def test_the_model_at_an_address_is_measured_before_it_takes_over(tmp_path: Path) -> None:
    lines = "    - good morning\n    - hello\n"
    (tmp_path / "dev.yml").write_text(f'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n{lines}')
    with NluFake() as fake:
        fake.teach("hello", "greet")
        card = card_at(fake.url, tmp_path)
    assert (card.intent_accuracy, card.oos_recall, card.entity_f1) == (0.5, 1.0, 1.0)
    with pytest.raises(Away):
        card_at("http://127.0.0.1:9", tmp_path)
