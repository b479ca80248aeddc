"""Events accepted in groups: every trap of committing many requests in one statement."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.ingest import GROUPS_AT_A_TIME
from tests.flow.stage import ADMIN, OTHER, SENDER, Im, ended, event, free_port, until, write_rules

_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"


def at_once(im: Im, bodies: list[Any], *, token: str = SENDER) -> list[httpx.Response]:
    """The answers to bodies that are committed in one group: the groups before them are held up."""
    with im.database.transaction(), ThreadPoolExecutor(len(bodies) + GROUPS_AT_A_TIME) as pool:
        # Every batch needs the number of the providers' version only after this lock on its incidents.
        im.sql("SELECT pg_advisory_xact_lock(1, n) FROM generate_series(0, 1023) AS n")
        before = []
        for number in range(1, GROUPS_AT_A_TIME + 1):
            held = event(incident=f"holds-up-{number}")
            before.append(pool.submit(im.call, "POST", "/api/v1/events", held, token=token))
            until(lambda waiting=number: len(im.sql(_WAITING)) == waiting)
        sent = [pool.submit(im.call, "POST", "/api/v1/events", body, token=token) for body in bodies]
        # Handlers queue in the same loop; they have all been heard when a later call is answered.
        for _ in range(3):
            im.get("/healthz")
        im.database.execute("COMMIT")
        im.database.execute("BEGIN")
        assert [each.result().status_code for each in before] == [202] * GROUPS_AT_A_TIME
        return [each.result() for each in sent]


def statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_one_incident_many_times_in_a_group_is_written_once_with_all_its_events(im: Im) -> None:
    answers = at_once(im, [event("updated", minute=n, title=f"t{n}", severity="SEV-3") for n in range(20)])
    assert statuses(answers) == [202] * 20
    assert len(im.sql("SELECT 1 FROM incidents WHERE external_id = 'INC-2024-001'")) == 1
    timeline = im.get("/api/v1/incidents/INC-2024-001/timeline")
    assert len(timeline) == 20
    assert im.incident()["title"] == "t19"


def test_one_key_twice_in_a_group_answers_both_with_the_first_result(im: Im) -> None:
    im.sandbox()
    answers = at_once(im, [event(id="same")] * 5)
    assert statuses(answers) == [202] * 5
    results = [answer.json()["results"][0] for answer in answers]
    assert sorted(result["duplicate"] for result in results) == [False, True, True, True, True]
    assert len({result["event_id"] for result in results}) == 1
    assert len({tuple(result["deliveries"]) for result in results}) == 1
    assert results[0]["deliveries"]
    assert len(im.sql("SELECT 1 FROM events WHERE key = 'same'")) == 1


def test_one_key_with_other_content_fails_alone_in_its_group(im: Im) -> None:
    bodies = [event(id="k", title="one"), event(id="k", title="two"), event(id="else", incident="INC-9")]
    answers = at_once(im, bodies)
    assert statuses(answers) == [202, 202, 409]
    assert len(im.sql("SELECT 1 FROM events WHERE key IN ('k', 'else')")) == 2


def test_a_key_used_before_with_other_content_is_a_conflict(im: Im) -> None:
    im.post(event(id="k"))
    answer = im.call("POST", "/api/v1/events", event(id="k", title="other"), token=SENDER)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_white_space_and_the_order_of_keys_do_not_make_other_content(im: Im) -> None:
    first = im.call("POST", "/api/v1/events", event(id="k"), token=SENDER).json()["results"][0]
    turned = str(dict(reversed(event(id="k").items()))).replace("'", '"').encode()
    second = im.call("POST", "/api/v1/events", turned, token=SENDER).json()["results"][0]
    assert second == first | {"duplicate": True}


def test_the_header_is_the_key_of_a_single_event_and_must_not_contradict_its_id(im: Im) -> None:
    for duplicate in (False, True):
        answer = im.call(
            "POST", "/api/v1/events", event(), token=SENDER, headers={"idempotency-key": "from-header"}
        )
        assert answer.json()["results"][0]["duplicate"] is duplicate
    other = im.call(
        "POST", "/api/v1/events", event(id="own"), token=SENDER, headers={"idempotency-key": "from-header"}
    )
    assert other.status_code == 400


def test_a_key_too_long_to_be_indexed_is_refused_without_harm_to_the_others(im: Im) -> None:
    answer = im.call("POST", "/api/v1/events", event(), token=SENDER, headers={"idempotency-key": "k" * 9000})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_duplicate_of_an_event_that_was_refused_is_not_promised(im: Im) -> None:
    """Both come in one group; the first cannot be applied, so nothing is stored under the key."""
    unknown = event("acknowledged", id="k", incident="never-declared")
    answers = at_once(im, [unknown, unknown, event(id="fine")])
    assert statuses(answers) == [202, 400, 400]
    assert im.sql("SELECT 1 FROM events WHERE key = 'k'") == []


def test_a_refused_event_leaves_its_key_to_the_next_one(im: Im) -> None:
    """Whichever of the two comes first, the good one is kept; only the other can be refused."""
    refused = event("acknowledged", id="k", incident="never-declared")
    answers = at_once(im, [refused, event(id="k")])
    assert 202 in statuses(answers)
    assert len(im.sql("SELECT 1 FROM events WHERE key = 'k'")) == 1


def test_an_event_that_cannot_be_stored_answers_alone(im: Im) -> None:
    """The database refuses one row of the group; the group is split until it is found."""
    im.sql("ALTER TABLE incidents ADD CONSTRAINT no_poison CHECK (title <> 'poison')")
    try:
        bodies = [event(incident=f"INC-{n}", title="poison" if n == 3 else "fine") for n in range(8)]
        answers = at_once(im, bodies)
    finally:
        im.sql("ALTER TABLE incidents DROP CONSTRAINT no_poison")
    assert statuses(answers) == [202] * 7 + [500]
    assert len(im.sql("SELECT 1 FROM incidents WHERE title = 'fine'")) == 7


@pytest.mark.parametrize("body", [event(title="a\0b"), event(labels={"a\0": "b"}), event(note="\0")])
def test_nul_is_refused_at_the_edge_with_its_field(im: Im, body: dict[str, Any]) -> None:
    answer = im.call("POST", "/api/v1/events", body, token=SENDER)
    assert answer.status_code == 400
    assert "U+0000" in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"]


def test_a_backslash_before_u0000_is_ordinary_text(im: Im) -> None:
    im.post(event(title="C:\\u0000"))
    assert im.incident()["title"] == "C:\\u0000"


COUNTING = """
version: 1
counts: {lately: {of: {event: incident.created}, by: [service], within: 10m}}
routes:
  - id: everything
    when: {}
    notify: [{to: default}]
  - id: storm
    when: {recent.lately: {gte: 3}}
    notify: [{to: management}]
"""


def test_counts_see_the_earlier_events_of_their_own_group(im_with: Callable[..., Im], tmp_path: Path) -> None:
    im = im_with(rules_dir=write_rules(tmp_path / "rules", COUNTING))
    im.sandbox()
    im.post(*[event(incident=f"INC-{n}", minute=n) for n in range(4)])
    im.post(event(incident="INC-other", service="search"))
    fired = [row["routes"] for row in im.sql("SELECT routes FROM deliveries WHERE channel = 'executives'")]
    assert fired == [["storm"], ["storm"]]
    im.post(event(incident="INC-5", minute=5))
    assert len(im.sql("SELECT 1 FROM deliveries WHERE channel = 'executives'")) == 3


def test_an_array_is_all_or_nothing(im: Im) -> None:
    array = [event(id="a"), event("acknowledged", incident="unknown", id="b")]
    answer = im.call("POST", "/api/v1/events", array, token=SENDER)
    assert answer.status_code == 400
    assert im.sql("SELECT 1 FROM events") == []
    assert im.sql("SELECT 1 FROM incidents") == []
    array[1] = event("acknowledged", id="b", minute=1)
    assert len(im.post(*array)) == 2
    assert im.incident()["status"] == "acknowledged"


def test_an_invalid_event_of_an_array_is_named_by_its_place(im: Im) -> None:
    array = [event(), event(incident="two", severity="SEV-9")]
    answer = im.call("POST", "/api/v1/events", array, token=SENDER)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "[1].incident.severity"


def test_an_array_that_fails_leaves_the_others_of_its_group_alone(im: Im) -> None:
    failing = [event(incident="INC-77"), event("resolved", incident="unknown")]
    answers = at_once(im, [failing, event("acknowledged", incident="INC-77", title="t", severity="SEV-3")])
    assert statuses(answers) == [202, 400]
    assert im.incident("INC-77")["title"] == "t"


def test_only_newer_times_move_the_state(im: Im) -> None:
    im.post(event(minute=0))
    im.post(event("resolved", minute=30))
    im.post(event("acknowledged", minute=10))
    found = im.incident()
    assert found["status"] == "resolved"
    assert found["acknowledged_at"] == "2026-01-05T10:10:00Z"
    late = im.get("/api/v1/incidents/INC-2024-001/timeline")[-1]
    assert late["data"]["late"] is True


def test_events_that_overtake_the_declaration_are_completed_by_it(im: Im) -> None:
    im.post(event("acknowledged", minute=5, title="Database down", severity="SEV-2"))
    im.post(event(minute=0, description="disk full"))
    found = im.incident()
    assert found["status"] == "acknowledged"
    assert found["started_at"] == "2026-01-05T10:00:00Z"
    assert found["description"] == "disk full"


def test_a_breach_that_comes_late_is_still_told(im: Im) -> None:
    im.sandbox()
    im.post(event(minute=0))
    im.post(event("updated", minute=10, note="working on it"))
    (result,) = im.post(event("sla.breached", minute=9))
    assert len(result["deliveries"]) == 2


def test_a_breach_does_not_keep_an_acknowledgement_from_counting(im: Im) -> None:
    im.post(event(minute=0))
    im.post(event("sla.breached", minute=10))
    im.post(event("acknowledged", minute=9))
    assert im.incident()["status"] == "acknowledged"


def test_leaving_resolved_needs_a_reopening(im: Im) -> None:
    im.post(event(minute=0))
    im.post(event("resolved", minute=5))
    im.post(event("acknowledged", minute=6))
    im.post(event("updated", minute=7, status="open"))
    assert im.incident()["status"] == "resolved"
    im.post(event("reopened", minute=8))
    found = im.incident()
    assert (found["status"], found["resolved_at"], found["acknowledged_at"]) == ("open", None, None)


def test_a_source_changes_only_its_own_incidents(im: Im) -> None:
    im.post(event(title="mine"))
    im.post(event(title="theirs"), token=OTHER)
    im.post(event("resolved", minute=5), token=OTHER)
    assert im.incident()["status"] == "open"
    rows = im.sql("SELECT source, display_id, status FROM incidents ORDER BY source")
    assert [row["status"] for row in rows] == ["open", "resolved"]
    assert rows[1]["display_id"] != rows[0]["display_id"] == "INC-2024-001"


def test_the_same_key_of_two_sources_is_two_events(im: Im) -> None:
    im.post(event(id="k"))
    (result,) = im.post(event(id="k", title="other"), token=OTHER)
    assert result["duplicate"] is False


def test_numbers_are_unique_and_never_those_that_a_source_shows(im: Im) -> None:
    year = im.sql("SELECT extract(year FROM now() AT TIME ZONE 'UTC')::int AS y")[0]["y"]
    im.post(event(incident=f"INC-{year}-002"))
    bodies = [event(incident=f"alert/{n}") for n in range(30)]
    assert statuses(at_once(im, bodies)) == [202] * 30
    shown = [row["display_id"] for row in im.sql("SELECT display_id FROM incidents")]
    assert len(set(shown)) == len(shown) == 31 + GROUPS_AT_A_TIME
    assert f"INC-{year}-001" in shown
    assert all(each.startswith(f"INC-{year}-") for each in shown)


def test_an_id_that_others_show_already_gets_a_number(im: Im) -> None:
    answers = at_once(im, [event(incident="INC-1"), event(incident="INC-1", minute=1, title="again")])
    answers += at_once(im, [event(incident="INC-1")], token=OTHER)
    assert statuses(answers) == [202] * 3
    assert len(im.sql("SELECT DISTINCT display_id FROM incidents WHERE external_id = 'INC-1'")) == 2


def test_two_api_processes_agree_about_one_incident_and_one_key(im: Im) -> None:
    """A second API in a process of its own; the same posts go to both at the same time."""
    im.sandbox()
    port = free_port()
    with ended(im.process("api.cli", "api", PORT=str(port))), httpx.Client(timeout=30) as second:
        until(lambda: answers(second, f"http://127.0.0.1:{port}/healthz"), 20)
        targets = [f"http://127.0.0.1:{port}", str(im.api.client.base_url)]

        def send(number: int) -> httpx.Response:
            body = event("updated", id=f"key-{number // 4}", minute=number // 4, title="t", severity="SEV-3")
            response: httpx.Response = im.call(
                "POST", f"{targets[number % 2]}/api/v1/events", body, token=SENDER, client=second
            )
            return response

        def collide(number: int) -> httpx.Response:
            body = event(id=f"clash-{number // 2}", incident=f"INC-{number}", title="t")
            response: httpx.Response = im.call(
                "POST", f"{targets[number % 2]}/api/v1/events", body, token=SENDER, client=second
            )
            return response

        def name(number: int) -> httpx.Response:
            token = (SENDER, OTHER)[number % 2]
            body = event(incident=f"INC-55-{number // 2}", title="t")
            response: httpx.Response = im.call(
                "POST", f"{targets[number % 2]}/api/v1/events", body, token=token, client=second
            )
            return response

        with ThreadPoolExecutor(16) as pool:
            sent = list(pool.map(send, range(80)))
            clashes = list(pool.map(collide, range(40)))
            named = list(pool.map(name, range(40)))
    assert statuses(sent) == [202] * 80
    assert sum(not answer.json()["results"][0]["duplicate"] for answer in sent) == 20
    assert len(im.sql("SELECT 1 FROM incidents WHERE external_id = 'INC-2024-001'")) == 1
    assert statuses(clashes) == [202] * 20 + [409] * 20
    assert statuses(named) == [202] * 40
    assert len({row["display_id"] for row in im.sql("SELECT display_id FROM incidents")}) == len(
        im.sql("SELECT 1 FROM incidents")
    )


def answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_keys_outlive_a_restart_and_are_let_go_after_a_week(im_with: Callable[..., Im]) -> None:
    first = im_with()
    (result,) = first.post(event(id="k"))
    second = im_with()
    assert second.post(event(id="k")) == [result | {"duplicate": True}]
    from router import ids  # noqa: PLC0415
    from router.sweep import KEYS_LIVE, forget_keys  # noqa: PLC0415

    assert second.loop.run(forget_keys(second.parts.store)) == 0
    week_ago = ids.first_at(datetime.now(UTC) - KEYS_LIVE - timedelta(minutes=1))
    second.sql("UPDATE events SET id = %s", week_ago)
    assert second.loop.run(forget_keys(second.parts.store)) == 1
    assert second.post(event(id="k", title="another"))[0]["duplicate"] is False


def test_the_event_is_shown_by_its_id_and_by_the_senders(im: Im) -> None:
    (result,) = im.post(event(id="mine"), token=ADMIN)
    for known_as in (result["event_id"], "mine"):
        found = im.get(f"/api/v1/events/{known_as}")
        assert found["event_id"] == result["event_id"]
        assert found["body"]["incident"]["title"] == "Database down"
