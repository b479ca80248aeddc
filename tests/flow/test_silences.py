"""Silences from HTTP in to the platform out: what is muted, what still shows, what is told at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from api.cli.silences import silences as silences_command
from router.catalogue.calendars import Calendars
from router.catalogue.live import LiveCatalogue
from router.catalogue.oncall import Roster
from router.silences import silences
from router.silences.muting import Silence
from router.silences.redecide import due, settle_one
from router.silences.silences import NewSilence
from tests.flow.stage import ADMIN, READER, SENDER, Im, event, states, until, write_rules
from worker.silences import Ends, Windows

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def silence(
    im: Im, actor: str = "dana", reason: str = "deploy", lasts: str = "1h", **matchers: Any
) -> Silence:
    """A silence as chat makes one."""
    body = {"matchers": matchers or {"service": "checkout"}, "for": lasts, "reason": reason}
    given = msgspec.convert(body, type=NewSilence)
    return im.loop.run(silences.add(im.parts.store, given, actor=actor, now=now(), timezone=UTC))


def expire(im: Im, made: Silence) -> Silence:
    return im.loop.run(silences.expire(im.parts.store, made.id, actor="eve", now=now()))


def turn(im: Im, later: timedelta = timedelta()) -> None:
    """A ticker's turn, now or later."""
    ends = Ends(im.parts)
    im.loop.run(ends.turn(now() + later))


def held(im: Im) -> list[dict[str, Any]]:
    return im.deliveries(state="suppressed")


def text(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


def counted(im: Im, line: str) -> float:
    found = [each for each in im.call("GET", "/metrics").text.splitlines() if each.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def tables(im: Im) -> list[Any]:
    return [
        im.sql(f"SELECT count(*) AS n FROM {name}")[0]["n"]
        for name in ("deliveries", "decisions", "timeline")
    ]


# While it lasts.


def test_a_page_is_suppressed_and_says_by_which_silence(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    (result,) = im.post(event(severity="SEV-1"))
    im.drain()
    assert im.shown() == []
    rows = [im.delivery(each) for each in result["deliveries"]]
    assert {row["channel"] for row in rows} == {"critical", "executives"}
    for row in rows:
        assert (row["state"], row["reason"], row["attempts"]) == ("suppressed", "silenced", [])
        assert made.id in row["detail"]
        assert made.words in row["detail"]
    decision = im.get(f"/api/v1/decisions/{result['decision_id']}")
    assert decision["outcome"]["suppressed_by"] == [made.id]
    assert im.incident()["announced"] == []


def test_a_silence_for_another_service_does_nothing(im: Im) -> None:
    im.sandbox()
    silence(im, service="payments")
    (result,) = im.post(event())
    im.drain()
    assert len(im.shown()) == 1
    assert im.get(f"/api/v1/decisions/{result['decision_id']}")["outcome"]["suppressed_by"] == []
    turn(im, 2 * HOUR)
    assert len(im.deliveries()) == 1


@pytest.mark.parametrize(
    "matchers",
    [
        {"severity": {"at_least": "SEV-2"}},
        {"source": ["other", "monitoring"]},
        {"labels": {"region": "eu"}},
        {"service": "checkout", "severity": ["SEV-2"]},
    ],
)
def test_an_incident_is_muted_by_whatever_covers_it(im: Im, matchers: dict[str, Any]) -> None:
    im.sandbox()
    silence(im, **matchers)
    im.post(event(labels={"region": "eu"}))
    assert states(im.deliveries()) == ["suppressed"]


def test_a_silence_that_has_not_begun_mutes_nothing(im: Im) -> None:
    im.sandbox()
    body = BODY | {"starts_at": (now() + timedelta(seconds=30)).isoformat()}
    assert im.call("POST", "/api/v1/silences", body).status_code == 201
    im.post(event())
    assert states(im.deliveries()) == ["pending"]


def test_one_incident_is_muted_by_its_id_and_no_other(im: Im) -> None:
    im.sandbox()
    im.post(event(), event(incident="INC-2024-002"))
    im.drain()
    silence(im, incident="inc-2024-001")
    im.post(
        event("updated", minute=1, note="one"),
        event("updated", minute=1, note="two", incident="INC-2024-002"),
    )
    assert [(row["incident"], row["mode"]) for row in held(im)] == [("INC-2024-001", "reply")]


def test_the_rule_for_what_reaches_nobody_does_not_fire_until_the_silence_ends(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    folder = write_rules(tmp_path / "rules", "version: 1\nroutes: []\n")
    im = im_with(rules_dir=folder)
    im.parts = msgspec.structs.replace(im.parts, settings=im.settings)
    im.sandbox()
    made = silence(im)
    (result,) = im.post(event())
    im.drain()
    assert (result["deliveries"], im.shown()) == ([], [])
    expire(im, made)
    turn(im)
    im.drain()
    (shown,) = im.shown()
    assert shown["channel"] == "general"
    assert "UNROUTED" in text(shown)


def test_an_edit_of_an_announced_message_goes_through_and_a_reply_does_not(im: Im) -> None:
    im.sandbox()
    im.post(event())
    im.drain()
    silence(im)
    im.post(event("acknowledged", minute=1, actor="dana"))
    im.drain()
    (shown,) = im.shown()
    assert "acknowledged" in text(shown).lower()
    (result,) = im.post(event("updated", minute=2, note="failing over"))
    im.drain()
    assert sorted((row["mode"], row["state"]) for row in map(im.delivery, result["deliveries"])) == [
        ("edit", "sent"),
        ("reply", "suppressed"),
    ]
    assert len(im.shown()) == 1
    im.post(event("resolved", minute=3))
    im.drain()
    (shown,) = im.shown()
    assert "resolved" in text(shown).lower()


def test_an_edit_does_not_announce_what_could_not_be_announced_before_the_silence(im: Im) -> None:
    im.sandbox()
    im.post(event())
    im.sql("UPDATE deliveries SET state = 'failed'")
    silence(im)
    im.post(event("acknowledged", minute=1))
    assert states(im.deliveries()) == ["failed", "suppressed"]


def test_the_events_of_one_request_see_no_announcement_that_was_held_back(im: Im) -> None:
    im.sandbox()
    silence(im)
    im.post(event(), event("acknowledged", minute=1), event("updated", minute=2, note="still on it"))
    assert states(im.deliveries()) == ["suppressed"]
    assert im.sql("SELECT * FROM streams") == []


def test_asking_twice_with_the_same_id_makes_one_silence(im: Im) -> None:
    given = msgspec.convert(BODY, type=NewSilence)

    def again(hours: int) -> Silence:
        at = now() + hours * HOUR
        return im.loop.run(
            silences.add(im.parts.store, given, actor="dana", now=at, timezone=UTC, id="click-1")
        )

    assert again(0) == again(1)
    assert [row["action"] for row in im.get("/api/v1/audit")] == ["silence.add"]


def test_what_is_suppressed_is_counted(im: Im) -> None:
    im.sandbox()
    silence(im)
    line = 'im_deliveries_total{platform="sandbox",provider="sandbox",reason="silenced",state="suppressed"}'
    before = counted(im, line)
    im.post(event())
    assert counted(im, line) == before + 1


def test_a_repeated_event_has_the_result_of_the_first(im: Im) -> None:
    im.sandbox()
    silence(im)
    (first,) = im.post(event(id="evt-1"))
    (again,) = im.post(event(id="evt-1"))
    assert again == first | {"duplicate": True}
    assert len(im.deliveries()) == 1


# Its end.


def test_at_its_end_one_message_shows_the_present_state_and_what_happened_meanwhile(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(
        event(),
        event("acknowledged", minute=5, actor="frank"),
        event("updated", minute=6, note="rolling back"),
    )
    turn(im)
    im.drain()
    assert im.shown() == []
    turn(im, 2 * HOUR)
    im.drain()
    (shown,) = im.shown()
    told = text(shown)
    assert shown["channel"] == "major"
    assert "New Incident Declared" in told
    assert "WAS SILENCED" in told
    for part in ("declared", "acknowledged by frank", "rolling back", made.words):
        assert part in told
    assert im.incident()["status"] == "acknowledged"
    for _ in range(3):
        turn(im, 3 * HOUR)
    im.drain()
    assert len(im.shown()) == 1
    assert states(im.deliveries()) == ["suppressed", "sent"]


def test_what_follows_edits_the_message_that_was_posted_at_the_end(im: Im) -> None:
    im.sandbox()
    silence(im)
    im.post(event())
    turn(im, 2 * HOUR)
    im.drain()
    im.sql("UPDATE silences SET expired_at = now()")
    im.post(event("acknowledged", minute=1))
    im.drain()
    assert len(im.shown()) == 1
    assert states(im.deliveries()) == ["suppressed", "sent", "sent"]


def test_a_silence_that_is_ended_by_hand_owes_the_same(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event(severity="SEV-1"))
    ended = expire(im, made)
    assert ended.expired_by == "eve"
    turn(im)
    im.drain()
    assert sorted(row["channel"] for row in im.shown()) == ["critical", "executives"]
    assert {im.delivery(row["id"])["priority"] for row in im.deliveries(state="sent")} == {0}
    assert [row["action"] for row in im.get("/api/v1/audit")][:2] == ["silence.expire", "silence.add"]


def test_the_worst_incidents_are_told_first(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    for number, severity in enumerate(("SEV-3", "SEV-1", "SEV-2")):
        im.post(event(incident=f"INC-{number}", severity=severity))
    expire(im, made)
    owed = im.loop.run(due(im.parts.store, now()))
    assert [each.external_id for each in owed] == ["INC-1", "INC-2", "INC-0"]


def test_what_was_resolved_meanwhile_is_not_told(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event(), event("resolved", minute=9))
    expire(im, made)
    turn(im)
    im.drain()
    assert im.shown() == []
    assert im.sql("SELECT DISTINCT outcome FROM silenced_events") == [{"outcome": "over"}]


def test_what_was_resolved_meanwhile_and_goes_on_later_is_told_after_all(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event(), event("resolved", minute=9))
    expire(im, made)
    turn(im)
    im.post(event("reopened", minute=20))
    turn(im)
    im.drain()
    (shown,) = im.shown()
    assert shown["channel"] == "major"
    assert "declared" in text(shown)
    turn(im)
    im.drain()
    assert len(im.shown()) == 1


def test_of_two_silences_the_later_end_counts(im: Im) -> None:
    im.sandbox()
    silence(im, lasts="1h")
    silence(im, lasts="3h", severity="SEV-2")
    im.post(event())
    turn(im, 2 * HOUR)
    assert states(im.deliveries()) == ["suppressed"]
    turn(im, 4 * HOUR)
    assert states(im.deliveries()) == ["suppressed", "pending"]


def test_a_silence_that_came_later_takes_over_what_the_first_one_owes(im: Im) -> None:
    im.sandbox()
    first = silence(im)
    im.post(event())
    second = silence(im, lasts="3h", severity="SEV-2", reason="longer than thought")
    expire(im, first)
    turn(im)
    assert states(im.deliveries()) == ["suppressed"]
    expire(im, second)
    turn(im)
    im.drain()
    (shown,) = im.shown()
    assert "longer than thought" in text(shown)


def test_a_breach_under_a_silence_is_recorded_and_reported_at_its_end(im: Im) -> None:
    im.sandbox()
    im.post(event())
    im.drain()
    made = silence(im)
    im.post(event("sla.breached", minute=15))
    im.drain()
    assert len(im.shown()) == 1
    assert "sla.breached" in [row["event_type"] for row in im.get("/api/v1/incidents/INC-2024-001/timeline")]
    expire(im, made)
    turn(im)
    im.drain()
    told = [row for row in im.shown() if row["channel"] != "major"]
    assert sorted(row["channel"] for row in told) == ["breaches", "executives"]
    for row in told:
        assert "SLA Breached" in text(row)
        assert "silenced until" in text(row)


def test_a_note_that_was_held_back_is_told_in_the_thread(im: Im) -> None:
    im.sandbox()
    im.post(event())
    im.drain()
    made = silence(im)
    im.post(event("updated", minute=2, note="failing over"))
    im.drain()
    expire(im, made)
    turn(im)
    im.drain()
    posted, reply = im.shown()
    assert reply["parent"] == posted["id"]
    assert "failing over" in text(reply)


def test_the_end_is_on_the_timeline_with_its_decisions_and_deliveries(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event())
    expire(im, made)
    turn(im)
    last = im.get("/api/v1/incidents/INC-2024-001/timeline")[-1]
    assert last["event_type"] == "silence.ended"
    assert last["data"]["silences"] == [made.id]
    assert last["data"]["deliveries"] == [im.deliveries(state="pending")[0]["id"]]
    (decision,) = [im.get(f"/api/v1/decisions/{each}") for each in last["data"]["decisions"]]
    assert decision["outcome"]["after_silences"] == [made.id]
    assert decision["reasons"]


def test_it_is_decided_by_the_facts_of_now(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event(severity="SEV-3"), event("severity_changed", minute=1, severity="SEV-1"))
    expire(im, made)
    turn(im)
    im.drain()
    assert sorted(row["channel"] for row in im.shown()) == ["critical", "executives"]


def test_counts_are_those_of_now_and_the_end_adds_nothing_to_them(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    folder = write_rules(
        tmp_path / "rules",
        "version: 1\n"
        "counts: {created_1h: {of: {event: incident.created}, by: [service], within: 1h}}\n"
        "routes:\n"
        "  - {id: many, when: {recent.created_1h: {gte: 2}}, notify: [{provider: sandbox, channel: many}]}\n"
        "  - {id: few, when: {recent.created_1h: {lt: 2}}, notify: [{provider: sandbox, channel: few}]}\n",
    )
    im = im_with(rules_dir=folder)
    im.parts = msgspec.structs.replace(im.parts, settings=im.settings)
    im.sandbox()
    made = silence(im)
    at = now()
    im.post(event(time=at.isoformat()))
    im.post(event(time=at.isoformat(), incident="INC-2024-002"))
    expire(im, made)
    turn(im)
    assert {row["channel"] for row in im.deliveries(state="pending")} == {"many"}
    assert im.sql("SELECT count(*) AS n FROM count_marks") == [{"n": 2}]


# Crashes and several processes.


def test_a_crash_between_deciding_and_the_commit_leaves_it_owed(
    im: Im, monkeypatch: pytest.MonkeyPatch
) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event())
    expire(im, made)
    before = tables(im)

    async def crashed(*_: object) -> None:
        raise psycopg.OperationalError("the connection is gone")

    with monkeypatch.context() as patched:
        patched.setattr("router.silences.redecide._settled", crashed)
        with pytest.raises(Exception, match="the database does not answer"):
            turn(im)
    assert tables(im) == before
    turn(im)
    im.drain()
    assert len(im.shown()) == 1


def test_several_processes_send_once(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(*[event(incident=f"INC-2024-{number:03d}") for number in range(20)])
    expire(im, made)

    async def race() -> None:
        await asyncio.gather(*(Ends(im.parts).turn(now()) for _ in range(4)))

    im.loop.run(race())
    assert len(im.deliveries(state="pending")) == 20


def test_what_is_held_back_after_the_end_was_settled_is_not_forgotten(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event())
    turn(im, 2 * HOUR)  # the ticker's clock is ahead of the API's
    im.post(event(incident="INC-2024-002"))
    assert states(im.deliveries()) == ["suppressed", "pending", "suppressed"]
    expire(im, made)
    turn(im)
    assert states(im.deliveries()) == ["suppressed", "pending", "suppressed", "pending"]


def test_an_incident_that_cannot_be_decided_keeps_no_other_one_waiting(
    im: Im, monkeypatch: pytest.MonkeyPatch
) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event(), event(incident="INC-2024-002"))
    expire(im, made)
    owed = im.loop.run(due(im.parts.store, now()))
    bad = owed[0].incident_id

    async def settled(store: Any, each: Any, grounds: Any) -> frozenset[str]:
        if each.incident_id == bad:
            raise ValueError("a defect")
        return await settle_one(store, each, grounds)

    with monkeypatch.context() as patched:
        patched.setattr("router.silences.redecide.settle_one", settled)
        turn(im)
    assert len(im.deliveries(state="pending")) == 1
    turn(im)
    assert len(im.deliveries(state="pending")) == 2


def test_bad_rule_files_leave_the_rules_that_decided_last(im_with: Callable[..., Im], tmp_path: Path) -> None:
    folder = write_rules(
        tmp_path / "rules", "version: 1\nroutes: [{id: all, when: {}, notify: [{to: default}]}]\n"
    )
    im = im_with(rules_dir=folder)
    im.parts = msgspec.structs.replace(im.parts, settings=im.settings)
    im.sandbox()
    made = silence(im)
    im.post(event())
    write_rules(folder, "version: 1\nroutes: [{id: all, wehn: {}}]\n")
    expire(im, made)
    turn(im)
    assert [row["channel"] for row in im.deliveries(state="pending")] == ["general"]


# Maintenance windows.


class Window(msgspec.Struct, frozen=True):
    name: str
    services: tuple[str, ...]
    starts: datetime
    ends: datetime


def keep(im: Im, *windows: Window) -> Sequence[str]:
    return im.loop.run(silences.keep_maintenance(im.parts.store, windows, now()))


@pytest.fixture
def window() -> Window:
    return Window("database upgrade", ("checkout",), now() - HOUR, now() + HOUR)


def test_a_maintenance_window_silences_its_services(im: Im, window: Window) -> None:
    im.sandbox()
    assert len(keep(im, window)) == 1
    assert keep(im, window) == ()
    im.post(event())
    (row,) = held(im)
    assert "by maintenance: database upgrade" in row["detail"]


def test_a_longer_window_is_a_longer_silence(im: Im, window: Window) -> None:
    (made,) = keep(im, window)
    longer = msgspec.structs.replace(window, ends=window.ends + HOUR)
    assert keep(im, longer) == (made,)
    (kept,) = im.loop.run(silences.listed(im.parts.store, now=now()))
    assert kept.ends_at == longer.ends


def test_a_window_that_moved_or_went_ends_its_silence(im: Im, window: Window) -> None:
    im.sandbox()
    keep(im, window)
    im.post(event())
    moved = msgspec.structs.replace(window, starts=now() + 2 * HOUR, ends=now() + 3 * HOUR)
    assert len(keep(im, moved)) == 2
    turn(im)
    assert states(im.deliveries()) == ["suppressed", "pending"]
    assert len(keep(im)) == 1
    assert im.loop.run(silences.listed(im.parts.store, now=now())) == []
    assert len(keep(im, window)) == 1
    (kept,) = im.loop.run(silences.listed(im.parts.store, now=now()))
    assert kept.expired_at is None


def test_a_window_that_a_person_ended_stays_ended(im: Im, window: Window) -> None:
    (made,) = keep(im, window)
    im.loop.run(silences.expire(im.parts.store, made, actor="eve", now=now()))
    assert keep(im, window) == ()
    assert im.loop.run(silences.listed(im.parts.store, now=now())) == []


def test_where_a_calendar_cannot_be_read_no_window_is_taken_for_gone(im: Im, window: Window) -> None:
    keep(im, window)
    kept = im.loop.run(silences.keep_maintenance(im.parts.store, (), now(), complete=False))
    assert kept == ()
    assert len(im.loop.run(silences.listed(im.parts.store, now=now()))) == 1


def test_windows_of_the_catalogue_become_silences_and_a_bad_file_ends_none(im: Im, tmp_path: Path) -> None:
    planned = f"{now() - HOUR:%Y-%m-%dT%H:%M}"
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        "teams: {shop: {members: [dana]}}\n"
        "services: {checkout: {team: shop}}\n"
        "maintenance:\n"
        f"  - {{name: upgrade, services: [checkout], from: {planned}, to: {now() + HOUR:%Y-%m-%dT%H:%M}}}\n"
    )
    live = LiveCatalogue(path, check_every=0.0)
    windows = Windows(im.parts, Roster(live, Calendars(im.parts.http, now)))
    im.loop.run(windows.turn())
    assert live.problems == ()
    (kept,) = im.loop.run(silences.listed(im.parts.store, now=now()))
    assert (kept.reason, kept.matchers.service) == ("upgrade", ("checkout",))
    path.write_text("maintenance: nonsense\n")
    im.loop.run(windows.turn())
    path.unlink()
    im.loop.run(Windows(im.parts, Roster(LiveCatalogue(tmp_path), Calendars(im.parts.http, now))).turn())
    assert len(im.loop.run(silences.listed(im.parts.store, now=now()))) == 1
    path.write_text("services: {checkout: {}}\n")
    im.loop.run(windows.turn())
    assert im.loop.run(silences.listed(im.parts.store, now=now())) == []


# HTTP and the command line.


BODY = {"matchers": {"service": "checkout"}, "for": "2h", "reason": "deploy"}


def test_silences_are_made_listed_and_ended_over_http(im: Im) -> None:
    made = im.call("POST", "/api/v1/silences", BODY)
    assert made.status_code == 201, made.text
    row = made.json()
    assert row["matchers"] == {"service": ["checkout"]}
    assert row["created_by"] == "admin-source"
    assert im.get("/api/v1/silences") == [row]
    assert im.get(f"/api/v1/silences/{row['id']}") == row
    ended = im.call("DELETE", f"/api/v1/silences/{row['id']}")
    assert (ended.status_code, ended.json()["expired_by"]) == (200, "admin-source")
    assert im.get("/api/v1/silences") == []
    assert [each["id"] for each in im.get("/api/v1/silences", all="true")] == [row["id"]]
    assert im.call("DELETE", f"/api/v1/silences/{row['id']}").status_code == 409
    assert im.call("DELETE", "/api/v1/silences/none").status_code == 404
    assert im.call("GET", "/api/v1/silences/none").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/api/v1/silences", READER, 200),
        ("POST", "/api/v1/silences", READER, 403),
        ("DELETE", "/api/v1/silences/x", READER, 403),
        ("GET", "/api/v1/silences", SENDER, 403),
        ("POST", "/api/v1/silences", SENDER, 403),
        ("POST", "/api/v1/silences", None, 401),
    ],
)
def test_each_call_has_its_scope(im: Im, method: str, path: str, token: str | None, status: int) -> None:
    body = BODY if method == "POST" else None
    assert im.call(method, path, body, token=token).status_code == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"for": "2 fortnights"}, "for"),
        ({"matchers": {}}, "matchers"),
        ({"matchers": {"servcie": "x"}}, "matchers"),
        ({"matchers": {"incident": "INC-9999-999"}}, "matchers.incident"),
    ],
)
def test_what_cannot_be_silenced_is_refused_with_the_field(
    im: Im, change: dict[str, Any], field: str
) -> None:
    answer = im.call("POST", "/api/v1/silences", BODY | change)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_more_silences_than_events_can_be_compared_with_are_refused(im: Im) -> None:
    im.sql(
        "INSERT INTO silences (id, created_by, starts_at, ends_at, matchers) "
        "SELECT n::text, 'dana', now(), now() + interval '1 hour', '{\"service\": [\"x\"]}' "
        "FROM generate_series(1, %s) AS n",
        silences.MAX_ACTIVE,
    )
    assert im.call("POST", "/api/v1/silences", BODY).status_code == 409


@pytest.fixture
def command(
    im: Im, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs `im silences …` against the API; what it prints."""
    monkeypatch.setenv("IM_URL", str(im.api.client.base_url))
    monkeypatch.setenv("IM_TOKEN", ADMIN)

    def run(*arguments: str) -> str:
        capsys.readouterr()
        silences_command.main(list(arguments), prog_name="im silences", standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_the_command_line_adds_lists_and_ends_silences(command: Callable[..., str]) -> None:
    made = json.loads(
        command(
            *("add", "--service", "checkout", "--at-least", "SEV-2", "--label", "region=eu"),
            *("--for", "2h", "--reason", "deploy", "--json"),
        )
    )
    assert made["matchers"] == {
        "service": ["checkout"],
        "severity": ["SEV-1", "SEV-2"],
        "labels": {"region": "eu"},
    }
    listed = command("list")
    assert "service checkout, severity SEV-1 or SEV-2, labels region=eu" in listed
    assert "deploy" in listed
    assert command("expire", made["id"]).startswith(f"ended {made['id']}")
    assert json.loads(command("list", "--json")) == []
    assert made["id"] in command("list", "--all")


def test_the_ticker_settles_what_silences_owe(im: Im) -> None:
    im.sandbox()
    made = silence(im)
    im.post(event())
    process = im.process("worker", "ticker")
    try:
        expire(im, made)
        until(lambda: states(im.deliveries()) == ["suppressed", "pending"], 30)
    finally:
        process.terminate()
        process.wait(20)
