"""What speaks of an act and does not ask for it."""

from __future__ import annotations

import pytest

from nlu_model.parse import Entity
from router.dialogue.hedging import denied, hedged


@pytest.mark.parametrize(
    "text",
    [
        "don't resolve INC-5 yet",
        "please nobody ack INC-6 for now",
        "we are not resolving INC-5 before noor is back",
        "do not close it",
        "INC-7 should not be closed",
        "hold off on closing INC-7",
        "I don’t want you to escalate INC-9",
        "never assign INC-3 to interns",
        "nobody should close INC-8 until monday",
        "wait before you resolve it",
        "dont ack it",
    ],
)
def test_what_is_not_to_be_done(text: str) -> None:
    assert denied(text, ())


@pytest.mark.parametrize(
    "text",
    [
        "resolve INC-5",
        "don't forget to close INC-7",
        "why don't you close INC-7",
        "can't you close INC-7?",
        "it isn't a P3 anymore, put it at P2",
        "not sev2, make it sev1",
        "not INC-5, ack INC-6",
        "the issue is not there any more, resolve INC-5",
        "users can't pay, declare a sev1",
        "checkout does not work, open an incident",
        "nobody complained, close INC-5",
        "no errors since ten, please resolve INC-5",
        "if you don't mind, take INC-5",
        "stop paging us for checkout",
    ],
)
def test_what_is_to_be_done_all_the_same(text: str) -> None:
    assert not denied(text, ())


def test_a_note_may_speak_of_what_is_not_to_be_done() -> None:
    text = "note on INC-5: do not close it before the review"
    note = "do not close it before the review"
    at = text.index(note)
    assert not denied(text, [Entity("note", note, at, len(text))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maybe INC-6 can be closed some day", True),
        ("I wonder if we should escalate INC-6", True),
        ("should we close INC-6?", True),
        ("close INC-6", False),
        ("could you close INC-6?", False),
    ],
)
def test_thinking_aloud(text: str, expected: bool) -> None:
    assert hedged(text, ()) is expected
