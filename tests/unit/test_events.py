"""Events at the edge: parsed, checked, and recognised when they come again."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.events import TYPES, Origin, digest, parse_body, parse_event
from router.problems import Invalid

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
ORIGIN = Origin(source="s", received_at=NOW)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def body(**changes: Any) -> bytes:
    incident = {"id": "INC-1", "title": "t", "severity": "SEV-2"} | changes.pop("incident", {})
    return json.dumps({"type": "incident.created", "incident": incident} | changes).encode()


def problem(raw: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse_body(raw, ORIGIN)
    return caught.value


def test_what_is_absent_is_filled_from_the_request() -> None:
    event = parse_event(body(), ORIGIN)
    assert (event.at, event.received_at, event.key, event.source) == (NOW, NOW, None, "s")
    assert event.body == body()


def test_times_become_utc() -> None:
    assert parse_event(body(time="2026-01-05T11:30:00+02:00"), ORIGIN).at == NOW - timedelta(minutes=30)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_the_contract_is_known(kind: str) -> None:
    assert parse_event(body(type=kind), ORIGIN).type == kind


def test_a_day_ahead_is_still_taken_and_more_is_not() -> None:
    edge = NOW + timedelta(days=1)
    assert parse_event(body(time=edge.isoformat()), ORIGIN).at == edge
    assert "clock" in problem(body(time=(edge + timedelta(seconds=1)).isoformat())).detail


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"incident": {"id": "x"}}', "type"),
        (b'{"type": "incident.updated"}', "incident"),
        (b'{"type": "incident.updated", "incident": {}}', "incident.id"),
        (body(incident={"severity": "SEV-0"}), "incident.severity"),
        (body(incident={"url": "ftp://x"}), "incident.url"),
        (b"[" + body() + b"," + body(type="x") + b"]", "[1].type"),
        (b"[1]", "[0]"),
    ],
)
def test_the_field_is_named(raw: bytes, field: str) -> None:
    assert problem(raw).fields[0].field == field


@pytest.mark.parametrize(
    ("name", "near"),
    [("titel", "incident.title"), ("severty", "incident.severity"), ("incidnet", "incident")],
)
def test_required_fields_that_are_misspelt_are_missing(name: str, near: str) -> None:
    given_body = json.loads(body())
    place = given_body if near == "incident" else given_body["incident"]
    place[name] = place.pop(near.rpartition(".")[2])
    assert problem(json.dumps(given_body).encode()).fields[0].field == near


@given(JSON)
def test_the_digest_is_of_the_content_alone(value: Any) -> None:
    turned = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    spaced = json.dumps(turned, indent=3).encode()
    assert digest(json.dumps(value).encode()) == digest(spaced)


def test_other_content_has_another_digest() -> None:
    assert digest(body(note="a")) != digest(body(note="b"))


@settings(max_examples=200)
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_an_event_or_a_problem_comes_of_any_bytes(raw: bytes) -> None:
    with contextlib.suppress(Invalid):
        assert parse_body(raw, ORIGIN)[0]
