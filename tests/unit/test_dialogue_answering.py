"""What an answer to a question comes to."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_model.parse import Entity
from router.chat.asked import Asks, Call
from router.chat.questions import CONFIRMATION
from router.chat.usage import INCIDENT
from router.dialogue.answering import AGAIN, NO, OTHER, YES, Answering, by_model, without_model
from router.dialogue.meaning import Meaning


def asks(slot: str, command: str = "resolve", *choices: str, **arguments: str) -> Asks:
    return Asks(number="n", slot=slot, call=Call(command=command, arguments=arguments), choices=choices)


def meant(intent: str, text: str = "", confidence: float = 0.95, **slots: Any) -> Meaning:
    ids = (slots["incident_id"],) if "incident_id" in slots else ()
    return Meaning(text=text, intent=intent, confidence=confidence, slots=slots, incidents=ids)


def given(**arguments: str) -> Answering:
    return Answering(kind="given", arguments=arguments)


CONFIRM = asks(CONFIRMATION, "resolve", **{INCIDENT: "INC-7"})
WHICH = asks(INCIDENT, "resolve", "INC-7", "INC-8")


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        (CONFIRM, "yes", YES),
        (CONFIRM, "Yep!", YES),
        (CONFIRM, "no", NO),
        (CONFIRM, "never mind", NO),
        (CONFIRM, "yes, but INC-8", None),
        (WHICH, "INC-8", Answering(kind="given", arguments={INCIDENT: "INC-8"})),
        (WHICH, "inc 8", Answering(kind="given", arguments={INCIDENT: "INC-8"})),
        (WHICH, "the second one", Answering(kind="given", arguments={INCIDENT: "INC-8"})),
        (WHICH, "2", Answering(kind="given", arguments={INCIDENT: "INC-8"})),
        (WHICH, "the fifth one", None),
        (WHICH, "yes", None),
        (WHICH, "cancel", NO),
        (asks(INCIDENT, "ack", "INC-7"), "yes", Answering(kind="given", arguments={INCIDENT: "INC-7"})),
    ],
)
def test_bare_answers(question: Asks, text: str, expected: Answering | None) -> None:
    assert without_model(question, text, None) == expected


@pytest.mark.parametrize(
    ("question", "meaning", "expected"),
    [
        (CONFIRM, meant("affirm"), YES),
        (CONFIRM, meant("deny"), NO),
        (CONFIRM, meant("cancel"), NO),
        (
            CONFIRM,
            meant("inform", incident_id="INC-8"),
            Answering(kind="given", arguments={INCIDENT: "INC-8"}),
        ),
        (
            CONFIRM,
            meant("affirm", incident_id="INC-8"),
            Answering(kind="given", arguments={INCIDENT: "INC-8"}),
        ),
        (CONFIRM, meant("affirm", incident_id="INC-7"), YES),
        (CONFIRM, meant("list_incidents"), OTHER),
        (CONFIRM, meant("out_of_scope"), AGAIN),
        (asks("severity", "escalate"), meant("inform", severity="SEV-2"), given(severity="SEV-2")),
        (asks("severity", "escalate"), meant("inform"), AGAIN),
        (asks("severity", "escalate"), meant("escalate_incident", severity="SEV-1"), given(severity="SEV-1")),
        (asks("severity", "escalate"), meant("acknowledge_incident", incident_id="INC-9"), OTHER),
        (asks("title", "declare"), meant("out_of_scope", "users see 500s"), given(title="users see 500s")),
        (asks("title", "declare"), meant("inform", "the app is down"), given(title="the app is down")),
        (asks("title", "declare"), meant("list_incidents", "what is open?"), OTHER),
        (asks("title", "declare"), meant("cancel"), NO),
        (
            asks("title", "declare"),
            Meaning(
                text="sev1: api down",
                intent="declare_incident",
                confidence=0.95,
                slots={"title": "api down", "severity": "SEV-1"},
                entities=(Entity("severity", "sev1", 0, 4), Entity("title", "api down", 6, 14)),
            ),
            given(title="api down", severity="SEV-1"),
        ),
        (
            asks("note", "update"),
            meant("resolve_incident", "it resolved itself"),
            given(note="it resolved itself"),
        ),
        (asks("note", "update"), meant("resolve_incident", "resolve INC-9", incident_id="INC-9"), OTHER),
    ],
)
def test_answers_that_the_model_read(question: Asks, meaning: Meaning, expected: Answering) -> None:
    assert by_model(question, meaning) == expected


def test_a_value_that_the_call_does_not_take_is_no_answer() -> None:
    assert by_model(asks(INCIDENT, "ack", "INC-7", "INC-8"), meant("inform", severity="SEV-1")) == AGAIN


def test_entities_are_not_needed_where_the_slot_is_free_text() -> None:
    said = Meaning(
        text="restarted it",
        intent="inform",
        confidence=0.9,
        slots={"note": "restarted it"},
        entities=(Entity("note", "restarted it", 0, 12),),
    )
    assert by_model(asks("note", "update"), said) == given(note="restarted it")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (asks("title", "declare", service="payments"), given(title="card terminals are offline")),
        (asks("title", "declare"), given(title="card terminals are offline")),
    ],
)
def test_a_title_runs_on_from_the_service_before_it(question: Asks, expected: Answering) -> None:
    said = Meaning(
        text="card terminals are offline",
        intent="inform",
        confidence=0.9,
        slots={"service": "card", "title": "terminals are offline"},
        entities=(Entity("service", "card", 0, 4), Entity("title", "terminals are offline", 5, 26)),
    )
    assert by_model(question, said) == expected


def test_an_answer_with_a_title_does_not_change_the_service_in_passing() -> None:
    said = Meaning(
        text="sev1, latency on search",
        intent="inform",
        confidence=0.9,
        slots={"severity": "SEV-1", "service": "search", "title": "latency"},
        entities=(
            Entity("severity", "sev1", 0, 4),
            Entity("title", "latency", 6, 13),
            Entity("service", "search", 17, 23),
        ),
    )
    assert by_model(asks("title", "declare", service="payments"), said) == given(
        title="latency", severity="SEV-1"
    )
