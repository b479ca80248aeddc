"""Verdicts and the examples that they make: marks, words that must be those said, Rasa's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from api.cli.nlu_review import Draft, described, happened
from nlu_model.evaluation import read_example, read_file
from nlu_model.parse import Entity, Parse
from router.dialogue.marking import ENTITIES, Marking, as_marked, as_yaml, found_in, marked, unmarked
from router.dialogue.reviewing import IGNORED, KNOWN, Verdict, judged, proposed
from router.problems import Invalid
from router.settings import ROOT, Settings, SettingsError, environment, read

DOMAIN = yaml.safe_load((ROOT / "nlu_model" / "domain.yml").read_text())


def row(text: str, *entities: Entity, intent: str = "help") -> dict[str, Any]:
    parse = msgspec.to_builtins(Parse(text, intent, 0.5, entities, ()))
    return {"text": text, "parse": parse, "intent": intent, "example": None}


# Names.


def test_intents_and_entities_are_those_of_the_model() -> None:
    assert set(KNOWN) == set(DOMAIN["intents"])
    assert set(ENTITIES) == set(DOMAIN["entities"])
    assert IGNORED not in KNOWN


# Marks.


@pytest.mark.parametrize(
    ("text", "markings", "example"),
    [
        ("ack INC-7", [Marking("incident_id", 4, 9)], "ack [INC-7](incident_id)"),
        ("ack INC-7 now", [Marking("incident_id", 3, 10)], "ack [INC-7](incident_id) now"),
        ("a b", [Marking("note", 2, 3), Marking("title", 0, 1)], "[a](title) [b](note)"),
        ("  two\nlines\t here ", [Marking("note", 2, 11)], "[two lines](note) here"),
        ("see [db](x) now", [Marking("service", 5, 7)], "see ([db](service))(x) now"),
        ("🚒 is on fire", [Marking("title", 0, 12)], "[🚒 is on fire](title)"),
        ("bell\x07 \u202eINC-7", [Marking("incident_id", 7, 12)], "bell [INC-7](incident_id)"),
        ("nothing", [], "nothing"),
    ],
)
def test_marks_are_written_into_one_line(text: str, markings: list[Marking], example: str) -> None:
    assert marked(text, markings) == example


@pytest.mark.parametrize(
    ("markings", "said"),
    [
        ([Marking("food", 0, 1)], "there is no entity `food`"),
        ([Marking("note", 0, 99)], "0 to 99 is not in the text"),
        ([Marking("note", -1, 2)], "is not in the text"),
        ([Marking("note", 2, 2)], "is not in the text"),
        ([Marking("note", 0, 3), Marking("title", 2, 5)], "2 to 5 is not in the text, or overlaps"),
        ([Marking("note", 3, 4)], "there are no words from 3 to 4"),
    ],
)
def test_marks_that_cannot_be_are_refused(markings: list[Marking], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        marked("ack INC-7", markings)


@given(st.text(max_size=40), st.data())
def test_what_is_marked_reads_back_as_the_same_words_and_entities(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    inside = marked(text[start:end], [])
    markings = [Marking("note", start, end)] if inside else []
    example = marked(text, markings)
    words, found = unmarked(example)
    assert words == read_example(example, "help").text
    assert [(each.entity, words[each.start : each.end]) for each in found] == [
        ("note", inside) for _ in markings
    ]
    assert "".join(words.split()) == "".join(marked(text, []).split())
    assert example == " ".join(example.split())
    assert as_marked(example, text) == example


@pytest.mark.parametrize(
    "example",
    ["ack INC-8", "ack [INC-7](incident_id", "ack [INC-7]", "ack INC-7 [now](note)", "", "[ack INC-7]{x}"],
)
def test_an_example_of_other_words_is_refused_with_those_that_were_said(example: str) -> None:
    with pytest.raises(Invalid, match="has other words than were said; mark these: ack INC-7"):
        as_marked(example, "ack  INC-7")


def test_an_example_may_be_typed_with_the_keyboards_quotes() -> None:
    example = "note “[it's back](note)” on [it](incident_id)"
    assert as_marked(example, 'note  "it’s back" on it') == example


def test_what_the_model_marked_is_found_where_redacting_has_moved_it() -> None:
    said = Parse("tell dana@x.io about INC-7, again INC-7", "help", 0.9, (), ())
    entities = (Entity("incident_id", "INC-7", 21, 26), Entity("incident_id", "INC-7", 34, 39))
    parse = msgspec.to_builtins(msgspec.structs.replace(said, entities=entities))
    text = "tell <email> about INC-7, again INC-7"
    assert found_in(text, parse) == [Marking("incident_id", 19, 24), Marking("incident_id", 32, 37)]
    assert found_in("tell <email> about it", parse) == []
    assert found_in("INC-7", None) == []


# Verdicts.


@pytest.mark.parametrize(
    ("verdict", "made"),
    [
        (Verdict(ignored=True), (IGNORED, None)),
        (Verdict(intent="thank"), ("thank", "ack [INC-7](incident_id)")),
        (Verdict(intent="thank", entities=[]), ("thank", "ack INC-7")),
        (Verdict(intent="thank", entities=[Marking("note", 0, 3)]), ("thank", "[ack](note) INC-7")),
        (Verdict(intent="thank", example="[ack INC-7](title)"), ("thank", "[ack INC-7](title)")),
        (Verdict(intent="out_of_scope"), ("out_of_scope", "ack INC-7")),
    ],
)
def test_what_a_verdict_makes(verdict: Verdict, made: tuple[str, str | None]) -> None:
    assert judged(row("ack INC-7", Entity("incident_id", "INC-7", 4, 9)), verdict) == made


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict(), "intent: missing; known are declare_incident"),
        (Verdict(intent="dance"), "there is no intent `dance`"),
        (Verdict(ignored=True, entities=[Marking("note", 0, 1)]), "stands alone"),
        (Verdict(intent="help", example="x", entities=[]), "holds the marks already"),
        (Verdict(intent="out_of_scope", entities=[Marking("note", 0, 3)]), "out of scope has none"),
    ],
)
def test_a_verdict_that_contradicts_itself_is_refused(verdict: Verdict, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        judged(row("ack INC-7"), verdict)


@pytest.mark.parametrize("text", ["", " \n", "\x00\x1b"])
def test_nothing_is_learned_from_no_words(text: str) -> None:
    with pytest.raises(Invalid, match="no words to learn from"):
        judged(row(text), Verdict(intent="help"))


# Rasa's format.


@given(st.lists(st.tuples(st.sampled_from(KNOWN), st.text(min_size=1, max_size=30)), max_size=6))
def test_examples_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str]]
) -> None:
    examples = [(intent, line) for intent, text in said if (line := marked(text, []))]
    file = tmp_path_factory.mktemp("examples") / "reviewed.yml"
    file.write_text(as_yaml(examples), encoding="utf-8")
    assert sorted((each.intent, each.text) for each in read_file(file)) == sorted(examples)


def test_the_file_is_as_people_would_write_it() -> None:
    given = [("help", "help"), ("greet", "hi"), ("help", "what can you do with [INC-7](incident_id)?")]
    assert as_yaml(given) == (
        'version: "3.1"\n'
        "nlu:\n"
        "- intent: help\n"
        "  examples: |\n"
        "    - help\n"
        "    - what can you do with [INC-7](incident_id)?\n"
        "\n"
        "- intent: greet\n"
        "  examples: |\n"
        "    - hi\n"
    )


# What is shown.


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"does": [{"command": "ack", "incident_id": "INC-7", "note": None}]}, "ack: incident_id=INC-7"),
        ({"does": [{"command": "help"}]}, "help"),
        ({"offers": ["INC-1", "INC-2"], "asks_for": "incident_id"}, "asked which of INC-1, INC-2"),
        ({"asks_for": "title", "does": []}, "asked for the title"),
        ({"confirm": True}, "asked for a yes or no"),
        ({"cancelled": True}, "dropped what was asked"),
        ({"refused": True}, "refused"),
        ({}, "answered"),
    ],
)
def test_what_happened_is_said_in_words(outcome: dict[str, Any], words: str) -> None:
    assert happened(outcome) == words


def test_an_utterance_is_described_with_the_rivals_and_the_doubts() -> None:
    parse = {"alternatives": [{"intent": "close_incident", "confidence": 0.304}]}
    shown = dict(
        described(
            proposed(row("resolve it") | {"parse": None})
            | {"parse": parse, "confidence": 0.61, "speaker": "dana", "at": "2026-01-05T10:00:00Z"}
            | {"outcome": {}, "doubts": ["unsure", "rival"], "verdict": None}
        )
    )
    assert shown["Understood"] == "help (0.61); else close_incident (0.30)"
    assert shown["Doubtful"] == "the model was not sure, another intent was likely"
    assert shown["By"] == "dana, 2026-01-05 10:00:00 UTC"


def test_what_is_out_of_scope_is_given_without_marks() -> None:
    assert Draft("out_of_scope", "restart [db](service)").verdict == {
        "intent": "out_of_scope",
        "entities": [],
    }
    assert Draft("help", "help").verdict == {"intent": "help", "example": "help"}


# The setting.


@pytest.mark.parametrize(("text", "days"), [("", 90), ("0", 0), ("365", 365)])
def test_days_are_read_and_passed_on(text: str, days: int) -> None:
    found = read({"IM_UTTERANCE_DAYS": text})
    assert found.utterance_days == days
    assert read(environment(found)).utterance_days == days


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "99999", "٣"])
def test_days_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="IM_UTTERANCE_DAYS"):
        read({"IM_UTTERANCE_DAYS": text})


def test_a_fresh_installation_keeps_three_months() -> None:
    assert Settings(data_dir=Path("x")).utterance_days == 90
