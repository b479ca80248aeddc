"""Answers, corrections and undoing that need no model."""

from __future__ import annotations

import pytest

from router.catalogue.catalogue import Catalogue
from router.dialogue import bare

LISTED = ("INC-3", "INC-2", "INC-1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the second one please", "INC-2"),
        ("the first", "INC-3"),
        ("last", "INC-1"),
        ("2", "INC-2"),
        ("inc 1", "INC-1"),
        ("I mean the third one", "INC-1"),
        ("you know what, let's see the timeline of INC-2 first", None),
        ("resolve INC-9 first", None),
        ("the first checkout one", None),
    ],
)
def test_a_choice_is_named_by_its_value_or_place_and_nothing_more(text: str, expected: str | None) -> None:
    assert bare.chosen(text, LISTED) == expected


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("P2, three wards are on paper already", "P2"),
        ("oh, me", "me"),
        ("ok ok fine 🙄 sev3 then", "sev3"),
        ("fhir api, I believe", "fhir api"),
        ("noor, she's offered", "noor"),
        ("for 2 hours", "for 2 hours"),
    ],
)
def test_an_answer_may_say_more(text: str, first: str) -> None:
    assert first in bare.leading(text)


@pytest.mark.parametrize(
    "text", ["critical, no wait, major", "INC-7, or rather INC-8", "payments, and for 2h"]
)
def test_what_is_taken_back_or_gone_on_with_is_no_answer_by_itself(text: str) -> None:
    assert set(bare.leading(text)) == {text}


@pytest.mark.parametrize(
    "text",
    ["never mind", "never mind, it was only my wifi", "eh never mind, false alarm 😅", "scrap that, sorry"],
)
def test_a_cancel_may_say_why(text: str) -> None:
    assert bare.is_cancel(text)


@pytest.mark.parametrize(
    "text", ["no emails are sent", "stop, INC-7 was right", "cancel button does nothing"]
)
def test_what_begins_like_a_cancel_is_none(text: str) -> None:
    assert not bare.is_cancel(text)


@pytest.mark.parametrize(
    "text",
    ["undo", "sorry, my bad, undo that please", "oops undo", "please revert the assignment", "undo the ack"],
)
def test_undoing_in_many_words(text: str) -> None:
    assert bare.is_undo(text)


@pytest.mark.parametrize("text", ["revert the deploy", "undo INC-7", "can you undo the migration", "please"])
def test_what_is_not_ours_to_undo(text: str) -> None:
    assert not bare.is_undo(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("actually sev1, it is everyone", {"severity": "SEV-1"}),
        ("no, INC-56", {"incident_id": "INC-56"}),
        ("sorry, I meant INC-915", {"incident_id": "INC-915"}),
        ("actually, what is the weather", {}),
        ("sev1", {}),
    ],
)
def test_a_correction_of_what_was_done(text: str, expected: dict[str, str]) -> None:
    assert bare.correction(text, Catalogue()) == expected
