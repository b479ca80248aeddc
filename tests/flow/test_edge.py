"""The HTTP edge: who may call, what is refused and how it is said; nothing sent from outside makes a 500."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.installation import prepare
from router.problems import Problem
from router.settings import Settings
from tests.flow.stage import ADMIN, READER, SENDER, Im, event, until

EVENTS = "/api/v1/events"


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The problem details of an answer, their shape checked (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert set(body) <= {"type", "title", "status", "detail", "errors"}
    assert body["title"]
    assert body["detail"]
    return body


# Who may call.


@pytest.mark.parametrize("token", [None, "wrong", "", "a b c"])
def test_without_a_valid_token_nothing_is_accepted(im: Im, token: str | None) -> None:
    answer = im.call("POST", EVENTS, event(), token=token)
    problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert im.sql("SELECT 1 FROM events") == []


def test_a_header_that_is_no_text_is_not_accepted(im: Im) -> None:
    problem(im.call("POST", EVENTS, event(), token=None, headers={"authorization": b"Bearer \xff\xfe"}), 401)


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "authorization"])
def test_a_token_in_the_address_is_not_accepted(im: Im, name: str) -> None:
    problem(im.call("POST", EVENTS, event(), token=None, params={name: ADMIN}), 401)


def test_another_scheme_than_bearer_is_not_accepted(im: Im) -> None:
    problem(im.call("POST", EVENTS, event(), token=None, headers={"authorization": f"Basic {ADMIN}"}), 401)


def test_a_scope_that_is_missing_is_named(im: Im) -> None:
    assert "events:write" in problem(im.call("POST", EVENTS, event(), token=READER), 403)["detail"]
    for path in ("incidents", "deliveries", "rules", "timeline"):
        assert "analytics:read" in problem(im.call("GET", f"/api/v1/{path}", token=SENDER), 403)["detail"]
    for path in ("chatops/providers", "audit", "tokens", "sources"):
        assert "admin" in problem(im.call("GET", f"/api/v1/{path}", token=READER), 403)["detail"]


def test_a_revoked_token_is_refused_within_seconds(im: Im) -> None:
    body = {"name": "ci", "scopes": ["events:write"]}
    token = im.call("POST", "/api/v1/tokens", body).json()["token"]
    assert im.call("POST", EVENTS, event(), token=token).status_code == 202
    assert im.sql("SELECT source FROM events") == [{"source": "ci"}]
    assert im.call("DELETE", "/api/v1/tokens/ci").status_code == 204
    problem(im.call("POST", EVENTS, event(), token=token), 401)
    problem(im.call("DELETE", "/api/v1/tokens/ci"), 404)


def test_tokens_are_listed_without_what_would_let_them_be_used(im: Im) -> None:
    made = im.call("POST", "/api/v1/tokens", {"name": "ci", "scopes": ["events:write"]}).json()["token"]
    shown = im.call("GET", "/api/v1/tokens").text
    assert "ci" in shown
    assert made not in shown
    assert "digest" not in shown


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": " ", "scopes": ["admin"]}, "name"),
        ({"name": "x", "scopes": ["admin"], "source": "s" * 5000}, "source"),
        ({"name": "x", "scopes": ["admin"], "source": "a\0b"}, "source"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(im: Im, body: dict[str, Any], field: str) -> None:
    assert problem(im.call("POST", "/api/v1/tokens", body), 400)["errors"][0]["field"] == field


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]"])
def test_a_foreign_host_header_is_refused(im: Im, host: str) -> None:
    problem(im.call("GET", "/healthz", headers={"host": host}), 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"])
def test_this_machines_names_are_served(im: Im, host: str) -> None:
    assert im.call("GET", "/healthz", headers={"host": host}).status_code == 200


def test_the_public_address_is_served_and_hides_the_details(im_with: Callable[..., Im]) -> None:
    im = im_with(public_url="https://im.example.com")
    host = {"host": "im.example.com"}
    assert "parts" not in im.call("GET", "/readyz", token=None, headers=host).json()
    assert "parts" in im.call("GET", "/readyz", token=READER, headers=host).json()
    problem(im.call("GET", "/metrics", token=None, headers=host), 401)
    assert im.call("GET", "/metrics", token=READER, headers=host).status_code == 200


# What is refused.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[1]",
        b"true",
        b'"text"',
        b"\xff\xfe",
        b'{"type": "\xff"}',
        b'{"type": "incident.created", "incident": {"titel": "x"}',
        b'{"type": "incident.created", "incident": []}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        json.dumps(event()).encode() + b"trailing",
    ],
)
def test_a_body_that_is_no_event_is_refused(im: Im, body: bytes) -> None:
    problem(im.call("POST", EVENTS, body, token=SENDER), 400)


@pytest.mark.parametrize(
    "extra",
    [
        b"1e400",
        b"-1e200000",
        b'"\xff"',
        b'"\\ud800"',
        b'"\\u0000"',
        b'{"\\u0000": 1}',
        b"[" * 20_000 + b"]" * 20_000,
        b"[" * 900 + b"]" * 900,
        b"9" * 200_000,
        b"NaN",
    ],
)
def test_a_malformed_part_that_nobody_reads_is_no_500(im: Im, extra: bytes) -> None:
    body = json.dumps(event()).encode()[:-1] + b', "extra": ' + extra + b"}"
    assert im.call("POST", EVENTS, body, token=SENDER).status_code in (202, 400)
    assert im.post(event(incident="INC-2"))


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"type": "incident.createt"}, "type", "did you mean `incident.created`?"),
        ({"type": "x"}, "type", "known are"),
        ({"type": 5}, "type", "str"),
        ({"time": "yesterday"}, "time", ""),
        ({"time": "2026-01-05T10:00:00"}, "time", ""),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time", "2000"),
        ({"time": "0001-01-01T00:00:00Z"}, "time", "2000"),
        ({"time": "9999-12-31T23:59:59-14:00"}, "time", "future"),
        ({"note": "n" * 20_001}, "note", "at most 20000"),
        ({"actor": 1}, "actor", ""),
        ({"id": "i" * 201}, "id", "at most 200"),
    ],
)
def test_a_wrong_field_of_an_event_is_named(im: Im, changed: dict[str, Any], field: str, says: str) -> None:
    body = problem(im.call("POST", EVENTS, event() | changed, token=SENDER), 400)
    assert body["errors"][0]["field"] == field
    assert says in body["detail"]


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"severity": None}, "incident.severity", "SEV-1, SEV-2"),
        ({"severity": "sev1"}, "incident.severity", "SEV-1"),
        ({"title": ""}, "incident.title", "missing"),
        ({"title": "t" * 1_000_000}, "incident.title", "1000000 characters"),
        ({"status": "fixed"}, "incident.status", "acknowledged"),
        ({"url": "javascript:alert(1)"}, "incident.url", "https://"),
        ({"incident": " "}, "incident.id", "visible"),
        ({"incident": "a\nb"}, "incident.id", "visible"),
        ({"labels": {"a": 1}}, "incident.labels[...]", ""),
        ({"labels": {str(n): "" for n in range(65)}}, "incident.labels", "at most 64"),
    ],
)
def test_a_wrong_field_of_an_incident_is_named(
    im: Im, changed: dict[str, Any], field: str, says: str
) -> None:
    body = problem(im.call("POST", EVENTS, event(**changed), token=SENDER), 400)
    assert body["errors"][0]["field"] == field
    assert says in body["detail"]


def test_a_misspelt_field_gets_a_hint(im: Im) -> None:
    given = event()
    given["incidnet"] = given.pop("incident")
    assert "`incidnet`" in problem(im.call("POST", EVENTS, given, token=SENDER), 400)["detail"]


def test_an_unknown_incident_needs_title_and_severity(im: Im) -> None:
    body = problem(im.call("POST", EVENTS, event("acknowledged"), token=SENDER), 400)
    assert body["errors"][0]["field"] == "incident.title"


def test_more_than_eight_mebibytes_are_too_large(im: Im) -> None:
    body = problem(im.call("POST", EVENTS, b" " * (9 * 1024 * 1024), token=SENDER), 413)
    assert "8 MiB" in body["detail"]


def test_more_than_eight_mebibytes_in_pieces_are_too_large_as_well(im: Im) -> None:
    with socket.create_connection(("127.0.0.1", im.settings.port), timeout=10) as connection:
        head = f"POST {EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SENDER}\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        try:
            for _ in range(9):
                connection.sendall(piece)
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before all was sent
        assert b" 413 " in connection.recv(1000).partition(b"\r\n")[0]


def test_an_array_holds_at_most_a_thousand(im: Im) -> None:
    many = [event(incident=f"i{n}") for n in range(1001)]
    assert "1001" in problem(im.call("POST", EVENTS, many, token=SENDER), 400)["detail"]
    assert len(im.post(*many[:1000])) == 1000


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1/incidents/INC-0",
        "/api/v1/incidents/INC-0/timeline",
        "/api/v1/events/nothing",
        "/api/v1/decisions/nothing",
        "/api/v1/decisions/00000000-0000-0000-0000-000000000000",
        "/api/v1/deliveries/nothing",
        "/api/v1/deliveries/00000000-0000-0000-0000-000000000000",
        "/api/v1/chatops/providers/nothing",
    ],
)
def test_what_is_not_there_is_said_so(im: Im, path: str) -> None:
    problem(im.call("GET", path), 404)


def test_another_method_is_said_so(im: Im) -> None:
    problem(im.call("DELETE", EVENTS), 405)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/incidents/a%00b",
        "/api/v1/events/a%00b",
        "/api/v1/chatops/providers/a%00b",
        "/api/v1/incidents?severity=%00",
        "/api/v1/deliveries?provider=%00",
        "/api/v1/deliveries?state=nonsense",
        "/api/v1/timeline?source=%00",
        "/api/v1/audit?limit=many",
        "/api/v1/audit?limit=99999999999999999999",
        "/api/v1/incidents?limit=-5",
        "/api/v1/incidents/%ff%fe",
    ],
)
def test_odd_addresses_are_no_500(im: Im, path: str) -> None:
    assert im.call("GET", path).status_code in (200, 400, 404)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/chatops/providers", {"name": "a\0b", "type": "sandbox"}),
        ("/api/v1/chatops/providers", {"name": "x", "type": "sandbox", "config": {"default_channel": "\0"}}),
        ("/api/v1/chatops/providers", {"name": "x", "type": "smoke-signals"}),
        ("/api/v1/chatops/providers", {"name": "x"}),
        ("/api/v1/chatops/providers", []),
        ("/api/v1/chatops/providers/sandbox/message", {"text": "a\0b"}),
        ("/api/v1/chatops/providers/sandbox/message", {"text": "x", "channel": "\0"}),
        ("/api/v1/chatops/providers/sandbox/notify", {"incident_id": "\0"}),
        ("/api/v1/chatops/providers/sandbox/notify", {"incident_id": "x", "data": {"title": 5}}),
        ("/api/v1/chatops/providers/sandbox/notify", {"incident_id": "x", "type": "nonsense"}),
        ("/api/v1/chatops/broadcast", {"text": " "}),
        ("/api/v1/sources", {"name": "a\0b"}),
        ("/api/v1/sources", {"name": "a", "per": "week"}),
        ("/api/v1/sources", {"name": "a", "severity_map": {"x": "SEV-7"}}),
        ("/api/v1/rules/validate", {"files": {"a.yaml": "routes: [\0"}}),
        ("/api/v1/rules/validate", {"files": 5}),
        ("/v2/enqueue", {"routing_key": SENDER, "event_action": "trigger", "payload": {"summary": "\0"}}),
        ("/v2/enqueue", []),
        ("/api/v1/events/alertmanager", {"version": "4"}),
    ],
)
def test_odd_bodies_are_no_500(im: Im, path: str, body: Any) -> None:
    im.sandbox()
    answer = im.call("POST", path, body)
    assert 400 <= answer.status_code < 500 or (path.endswith("validate") and not answer.json()["ok"])


def test_the_ping_gets_its_constant_answer_for_any_name(im: Im) -> None:
    for path in ("/chatops/company-slack", "/chatops/slack/nobody"):
        answer = im.call("POST", path, b'{"type": "ping"}', token=None)
        assert (answer.status_code, answer.content) == (200, b'{"type":"pong"}')


def test_pings_are_rate_limited(im: Im) -> None:
    with ThreadPoolExecutor(32) as pool:
        sent = [
            pool.submit(im.call, "POST", "/chatops/x", b'{"type":"ping"}', token=None) for _ in range(200)
        ]
        answers = [each.result() for each in sent]
    refused = [answer for answer in answers if answer.status_code != 200]
    problem(refused[0], 429)


# For whoever runs it.


def test_readyz_tells_each_parts_state(im: Im) -> None:
    body = im.call("GET", "/readyz", token=None).json()
    parts = {"database": "ok", "redis": "ok", "rules": "ok", "nlu": "away"}
    assert body == {"status": "ready", "parts": parts}


def test_the_metrics_have_their_names(im: Im) -> None:
    im.sandbox()
    im.post(event(severity="SEV-1"), event("acknowledged", minute=1))
    assert 'im_outbox_pending{lane="sandbox"} 4.0' in im.call("GET", "/metrics", token=None).text
    im.drain()
    text = im.call("GET", "/metrics", token=None).text
    for name in (
        'im_events_total{outcome="accepted",type="incident.created"}',
        "im_decision_seconds_bucket",
        'im_deliveries_total{platform="sandbox",provider="sandbox",reason="",state="sent"}',
        'im_delivery_latency_seconds_bucket{le="1.0",platform="sandbox",provider="sandbox"}',
        "im_outbox_oldest_seconds",
        "im_rules_info{hash=",
        "im_rules_errors_total",
    ):
        assert name in text


def test_the_schema_is_served_without_anything_from_elsewhere(im: Im) -> None:
    answer = im.call("GET", "/schema", token=None)
    assert answer.status_code == 200
    assert "/api/v1/events" in answer.json()["paths"]
    assert "cdn" not in answer.text


def test_a_hundred_callers_at_once_are_all_answered(im: Im) -> None:
    with ThreadPoolExecutor(32) as pool:
        sent = [
            pool.submit(im.call, "POST", EVENTS, event(incident=f"i{n}"), token=SENDER) for n in range(100)
        ]
        assert {each.result().status_code for each in sent} == {202}
    until(lambda: len(im.sql("SELECT 1 FROM incidents")) == 100)


async def test_an_empty_file_of_the_admin_token_is_refused_rather_than_accepted_as_one(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "admin-token").write_text("\n")
    with pytest.raises(Problem, match="is empty; remove it"):
        await prepare(msgspec.structs.replace(settings, data_dir=tmp_path))
