"""From an event over HTTP to the chat platform: what arrives, where, once, and what if it does not."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.wake import LANES_CHANNEL, QUEUE, channel_of
from tests.fakes.base import Call, FakePlatform, Reply
from tests.flow.places import PLATFORMS, place
from tests.flow.stage import QUICK, READER, Im, ended, event, states, until, write_rules


def attempts(im: Im, id: str) -> list[tuple[str, str | None]]:
    return [(row["outcome"], row["reason"]) for row in im.delivery(id)["attempts"]]


# The life of an incident.


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_incident_is_announced_followed_and_archived(im: Im, platform: str) -> None:
    with place(im, platform) as there:
        im.post(event(severity="SEV-1"))
        im.drain()
        (critical,) = there.announced("critical")
        (executives,) = there.announced("executives")
        assert "Database down" in there.text(critical)
        assert not there.announced("major")

        im.post(event("acknowledged", minute=5, actor="dana"))
        im.drain()
        assert len(critical.edits) == len(executives.edits) == 1
        assert there.replies("critical") == []

        im.post(event("updated", minute=6, note="Failing over now"))
        im.drain()
        assert len(critical.edits) == 2
        (reply,) = there.replies("critical")
        assert "Failing over now" in there.text(reply)

        im.post(event("resolved", minute=65, actor="dana"))
        im.drain()
        for part in ("Time to acknowledge", "5 min", "Time to resolve", "1 h 5 min"):
            assert part in there.text(critical)

        im.post(event("closed", minute=70))
        im.drain()
        (record,) = there.announced("archive")
        assert "Database down" in there.text(record)
        assert len(there.announced("critical")) == len(there.announced("executives")) == 1
        assert there.fake.refusals == []
    assert set(states(im.deliveries())) == {"sent"}


@pytest.mark.parametrize(
    ("severity", "channel"),
    [("SEV-1", "critical"), ("SEV-2", "major"), ("SEV-3", "minor"), ("SEV-4", "info")],
)
def test_each_severity_has_its_channel_and_only_sev1_tells_management(
    im: Im, severity: str, channel: str
) -> None:
    im.sandbox()
    im.post(event(severity=severity))
    im.drain()
    expected = [channel, "executives"] if severity == "SEV-1" else [channel]
    assert sorted(row["channel"] for row in im.shown()) == sorted(expected)


def test_a_raise_to_sev1_is_told_where_a_new_sev1_would_be(im: Im) -> None:
    im.sandbox()
    im.post(event(severity="SEV-3"))
    im.drain()
    im.post(event("severity_changed", minute=1, severity="SEV-1"))
    im.drain()
    assert sorted(row["channel"] for row in im.shown()) == ["critical", "executives", "minor"]


def test_a_breach_goes_to_the_breach_channel_and_management_urgently(im: Im) -> None:
    im.sandbox()
    im.post(event())
    (result,) = im.post(event("sla.breached", minute=15))
    assert {im.delivery(each)["priority"] for each in result["deliveries"]} == {0}
    im.drain()
    assert {"breaches", "executives"} <= {row["channel"] for row in im.shown()}


def test_an_incident_shows_where_it_is_announced(im: Im) -> None:
    im.sandbox()
    im.post(event())
    im.drain()
    (row,) = im.incident()["announced"]
    assert (row["provider"], row["channel"]) == ("sandbox", "major")
    assert row["message_id"] == im.shown()[0]["id"]


# Merging.


def test_updates_that_wait_for_each_other_become_one_message(im: Im) -> None:
    with place(im, "slack") as there:
        im.post(event())
        im.drain()
        for minute, note in enumerate(("first look", "found it", "mending"), 1):
            im.post(event("updated", minute=minute, note=note))
        im.drain()
        (posted,) = there.announced("major")
        assert len(posted.edits) == 1
        (reply,) = there.replies("major")
        for note in ("first look", "found it", "mending"):
            assert note in there.text(reply)
    rows = im.deliveries()
    assert set(states(rows)) == {"sent"}
    merged = [im.delivery(row["id"])["merged_into"] for row in rows]
    assert merged == [None, None, rows[1]["id"], rows[1]["id"]]


def test_what_is_resolved_before_it_was_announced_sends_one_message(im: Im) -> None:
    with place(im, "slack") as there:
        im.post(event(), event("acknowledged", minute=1), event("resolved", minute=2))
        im.drain()
        (posted,) = there.announced("major")
        assert there.replies("major") == []
        assert posted.edits == []
        assert "Incident Resolved" in there.text(posted)
        assert "acknowledged" in there.text(posted)
    assert set(states(im.deliveries())) == {"sent"}


# Failures.


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_429_is_obeyed_and_holds_the_whole_channel(im: Im, platform: str) -> None:
    with place(im, platform) as there:
        there.fake.fail_next("429", seconds=0.9, path=there.subject.sends_path)
        first = time.time()
        im.post(event(incident="INC-1"))
        im.drain()
        (waiting,) = im.deliveries()
        assert (waiting["state"], waiting["reason"]) == ("retrying", "rate_limited")
        assert waiting["detail"].startswith("delayed 1 s")
        before = time.monotonic()
        im.post(event(incident="INC-2"), event(incident="INC-3", severity="SEV-4"))
        with im.draining():
            until(lambda: there.announced("info"))
            # Mattermost counts requests of the bot wherever they go, so there all channels wait.
            assert (time.monotonic() - before < 0.7) is (platform != "mattermost")
            im.settled()
        blocked = [posted.at for posted in there.announced("major")]
        assert min(blocked) - first >= 0.89
        assert len(there.announced("major")) == 2
    assert attempts(im, waiting["id"]) == [("retry", "rate_limited"), ("sent", None)]


def test_a_failing_server_is_tried_again_with_growing_pauses(im: Im) -> None:
    with place(im, "teams") as there:
        there.fake.fail_next("500", times=3, path=there.subject.sends_path)
        (result,) = im.post(event())
        (delivery,) = result["deliveries"]
        pauses = []
        for _ in range(3):
            im.drain()
            row = im.delivery(delivery)
            assert (row["state"], row["reason"]) == ("retrying", "server_error")
            pauses += im.sql("SELECT extract(epoch FROM not_before - now())::float8 AS s FROM deliveries")
            im.pass_time(10)
        im.drain()
        assert len(there.announced("major")) == 1
    assert [outcome for outcome, _ in attempts(im, delivery)][-1] == "sent"
    assert len(attempts(im, delivery)) == 4
    first, second, third = (row["s"] for row in pauses)
    assert first < 1.01
    assert second < 2.01
    assert 1.5 < third < 4.01


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_refused_for_good_is_not_tried_again_and_is_shown(im: Im, platform: str) -> None:
    with place(im, platform) as there:
        channel = there.subject.missing_channel
        body = {"config": {"notification_channels": {"SEV-2": channel}}}
        assert im.call("PATCH", "/api/v1/chatops/providers/chat", body).status_code == 200
        im.post(event())
        im.drain()
        (failed,) = im.deliveries(state="failed")
        assert (failed["channel"], failed["attempts"]) == (channel, 1)
        assert failed["reason"] in ("channel_not_found", "forbidden")
        assert failed["detail"]
        im.pass_time(3600)
        im.drain()
        assert len(attempts(im, failed["id"])) == 1
        again = im.call("POST", f"/api/v1/deliveries/{failed['id']}/retry")
        assert (again.status_code, again.json()["state"]) == (202, "retrying")
        im.drain()
        assert im.delivery(failed["id"])["state"] == "failed"
        assert len(attempts(im, failed["id"])) == 2
        assert im.get("/api/v1/chatops/providers/chat/health")["state"] == "failing"


def test_what_failed_for_want_of_a_token_is_tried_again_once_the_provider_is_changed(im: Im) -> None:
    im.sandbox()
    (lost,) = im.post(event())
    (overtaken,) = im.post(event(incident="INC-2"))
    (malformed,) = im.post(event(incident="INC-3"))
    for result, reason in ((lost, "unauthorized"), (overtaken, "forbidden"), (malformed, "rejected")):
        im.sql(
            "UPDATE deliveries SET state = 'failed', reason = %s WHERE id = ANY(%s::uuid[])",
            reason,
            result["deliveries"],
        )
    im.post(event("acknowledged", incident="INC-2", minute=1))
    im.drain()
    body = {"config": {"archive_channel": "#old"}}
    assert im.call("PATCH", "/api/v1/chatops/providers/sandbox", body).status_code == 200
    im.drain()
    states = [im.delivery(result["deliveries"][0])["state"] for result in (lost, overtaken, malformed)]
    assert states == ["sent", "failed", "failed"]


def test_what_was_sent_cannot_be_sent_again_by_hand(im: Im) -> None:
    im.sandbox()
    (result,) = im.post(event())
    im.drain()
    assert im.call("POST", f"/api/v1/deliveries/{result['deliveries'][0]}/retry").status_code == 409
    assert (
        im.call("POST", f"/api/v1/deliveries/{result['deliveries'][0]}/retry", token=READER).status_code
        == 403
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_message_that_somebody_deleted_is_announced_anew(im: Im, platform: str) -> None:
    with place(im, platform) as there:
        im.post(event())
        im.drain()
        (first,) = there.announced("major")
        getattr(there.fake, {"teams": "forget"}.get(platform, "delete"), there.fake.messages.pop)(first.id)
        im.post(event("acknowledged", minute=1))
        im.drain()
        left = [posted for posted in there.announced("major") if posted.id != first.id]
        assert len(left) == 1
        im.post(event("assigned", minute=2, assignee="dana"))
        im.drain()
        assert len(left[0].edits) == 1
    assert set(states(im.deliveries())) == {"sent"}


def test_an_announcement_that_failed_leaves_announcing_to_the_next_message(im: Im) -> None:
    with place(im, "slack") as there:
        there.fake.scopes = ()
        im.post(event())
        im.drain()
        there.fake.scopes = ("chat:write",)
        im.post(event("acknowledged", minute=1))
        im.drain()
        (posted,) = there.announced("major")
        assert "Database down" in there.text(posted)
    assert states(im.deliveries()) == ["failed", "sent"]


# Outcomes that are not known.


def crash(im: Im, ids: list[str]) -> None:
    """As if the worker had ended after the platform took the message and before that was written."""
    im.sql("UPDATE streams SET message_id = NULL")
    im.sql("DELETE FROM attempts")
    im.sql(
        "UPDATE deliveries SET state = 'sending', lease_owner = 'dead', "
        "lease_until = now() - interval '1 s', sent_at = NULL, message_id = NULL, "
        "attempts = 1, tried_at = now() - interval '2 s' "
        "WHERE id = ANY(%s::uuid[])",
        ids,
    )


@pytest.mark.parametrize("platform", ["slack", "discord", "mattermost", "sandbox"])
def test_a_lease_that_ran_out_sends_again_without_a_double(im: Im, platform: str) -> None:
    if platform == "sandbox":
        im.sandbox()
        _crash_and_recover(im, lambda: len(im.shown(channel="major")))
        return
    with place(im, platform) as there:
        if platform == "slack":
            there.fake.scopes = (*there.fake.scopes, "channels:history")
        _crash_and_recover(im, lambda: len(there.announced("major")))


def _crash_and_recover(im: Im, count: Callable[[], int]) -> None:
    (result,) = im.post(event())
    im.drain()
    crash(im, result["deliveries"])
    assert im.sweep().leases == 1
    (row,) = im.deliveries()
    assert (row["state"], row["reason"]) == ("retrying", "outcome_unknown")
    im.drain()
    assert count() == 1
    assert attempts(im, row["id"]) == [("unknown", "outcome_unknown"), ("sent", None)]
    assert im.incident()["announced"][0]["message_id"]


@pytest.mark.parametrize("platform", ["slack", "discord", "mattermost"])
def test_an_answer_that_was_lost_makes_no_double(im: Im, platform: str) -> None:
    with place(im, platform) as there:
        if platform == "slack":
            there.fake.scopes = (*there.fake.scopes, "channels:history")
        there.fake.fail_next("lost_answer", path=there.subject.sends_path)
        im.post(event())
        im.drain()
        im.pass_time(5)
        im.drain()
        assert len(there.announced("major")) == 1
    assert states(im.deliveries()) == ["sent"]


def test_a_double_that_cannot_be_ruled_out_is_counted(im: Im) -> None:
    """Slack without the scope to read the channel."""
    with place(im, "slack") as there:
        there.fake.scopes = tuple(scope for scope in there.fake.scopes if scope != "channels:history")
        (result,) = im.post(event())
        im.drain()
        crash(im, result["deliveries"])
        im.sweep()
        im.drain()
        assert len(there.announced("major")) == 2
    assert 'im_possible_doubles_total{platform="slack",provider="chat"}' in im.call("GET", "/metrics").text


# Time.


def test_what_nobody_needs_any_more_expires_but_not_what_is_urgent(im: Im) -> None:
    im.sandbox()
    (normal,) = im.post(event())
    (urgent,) = im.post(event(incident="INC-2", severity="SEV-1"))
    im.pass_time(25 * 3600)
    assert im.sweep().expired == 1
    assert im.delivery(normal["deliveries"][0])["state"] == "expired"
    im.drain()
    assert {im.delivery(each)["state"] for each in urgent["deliveries"]} == {"sent"}


def test_what_is_urgent_expires_once_its_incident_is_over(im: Im) -> None:
    im.sandbox()
    (urgent,) = im.post(event(severity="SEV-1"))
    im.pass_time(25 * 3600)
    im.sql("UPDATE incidents SET status = 'closed'")
    im.sweep()
    assert {im.delivery(each)["state"] for each in urgent["deliveries"]} == {"expired"}


def backed_up(im: Im, platform: str = "slack") -> Any:
    im.sandbox("backup", enable_notifications=False)
    return place(im, platform, fallback=[{"provider": "backup", "channel": "ops"}])


def test_an_urgent_message_that_failed_goes_to_the_fallback_once(im: Im) -> None:
    with backed_up(im) as there:
        there.fake.scopes = ()
        im.post(event(severity="SEV-1"), event(incident="INC-2", severity="SEV-3"))
        im.drain()
        assert states(im.deliveries(state="failed")) == ["failed"] * 3
        assert im.sweep().fallbacks == 2
        assert im.sweep().fallbacks == 0
        im.drain()
    shown = im.shown("backup")
    assert [row["channel"] for row in shown] == ["ops"]
    assert "FALLBACK" in str(shown[0]["payload"])
    assert "chat" in str(shown[0]["payload"])


def test_an_urgent_message_that_waits_for_a_minute_goes_to_the_fallback_too(im: Im) -> None:
    with backed_up(im) as there:
        there.fake.fail_next("500", times=50)
        im.post(event(severity="SEV-1"))
        im.pass_time(55)
        im.drain()
        assert im.sweep().fallbacks == 0
        im.pass_time(6)
        assert im.sweep().fallbacks == 2
        im.drain()
    assert len(im.shown("backup", "ops")) == 1
    assert len(im.deliveries(state="retrying")) == 2


def test_updates_follow_to_where_the_fallback_announced(im: Im) -> None:
    with backed_up(im) as there:
        there.fake.scopes = ()
        im.post(event(severity="SEV-1"))
        im.drain()
        im.sweep()
        im.drain()
        im.post(event("resolved", minute=9))
        im.drain()
    assert any("Resolved" in str(row["payload"]) for row in im.shown("backup", "ops"))


# Order.


def test_urgent_messages_go_first_and_updates_after_new_ones(im: Im) -> None:
    same = dict.fromkeys(("SEV-1", "SEV-2", "SEV-3", "SEV-4"), "all")
    im.sandbox(notification_channels=same, escalation_channels={}, rate_limit={"channel_per_second": 10})
    im.post(event(incident="INC-0"))
    im.drain()
    im.post(event("updated", incident="INC-0", minute=1, note="slow"))
    for n in range(1, 6):
        im.post(event(incident=f"INC-{n}"))
    im.post(event(incident="INC-9", severity="SEV-1"))
    im.redis.flushdb()
    im.drain(linger=1.2)
    sent = im.sql(
        "SELECT i.display_id, d.mode FROM deliveries d JOIN incidents i ON i.id = d.incident_id "
        "JOIN attempts a ON a.delivery_id = d.id ORDER BY a.started_at, d.seq"
    )
    order = [(row["display_id"], row["mode"]) for row in sent]
    assert order[1] == ("INC-9", "post")
    assert order[-1] == ("INC-0", "edit_reply")


def test_an_urgent_message_promotes_what_waits_before_it_in_its_stream(im: Im) -> None:
    im.sandbox(escalation_channels={}, notification_channels={"default": "all"})
    im.post(event(severity="SEV-3"))
    im.post(event("severity_changed", minute=1, severity="SEV-1"))
    assert [row["priority"] for row in im.deliveries()] == [0, 0]
    im.pass_time(25 * 3600)
    im.sweep()
    assert states(im.deliveries()) == ["pending", "pending"]


def test_every_tenth_slot_goes_to_what_waited_longest(im: Im) -> None:
    same = dict.fromkeys(("SEV-1", "SEV-2"), "all")
    im.sandbox(notification_channels=same, escalation_channels={}, rate_limit={"channel_per_second": 10})
    im.post(event(incident="INC-patient"))
    im.post(*[event(incident=f"INC-{n}", severity="SEV-1") for n in range(14)])
    im.drain(linger=1.2)
    order = im.sql(
        "SELECT i.external_id AS id FROM attempts a JOIN deliveries d ON d.id = a.delivery_id "
        "JOIN incidents i ON i.id = d.incident_id ORDER BY a.started_at"
    )
    assert "INC-patient" in [row["id"] for row in order][:10]


def test_two_workers_send_everything_once(im: Im) -> None:
    with place(im, "discord") as there:
        there.fake.latency = 0.005
        with im.draining(2):
            for start in range(0, 120, 30):
                im.post(*[event(incident=f"INC-{n}") for n in range(start, start + 30)])
                im.post(
                    *[event("acknowledged", incident=f"INC-{n}", minute=1) for n in range(start, start + 30)]
                )
            im.settled(20)
        assert len(there.announced("major")) == 120
        creates = [call for call in there.fake.calls if call.method == "POST"]
        assert len(creates) == 120
    assert set(states(im.deliveries())) == {"sent"}


# Providers that come and go.


def test_a_removed_provider_fails_what_waits_for_it(im: Im) -> None:
    im.sandbox()
    im.post(event())
    assert im.call("DELETE", "/api/v1/chatops/providers/sandbox").status_code == 204
    (row,) = im.deliveries()
    assert (row["state"], row["reason"]) == ("failed", "no_provider")


def test_an_inactive_provider_gets_nothing_new_and_what_waits_when_it_is_back(im: Im) -> None:
    im.sandbox()
    im.post(event())
    path = "/api/v1/chatops/providers/sandbox"
    assert im.call("PATCH", path, {"active": False}).json()["status"] == "inactive"
    im.drain()
    assert states(im.deliveries()) == ["pending"]
    (result,) = im.post(event(incident="INC-2"))
    assert result["deliveries"] == []
    im.call("PATCH", path, {"active": True})
    im.drain()
    assert states(im.deliveries()) == ["sent"]


def test_an_incident_that_no_rule_routes_goes_to_the_default_channel_urgently(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    rules = "version: 1\nroutes:\n  - {id: r, when: {severity: SEV-1}, notify: [{to: management}]}\n"
    im = im_with(rules_dir=write_rules(tmp_path / "rules", rules))
    im.sandbox()
    (result,) = im.post(event())
    assert im.delivery(result["deliveries"][0])["priority"] == 0
    im.drain()
    (row,) = im.shown(channel="general")
    assert "UNROUTED" in str(row["payload"])
    assert im.get(f"/api/v1/decisions/{result['decision_id']}")["outcome"]["unrouted"] is True


def test_a_rule_that_names_nobody_means_silence(im_with: Callable[..., Im], tmp_path: Path) -> None:
    rules = (
        "version: 1\nroutes:\n"
        "  - {id: silent, when: {title: {matches: '(?i)^test'}}, notify: [], stop: true}\n"
        "  - {id: all, when: {}, notify: [{to: default}]}\n"
    )
    im = im_with(rules_dir=write_rules(tmp_path / "rules", rules))
    im.sandbox()
    assert im.post(event(title="Test: ignore"))[0]["deliveries"] == []
    assert len(im.post(event(incident="INC-2"))[0]["deliveries"]) == 1


# Rules and their reasons.

RULES = "version: 1\nroutes:\n  - {{id: first, when: {{severity: {}}}, notify: [{{to: default}}]}}\n"


def test_rules_are_taken_over_while_running_and_a_bad_file_leaves_the_last_good_ones(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    folder = write_rules(tmp_path / "rules", RULES.format("SEV-1"))
    im = im_with(rules_dir=folder)
    im.sandbox()
    first = im.get("/api/v1/rules")
    assert [route["id"] for route in first["routes"]] == ["first"]
    (result,) = im.post(event(severity="SEV-1"))

    write_rules(folder, RULES.format("SEV-2").replace("first", "second"))
    second = until(lambda: (r := im.get("/api/v1/rules"))["hash"] != first["hash"] and r)
    assert [route["id"] for route in second["routes"]] == ["second"]

    write_rules(folder, "version: 1\nroutes:\n  - {id: x, when: {severty: SEV-1}, notify: []}\n")
    broken = until(lambda: (r := im.get("/api/v1/rules"))["problems"] and r)
    assert broken["hash"] == second["hash"]
    assert "did you mean `severity`?" in broken["problems"][0]
    assert im.call("GET", "/readyz").json()["parts"]["rules"] == "last good set in force"
    im.post(event(incident="INC-2"))
    (folder / "20-binary.yaml").write_bytes(b"\xff\xfe\x00")
    time.sleep(1.2)
    write_rules(folder, RULES.format("SEV-3"))
    (folder / "20-binary.yaml").unlink()
    until(lambda: not im.get("/api/v1/rules")["problems"])

    old = im.get(f"/api/v1/decisions/{result['decision_id']}")
    assert old["rule_set"] == first["hash"]
    assert "first" in str(old["reasons"])
    assert "second" not in str(old["reasons"])


def test_a_decision_says_why_each_route_fired_or_not(im: Im) -> None:
    im.sandbox()
    (result,) = im.post(event())
    found = im.get(f"/api/v1/decisions/{result['decision_id']}")
    fired = [route["route"] for route in found["outcome"]["fired"]]
    assert fired == ["incident-created"]
    assert found["facts"]["severity"] == "SEV-2"
    assert {"incident-created", "sev1-management"} <= {row["route"] for row in found["reasons"]}
    assert found["outcome"]["placed"][0]["channel"] == "major"


def test_rule_files_are_checked_without_being_used(im: Im) -> None:
    good = im.call("POST", "/api/v1/rules/validate", {"files": {"a.yaml": RULES.format("SEV-1")}}).json()
    assert (good["ok"], good["routes"]) == (True, 1)
    bad = im.call("POST", "/api/v1/rules/validate", {"files": {"a.yaml": RULES.format("SEV-9")}}).json()
    assert bad["ok"] is False
    assert bad["problems"][0]["file"] == "a.yaml"
    assert bad["problems"][0]["line"] == 3


# Messages by hand.


def test_a_text_and_a_broadcast_arrive(im: Im) -> None:
    im.sandbox()
    im.sandbox("second")
    im.sandbox("quiet", enable_notifications=False)
    with im.draining():
        base = "/api/v1/chatops"
        for path, body in (
            (f"{base}/providers/sandbox/message?wait=10", {"text": "Maintenance at 2", "channel": "ops"}),
            (f"{base}/broadcast?wait=10", {"text": "For everybody"}),
            (f"{base}/providers/sandbox/notify?wait=10", {"incident_id": "INC-12345"}),
        ):
            answer = im.call("POST", path, body)
            assert answer.status_code == 202
            assert set(states(answer.json()["deliveries"])) == {"sent"}
    assert "Maintenance at 2" in str(im.shown(channel="ops"))
    assert "For everybody" in str(im.shown("second"))
    assert im.shown("quiet") == []
    assert "TEST" in str(im.shown(channel="minor") + im.shown(channel="general"))


def test_secrets_are_masked_wherever_a_provider_is_shown(im: Im) -> None:
    with place(im, "slack") as there:
        token = there.subject.config.bot_token  # type: ignore[attr-defined]
        shown = im.call("GET", "/api/v1/chatops/providers").text + im.call("GET", "/api/v1/audit").text
        shown += im.call("GET", "/api/v1/chatops/providers/chat").text
        assert "xoxb-…" in shown
        assert token not in shown
        rows = im.sql("SELECT config::text AS c, encode(sealed, 'escape') AS s FROM providers")
        assert token not in str(rows)
        ok = im.call("POST", "/api/v1/chatops/providers/chat/test").json()
        assert ok["ok"] is True
        assert im.call("POST", "/api/v1/secrets/rotate").json() == {"providers": 1}
        im.post(event())
        im.drain()
        assert len(there.announced("major")) == 1


def test_a_provider_whose_secrets_cannot_be_opened_can_be_mended_or_removed(im: Im) -> None:
    with place(im, "slack") as there:
        im.sandbox()
        im.sql("UPDATE providers SET sealed = %s, version = version + 1 WHERE name = 'chat'", b"x" * 80)
        im.sql("UPDATE versions SET value = value + 1 WHERE name = 'providers'")
        im.post(event())
        listed = {row["name"]: row for row in im.get("/api/v1/chatops/providers")}
        assert listed["sandbox"]["status"] == "active"
        assert listed["chat"]["status"] == "broken"
        assert "IM_SECRET_KEY" in listed["chat"]["problem"]
        assert "chat" in im.call("GET", "/readyz").json()["parts"]["providers"]
        secrets = {name: getattr(there.subject.config, name) for name in ("bot_token", "signing_secret")}
        mended = im.call("PATCH", "/api/v1/chatops/providers/chat", {"config": secrets})
        assert mended.status_code == 200, mended.text
        im.post(event(incident="INC-2"))
        im.drain()
        assert len(there.announced("major")) == 1
        im.sql("UPDATE providers SET sealed = %s WHERE name = 'chat'", b"x" * 80)
        assert im.call("DELETE", "/api/v1/chatops/providers/chat").status_code == 204


# Wake-ups.


def test_a_worker_of_other_lanes_does_not_keep_a_drain_from_being_started(im: Im) -> None:
    im.sandbox()
    with im.draining(lanes=["elsewhere"]):
        until(lambda: im.redis.pubsub_numsub(channel_of(im.parts.redis, LANES_CHANNEL))[0][1])
        im.post(event())
        until(lambda: im.redis.llen(f"rq:queue:{QUEUE}"))
        assert states(im.deliveries()) == ["pending"]


def test_events_are_accepted_while_redis_hangs(im_with: Callable[..., Im], running: Im) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes connections and never answers
        im = im_with(redis_url=f"redis://127.0.0.1:{hanging.getsockname()[1]}/0")
        im.sandbox()
        before = time.monotonic()
        for n in range(5):
            im.post(event(incident=f"INC-{n}"))
        assert time.monotonic() - before < 4
    running.drain()
    assert states(running.deliveries()) == ["sent"] * 5


def test_a_text_that_nobody_could_be_sent_expires_after_a_day(im: Im) -> None:
    im.sandbox()
    im.call("POST", "/api/v1/chatops/providers/sandbox/message", {"text": "Maintenance at 2"})
    im.pass_time(25 * 3600)
    im.sweep()
    assert states(im.deliveries()) == ["expired"]


# Processes.


def test_workers_and_the_ticker_deliver_and_lose_nothing_with_redis(im: Im) -> None:
    im.sandbox()
    with ended(im.process("worker", "worker")), ended(im.process("worker", "ticker")):
        im.post(event(incident="INC-1"))
        im.settled(20)
        im.redis.flushall()
        im.post(event(incident="INC-2"))
        im.redis.flushall()
        im.settled(20)
        # Rows that nobody was woken for are found by the ticker.
        im.sql(
            "UPDATE deliveries SET state = 'sending', lease_owner = 'dead', lease_until = now() "
            "WHERE id = %s::uuid",
            im.deliveries()[0]["id"],
        )
        im.settled(20)
    assert len(im.shown(channel="major")) == 2


def test_a_worker_that_is_asked_to_stop_finishes_what_it_sends(im: Im) -> None:
    with place(im, "discord", rate_limit=QUICK) as there:
        there.fake.latency = 0.8
        with ended(im.process("worker", "worker")) as worker:
            im.post(*[event(incident=f"INC-{n}") for n in range(80)])
            until(lambda: [call for call in there.fake.calls if call.method == "POST"], 20)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(15) == 0
        assert not im.deliveries(state="sending")
        there.fake.latency = 0
        im.drain()
        assert len(there.announced("major")) == 80
        creates = [call for call in there.fake.calls if call.method == "POST"]
        assert len(creates) == 80
    assert set(states(im.deliveries())) == {"sent"}


def test_a_restart_over_bad_files_keeps_the_rules_of_the_last_run(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    folder = write_rules(tmp_path / "rules", RULES.format("SEV-1"))
    im = im_with(rules_dir=folder)
    im.sandbox()
    im.post(event(severity="SEV-1"))
    write_rules(folder, "version: 1\nroutes:\n  - {id: x, when: {severty: SEV-1}, notify: []}\n")
    again = im_with(rules_dir=folder)
    shown = again.get("/api/v1/rules")
    assert [route["id"] for route in shown["routes"]] == ["first"]
    assert "did you mean `severity`?" in shown["problems"][0]
    again.post(event(incident="INC-2", severity="SEV-1"))


def test_an_answer_that_cannot_be_stored_holds_up_no_other_receipt(im: Im) -> None:
    def post_message(call: Call) -> Reply:
        ts = "1.0\0" if b"INC-2" in call.body else f"{len(fake.calls)}.0"
        return Reply({"ok": True, "channel": "C0000001", "ts": ts})

    with FakePlatform() as fake:
        fake.route("POST", "/chat.postMessage", post_message)
        im.add(
            "chat",
            "slack",
            bot_token="xoxb-0000000000000000",
            signing_secret="0" * 32,
            api_base=fake.url,
            default_channel="C0000001",
            rate_limit=QUICK,
        )
        im.post(*[event(incident=f"INC-{number}") for number in range(1, 4)])
        im.drain()
    sent = {d["incident"]: (d["state"], d["message_id"]) for d in im.deliveries()}
    assert sent["INC-2"] == ("sent", None)
    assert all(state == "sent" and said for state, said in (sent["INC-1"], sent["INC-3"]))
