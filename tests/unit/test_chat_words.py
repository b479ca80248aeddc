"""What people type on phones and keyboards, split into words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.chat import words


def texts(text: str) -> list[str]:
    return [word.text for word in words.split(text)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ('ack INC-1 "on it"', ["ack", "INC-1", "on it"]),
        ("ack INC-1 “on it”", ["ack", "INC-1", "on it"]),
        ("ack INC-1 „on it“", ["ack", "INC-1", "on it"]),
        ("ack INC-1 «on it»", ["ack", "INC-1", "on it"]),
        ("ack INC-1 ‘on it’", ["ack", "INC-1", "on it"]),
        ("ack INC-1 'on it'", ["ack", "INC-1", "on it"]),
        ("declare —sev SEV-2 down", ["declare", "--sev", "SEV-2", "down"]),
        ("declare –sev=SEV-2 down", ["declare", "--sev=SEV-2", "down"]),
        ("declare -–sev SEV-2", ["declare", "--sev", "SEV-2"]),
        ("ack\u00a0INC-1\u2009now\u200bplease", ["ack", "INC-1", "now", "please"]),
        ("ack\tINC-1\r\nnow", ["ack", "INC-1", "now"]),
        ('--description="a b" x', ["--description=a b", "x"]),
        (r'note "a \"quoted\" word"', ["note", 'a "quoted" word']),
    ],
)
def test_phones_and_keyboards_mean_the_same(typed: str, meant: list[str]) -> None:
    assert texts(typed) == meant


@pytest.mark.parametrize(
    "typed", ["it's down", "6' tall", 'a 3.5" disk', "don't panic, it's ok", 'say "never closed']
)
def test_a_quote_that_opens_nothing_is_a_character(typed: str) -> None:
    assert " ".join(texts(typed)) == typed


@pytest.mark.parametrize("typed", ["— it broke", "a - b", "x — y", "-5 degrees"])
def test_a_dash_before_no_word_is_no_option(typed: str) -> None:
    assert texts(typed) == typed.split()


@pytest.mark.parametrize(
    ("typed", "id"),
    [
        ("inc-77", "INC-77"),
        ("#INC-77", "INC-77"),
        ("inc77", "INC-77"),
        ("INC 77", "INC-77"),
        ("inc_2024-001", "INC-2024-001"),
        ("INC-77,", "INC-77"),
        ("INC-ab-7", "INC-AB-7"),
        ("incident", None),
        ("increase", None),
        ("inc", None),
        ("INC-", None),
        ("INC-77\nINC-78", None),
    ],
)
def test_an_incident_is_known_by_its_id_however_it_is_typed(typed: str, id: str | None) -> None:
    assert words.incident_id(typed) == id


@pytest.mark.parametrize(
    ("typed", "severity"),
    [
        ("sev1", "SEV-1"),
        ("SEV 2", "SEV-2"),
        ("sev_3", "SEV-3"),
        ("p4", "SEV-4"),
        ("1", "SEV-1"),
        ("Critical", "SEV-1"),
        ("info", "SEV-4"),
        ("sev5", None),
        ("0", None),
        ("", None),
        ("SEV-1\u202e", None),
    ],
)
def test_a_severity_is_known_by_its_names(typed: str, severity: str | None) -> None:
    assert words.severity(typed) == severity


@pytest.mark.parametrize("typed", ["2h", "90min", "1h30m", "1.5h", "2D", "1 week".replace(" ", "")])
def test_a_length_of_time_is_known(typed: str) -> None:
    assert words.is_duration(typed)


@pytest.mark.parametrize("typed", ["h", "2", "2x", "2h later", "INC-2h", ""])
def test_other_words_are_no_length_of_time(typed: str) -> None:
    assert not words.is_duration(typed)


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_no_word_is_empty_unless_quoted(text: str) -> None:
    for word in words.split(text):
        assert word.raw
        assert word.text or word.quoted


@given(st.lists(st.text(alphabet="abcXYZ0189.,!?äß€", min_size=1), max_size=8))
def test_plain_words_come_back_as_they_were(typed: list[str]) -> None:
    assert texts(" ".join(typed)) == typed


@pytest.mark.parametrize(
    "part", ['"', "'", '"a', '\\"', '"\\" ', 'x="', '=" ', "--", "‘a", "inc ", "1h", "\u200b", "\0", "“a” "]
)
def test_twenty_thousand_hostile_characters_take_no_time(part: str) -> None:
    text = (part * 20_000)[:20_000]
    started = time.process_time()
    for word in words.split(text):
        words.incident_id(word.text)
        words.is_duration(word.text)
        words.severity(word.text)
    assert time.process_time() - started < 1.0
