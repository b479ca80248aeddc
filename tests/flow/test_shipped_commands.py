"""Commands of teams and shipped ones: said in chat, done at a strict fake, told where they were said."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.exceptions import HTTPException

from api.cli.commands import commands as im_commands
from api.cli.errors import Refused
from api.http import commands, pictures, problems
from router.catalogue.calendars import Calendars
from router.catalogue.live import LiveCatalogue
from router.catalogue.oncall import Roster
from router.chat.asked import World
from router.chat.registry import commands_of
from router.chat.shipped import dispatches
from router.problems import Problem
from tests.fakes.github import TOKEN, GithubFake
from tests.fakes.prometheus import PrometheusFake
from tests.fakes.serving import Server
from tests.fakes.speaking import Shown
from tests.flow.people import Room, room
from tests.flow.stage import ADMIN, READER, Im, event, until
from worker.silences import Windows


class Office(Room):
    """A sandbox with a commander, Dana, and the API of commands and pictures beside it."""

    world: World
    web: Web


class Web:
    """The routes of commands and pictures over the same store, as HTTP has them."""

    def __init__(self, im: Im, world: World) -> None:
        self._im = im
        app = Litestar(
            [commands.ROUTER, pictures.ROUTER],
            exception_handlers={
                Problem: problems.on_problem,
                HTTPException: problems.on_http_exception,
                Exception: problems.on_crash,
            },
            openapi_config=None,
            logging_config=None,
        )
        app.state.context = SimpleNamespace(parts=im.parts, world=world)
        self._app = app
        self._transport = httpx.ASGITransport(app=app)

    def call(self, method: str, path: str, body: Any = None, *, token: str = ADMIN) -> httpx.Response:
        async def asked() -> httpx.Response:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, json=body, headers=headers)

        return self._im.loop.run(asked())

    @contextmanager
    def served(self) -> Iterator[str]:
        """Over a port of this machine, for the command line; its address."""
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(self._app)
        running = self._im.loop.start(server.serve(sockets=[listener]))
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            running.result(20)

    def set(self, name: str, **config: Any) -> dict[str, Any]:
        answer = self.call("PUT", f"/api/v1/chatops/commands/{name}", config)
        assert answer.status_code == 200, answer.text
        kept: dict[str, Any] = answer.json()
        return kept


def world_of(im: Im) -> World:
    """What the background work of shipped commands takes of the world, for this test's own rounds of it."""
    live = LiveCatalogue(im.settings.catalogue, default_timezone="UTC")
    made = SimpleNamespace(
        parts=msgspec.structs.replace(im.parts, settings=im.settings),
        roster=Roster(live, Calendars(im.parts.http, lambda: datetime.now(UTC))),
        commands=commands_of(im.settings.commands_dir),
        clock=lambda: datetime.now(UTC),
    )
    return cast("World", made)


def furnish(opened: Room, im: Im) -> Office:
    opened.__class__ = Office
    assert isinstance(opened, Office)
    assert im.call("POST", "/api/v1/users", {"name": "dana", "role": "commander"}).status_code == 201
    link = {"provider": opened.provider, "user": opened.dana}
    assert im.call("POST", "/api/v1/users/dana/link", link).status_code == 200
    opened.world = world_of(im)
    opened.web = Web(im, opened.world)
    return opened


@pytest.fixture
def chat(im: Im) -> Iterator[Office]:
    with room(im, "sandbox") as opened, im.draining():
        yield furnish(opened, im)


@pytest.fixture
def github() -> Iterator[GithubFake]:
    with GithubFake() as fake:
        yield fake


@pytest.fixture
def prometheus() -> Iterator[PrometheusFake]:
    with PrometheusFake(token="of-the-tests") as fake:
        yield fake


def follow(chat: Office) -> None:
    """One round, with all that waits being due."""
    chat.im.sql("UPDATE dispatches SET not_before = now()")
    chat.im.loop.run(dispatches.follow(chat.world))


def dispatched(chat: Office) -> dict[str, Any]:
    (row,) = chat.im.sql("SELECT * FROM dispatches")
    return row


def followed(chat: Office, state: str) -> dict[str, Any]:
    """The dispatch once it is in that state."""

    def looked() -> dict[str, Any] | None:
        follow(chat)
        row = dispatched(chat)
        return row if row["state"] == state else None

    return until(lambda: looked() or {})


def told(chat: Office, channel: str = "major") -> list[str]:
    """What was posted in a channel, answers to people left out."""
    return [row["payload"]["text"] for row in chat.im.shown(chat.provider, channel) if _posted(row)]


def _posted(row: dict[str, Any]) -> bool:
    return bool(row["payload"]["event"] != "answer")


def configured(chat: Office, github: GithubFake, **more: Any) -> dict[str, Any]:
    config = {"repository": "shop/web", "token": TOKEN, "api_base": github.url, **more}
    return chat.web.set("github", **config)


# Commands of teams.

TEAM = """
from router.chat.extending import Button, Reply, Request, button, command

@command("deploy", "<service> [environment]", help="Deploy a service.", role="responder")
async def deploy(request: Request) -> Reply:
    request.post(f"{request.user.label} deploys {request.args[0]}")
    buttons = (Button("rollback", "Roll back", request.args[0], "danger"),)
    return Reply("Deployment initiated for " + request.args[0], buttons)

@button("rollback", role="responder")
def rollback(request: Request) -> str:
    return f"Rolling {request.value} back"

@command("about", "[incident-id] [question...]", help="Ask about an incident.")
def about(request: Request) -> str:
    return f"{request.incident.id} is {request.incident.status}: {request.arguments.get('question')}"

@command("broken", help="Fail.")
def broken(request: Request) -> str:
    raise RuntimeError("hunter2")
"""


def asked(chat: Room, text: str, answer: str) -> Shown:
    """The answer that says this; what the drain posts meanwhile may be there before it."""
    chat.say(text)
    return until(lambda: [each for each in chat.answers if answer in each.text])[0]


def test_a_command_from_the_folder_is_said_posts_and_its_button_is_pressed(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    (tmp_path / "team.py").write_text(TEAM)
    im = im_with(commands_dir=tmp_path)
    with room(im, "sandbox") as opened, im.draining():
        chat = furnish(opened, im)
        said = asked(chat, "deploy checkout production", "Deployment initiated for checkout")
        until(lambda: [row for row in im.shown("my-sandbox", "major") if "dana" in row["payload"]["text"]])
        assert "Rolling checkout back" in chat.press(said.posted, "Roll back").text
        im.post(event())
        asked(chat, "about INC-2024-001 why so slow", "INC-2024-001 is open: why so slow")
        failed = chat.say("broken").text
        assert "/im broken failed (RuntimeError)" in failed
        assert "hunter2" not in failed
        assert "Of this installation" in chat.say("help").text


def test_the_role_of_a_custom_command_holds(im_with: Callable[..., Im], tmp_path: Path) -> None:
    (tmp_path / "team.py").write_text(TEAM.replace('"responder"', '"admin"').replace('"deploy"', '"ship"'))
    im = im_with(commands_dir=tmp_path)
    with room(im, "sandbox") as chat:
        assert "Deployment initiated" not in chat.say("ship checkout").text


# deploy and github.


def test_without_github_deploy_is_the_example_and_says_so(chat: Office) -> None:
    said = chat.say("deploy checkout").text
    assert "Deployment initiated for checkout – as an example: nothing was started." in said
    assert "im commands set github" in said
    assert "GitHub is not configured" in chat.say("github deploy checkout").text
    assert chat.im.sql("SELECT * FROM dispatches") == []


def test_a_deployment_is_dispatched_followed_and_reported_in_the_channel(
    chat: Office, github: GithubFake
) -> None:
    configured(chat, github)
    said = chat.say("deploy checkout production").text
    assert "Deployment initiated for checkout" in said
    assert "GitHub took chatops-deploy for shop/web" in said
    (body,) = github.dispatched
    assert body["event_type"] == "chatops-deploy"
    assert body["client_payload"] == {
        "service": "checkout",
        "environment": "production",
        "user": "dana",
        "request": str(dispatched(chat)["id"]),
    }
    row = followed(chat, "running")
    assert row["run_id"] == github.runs[0].id
    github.end(github.runs[0], "success")
    followed(chat, "done")
    (report,) = until(lambda: told(chat))
    assert "chatops-deploy for checkout ✅ succeeded." in report
    assert "https://github.com/shop/web/actions/runs/1000" in report
    assert "/im deploy checkout production" in report
    follow(chat)
    assert len(told(chat)) == 1
    assert github.refusals == []


def test_a_run_that_names_the_request_is_found_among_others(chat: Office, github: GithubFake) -> None:
    github.listeners["chatops-deploy"] = ["Deploy {service} ({request})"]
    configured(chat, github)
    github.start("chatops-deploy")
    chat.say("deploy checkout")
    github.start("chatops-deploy")
    assert followed(chat, "running")["run_id"] == github.runs[1].id
    github.end(github.runs[1], "failure")
    followed(chat, "done")
    assert "❌ failed" in until(lambda: told(chat))[0]


def test_two_deployments_of_one_workflow_have_a_run_each(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    chat.say("deploy payments")
    until(lambda: follow(chat) or not chat.im.sql("SELECT 1 FROM dispatches WHERE run_id IS NULL"))
    rows = chat.im.sql("SELECT run_id FROM dispatches")
    assert {row["run_id"] for row in rows} == {1000, 1001}


def test_other_events_need_the_admins_leave_and_may_carry_arguments(chat: Office, github: GithubFake) -> None:
    configured(chat, github, events=["rollback"], repositories={"checkout": "shop/checkout"})
    github.repositories = ("shop/web", "shop/checkout")
    assert "may not be started from chat" in chat.say("deploy checkout").text
    chat.im.post(event())
    assert "Started rollback on GitHub" in chat.say("github rollback checkout INC-2024-001 v1 now").text
    (body,) = github.dispatched
    assert body["event_type"] == "chatops-rollback"
    payload = body["client_payload"]
    assert (payload["argument"], payload["incident"]) == ("v1 now", "INC-2024-001")
    assert github.calls[0].path == "/repos/shop/checkout/dispatches"


def test_a_misspelt_service_is_asked_about_and_nothing_is_started(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    assert "did you mean checkout" in chat.say("deploy chekout").text
    assert github.dispatched == []


def test_only_commanders_deploy(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.say("deploy checkout", user=chat.erin)
    assert github.dispatched == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"token": "another"}, "GitHub does not accept the token"),
        ({"repositories": ()}, "GitHub knows no repository shop/web"),
        ({"read_only": True}, "the token may not do that in shop/web"),
    ],
)
def test_what_github_refuses_is_told_at_once_with_the_mend(
    chat: Office, github: GithubFake, changes: dict[str, Any], says: str
) -> None:
    configured(chat, github)
    for name, value in changes.items():
        setattr(github, name, value)
    said = chat.say("deploy checkout").text
    assert says in said
    assert TOKEN not in said
    assert dispatched(chat)["state"] == "failed"
    assert github.dispatched == []


def test_a_rate_limit_is_waited_for_and_the_request_sent_then(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    github.limited = {"retry-after": "30"}
    assert "not certain yet" in chat.say("deploy checkout").text
    assert github.dispatched == []
    assert dispatched(chat)["not_before"] > datetime.now(UTC) + timedelta(seconds=20)
    github.limited = None
    followed(chat, "running")
    assert len(github.dispatched) == 1


@pytest.mark.parametrize("fault", ["lost_answer", "disconnect"])
def test_a_request_that_may_have_arrived_is_looked_for_and_not_sent_again(
    chat: Office, github: GithubFake, fault: Any
) -> None:
    configured(chat, github)
    github.fail_next(fault, path="dispatches")
    assert "It is not known whether GitHub got it" in chat.say("deploy checkout").text
    assert dispatched(chat)["state"] == "uncertain"
    if fault == "lost_answer":
        assert followed(chat, "running")["run_id"] == github.runs[0].id
        return
    chat.im.sql("UPDATE dispatches SET wanted_at = now() - interval '11 minutes'")
    followed(chat, "failed")
    assert "it was not sent again" in until(lambda: told(chat))[0]
    assert github.dispatched == []


def test_a_process_that_died_while_sending_leaves_it_uncertain_and_not_doubled(
    chat: Office, github: GithubFake
) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    chat.im.sql("UPDATE dispatches SET state = 'sending', lease_until = now() - interval '1 second'")
    followed(chat, "running")
    assert len(github.dispatched) == 1


def test_a_process_that_died_before_it_sent_is_made_up_for(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    github.dispatched.clear()
    github.runs.clear()
    chat.im.sql("UPDATE dispatches SET state = 'wanted', lease_until = now() - interval '1 second'")
    followed(chat, "running")
    assert len(github.dispatched) == 1


def test_the_same_request_worked_on_twice_is_one_dispatch(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    chat.im.sql("UPDATE inbox SET state = 'received', lease_until = NULL, not_before = now()")
    until(lambda: chat.im.sql("SELECT 1 FROM inbox WHERE state = 'answered' AND attempts > 1"))
    assert len(github.dispatched) == 1
    assert len(chat.im.sql("SELECT 1 FROM dispatches")) == 1


def test_rounds_of_several_processes_at_once_report_once(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    github.end(github.runs[0], "success")
    chat.im.sql("UPDATE dispatches SET not_before = now()")

    async def rounds() -> None:
        await asyncio.gather(*(dispatches.follow(chat.world) for _ in range(5)))

    chat.im.loop.run(rounds())
    followed(chat, "done")
    until(lambda: told(chat))
    assert len(told(chat)) == 1


def test_the_outcome_is_told_in_the_thread_where_it_was_asked_for(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.im.post(event())
    announced = until(lambda: chat.place.announced("major"))[0]
    chat.say("deploy checkout", thread=announced.id)
    github.end(github.runs[0], "success")
    followed(chat, "done")
    replies = [row for row in chat.im.shown(chat.provider, "major") if row["parent"] == announced.id]
    assert any("✅ succeeded" in row["payload"]["text"] for row in replies)


def test_github_that_is_not_configured_any_more_ends_what_was_followed(
    chat: Office, github: GithubFake
) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    assert chat.web.call("DELETE", "/api/v1/chatops/commands/github").status_code == 204
    followed(chat, "failed")
    assert "not configured any more" in until(lambda: told(chat))[0]


def test_a_process_that_comes_too_late_undoes_nothing(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.say("deploy checkout")
    known = chat.im.loop.run(dispatches.known(chat.world, str(dispatched(chat)["id"])))
    assert known is not None
    before = msgspec.structs.replace(known, state="wanted")
    late = chat.im.loop.run(dispatches.step(chat.world, before))
    chat.im.loop.run(dispatches.keep(chat.world, before, late))
    assert dispatched(chat)["state"] == "sent"
    assert len(github.dispatched) == 1


# metric.


def named(chat: Office, prometheus: PrometheusFake, **more: Any) -> None:
    queries = {"error rate": "sum(rate(errors[5m]))", "up": "up", "ratio": "1 / 3"}
    config = {"prometheus": prometheus.url, "token": "of-the-tests", "queries": queries, **more}
    chat.web.set("metric", **config)
    prometheus.series["sum(rate(errors[5m]))"] = {(): [str(i % 7) for i in range(121)]}
    prometheus.series["up"] = {(("job", f"j{i}"),): ["1", "0"] for i in range(3)}
    prometheus.scalars["1 / 3"] = "0.333333"


def test_a_metric_is_answered_with_its_number_its_line_and_a_picture(
    chat: Office, prometheus: PrometheusFake
) -> None:
    named(chat, prometheus)
    said = chat.say("metric error rate", user=chat.erin).text
    assert "error rate: 1" in said
    assert "last hour: 0 to 6" in said
    (row,) = chat.im.sql("SELECT answer FROM inbox WHERE command = 'metric'")
    shown = row["answer"]["picture"]
    assert shown["alt"].startswith("error rate: 1")
    path = httpx.URL(shown["url"]).path
    answer = chat.web.call("GET", path, token="")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    assert "immutable" in answer.headers["cache-control"]
    assert prometheus.refusals == []


def test_several_series_and_plain_numbers_are_answered_too(chat: Office, prometheus: PrometheusFake) -> None:
    named(chat, prometheus)
    assert "job=j2: 0" in chat.say("metric up").text
    assert "ratio: 0.3333" in chat.say("metric ratio").text
    assert "error rate\nratio\nup" in chat.say("metric").text


def test_promql_of_ones_own_needs_the_admins_leave(chat: Office, prometheus: PrometheusFake) -> None:
    named(chat, prometheus)
    assert "known are error rate, ratio, up" in chat.say("metric sum(up{job='x'})").text
    assert prometheus.calls == []
    named(chat, prometheus, free=True)
    prometheus.series["vector(7)"] = {(): ["7"]}
    assert "vector(7): 7" in chat.say("metric vector(7)").text
    assert "Prometheus refuses the query: invalid parameter" in chat.say("metric sum(up").text
    assert "no data" in chat.say("metric nothing_like_it").text


def test_a_prometheus_that_is_away_or_refuses_is_one_sentence(
    chat: Office, prometheus: PrometheusFake
) -> None:
    assert "no Prometheus is configured" in chat.say("metric up").text.replace("No", "no")
    named(chat, prometheus)
    prometheus.token = "changed"
    assert "Prometheus does not accept the token" in chat.say("metric up").text
    prometheus.fail_next("500", times=2)
    assert "Prometheus answered 500" in chat.say("metric up").text
    prometheus.fail_next("garbage", times=2)
    assert "unreadable" in chat.say("metric up").text


def test_pictures_are_gone_after_a_week_and_cannot_be_guessed(
    chat: Office, prometheus: PrometheusFake
) -> None:
    named(chat, prometheus)
    chat.say("metric up")
    ids = [row["id"] for row in chat.im.sql("SELECT id FROM pictures")]
    assert all(len(each) == 32 for each in ids)
    get = f"/pictures/{ids[0]}.png"
    assert chat.web.call("GET", get, token="").status_code == 200
    assert chat.web.call("GET", f"/pictures/{ids[0]}", token="").status_code == 404
    assert chat.web.call("GET", f"/pictures/{'a' * 32}.png", token="").status_code == 404
    assert chat.web.call("GET", "/pictures/%27.png", token="").status_code == 404
    chat.im.sql("UPDATE pictures SET expires_at = now() - interval '1 second'")
    assert chat.web.call("GET", get, token="").status_code == 404
    chat.say("metric up")
    assert ids[0] not in [row["id"] for row in chat.im.sql("SELECT id FROM pictures")]


def test_on_an_inner_network_there_are_no_pictures(chat: Office, prometheus: PrometheusFake) -> None:
    named(chat, prometheus)
    chat.say("metric up")
    (row,) = chat.im.sql("SELECT id FROM pictures")
    inner = msgspec.structs.replace(chat.im.settings, bind="0.0.0.0")
    im = SimpleNamespace(parts=msgspec.structs.replace(chat.im.parts, settings=inner), loop=chat.im.loop)
    web = Web(im, chat.world)  # type: ignore[arg-type]
    assert web.call("GET", f"/pictures/{row['id']}.png", token="").status_code == 404


# maintenance.

CATALOGUE = """
version: 1
services:
  checkout: {}
  search: {}
maintenance:
  - {name: database upgrade, services: [checkout], from: %s, to: %s}
  - {name: search index, services: [search], from: %s, to: %s}
"""


def planned(folder: Path) -> Path:
    now = datetime.now(UTC).replace(microsecond=0)
    hours = (-1, 1, 48, 50)
    times = [f"{now + timedelta(hours=each):%Y-%m-%dT%H:%M}" for each in hours]
    path = folder / "catalogue.yaml"
    path.write_text(CATALOGUE % tuple(times))
    return path


def tick(im: Im, world: World) -> None:
    """What the ticker does once a minute."""
    im.loop.run(Windows(im.parts, world.roster).turn())


def test_windows_become_silences_and_are_listed_with_their_state(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    im = im_with(catalogue=planned(tmp_path))
    with room(im, "sandbox") as opened:
        chat = furnish(opened, im)
        assert "database upgrade · checkout · not a silence yet" in chat.say("maintenance").text
        tick(im, chat.world)
        silences = im.get("/api/v1/silences")
        assert {row["reason"] for row in silences} == {"database upgrade", "search index"}
        listed = chat.say("maintenance").text
        assert "database upgrade · checkout · silenced now" in listed
        assert "search index · search · will be silenced" in listed
        ended = next(row["id"] for row in silences if row["reason"] == "search index")
        assert im.call("DELETE", f"/api/v1/silences/{ended}").status_code == 200
        assert "its silence was ended by" in chat.say("maintenance search").text
        tick(im, chat.world)
        assert "its silence was ended by" in chat.say("maintenance search").text
        assert "No maintenance of `payments` is planned" in chat.say("maintenance payments").text


def test_a_window_that_is_gone_ends_its_silence_but_not_while_the_file_is_bad(
    im_with: Callable[..., Im], tmp_path: Path
) -> None:
    path = planned(tmp_path)
    im = im_with(catalogue=path)
    world = world_of(im)
    tick(im, world)
    path.write_text("version: 1\nservices: [broken\n")
    im.loop.run(world.roster.refresh(force=True))
    tick(im, world)
    assert len(im.get("/api/v1/silences")) == 2
    path.write_text("version: 1\nservices:\n  checkout: {}\n  search: {}\n")
    im.loop.run(world.roster.refresh(force=True))
    tick(im, world)
    assert im.get("/api/v1/silences") == []


# Settings.


def test_settings_are_listed_masked_kept_sealed_and_audited(chat: Office, github: GithubFake) -> None:
    kept = configured(chat, github)
    assert kept["config"]["token"] == "…6789"
    assert TOKEN not in str(kept)
    (row,) = chat.im.sql("SELECT * FROM command_settings")
    assert TOKEN.encode() not in bytes(row["sealed"])
    assert TOKEN not in str(row["config"])
    listed = chat.web.call("GET", "/api/v1/chatops/commands").json()
    by_name = {each["name"]: each for each in listed}
    assert by_name["github"]["configured"] is True
    assert by_name["deploy"]["configured"] is True
    assert by_name["metric"]["configured"] is False
    assert by_name["ack"]["configured"] is None
    assert by_name["deploy"]["usage"] == "/im deploy <service> [incident-id] [environment]"
    assert TOKEN not in str(listed)
    audited = chat.im.sql("SELECT * FROM audit WHERE action LIKE 'command.%%'")
    assert [(each["action"], each["subject"]) for each in audited] == [("command.set", "github")]
    assert TOKEN not in str(audited)


def test_a_token_stays_until_the_address_changes(chat: Office, github: GithubFake) -> None:
    configured(chat, github)
    chat.web.set("github", repository="shop/web", api_base=github.url, events=["deploy", "rollback"])
    assert "Deployment initiated" in chat.say("deploy checkout").text
    elsewhere = {"repository": "shop/web", "api_base": "https://github.example.com/api/v3"}
    answer = chat.web.call("PUT", "/api/v1/chatops/commands/github", elsewhere)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "token"
    assert "is not sent to a new address unasked" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("github", {"repository": "web", "token": "t"}, "`web` is not owner/name"),
        ("github", {"repository": "a/../b", "token": "t"}, "is not owner/name"),
        ("github", {"token": "t"}, "missing required field `repository`"),
        ("github", {"repositry": "a/b"}, "did you mean `repository`"),
        ("github", {"repository": "a/b", "token": "t…9"}, "paste it whole"),
        ("github", {"repository": "a/b", "token": "t", "api_base": "http://x.example"}, "must be https"),
        ("github", {"repository": "a/b", "token": "t", "events": ["a b"]}, "is no event"),
        ("metric", {"prometheus": "https://p.example?x=1"}, "must hold no"),
        ("metric", {"prometheus": "https://p.example", "queries": {"": "up"}}, "need 1 to"),
        ("metric", {"prometheus": "https://p.example", "free": "yes"}, "free: Expected `bool`"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_field(
    chat: Office, name: str, config: dict[str, Any], says: str
) -> None:
    answer = chat.web.call("PUT", f"/api/v1/chatops/commands/{name}", config)
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["detail"]


def test_settings_are_the_admins_and_of_commands_that_have_some(chat: Office) -> None:
    for method, path in (("GET", ""), ("PUT", "/metric"), ("DELETE", "/metric")):
        answer = chat.web.call(method, f"/api/v1/chatops/commands{path}", {}, token=READER)
        assert answer.status_code == 403
    answer = chat.web.call("PUT", "/api/v1/chatops/commands/ack", {})
    assert (answer.status_code, "github, metric" in answer.text) == (404, True)
    assert chat.web.call("DELETE", "/api/v1/chatops/commands/metric").status_code == 404


def test_a_key_that_was_lost_is_said_and_the_token_can_be_given_again(
    chat: Office, github: GithubFake
) -> None:
    configured(chat, github)
    chat.im.sql("UPDATE command_settings SET sealed = 'of another key'")
    assert "cannot be opened with this key" in chat.say("deploy checkout").text
    configured(chat, github)
    assert "GitHub took" in chat.say("deploy checkout").text


def test_the_command_line_lists_sets_and_unsets(chat: Office, github: GithubFake, tmp_path: Path) -> None:
    file = tmp_path / "github.json"
    file.write_bytes(msgspec.json.encode({"repository": "shop/web", "token": TOKEN, "api_base": github.url}))
    with chat.web.served() as address:
        cli = CliRunner(env={"IM_URL": address, "IM_TOKEN": ADMIN})
        kept = cli.invoke(im_commands, ["set", "github", "--config", f"@{file}"])
        assert (kept.exit_code, TOKEN in kept.output) == (0, False)
        assert "events deploy; repository shop/web; token …6789" in kept.output
        read = cli.invoke(im_commands, ["set", "github", "--config", "-"], input='{"repository": "shop/web"}')
        assert isinstance(read.exception, Refused)  # the address changes, and the token is not there
        listed = cli.invoke(im_commands, ["list"])
        assert re.search(r"/im github <event> .* commander +yes", listed.output)
        assert cli.invoke(im_commands, ["list", "--json"]).output.startswith("[")
        assert "not configured any more" in cli.invoke(im_commands, ["unset", "github"]).output
        again = cli.invoke(im_commands, ["unset", "github"])
        assert isinstance(again.exception, Refused)
