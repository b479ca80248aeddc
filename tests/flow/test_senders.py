"""Senders that speak a format of their own: CloudEvents, Alertmanager's webhook, PagerDuty's Events API."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flow.stage import ADMIN, OTHER, READER, SENDER, START, Im, event

EVENTS = "/api/v1/events"
ALERTS = "/api/v1/events/alertmanager"


# CloudEvents.


def envelope(**changes: Any) -> dict[str, Any]:
    data = event()
    given = {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "/monitors/eu",
        "type": data.pop("type"),
        "time": data.pop("time"),
        "data": data,
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


def structured(im: Im, body: Any, kind: str = "application/cloudevents+json") -> Any:
    return im.call("POST", EVENTS, body, token=SENDER, headers={"content-type": kind})


@pytest.mark.parametrize(
    "kind", ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=utf-8"]
)
def test_a_structured_cloudevent_is_an_event(im: Im, kind: str) -> None:
    assert structured(im, envelope(), kind).status_code == 202
    assert im.incident()["title"] == "Database down"
    assert structured(im, envelope(), kind).json()["results"][0]["duplicate"] is True


def test_a_binary_cloudevent_is_an_event(im: Im) -> None:
    given = envelope()
    headers = {f"ce-{name}": given[name] for name in ("specversion", "id", "source", "type", "time")}
    answer = im.call("POST", EVENTS, given["data"], token=SENDER, headers=headers)
    assert answer.status_code == 202
    assert im.incident()["started_at"] == "2026-01-05T10:00:00Z"
    again = structured(im, envelope()).json()["results"][0]
    assert again == answer.json()["results"][0] | {"duplicate": True}


def test_a_batch_of_cloudevents_is_all_or_nothing(im: Im) -> None:
    kind = "application/cloudevents-batch+json"
    batch = [envelope(), envelope(id="ce-2", data={"incident": {"id": "unknown"}}, type="incident.resolved")]
    assert structured(im, batch, kind).status_code == 400
    batch[1] = envelope(id="ce-2", type="incident.resolved", data={"incident": {"id": "INC-2024-001"}})
    assert len(structured(im, batch, kind).json()["results"]) == 2
    assert im.incident()["status"] == "resolved"


def test_data_may_come_in_base64(im: Im) -> None:
    given = envelope(data=None)
    given["data_base64"] = base64.b64encode(
        b'{"incident": {"id": "b", "title": "t", "severity": "SEV-4"}}'
    ).decode()
    assert structured(im, given).status_code == 202


def test_the_same_id_of_two_cloudevents_sources_is_two_events(im: Im) -> None:
    structured(im, envelope())
    other = structured(im, envelope(source="/monitors/us")).json()["results"][0]
    assert other["duplicate"] is False


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data": event() | {"type": "incident.closed"}}, "data.type"),
        ({"data": event() | {"id": "other"}}, "data.id"),
        ({"data": event(minute=5)}, "data.time"),
        ({"data": {**event(), "source": "elsewhere"}}, "data.source"),
        ({"specversion": "0.3"}, "specversion"),
        ({"id": None}, "id"),
        ({"source": ""}, "source"),
        ({"type": 5}, "type"),
        ({"data": None}, "data"),
        ({"data": "text"}, "data"),
        ({"data": None, "data_base64": "?"}, "data_base64"),
        ({"id": "i" * 200}, "id"),
        ({"time": "soon"}, "time"),
    ],
)
def test_an_envelope_that_is_wrong_or_disagrees_with_its_data_is_refused(
    im: Im, changes: dict[str, Any], field: str
) -> None:
    answer = structured(im, envelope(**changes))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("body", [b"", b"[", b"\xff", b"5", b"[" * 100_000])
def test_a_broken_envelope_is_refused(im: Im, body: bytes) -> None:
    assert structured(im, body).status_code == 400
    assert structured(im, body, "application/cloudevents-batch+json").status_code == 400


# Alertmanager.


def alert(name: str = "a", *, minute: float = 0, ended: float | None = None, **labels: str) -> dict[str, Any]:
    far = "0001-01-01T00:00:00Z"
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": {"alertname": "DiskFull", "instance": name, **labels},
        "annotations": {"summary": "Disk is full", "description": f"disk of {name}"},
        "startsAt": (START + timedelta(minutes=minute)).isoformat(),
        "endsAt": far if ended is None else (START + timedelta(minutes=ended)).isoformat(),
        "generatorURL": "https://prometheus.example.com/graph",
        "fingerprint": f"f-{name}",
    }


def webhook(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    common = dict(set.intersection(*(set(each["labels"].items()) for each in alerts)))
    firing = any(each["status"] == "firing" for each in alerts)
    given = {
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "im",
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": common,
        "commonAnnotations": {"summary": "Disk is full"},
        "externalURL": "https://alertmanager.example.com",
        "alerts": list(alerts),
    }
    return given | changes


def fire(im: Im, body: dict[str, Any], token: str = SENDER) -> list[dict[str, Any]]:
    answer = im.call("POST", ALERTS, body, token=token)
    assert answer.status_code == 202, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def only_incident(im: Im) -> dict[str, Any]:
    (found,) = im.get("/api/v1/incidents", status="")
    row: dict[str, Any] = found
    return row


def test_an_alert_fires_repeats_and_resolves(im: Im) -> None:
    im.sandbox()
    (first,) = fire(im, webhook(alert(severity="critical")))
    found = only_incident(im)
    assert (found["severity"], found["title"], found["status"]) == ("SEV-1", "Disk is full", "open")
    (repeat,) = fire(im, webhook(alert(severity="critical")))
    assert repeat == first | {"duplicate": True}
    fire(im, webhook(alert(severity="critical", ended=30)))
    found = only_incident(im)
    assert (found["status"], found["resolved_at"]) == ("resolved", "2026-01-05T10:30:00Z")


def test_a_repeat_with_other_texts_is_a_repeat_still(im: Im) -> None:
    """Annotations hold values that change with every evaluation, and an admin may change the severity map."""
    (first,) = fire(im, webhook(alert(severity="warning")))
    again = webhook(alert(severity="warning"), commonAnnotations={"summary": "Disk is 97 % full"})
    assert fire(im, again) == [first | {"duplicate": True}]
    im.call("POST", "/api/v1/sources", {"name": "monitoring", "severity_map": {"warning": "SEV-1"}})
    assert fire(im, webhook(alert(severity="warning"))) == [first | {"duplicate": True}]


def test_a_repeat_of_an_alert_from_the_future_is_a_repeat_still(im: Im) -> None:
    """The sender's clock is ahead: what lies in the future counts as now, and now is another time later."""
    ahead = (datetime.now(UTC) - START).total_seconds() / 60 + 30
    (first,) = fire(im, webhook(alert(minute=ahead)))
    assert fire(im, webhook(alert(minute=ahead))) == [first | {"duplicate": True}]


def test_firing_again_reopens_and_pages_again(im: Im) -> None:
    im.sandbox()
    fire(im, webhook(alert(severity="critical")))
    fire(im, webhook(alert(severity="critical", ended=30)))
    im.drain()
    (result,) = fire(im, webhook(alert(severity="critical", minute=60)))
    assert only_incident(im)["status"] == "open"
    again = [im.delivery(each) for each in result["deliveries"]]
    assert {row["priority"] for row in again} == {0}
    im.drain()
    texts = [str(row["payload"]) for row in im.shown(channel="critical")]
    assert any("Reopened" in text for text in texts)


def test_firing_again_pages_though_its_alert_began_before_the_resolution(im: Im) -> None:
    im.sandbox()
    fire(im, webhook(alert("a")))
    fire(im, webhook(alert("a", ended=30)))
    (result,) = fire(im, webhook(alert("b", minute=29)))
    assert only_incident(im)["status"] == "open"
    assert result["deliveries"]


def test_a_resolution_counts_though_people_acted_after_the_alert_ended(im: Im) -> None:
    """Alertmanager tells of an end only after its group_interval; an acknowledgement may be newer."""
    im.call("POST", EVENTS, event(incident="x"), token=SENDER)
    fire(im, webhook(alert()))
    group = '{}:{alertname="DiskFull"}'
    im.post(event("acknowledged", incident=group, minute=35))
    fire(im, webhook(alert(ended=30)))
    (row,) = im.sql("SELECT status FROM incidents WHERE external_id = %s", group)
    assert row["status"] == "resolved"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "SEV-3"),
        ({"severity": "nonsense"}, "SEV-3"),
        ({"severity": "Critical"}, "SEV-1"),
        ({"severity": "sev-2"}, "SEV-2"),
        ({"priority": "P4"}, "SEV-4"),
    ],
)
def test_a_severity_is_translated_and_never_refused(im: Im, labels: dict[str, str], expected: str) -> None:
    fire(im, webhook(alert(**labels)))
    assert only_incident(im)["severity"] == expected


def test_a_source_has_its_own_words(im: Im) -> None:
    source = {"name": "monitoring", "severity_map": {"page": "SEV-2"}, "default_severity": "SEV-4"}
    assert im.call("POST", "/api/v1/sources", source).status_code == 200
    fire(im, webhook(alert(severity="page")))
    fire(im, webhook(alert(), groupKey="other"))
    assert {row["severity"] for row in im.get("/api/v1/incidents")} == {"SEV-2", "SEV-4"}
    fire(im, webhook(alert(severity="page"), groupKey="x"), token=OTHER)
    assert "SEV-1" in {row["severity"] for row in im.get("/api/v1/incidents")}


def test_per_alert_makes_an_incident_of_each(im: Im) -> None:
    im.call("POST", "/api/v1/sources", {"name": "monitoring", "per": "alert"})
    assert len(fire(im, webhook(alert("a"), alert("b")))) == 2
    fire(im, webhook(alert("a", ended=10), alert("b")))
    found = {row["external_id"]: row["status"] for row in im.get("/api/v1/incidents", status="")}
    assert found == {"f-a": "resolved", "f-b": "open"}


def test_more_alerts_in_a_group_change_its_incident(im: Im) -> None:
    fire(im, webhook(alert("a")))
    fire(im, webhook(alert("a"), alert("b", minute=1)))
    assert only_incident(im)["title"] == "Disk is full (2 alerts)"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (webhook(alert(), version="3"), "version"),
        (webhook(alert()) | {"alerts": []}, "alerts"),
        (webhook(alert()) | {"alerts": [{"labels": {}}]}, "alerts[0].status"),
        ({"version": "4", "status": "firing", "alerts": []}, "groupKey"),
        (webhook(alert(), groupKey="a\0b"), "groupKey"),
    ],
)
def test_a_webhook_of_another_shape_is_refused_by_field(im: Im, body: dict[str, Any], field: str) -> None:
    answer = im.call("POST", ALERTS, body, token=SENDER)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_long_and_odd_alerts_are_taken(im: Im) -> None:
    odd = alert("x" * 5000, **{f"label_{n}": "v" for n in range(200)})
    odd["annotations"] = {"summary": "s" * 100_000, "description": "d" * 100_000}
    fire(im, webhook(odd, groupKey="k" * 10_000, externalURL="not an address", commonAnnotations={}))
    assert only_incident(im)["title"] == "DiskFull"


# PagerDuty.


def page(im: Im, action: str = "trigger", key: str = "db", **changes: Any) -> Any:
    body: dict[str, Any] = {"routing_key": SENDER, "event_action": action}
    if key:
        body["dedup_key"] = key
    if action == "trigger":
        body["payload"] = {"summary": "Database down", "source": "db-1", "severity": "critical"}
    return im.call("POST", "/v2/enqueue", body | changes, token=None)


def test_a_pagerduty_event_is_triggered_acknowledged_and_resolved(im: Im) -> None:
    answer = page(im)
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "db"}
    found = only_incident(im)
    assert (found["title"], found["severity"], found["service"]) == ("Database down", "SEV-1", "db-1")
    for action, status in (("acknowledge", "acknowledged"), ("resolve", "resolved"), ("trigger", "open")):
        assert page(im, action).status_code == 202
        assert only_incident(im)["status"] == status


def test_a_trigger_without_a_key_gets_one_and_is_an_incident_of_its_own(im: Im) -> None:
    keys = {page(im, key="").json()["dedup_key"] for _ in range(3)}
    assert len(keys) == 3
    assert page(im, "resolve", key=keys.pop()).status_code == 202
    assert sorted(row["status"] for row in im.get("/api/v1/incidents", status="")) == [
        "open",
        "open",
        "resolved",
    ]


def test_what_is_not_known_is_resolved_as_pagerduty_does(im: Im) -> None:
    for action in ("acknowledge", "resolve"):
        answer = page(im, action, key="never-seen")
        assert (answer.status_code, answer.json()["status"]) == (202, "success")
    assert im.get("/api/v1/incidents", status="") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"routing_key": "wrong"},
        {"routing_key": READER},
        {"routing_key": 5},
        {"event_action": "explode"},
        {"payload": None},
        {"payload": {"summary": " "}},
        {"payload": {"summary": "a\0b"}},
        {"dedup_key": ["a"]},
    ],
)
def test_an_invalid_page_is_refused_in_pagerdutys_shape(im: Im, changes: dict[str, Any]) -> None:
    answer = page(im, **changes)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["status"], body["message"]) == ("invalid event", "Event object is invalid")
    assert len(body["errors"]) == 1
    assert SENDER not in answer.text
    assert ADMIN not in answer.text
