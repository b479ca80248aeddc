"""What a person does, as an event: whose it is, what makes it once, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec
import pytest

from router.acts import RESPONSES, SOURCE, act, hand_key
from router.events import Event, Hand, Verb
from router.incidents import Incident
from router.problems import Invalid

AT: Final = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
KNOWN: Final = Incident(
    id="i",
    source="monitoring",
    external_id="x-1",
    display_id="INC-2024-001",
    title="Down",
    severity="SEV-2",
    status="open",
    started_at=AT,
    changed_at=AT,
)


def made(verb: Verb = "declare", incident: Incident | None = None, **more: Any) -> Event:
    hand = Hand(verb=verb, account=None, actor="chatops:U1", via="slack:s")
    if verb == "declare" and "changes" not in more:
        more["changes"] = {"title": "It is down", "severity": "SEV-3"}
    given: dict[str, Any] = {"key": "k", "at": AT, "who": "dana"}
    return act(hand, incident, **(given | more))


def test_a_declaration_is_the_routers_own_incident() -> None:
    event = made()
    assert (event.source, event.type, event.incident.id) == (SOURCE, "incident.created", "k")
    assert event.key == hand_key("k") == "hand:k"


def test_an_act_stays_with_the_incidents_source() -> None:
    event = made("acknowledge", KNOWN, note="on it")
    assert (event.source, event.incident.id, event.type) == ("monitoring", "x-1", "incident.acknowledged")
    assert event.note == "on it"
    assert event.at == AT


def test_the_same_act_twice_is_one_and_another_is_not() -> None:
    first, again = made("acknowledge", KNOWN), made("acknowledge", KNOWN)
    assert (first.key, first.digest) == (again.key, again.digest)
    assert made("resolve", KNOWN).digest != first.digest
    assert made("acknowledge", KNOWN, note="x").digest != first.digest


def test_an_empty_note_is_none() -> None:
    assert made("update", KNOWN, note="").note is None


@pytest.mark.parametrize("verb", get_args(Verb))
def test_every_verb_has_a_response(verb: Verb) -> None:
    assert RESPONSES[verb]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": "x", "severity": "sev1"}, "incident.severity"),
        ({"title": "x" * 2001, "severity": "SEV-1"}, "incident.title"),
        ({"title": " \n", "severity": "SEV-1"}, "incident.title"),
        ({"title": "a\0b", "severity": "SEV-1"}, "incident.title"),
        ({"title": "x", "severity": "SEV-1", "url": "javascript:alert(1)"}, "incident.url"),
        ({"title": "x", "severity": "SEV-1", "service": "s" * 201}, "incident.service"),
        ({"title": "x", "severity": "SEV-1", "labels": {"a": "\0"}}, "incident.labels.a"),
        ({"severity": "SEV-1"}, "incident.title"),
        ({"title": "x"}, "incident.severity"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(changes=changes)
    assert refused.value.fields[0].field == field


def test_a_note_that_is_too_long_or_holds_nul_is_refused() -> None:
    for note in ("x" * 20_001, "a\0b"):
        with pytest.raises(Invalid) as refused:
            made("update", KNOWN, note=note)
        assert refused.value.fields[0].field == "note"
    assert made("update", KNOWN, note="x" * 20_000).note == "x" * 20_000


def test_the_body_says_what_was_asked_for_and_nothing_else() -> None:
    body = msgspec.json.decode(made("escalate", KNOWN, changes={"severity": "SEV-1"}).body)
    assert body == {
        "type": "incident.severity_changed",
        "incident": {"id": "x-1", "severity": "SEV-1"},
        "actor": "dana",
        "via": "slack:s",
    }
