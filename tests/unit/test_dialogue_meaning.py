"""What a parse means: values by slot, and which of several is meant."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from nlu_model.parse import Alternative, Entity, Parse
from router.catalogue.catalogue import EMPTY
from router.dialogue.meaning import Meaning, arguments, meaning, meant

NOW = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)  # a Wednesday


def read(
    text: str,
    intent: str = "escalate_incident",
    *marks: tuple[str, str],
    confidence: float = 0.9,
    rivals: dict[str, float] | None = None,
) -> Meaning:
    entities = []
    at = 0
    for name, words in marks:
        at = text.index(words, at)
        entities.append(Entity(name, words, at, at + len(words)))
        at += len(words)
    others = tuple(Alternative(name, score) for name, score in (rivals or {}).items())
    parse = Parse(text, intent, confidence, tuple(entities), others)
    return meaning(parse, now=NOW, zone=ZoneInfo("Europe/Berlin"), catalogue=EMPTY)


@pytest.mark.parametrize(
    ("text", "first", "second", "expected"),
    [
        ("from sev3 to sev2", "sev3", "sev2", "SEV-2"),
        ("not sev2, sev1", "sev2", "sev1", "SEV-1"),
        ("that one is sev1, not sev2", "sev1", "sev2", "SEV-1"),
        ("make it sev2 instead of sev3", "sev2", "sev3", "SEV-2"),
        ("isn't a P3 anymore, put it at P2", "P3", "P2", "SEV-2"),
        ("why only sev3?? set it to sev1", "sev3", "sev1", "SEV-1"),
        ("drop it to p4, was p2", "p4", "p2", "SEV-4"),
    ],
)
def test_of_two_severities_the_one_it_is_to_become_is_meant(
    text: str, first: str, second: str, expected: str
) -> None:
    found = read(text, "escalate_incident", ("severity", first), ("severity", second))
    assert found.slots["severity"] == expected


def test_of_two_people_the_one_who_is_to_have_it_is_meant() -> None:
    found = read("move it from li to ana", "assign_incident", ("user", "li"), ("user", "ana"))
    assert found.slots["user"] == "ana"
    denied = read("give it to Li Wei, not me", "assign_incident", ("user", "Li Wei"), ("user", "me"))
    assert denied.slots["user"] == "Li Wei"


def test_an_incident_that_is_denied_is_not_meant() -> None:
    found = read("no not INC-5, INC-6", "inform", ("incident_id", "INC-5"), ("incident_id", "INC-6"))
    assert found.incidents == ("INC-6",)


def test_several_incidents_are_all_named() -> None:
    found = read(
        "ack INC-5 and inc 6", "acknowledge_incident", ("incident_id", "INC-5"), ("incident_id", "inc 6")
    )
    assert found.incidents == ("INC-5", "INC-6")


def test_a_close_second_makes_it_unsure() -> None:
    rivals = {"close_incident": 0.4, "greet": 0.3}
    found = read("done with it", "resolve_incident", confidence=0.55, rivals=rivals)
    assert (found.rivals, found.sure) == (("close_incident",), False)


def test_what_changes_something_must_be_surer_than_what_tells() -> None:
    assert not read("hm", "resolve_incident", confidence=0.5).sure
    assert read("hm", "list_incidents", confidence=0.5).sure


def test_values_become_arguments_as_people_type_them() -> None:
    found = read(
        "silence checkout for 2 hours",
        "silence_notifications",
        ("service", "checkout"),
        ("duration", "2 hours"),
    )
    assert arguments(found.slots, ("service", "duration")) == {"service": "checkout", "duration": "120m"}
    listed = read(
        "unresolved since monday", "list_incidents", ("status", "unresolved"), ("period", "since monday")
    )
    assert arguments(listed.slots, ("status", "period")) == {
        "status": "open,acknowledged",
        "period": "2026-01-05T00:00:00+01:00/2026-01-07T13:00:00+01:00",
    }


@pytest.mark.parametrize(
    ("text", "intent", "expected"),
    [
        (
            "note: the broker lost quorum at 02:51",
            "out_of_scope",
            ("update_incident", "the broker lost quorum at 02:51"),
        ),
        (
            "resolve it, restarted the scheduler",
            "resolve_incident",
            ("resolve_incident", "restarted the scheduler"),
        ),
        ("resolve it, false alarm", "resolve_incident", ("resolve_incident", "false alarm")),
        ("resolve it, please", "resolve_incident", ("resolve_incident", None)),
        ("resolve it, need to go", "resolve_incident", ("resolve_incident", None)),
        ("escalate it, rushed as ever", "escalate_incident", ("escalate_incident", None)),
        ("note the date", "out_of_scope", ("out_of_scope", None)),
    ],
)
def test_notes_that_the_words_themselves_show(
    text: str, intent: str, expected: tuple[str, str | None]
) -> None:
    found = read(text, intent, confidence=0.5)
    assert (found.intent, found.slots.get("note")) == expected


@pytest.mark.parametrize(
    ("between", "kept"),
    [(", no sorry, ", ["INC-8"]), (" - no hang on, ", ["INC-8"]), (" and ", ["INC-7", "INC-8"])],
)
def test_what_is_taken_back_in_mid_sentence_is_not_meant(between: str, kept: list[str]) -> None:
    text = f"resolve INC-7{between}INC-8"
    ids = [Entity("incident_id", each, text.index(each), text.index(each) + 5) for each in ("INC-7", "INC-8")]
    assert [each.text for each in meant(text, ids)] == kept
