"""Two requests in one sentence."""

from __future__ import annotations

import pytest

from nlu_model.parse import Entity
from router.chat.asked import done, refused
from router.dialogue.meaning import Meaning
from router.dialogue.twofold import are_two, first_of, halves, joined, only_first


def said(text: str, *words: tuple[str, str]) -> Meaning:
    entities = tuple(
        Entity(name, part, text.index(part), text.index(part) + len(part)) for name, part in words
    )
    return Meaning(text=text, intent="resolve_incident", confidence=0.9, entities=entities)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ack INC-7 and bump it to sev2", ("ack INC-7", "bump it to sev2")),
        ("resolve INC-7, then close it", ("resolve INC-7", "close it")),
        ("assign INC-393 to me and please close INC-394", ("assign INC-393 to me", "close INC-394")),
        ("ack INC-7 and INC-8", None),
        ("open and acknowledged incidents", None),
        ("resolve INC-7", None),
    ],
)
def test_where_a_sentence_falls_in_two(text: str, expected: tuple[str, str] | None) -> None:
    assert halves(said(text)) == expected


def test_a_note_is_not_taken_apart() -> None:
    text = "note on INC-7: restarted the pods and closed port 25 and close the case after lunch"
    note = "restarted the pods and closed port 25 and close the case after lunch"
    assert halves(said(text, ("note", note))) is None


def meant(intent: str, confidence: float = 0.95, **more: tuple[str, ...]) -> Meaning:
    return Meaning(text=intent, intent=intent, confidence=confidence, **more)


def test_both_parts_must_be_clear_and_different() -> None:
    ack, escalate = meant("acknowledge_incident"), meant("escalate_incident")
    assert are_two(ack, escalate)
    assert not are_two(ack, ack)
    assert not are_two(ack, meant("escalate_incident", 0.4))
    assert not are_two(ack, meant("escalate_incident", rivals=("assign_incident",)))
    assert not are_two(ack, meant("out_of_scope"))
    assert not are_two(meant("incident_status"), meant("list_incidents"))
    assert not are_two()


def test_the_answers_are_told_together() -> None:
    both = joined(done("You acknowledged INC-7."), refused("INC-7 is SEV-2 already"))
    assert both.message is not None
    assert both.message.headline == "You acknowledged INC-7. INC-7 is SEV-2 already."
    assert both.outcome == "refused"


def test_what_was_not_begun_is_said() -> None:
    answer = only_first(refused("there is no incident INC-7"), "bump it to sev2")
    assert answer.message is not None
    assert "bump it to sev2" in answer.message.text


def test_the_first_act_has_an_id_of_its_own_that_is_always_the_same() -> None:
    assert first_of("one") == first_of("one") != first_of("other")
