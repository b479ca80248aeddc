"""What training and dev share: folding, exact and near ones, by voice and intent."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu_model.overlap import Pair, Said, folded, overlap, read_said


def said(text: str, intent: str = "help", voice: str = "one") -> Said:
    return Said(text, intent, voice, folded(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ack INC-7", "Ack #inc-2024-001!"),
        ("resolve inc 12, please", "Resolve INC-5 please"),
        ("assign it to @dana", "assign it to <@U024BE7LH>"),
        ("sev1 since 10:05", "SEV-2 since 9:30"),
        ("what’s up?", "whats up"),
    ],
)
def test_case_punctuation_ids_and_numbers_do_not_tell_sentences_apart(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"), [("since 7", "incident 7"), ("ack it", "it ack"), ("open", "close")]
)
def test_words_and_their_order_do(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_each_dev_example_is_counted_once_as_exact_or_near() -> None:
    train = [said("resolve INC-7 now"), said("who is on call for payments tonight", "who_is_on_call", "two")]
    dev = [
        said("Resolve INC-99 now!", voice="dev"),
        said("who is on call for payments", "who_is_on_call", "dev"),
        said("who is at home", "out_of_scope", "dev"),
    ]
    found = overlap(train, dev)
    assert (found.train, found.dev, found.exact, found.near) == (2, 3, 1, 1)
    exact, near = found.pairs
    assert exact == Pair(dev[0], train[0], 1.0, True)
    assert near.train == train[1]
    assert near.likeness == pytest.approx(6 / 7)
    assert found.by(lambda pair: pair.train.voice) == {"one": (1, 0), "two": (0, 1)}
    assert found.by(lambda pair: pair.dev.intent) == {"help": (1, 0), "who_is_on_call": (0, 1)}


def test_four_words_of_five_are_near_and_three_of_four_are_not() -> None:
    assert overlap([said("a b c d e")], [said("a b c d")]).near == 1
    assert overlap([said("a b c d")], [said("a b c")]).near == 0


def test_the_likest_is_named() -> None:
    train = [said("a b c d e f"), said("f e d c b a g"), said("g f e d c b a h i")]
    (pair,) = overlap(train, [said("b a c d e f g")]).pairs
    assert (pair.train, pair.likeness, pair.exact) == (train[1], 1.0, False)


def test_sentences_without_words_are_alike_and_no_others() -> None:
    assert overlap([said("ok")], [said("…")]).pairs == ()
    assert overlap([said("!")], [said("…")]).exact == 1


def test_voices_are_the_folders_below(tmp_path: Path) -> None:
    (tmp_path / "harbor" / "more").mkdir(parents=True)
    text = 'version: "3.1"\nnlu:\n- intent: help\n  examples: |\n    - help [INC-7](incident_id)\n'
    (tmp_path / "harbor" / "more" / "a.yml").write_text(text)
    (tmp_path / "loose.yml").write_text(text)
    assert [(each.text, each.voice) for each in read_said(tmp_path)] == [
        ("help INC-7", "harbor"),
        ("help INC-7", tmp_path.name),
    ]
