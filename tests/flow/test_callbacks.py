"""From a person's act to the system that the incident came from: signed, in order, shown on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import CliRunner

from api.cli.main import im as cli
from router.callbacks import settle
from router.events import Verb
from rules.live import LiveRules
from rules.load import RuleFilesError
from tests.fakes.base import Reply
from tests.fakes.hooks import SECRET, HooksFake
from tests.fakes.pagerduty import KEY, PagerDutyFake
from tests.flow.places import place
from tests.flow.stage import ADMIN, SENDER, Im, ended, event, states, until, write_rules

SOURCES: Final = "/api/v1/sources"
INCIDENT: Final = "INC-2024-001"
PATHS: Final = {"update": "notes"}
"""Where the path of an act is not its verb."""


@pytest.fixture
def person(im: Im) -> Callable[..., None]:
    """Does something to the incident by hand; dana has a token."""
    token = made(im, "dana", "people")

    def do(verb: Verb, note: str | None = None, **changes: str) -> None:
        body = changes | ({"note": note} if note else {})
        answer = im.call("POST", f"/api/v1/incidents/{INCIDENT}/{PATHS.get(verb, verb)}", body, token=token)
        assert answer.status_code == 200, answer.text

    return do


@pytest.fixture
def hooks(im: Im) -> Iterator[HooksFake]:
    """A receiver that is the callback of the source `monitoring`."""
    with HooksFake() as fake:
        put(im, callback="webhook", callback_url=fake.hook_url, secret=SECRET)
        yield fake


@pytest.fixture
def duty(im: Im) -> Iterator[PagerDutyFake]:
    """A PagerDuty that is the callback of the source `monitoring`."""
    with PagerDutyFake() as fake:
        put(im, callback="pagerduty", callback_url=f"{fake.url}/v2/enqueue", secret=KEY)
        yield fake


def made(im: Im, name: str, source: str) -> str:
    """A new token that may act on incidents."""
    body = {"name": name, "source": source, "scopes": ["incidents:write"]}
    token: str = im.call("POST", "/api/v1/tokens", body).json()["token"]
    return token


def put(im: Im, status: int = 200, **body: Any) -> Any:
    answer = im.call("POST", SOURCES, {"name": "monitoring"} | body)
    assert answer.status_code == status, answer.text
    return answer.json()


def told(im: Im) -> int:
    """One turn of the ticker: what has become of the calls is told; how many messages are edited."""
    return im.loop.run(settle(im.parts.store))


def now() -> str:
    """Sources' events must be newer than what people did."""
    return datetime.now(UTC).isoformat()


def calls(im: Im) -> list[dict[str, Any]]:
    return [each for each in im.deliveries() if each["mode"] == "call"]


def outcomes(im: Im) -> list[tuple[str, str]]:
    return [(each["event"], each["outcome"]) for each in im.incident()["callbacks"]]


def text(im: Im) -> str:
    """What the sandbox's announcement says now; answers to it come after."""
    return str(im.shown(channel="major")[0]["payload"]["text"])


# The way there.


def test_an_acknowledgement_in_chat_reaches_pagerduty_and_is_pending_until_confirmed(
    im: Im, duty: PagerDutyFake, person: Callable[..., None]
) -> None:
    duty.alerts[INCIDENT] = "triggered"
    with place(im, "slack") as there:
        im.post(event())
        im.drain()
        duty.fail_next("500", times=2)
        person("acknowledge", "on it")
        im.drain()
        (posted,) = there.announced("major")
        assert "monitoring: acknowledged, pending" in there.text(posted)
        assert outcomes(im) == [("incident.acknowledged", "pending")]
        assert duty.alerts == {INCIDENT: "triggered"}
        assert told(im) == 0
        for _ in range(2):
            im.pass_time(10)
            im.drain()
        assert duty.alerts == {INCIDENT: "acknowledged"}
        assert outcomes(im) == [("incident.acknowledged", "confirmed")]
        assert told(im) == 1
        im.drain()
        assert "monitoring: acknowledged, confirmed" in there.text(posted)
        assert "Incident Acknowledged" in there.text(posted)
        assert there.replies("major") == []
        person("resolve", "restarted")
        im.drain()
        told(im)
        im.drain()
        assert duty.alerts == {INCIDENT: "resolved"}
        assert "monitoring: resolved, confirmed" in there.text(posted)
        (reply,) = there.replies("major")
        assert "restarted" in there.text(reply)
        assert "pending" not in there.text(reply)
        assert duty.refusals == there.fake.refusals == []


def test_what_people_do_reaches_a_webhook_signed_and_in_order(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    im.post(event())
    person("acknowledge")
    person("update", "looking")
    person("escalate", severity="SEV-1")
    person("assign", assignee="sam")
    person("resolve", "done")
    im.drain()
    assert [each["type"] for each in hooks.received] == [
        "incident.acknowledged",
        "incident.updated",
        "incident.severity_changed",
        "incident.assigned",
        "incident.resolved",
    ]
    last = hooks.received[-1]["data"]
    assert (last["incident"]["id"], last["incident"]["status"]) == (INCIDENT, "resolved")
    assert (last["incident"]["severity"], last["incident"]["assignee"]) == ("SEV-1", "sam")
    assert (last["actor"], last["note"]) == ("dana", "done")
    assert len(set(hooks.ids)) == 5
    assert hooks.refusals == []
    assert {im.delivery(each["id"])["merged_into"] for each in calls(im)} == {None}


def test_a_later_act_waits_for_the_one_before_it(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.post(event())
    person("acknowledge")
    person("resolve")
    hooks.fail_next("500")
    im.drain()
    assert (hooks.received, states(calls(im))) == ([], ["retrying", "pending"])
    im.pass_time(10)
    im.drain()
    assert [each["type"] for each in hooks.received] == ["incident.acknowledged", "incident.resolved"]


def test_every_try_has_the_same_id_and_is_on_record(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.post(event())
    person("acknowledge")
    hooks.fail_next("lost_answer")
    im.drain()
    im.pass_time(10)
    im.drain()
    assert len(hooks.ids) == 2
    assert len(set(hooks.ids)) == len(hooks.received) == 1
    (call,) = calls(im)
    tries = im.delivery(call["id"])["attempts"]
    assert [each["outcome"] for each in tries] == ["unknown", "sent"]


def test_a_worker_that_dies_after_sending_tells_the_source_nothing_new(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.post(event())
    person("acknowledge")
    im.drain()
    im.sql(
        "UPDATE deliveries SET state = 'sending', lease_until = now() - interval '1 s', sent_at = NULL "
        "WHERE mode = 'call'"
    )
    im.sweep()
    im.drain()
    assert len(hooks.ids) == 2
    assert len(hooks.received) == 1
    assert states(calls(im)) == ["sent"]


def test_what_a_source_says_is_not_told_to_it(im: Im, hooks: HooksFake) -> None:
    im.post(event())
    im.post(event("acknowledged", minute=1, actor="dana"))
    im.post(event("resolved", minute=2))
    im.drain()
    assert (calls(im), hooks.calls, outcomes(im)) == ([], [], [])


def test_what_a_source_does_over_the_api_is_not_told_to_it(im: Im, hooks: HooksFake) -> None:
    token = made(im, "two-way", "monitoring")
    im.post(event())
    answer = im.call("POST", f"/api/v1/incidents/{INCIDENT}/acknowledge", {}, token=token)
    assert answer.status_code == 200, answer.text
    assert calls(im) == []


def test_a_source_without_a_callback_is_told_nothing(im: Im, person: Callable[..., None]) -> None:
    im.post(event())
    person("acknowledge")
    assert calls(im) == []


# What becomes of it.


def test_a_callback_that_failed_for_good_says_so_and_can_be_tried_again(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    im.post(event())
    im.drain()
    hooks.answer = Reply(None, 410)
    person("acknowledge")
    im.drain()
    assert told(im) == 1
    im.drain()
    assert "monitoring: acknowledged, failed (rejected)" in text(im)
    (row,) = im.incident()["callbacks"]
    assert (row["outcome"], row["source"]) == ("failed", "monitoring")
    assert "takes no callbacks any more" in row["detail"]
    im.post(event("updated", time=now(), description="more is known"))
    im.drain()
    assert "failed (rejected)" in text(im)
    hooks.answer = Reply(None, 200)
    (call,) = calls(im)
    assert im.call("POST", f"/api/v1/deliveries/{call['id']}/retry").status_code == 202
    im.drain()
    assert told(im) == 1
    im.drain()
    assert "monitoring: acknowledged, confirmed" in text(im)
    assert len(hooks.received) == 1


def test_a_source_that_says_the_same_confirms_and_is_not_told_any_more(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    im.post(event())
    hooks.fail_next("500", times=9)
    person("acknowledge")
    im.drain()
    assert "pending" in text(im)
    im.post(event("acknowledged", time=now(), actor="dana"))
    im.pass_time(60)
    im.drain()
    assert outcomes(im) == [("incident.acknowledged", "confirmed")]
    assert "pending" not in text(im)
    assert (told(im), hooks.received) == (0, [])


def test_a_source_that_says_the_same_late_confirms_too(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    im.post(event())
    hooks.fail_next("500", times=9)
    person("acknowledge")
    im.drain()
    im.post(event("acknowledged", minute=1, actor="dana"))
    assert told(im) == 1
    im.drain()
    assert "monitoring: acknowledged, confirmed" in text(im)


def test_a_confirmation_is_told_once(im: Im, hooks: HooksFake, person: Callable[..., None]) -> None:
    im.sandbox()
    im.post(event(severity="SEV-1"))
    person("acknowledge")
    im.drain()
    assert [told(im), told(im)] == [2, 0]
    im.drain()
    assert {row["channel"] for row in im.shown() if "confirmed" in str(row["payload"])} == {
        "critical",
        "executives",
    }


def test_while_a_later_act_is_pending_the_earlier_ones_arrival_changes_no_message(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    im.post(event())
    person("acknowledge")
    im.drain()
    hooks.fail_next("500", times=9)
    person("resolve")
    im.drain()
    assert told(im) == 0
    assert "monitoring: resolved, pending" in text(im)


def test_workers_and_the_ticker_bring_it_there_and_tell_it(
    im: Im, duty: PagerDutyFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    duty.alerts[INCIDENT] = "triggered"
    with ended(im.process("worker", "worker")), ended(im.process("worker", "ticker")):
        im.post(event())
        until(lambda: im.shown(channel="major"), 30)
        person("acknowledge")
        until(lambda: duty.alerts[INCIDENT] == "acknowledged", 30)
        until(lambda: "monitoring: acknowledged, confirmed" in text(im), 30)


# What callbacks are not.


def test_an_incident_is_never_announced_at_its_source(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sandbox()
    im.post(event())
    person("acknowledge")
    person("resolve")
    im.drain()
    person("close")
    im.drain()
    assert [row["provider"] for row in im.incident()["announced"]] == ["sandbox", "sandbox"]
    assert im.sql("SELECT 1 FROM streams WHERE provider LIKE %s", "source:%") == []
    assert {each["mode"] for each in im.deliveries(provider="source:monitoring")} == {"call"}


def test_a_callback_is_no_provider_to_people_or_rules(im: Im, hooks: HooksFake, tmp_path: Path) -> None:
    assert im.get("/api/v1/chatops/providers") == []
    for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/message")):
        answer = im.call(method, f"/api/v1/chatops/providers/source:monitoring{tail}", {"text": "x"})
        assert answer.status_code == 404
    rule = "version: 1\nroutes: [{id: r, when: {}, notify: [{provider: 'source:monitoring', channel: x}]}]\n"
    with pytest.raises(RuleFilesError):
        LiveRules(write_rules(tmp_path / "rules", rule), default_timezone="UTC")


# What admins do.


def test_a_secret_is_sealed_and_shown_by_nothing(im: Im, hooks: HooksFake) -> None:
    shown = put(im, severity_map={"page": "SEV-1"})
    assert shown == im.get(SOURCES)[0]
    assert (shown["callback"], shown["callback_url"]) == ("webhook", hooks.hook_url)
    assert shown["secret"].startswith("…")
    (row,) = im.sql("SELECT sealed FROM sources")
    everything = f"{im.get(SOURCES)} {im.get('/api/v1/audit')} {bytes(row['sealed'])!r}"
    assert SECRET[8:] not in everything


def test_another_address_needs_the_secret_again(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    with HooksFake() as other:
        refusal = put(im, 400, callback_url=other.hook_url)
        assert refusal["errors"][0]["field"] == "secret"
        assert im.get(SOURCES)[0]["callback_url"] == hooks.hook_url
        put(im, callback_url=other.hook_url, secret=SECRET)
        im.post(event())
        person("acknowledge")
        im.drain()
        assert (len(hooks.received), len(other.received)) == (0, 1)


def test_another_kind_needs_a_secret_of_its_own(im: Im, hooks: HooksFake) -> None:
    assert put(im, 400, callback="pagerduty")["errors"][0]["field"] == "secret"
    assert put(im, callback="pagerduty", secret=KEY)["callback_url"] == (
        "https://events.pagerduty.com/v2/enqueue"
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"callback": "pigeon", "secret": SECRET}, "callback"),
        ({"callback": "webhook", "secret": SECRET}, "callback_url"),
        ({"callback": "webhook", "callback_url": "https://hooks.example.com"}, "secret"),
        ({"callback_url": "http://hooks.example.com", "secret": SECRET}, "callback_url"),
        ({"callback_url": "https://hooks.example.com/?key=1", "secret": SECRET}, "callback_url"),
        ({"callback_url": "https://hooks.example.com", "secret": "short"}, "secret"),
        ({"secret": SECRET}, "callback_url"),
        ({"per": "week", "callback": None}, "per"),
    ],
)
def test_a_callback_that_cannot_work_is_refused_whole(im: Im, body: dict[str, Any], field: str) -> None:
    assert put(im, 400, **body)["errors"][0]["field"] == field
    assert im.get(SOURCES) == []


def test_what_failed_for_the_secret_is_tried_again_with_the_right_one(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    hooks.secret = "another-secret-of-thirty-two-chars"
    im.post(event())
    person("acknowledge")
    im.drain()
    assert states(calls(im)) == ["failed"]
    put(im, secret=hooks.secret)
    im.drain()
    assert states(calls(im)) == ["sent"]


def test_a_removed_callback_ends_what_waits_and_what_is_read_stays(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    put(im, severity_map={"page": "SEV-1"}, per="alert")
    im.post(event())
    person("acknowledge")
    assert "callback" not in put(im, severity_map={"page": "SEV-1"}, per="alert", callback=None)
    (call,) = calls(im)
    assert (call["state"], call["reason"]) == ("failed", "no_provider")
    person("resolve")
    assert len(calls(im)) == 1
    assert hooks.calls == []


def test_secrets_of_callbacks_are_sealed_again_with_a_new_key(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    assert im.call("POST", "/api/v1/secrets/rotate").status_code == 200
    im.post(event())
    person("acknowledge")
    im.drain()
    assert len(hooks.received) == 1


def test_a_secret_that_cannot_be_opened_is_told_and_loses_nothing(
    im: Im, hooks: HooksFake, person: Callable[..., None]
) -> None:
    im.sql("UPDATE sources SET sealed = %s, version = version + 1", b"x" * 80)
    im.sql("UPDATE versions SET value = value + 1")
    im.post(event())
    person("acknowledge")
    im.drain()
    assert states(calls(im)) == ["retrying"]
    assert "im sources update" in im.get(SOURCES)[0]["problem"]
    put(im, callback_url=hooks.hook_url, secret=SECRET)
    im.pass_time(120)
    im.drain()
    assert len(hooks.received) == 1


# The command line.


@pytest.fixture
def said(im: Im, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Calls `im` against the running API."""
    monkeypatch.setenv("IM_URL", f"http://127.0.0.1:{im.settings.port}")
    monkeypatch.setenv("IM_TOKEN", ADMIN)

    def call(*arguments: str, given: str = "") -> Any:
        return CliRunner().invoke(cli, arguments, input=given)

    return call


def test_a_callback_is_added_shown_and_removed_by_command(im: Im, said: Callable[..., Any]) -> None:
    with HooksFake() as fake:
        kind = ("--callback", "webhook", "--callback-url", fake.hook_url)
        added = said("sources", "add", "monitoring", *kind, "--secret", "-", given=f"{SECRET}\n")
        assert added.exit_code == 0, added.output
        assert SECRET not in added.output
        assert f"webhook: {fake.hook_url}" in said("sources", "list").output.replace("\n", "")
        shown = msgspec.json.decode(said("sources", "update", "monitoring", "--json").output)
        assert (shown["callback"], shown["callback_url"]) == ("webhook", fake.hook_url)
        assert said("sources", "update", "monitoring", "--no-callback").exit_code == 0
    assert "callback" not in im.get(SOURCES)[0]


def test_an_incident_shows_what_its_source_was_told(
    im: Im, hooks: HooksFake, said: Callable[..., Any], person: Callable[..., None]
) -> None:
    im.post(event())
    person("acknowledge")
    assert "incident.acknowledged pending" in said("incidents", "show", INCIDENT).output
    hooks.answer = Reply(None, 404)
    im.drain()
    output = " ".join(said("incidents", "show", INCIDENT).output.split())
    assert "incident.acknowledged failed: 127.0.0.1" in output
    assert "correct the address" in output


def test_the_token_of_the_source_itself_sets_no_callback(im: Im) -> None:
    answer = im.call("POST", SOURCES, {"name": "monitoring", "callback": None}, token=SENDER)
    assert answer.status_code == 403
