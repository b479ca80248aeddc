"""Incidents by hand over HTTP: every route, what it refuses, and what happens when many come at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.flow.stage import ADMIN, READER, SENDER, Im, event

HAND = "im_hand-of-the-flow-tests-0123456789abc"
NEW = {"title": "It is down", "severity": "SEV-2"}
VERBS: dict[str, dict[str, Any]] = {
    "acknowledge": {},
    "resolve": {},
    "close": {},
    "reopen": {},
    "escalate": {"severity": "SEV-1"},
    "assign": {"assignee": "dana"},
    "notes": {"note": "Failing over"},
}


def do(im: Im, verb: str, id: str = "INC-2024-001", *, token: str = ADMIN, key: str = "", **body: Any) -> Any:
    path = f"/api/v1/incidents/{id}/{verb}" if verb else "/api/v1/incidents"
    headers = {"idempotency-key": key} if key else {}
    return im.call("POST", path, body, token=token, headers=headers)


def declare(im: Im, **more: Any) -> dict[str, Any]:
    answer = do(im, "", **(NEW | more))
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


def at_once(count: int, call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_an_incident_is_declared_worked_and_closed(im: Im) -> None:
    row = declare(im, service="checkout", description="Nobody can pay", labels={"region": "eu"})
    number = row["id"]
    assert re.fullmatch(r"INC-\d{4}-\d{3,}", number)
    assert (row["status"], row["severity"], row["service"], row["labels"]) == (
        "open",
        "SEV-2",
        "checkout",
        {"region": "eu"},
    )
    for verb, status in (
        ("acknowledge", "acknowledged"),
        ("escalate", "acknowledged"),
        ("assign", "acknowledged"),
        ("notes", "acknowledged"),
        ("resolve", "resolved"),
        ("reopen", "open"),
        ("resolve", "resolved"),
        ("close", "closed"),
    ):
        answer = do(im, verb, number, **VERBS[verb])
        assert answer.status_code == 200, (verb, answer.text)
        assert (answer.json()["id"], answer.json()["status"]) == (number, status), verb
    shown = im.incident(number)
    assert (shown["severity"], shown["assignee"]) == ("SEV-1", "dana")
    timeline = [row["event_type"] for row in im.get(f"/api/v1/incidents/{number}/timeline")]
    assert len(timeline) == 9
    assert im.get(f"/api/v1/incidents/{number}/timeline")[1]["actor"] == "api:admin-source"


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_incident_is_not_found(im: Im, verb: str) -> None:
    for number in ("INC-404", "%00", "..%2f..", "' OR 1=1", "x" * 500):
        answer = do(im, verb, number, **VERBS[verb])
        assert answer.status_code in (400, 404), (number, answer.text)
    answer = do(im, verb, "INC-404", **VERBS[verb])
    assert answer.status_code == 404
    assert "no incident `INC-404`" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("verb", "body", "first", "told"),
    [
        ("acknowledge", {}, ["acknowledge"], "was acknowledged by admin-source 0 s ago"),
        ("resolve", {}, ["resolve"], "was resolved by admin-source"),
        ("close", {}, [], "is open; resolve it first"),
        ("reopen", {}, [], "is open"),
        ("escalate", {"severity": "SEV-2"}, [], "is SEV-2 already"),
        ("escalate", {"severity": "SEV-1"}, ["resolve"], "is resolved; reopen it first"),
        ("assign", {"assignee": "dana"}, ["assign"], "is assigned to dana already"),
        ("assign", {"assignee": "dana"}, ["resolve", "close"], "is closed; reopen it first"),
    ],
)
def test_what_makes_no_sense_is_a_conflict_that_says_what_is_true(
    im: Im, verb: str, body: dict[str, Any], first: list[str], told: str
) -> None:
    number = declare(im)["id"]
    for each in first:
        assert do(im, each, number, **VERBS[each]).status_code == 200
    answer = do(im, verb, number, **body)
    assert answer.status_code == 409, answer.text
    assert told.removesuffix(" 0 s ago") in answer.json()["detail"]
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("", {"severity": "SEV-1"}, "title"),
        ("", {"title": "x"}, "severity"),
        ("", {"title": " ", "severity": "SEV-1"}, "title"),
        ("", {"title": "x", "severity": "sev1"}, "severity"),
        ("", {"title": "x" * 2001, "severity": "SEV-1"}, "title"),
        ("", {"title": "a\0b", "severity": "SEV-1"}, "title"),
        ("", {"title": "x", "severity": "SEV-1", "labels": {"a": 1}}, "labels[...]"),
        ("", {"title": "x", "severity": "SEV-1", "labels": {"a": "\0"}}, "labels.a"),
        ("", {"title": "x", "severity": "SEV-1", "url": "javascript:1"}, "url"),
        ("", {"title": 7, "severity": "SEV-1"}, "title"),
        ("escalate", {}, "severity"),
        ("escalate", {"severity": "SEV-0"}, "severity"),
        ("assign", {"assignee": " "}, "assignee"),
        ("assign", {"assignee": "x" * 201}, "assignee"),
        ("assign", {"assignee": "a\0"}, "assignee"),
        ("notes", {"note": ""}, "note"),
        ("notes", {"note": "x" * 20_001}, "note"),
        ("notes", {"note": "a\0b"}, "note"),
        ("acknowledge", {"note": 7}, "note"),
        ("resolve", {"note": "x" * 20_001}, "note"),
    ],
)
def test_a_wrong_field_is_named_as_the_body_has_it(
    im: Im, verb: str, body: dict[str, Any], field: str
) -> None:
    im.post(event())
    answer = do(im, verb, **body)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert field in [each["field"] for each in problem["errors"]], problem
    assert "incident." not in problem["detail"]
    assert len(im.get("/api/v1/incidents")) == 1


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_unknown_fields_and_other_shapes_are_refused(im: Im, verb: str) -> None:
    im.post(event())
    body = (VERBS[verb] if verb else NEW) | {"severty": "SEV-1"}
    answer = do(im, verb, **body)
    assert answer.status_code == 400
    assert "severty" in answer.text
    path = f"/api/v1/incidents/INC-2024-001/{verb}" if verb else "/api/v1/incidents"
    for raw in (b"[]", b"{", b"null", b'"x"', b"\xff"):
        assert im.call("POST", path, raw).status_code == 400, raw


def test_a_body_may_be_left_out_where_nothing_is_needed(im: Im) -> None:
    im.post(event())
    assert im.call("POST", "/api/v1/incidents/INC-2024-001/acknowledge").status_code == 200


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_only_those_who_may_write_incidents_may(im: Im, verb: str) -> None:
    im.post(event())
    body = VERBS[verb] if verb else NEW
    for token in (READER, SENDER):
        answer = do(im, verb, token=token, **body)
        assert answer.status_code == 403
        assert "incidents:write" in answer.json()["detail"]
    assert do(im, verb, token="im_wrong", **body).status_code == 401
    assert im.incident()["status"] == "open"


def test_a_hands_token_writes_and_nothing_else(im: Im) -> None:
    made = im.call("POST", "/api/v1/tokens", {"name": "hand", "scopes": ["incidents:write"]})
    assert made.status_code == 201, made.text
    token = made.json()["token"]
    im.post(event())
    assert do(im, "acknowledge", token=token).status_code == 200
    assert im.incident()["status_by"] == "hand"
    assert im.call("GET", "/api/v1/incidents", token=token).status_code == 403


@pytest.mark.parametrize("verb", ["", *(verb for verb in VERBS if verb not in ("close", "reopen"))])
def test_the_same_key_twice_is_done_once_and_answered_alike(im: Im, verb: str) -> None:
    im.post(event())
    body = VERBS[verb] if verb else NEW
    first, again = (do(im, verb, key="k-1", **body) for _ in range(2))
    assert first.status_code in (200, 201), first.text
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(im.get("/api/v1/incidents", status="")) == (1 if verb else 2)
    other = do(im, verb, key="k-1", **(body | ({"note": "other"} if verb else {"title": "Other"})))
    assert other.status_code == 409, other.text
    assert "used before with other content" in other.json()["detail"]


@pytest.mark.parametrize("key", ["x" * 201, "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(im: Im, key: str) -> None:
    answer = do(im, "", key=key, **NEW)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_one_key_of_two_callers_is_two_keys(im: Im) -> None:
    made = im.call("POST", "/api/v1/tokens", {"name": "hand", "scopes": ["incidents:write"]})
    ids = {do(im, "", key="k", token=token, **NEW).json()["id"] for token in (ADMIN, made.json()["token"])}
    assert len(ids) == 2


def test_twenty_declared_at_once_get_twenty_numbers(im: Im) -> None:
    answers = at_once(20, lambda number: do(im, "", **(NEW | {"title": f"Number {number}"})))
    assert {answer.status_code for answer in answers} == {201}
    ids = [answer.json()["id"] for answer in answers]
    assert len(set(ids)) == 20
    assert all(re.fullmatch(r"INC-\d{4}-\d{3,}", each) for each in ids)
    titles = {row["id"]: row["title"] for row in im.get("/api/v1/incidents")}
    assert all(titles[answer.json()["id"]] == answer.json()["title"] for answer in answers)


def test_of_ten_acknowledgements_at_once_one_wins_and_the_others_hear_who(im: Im) -> None:
    im.post(event())
    answers = at_once(10, lambda _: do(im, "acknowledge"))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
    for answer in answers:
        if answer.status_code == 409:
            assert "was acknowledged by admin-source" in answer.json()["detail"]
    rows = im.get("/api/v1/incidents/INC-2024-001/timeline")
    assert [row["event_type"] for row in rows].count("chatops.acknowledge") <= 1
    assert len(rows) == 2


def test_one_key_ten_times_at_once_is_one_incident(im: Im) -> None:
    answers = at_once(10, lambda _: do(im, "", key="same", **NEW))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(im.get("/api/v1/incidents")) == 1


def test_hostile_texts_are_kept_as_they_are(im: Im) -> None:
    title = "<!channel> @everyone \u202e '; DROP TABLE incidents; -- \ud83d\ude00".encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")
    row = declare(im, title=title, description="x" * 20_000)
    shown = im.incident(row["id"])
    assert shown["title"] == title
    assert len(shown["description"]) == 20_000


def test_filters_that_match_nothing_show_nothing(im: Im) -> None:
    declare(im)
    assert len(im.get("/api/v1/incidents", severity="SEV-2")) == 1
    assert im.get("/api/v1/incidents", severity="SEV-1") == []
    assert im.get("/api/v1/incidents", status="closed") == []
    assert im.get("/api/v1/incidents", service="nope") == []
