"""What events do to an incident, in any order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from router.events import Event, IncidentIn
from router.incidents import Change, Incident, apply
from router.problems import Invalid

START = datetime(2026, 1, 5, 10, tzinfo=UTC)


def event(kind: str, minute: float = 0, *, refires: bool = False, **incident: Any) -> Event:
    full = kind if "." in kind else f"incident.{kind}"
    if kind == "created":
        incident = {"title": "t", "severity": "SEV-2"} | incident
    at = START + timedelta(minutes=minute)
    return Event(
        source="s",
        key=None,
        digest=b"",
        type=full,  # type: ignore[arg-type]
        at=at,
        received_at=at,
        incident=IncidentIn(id="x", **incident),
        actor=None,
        note=None,
        body=b"{}",
        refires=refires,
    )


def after(*events: Event) -> Incident:
    known: Incident | None = None
    for each in events:
        known = change(known, each).after
    assert known is not None
    return known


def change(known: Incident | None, each: Event) -> Change:
    return apply(known, each, new_id="id", display_id="INC-1")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("acknowledged", "acknowledged"), ("resolved", "resolved"), ("closed", "closed"), ("updated", "open")],
)
def test_a_status_follows_its_event(kind: str, status: str) -> None:
    assert after(event("created"), event(kind, 1)).status == status


def test_the_times_to_acknowledge_and_to_resolve_are_measured_from_the_start() -> None:
    found = after(event("created"), event("acknowledged", 5), event("acknowledged", 9), event("resolved", 65))
    assert found.time_to_acknowledge == timedelta(minutes=5)
    assert found.time_to_resolve == timedelta(minutes=65)


def test_fields_that_are_absent_stay() -> None:
    found = after(event("created", service="checkout", labels={"a": "b"}), event("updated", 1, title="new"))
    assert (found.title, found.service, found.labels) == ("new", "checkout", {"a": "b"})


def test_a_late_event_fills_only_what_nobody_has_said() -> None:
    late = change(
        after(event("created", 5), event("updated", 9, service="new")),
        event("updated", 7, service="old", description="d", severity="SEV-1"),
    )
    assert late.late
    assert (late.after.service, late.after.description, late.after.severity) == ("new", "d", "SEV-2")


def test_an_acknowledgement_that_a_note_overtook_counts_and_is_told() -> None:
    told = change(after(event("created"), event("updated", 6)), event("acknowledged", 5))
    assert not told.late
    assert told.after.status == "acknowledged"
    assert told.after.acknowledged_at == START + timedelta(minutes=5)


def test_an_acknowledgement_from_before_a_reopening_does_not_count() -> None:
    known = after(event("created"), event("resolved", 5), event("reopened", 8))
    told = change(known, event("acknowledged", 6))
    assert told.late
    assert (told.after.status, told.after.acknowledged_at) == ("open", None)


def test_every_order_of_arrival_ends_in_the_same_state() -> None:
    told = {"title": "t", "severity": "SEV-2"}
    events = [
        event("created", 0, **told),
        event("acknowledged", 5, **told),
        event("updated", 6, **told),
        event("resolved", 30, **told),
    ]
    ends = {
        msgspec.json.encode(msgspec.structs.replace(after(*order), created_seen=True))
        for order in itertools.permutations(events)
    }
    assert len(ends) == 1


@pytest.mark.parametrize("kind", ["acknowledged", "updated", "assigned", "created"])
def test_only_a_reopening_leaves_resolved(kind: str) -> None:
    over = after(event("created"), event("resolved", 5))
    assert change(over, event(kind, 6, status="open")).after.status == "resolved"
    assert change(over, event("reopened", 6)).after.status == "open"


def test_closed_does_not_become_resolved_again() -> None:
    assert after(event("created"), event("closed", 5), event("resolved", 6)).status == "closed"


@pytest.mark.parametrize("kind", ["sla.warning", "sla.breached"])
def test_deadlines_move_nothing(kind: str) -> None:
    known = after(event("created"))
    assert change(known, event(kind, 10, severity="SEV-1")) == Change(known, known, late=False)
    assert not change(after(event("created", 5)), event(kind, 1)).late


def test_a_sender_in_order_is_never_late_and_never_turns_the_clock_back() -> None:
    known = after(event("created"), event("acknowledged", 10))
    told = change(known, event("resolved", 5, refires=True))
    assert not told.late
    assert told.after.status == "resolved"
    assert told.after.changed_at == known.changed_at


@pytest.mark.parametrize("missing", ["title", "severity"])
def test_an_unknown_incident_needs_title_and_severity(missing: str) -> None:
    told = {"title": "t", "severity": "SEV-2"}
    del told[missing]
    with pytest.raises(Invalid, match=missing):
        change(None, event("acknowledged", **told))
