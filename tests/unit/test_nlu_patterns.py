"""The parts of the language model that need no learning: shapes, units, tags, clean ends, variations."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from nlu_model.components.augment import replaced, varier
from nlu_model.components.cleaning import cleaned
from nlu_model.components.patterns import find_marks
from nlu_model.components.sentences import Sentence
from nlu_model.components.units import Span, features_of, may_follow, spans_of, tags_of, units_of
from nlu_model.evaluation import Answer, evaluate, read_example, read_examples, report


def marks_in(text: str) -> list[tuple[str, str]]:
    return [(text[mark.start : mark.end], mark.kind) for mark in find_marks(text)]


@pytest.mark.parametrize(
    "said",
    [
        "INC-2024-001",
        "inc-77",
        "INC 12345",
        "#INC-9",
        "inc77",
        "inc - 77",
        "INC#12",
        "inc_4",
        "Inc–81",
        "#inc204",
    ],
)
@pytest.mark.parametrize("around", ["{}", "ack {}, on it", "({})", "is {}?", "{}: fixed", "resolve {}."])
def test_an_incident_id_is_recognised_in_every_shape_and_place(said: str, around: str) -> None:
    assert marks_in(around.format(said)) == [(said, "incident_id")]


@pytest.mark.parametrize(
    "said", ["SEV-1", "sev1", "sev 2", "sev one", "SEV_3", "P1", "p4", "sev1s", "Sev-Two"]
)
@pytest.mark.parametrize("around", ["{}", "raise it to {}!", "{}: login is down", "{}, please", "from ({})"])
def test_a_severity_with_a_number_is_recognised(said: str, around: str) -> None:
    assert marks_in(around.format(said)) == [(said, "severity")]


@pytest.mark.parametrize(
    "text", ["severity {}", "severity level {}, please", "set severity to {}.", "Priority: {}"]
)
@pytest.mark.parametrize("level", ["1", "two", "4"])
def test_a_level_is_a_severity_after_the_word_for_it(text: str, level: str) -> None:
    assert marks_in(text.format(level)) == [(level, "severity")]


@pytest.mark.parametrize(
    "said", ["@dana", "<@U024BE7LH>", "<@!48219930112>", "<at>Dana Smith</at>", "@j.meyer", "@k"]
)
def test_a_mention_of_a_person_is_recognised_in_each_platforms_form(said: str) -> None:
    assert marks_in(f"assign it to {said}, please") == [(said, "user")]


@pytest.mark.parametrize(
    "text",
    [
        "the incident is over", "version 1.2.3", "p99 is 9s", "p50", "include 3 more", "since 10:05",
        "mail dana@example.com", "@here anyone?", "@channel", "@payments-team look", "increase 5",
        "several", "sev1.5", "p2p traffic", "apple inc.", "severe", "zinc 40", "15% off", "",
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_no_mark(text: str) -> None:
    assert marks_in(text) == []


def test_marks_do_not_overlap_and_a_link_hides_what_is_in_it() -> None:
    assert marks_in("see https://wiki.example.com/INC-7?p1 about INC-8 sev2 @kim") == [
        ("https://wiki.example.com/INC-7?p1", "link"),
        ("INC-8", "incident_id"),
        ("sev2", "severity"),
        ("@kim", "user"),
    ]


def test_a_mark_is_one_unit_and_is_read_as_words_the_encoder_knows() -> None:
    units = units_of("ack INC-2024-001, 2h")
    assert [(unit.reading, unit.kind, unit.shape, unit.glued) for unit in units] == [
        ("ack", "", "lower", False),
        ("inc 42", "incident_id", "upper", False),
        (",", "", "sign", True),
        ("2h", "", "mixed", False),
    ]
    assert len({len(features_of(unit)) for unit in units}) == 1


@pytest.mark.parametrize(
    "text", ["", "   ", "🙋", "\u200b", "a_b", "naïve café – 日本語", "x" * 1000, "\n\t-\n"]
)
def test_units_of_any_text_lie_in_order_inside_it(text: str) -> None:
    units = units_of(text)
    assert all(0 <= unit.start < unit.end <= len(text) for unit in units)
    assert all(before.end <= after.start for before, after in pairwise(units))


def test_a_picture_is_read_by_its_name_and_its_shade_is_left_out() -> None:
    assert [unit.reading for unit in units_of("👍🏽 ok ✅")] == [
        "thumbs up sign",
        "ok",
        "white heavy check mark",
    ]


def test_tags_and_spans_are_two_views_of_the_same() -> None:
    example = read_example(
        "declare [sev1](severity): [login page, [old] one](title) x".replace("[old]", "old"),
        "declare_incident",
    )
    spans = [Span(span.start, span.end, span.entity) for span in example.spans]
    units = units_of(example.text)
    tags = tags_of(units, spans)
    assert tags == ["O", "B-severity", "O", "B-title", "I-title", "I-title", "I-title", "I-title", "O"]
    assert spans_of(units, tags) == spans


def test_neighbouring_entities_stay_two() -> None:
    units = units_of("checkout payments")
    assert [span.end for span in spans_of(units, ["B-service", "B-service"])] == [8, 17]
    assert [span.end for span in spans_of(units, ["B-service", "I-service"])] == [17]


@pytest.mark.parametrize(
    ("before", "tag", "may"),
    [
        ("O", "I-note", False),
        ("B-note", "I-note", True),
        ("I-note", "I-title", False),
        ("I-note", "B-note", True),
    ],
)
def test_an_inner_tag_follows_only_its_own_kind(before: str, tag: str, may: bool) -> None:
    assert may_follow(before, tag) is may


@pytest.mark.parametrize(
    ("text", "entity", "found", "kept"),
    [
        ("resolve it: rolled back.", "note", ": rolled back.", "rolled back"),
        ("ack, because db is slow", "note", "because db is slow", "db is slow"),
        ("the payments service?", "service", "the payments service?", "payments service"),
        ("mute it for 2 hours", "duration", "for 2 hours", "2 hours"),
        ('open "login fails (eu)"', "title", '"login fails (eu)"', "login fails (eu)"),
        ("give it to <@U02>", "user", "<@U02>", "<@U02>"),
        ("status of #INC-9", "incident_id", "#INC-9", "#INC-9"),
        ("sla this quarter please", "period", "this quarter please", "this quarter"),
        ("mute it until 1pm, I am out", "duration", "until 1pm, I am out", "until 1pm"),
        ("mute it until Monday, 9:00", "duration", "until Monday, 9:00", "until Monday, 9:00"),
        ("note on it: ...", "note", ": ...", None),
    ],
)
def test_entities_end_in_words(text: str, entity: str, found: str, kept: str | None) -> None:
    start = text.index(found)
    spans = cleaned(text, [(Span(start, start + len(found), entity), 0.9)])
    assert [text[span.start : span.end] for span, _ in spans] == ([kept] if kept else [])


def test_halves_of_a_note_are_joined_but_two_services_are_not() -> None:
    text = "note: disk full, cleaned up"
    halves = [(Span(6, 15, "note"), 0.9), (Span(17, 27, "note"), 0.7)]
    assert cleaned(text, halves) == [(Span(6, 27, "note"), 0.7)]
    services = [(Span(0, 4, "service"), 0.9), (Span(6, 10, "service"), 0.9)]
    assert cleaned("cart, auth", services) == services


def test_a_replaced_value_moves_what_follows_and_stretches_what_holds_it() -> None:
    sentence = Sentence("mute api for 2h", "silence", (Span(5, 8, "service"), Span(13, 15, "duration")))
    other = replaced(sentence, 5, 8, "mobile app")
    assert [other.text[span.start : span.end] for span in other.spans] == ["mobile app", "2h"]


def test_variations_keep_every_mark_and_are_fixed_by_their_seed() -> None:
    line = "assign [INC-7](incident_id) to [dana](user), [search](service) is down since [monday](period)!"
    example = read_example(line, "assign_incident")
    spans = tuple(Span(span.start, span.end, span.entity) for span in example.spans)
    sentence = Sentence(example.text, example.intent, spans)
    vary = varier([sentence])
    first, again = ([vary(sentence, random.Random(seed)) for seed in range(200)] for _ in range(2))
    assert first == again
    assert len({varied.text for varied in first}) > 50
    for varied in first:
        assert [span.entity for span in varied.spans] == [span.entity for span in spans]
        assert varied.text[varied.spans[0].start : varied.spans[0].end].lower() == "inc-7"
        assert all(varied.text[span.start : span.end].strip() for span in varied.spans)


def test_the_training_data_is_read_and_every_mark_ends_in_words() -> None:
    folder = Path(__file__).parents[2] / "nlu_model" / "data" / "train"
    examples = read_examples(folder)
    assert len(examples) > 3000
    assert not [e.text for e in examples for span in e.spans if span.text != span.text.strip(" ,.;:")]


def test_scores_count_what_was_understood() -> None:
    examples = [
        read_example("ack [INC-7](incident_id), [on it now](note)", "acknowledge_incident"),
        read_example("list [sev1](severity)", "list_incidents"),
        read_example("what a day", "out_of_scope"),
        read_example("order a pizza", "out_of_scope"),
    ]
    note = examples[0].spans[1]
    shorter = type(note)("note", "on it", note.start, note.start + 5)
    scores = evaluate(
        examples,
        [
            Answer("acknowledge_incident", (examples[0].spans[0], shorter)),
            Answer("out_of_scope"),
            Answer("out_of_scope"),
            Answer("list_incidents"),
        ],
    )
    assert (scores.intent_accuracy, scores.overall_accuracy) == (0.5, 0.5)
    assert (scores.out_of_scope_recall, scores.false_rejections) == (0.5, 0.5)
    assert scores.entity_f1 == pytest.approx(2 / 3)
    assert scores.word_f1 == pytest.approx(0.8)
    assert scores.exact["note"].hits == 0
    assert "list_incidents → out_of_scope" in report(scores)


def test_as_many_answers_as_examples_are_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        evaluate([read_example("hi", "greet")], [])
