"""Commands and buttons of a team: found in files and packages, called with a request, never a crash."""

from __future__ import annotations

import asyncio
import builtins
import importlib
import re
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from adapters.config import ProviderConfig
from adapters.contract import Answer as HttpAnswer
from adapters.contract import DeliveryError, Reason
from adapters.inbound import ChatInput, Person
from router.chat import custom, registry
from router.chat.asked import Answer, Asked, Call, World
from router.chat.built_in import COMMANDS
from router.chat.commands import Command, Commands
from router.chat.custom import button_of, command_of
from router.chat.extending import (
    Button,
    DeclarationError,
    DeclaredButton,
    DeclaredCommand,
    Declined,
    Reply,
    Request,
    button,
    command,
    declared,
)
from router.chat.registry import CommandsError, Found, assembled, commands_of
from router.chat.shipped import SHIPPED
from router.chat.shipped.dispatches import (
    Dispatch,
    after_error,
    after_run,
    not_found,
    run_of,
    wait_for,
)
from router.chat.shipped.github import Github, Run, limited, refusal
from router.chat.shipped.settings import KINDS, checked
from router.chat.usage import arguments, usage
from router.people.people import Identity, Speaker
from router.policy.policy import Place
from router.settings import ROOT
from router.targets import Provider

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
DEPLOY = """
from router.chat.extending import Reply, Request, command

@command("deploy", "<service> [environment]", help="Deploy a service.", role="commander")
async def deploy(request: Request) -> Reply:
    return Reply("Deployment initiated for " + request.args[0])
"""


class Rows:
    """A store that keeps what is put into the outbox."""

    def __init__(self) -> None:
        self.deliveries: dict[str, Any] = {}

    async def run(self, name: str, parameters: Mapping[str, Any]) -> int:
        assert name == "outbox.add"
        for row in msgspec.json.decode(parameters["deliveries"]):
            self.deliveries.setdefault(row["id"], row)
        return 1

    async def wake(self) -> None:
        """As the waker does."""


def asked(said: str = "", *, command: str = "", given: Mapping[str, str] | None = None) -> Asked:
    name = said.partition(" ")[0]
    return Asked(
        id="0198c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f",
        call=Call(command=command or name, arguments=dict(given or {}), said=f"/im {said}"),
        speaker=Speaker(identity=Identity("slack", "T1", "U1"), account=None, role="responder", label="dana"),
        name="dana",
        place=Place(kind="other", provider="company-slack", channel="C1"),
        given=ChatInput(
            key="k", kind="command", user=Person(id="U1"), workspace="T1", channel="C1", text=said
        ),
        provider=Provider(
            name="company-slack", platform="slack", active=True, config=ProviderConfig(), version=1
        ),
        at=NOW,
    )


def world(rows: Rows | None = None) -> World:
    rows = rows or Rows()
    return cast("World", SimpleNamespace(parts=SimpleNamespace(store=rows, waker=rows)))


async def call(made: Command, said: str, rows: Rows | None = None) -> Answer:
    rest = said.partition(" ")[2]
    return await made.run(world(rows), asked(said, given=arguments(made.usage, rest)), None)


def of(function: Any, *, limit: float = 5.0) -> Command:
    (one,) = declared(function)
    assert isinstance(one, DeclaredCommand)
    return command_of(one, limit=limit)


def headline(answer: Answer) -> str:
    assert answer.message is not None
    return answer.message.headline


@pytest.fixture(autouse=True)
def fresh_modules() -> Iterator[None]:
    """Files of one test are not found by the next."""
    yield
    for name in [name for name in sys.modules if name.startswith("im_commands.")]:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


# Finding.


async def test_the_documents_example_works_from_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "deploy.py", DEPLOY)
    made = commands_of(tmp_path).all["deploy"]
    assert made.role == "commander"
    assert made.usage.shown == "/im deploy <service> [environment]"
    answer = await call(made, "deploy checkout production")
    assert (headline(answer), answer.outcome) == ("Deployment initiated for checkout", "done")


def test_without_a_folder_there_are_the_built_in_and_the_shipped_ones() -> None:
    names = set(commands_of(None).all)
    assert names == {each.name for each in (*COMMANDS, *SHIPPED)}
    assert {"deploy", "github", "metric", "maintenance", "runbook"} <= names


def test_files_are_read_by_name_and_each_once_in_a_module_of_its_own(tmp_path: Path) -> None:
    text = (
        "from router.chat.extending import command\nSEEN.append(__name__)\nshared = 1\n"
        "@command('{name}', help='Say so.')\ndef say(request): return __name__\n"
    )
    log = write(tmp_path, "_log.py", "raise RuntimeError('is not a command file')")
    for name in ("b", "a"):
        head = "import builtins\nSEEN = builtins.__dict__.setdefault('im_seen', [])\n"
        write(tmp_path, f"{name}.py", head + text.format(name=name))
    write(tmp_path, "test_a.py", "raise RuntimeError('is a test')")
    try:
        found = commands_of(tmp_path)
        assert builtins.__dict__["im_seen"] == ["im_commands.a", "im_commands.b"]
    finally:
        builtins.__dict__.pop("im_seen", None)
    assert {"a", "b"} <= set(found.all)
    assert log.exists()


def test_structs_and_dataclasses_can_be_made_in_a_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        "shapes.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport msgspec\n"
        "from router.chat.extending import command\n"
        "@dataclass\nclass A:\n    x: int\n"
        "class B(msgspec.Struct):\n    a: list[str]\n"
        "print_ = msgspec.json.decode(b'{\"a\": []}', type=B)\n"
        "@command('shapes', help='Show shapes.')\ndef shapes(request): return str(A(1))\n",
    )
    assert "shapes" in commands_of(tmp_path).all


async def test_commands_come_from_entry_points_by_module_and_by_function(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(tmp_path, "acme_chatops.py", DEPLOY.replace('"deploy"', '"ship"'))
    dist = tmp_path / "acme-1.0.dist-info"
    dist.mkdir()
    write(dist, "METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    write(dist, "entry_points.txt", "[im.commands]\nacme = acme_chatops\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    try:
        answer = await call(commands_of(None).all["ship"], "ship checkout")
    finally:
        sys.modules.pop("acme_chatops", None)
    assert headline(answer) == "Deployment initiated for checkout"


def test_a_packages_import_error_names_the_entry_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dist = tmp_path / "acme-1.0.dist-info"
    dist.mkdir()
    write(dist, "METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    write(dist, "entry_points.txt", "[im.commands]\nacme = acme_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(CommandsError, match=r"entry point `acme` .*No module named 'acme_that_is_not_there'"):
        commands_of(None)


HEAD = "from router.chat.extending import Reply, button, command\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def broken(:\n", r"mine\.py:1: cannot be read: invalid syntax.*mend it there"),
        ("\nimport nowhere_to_be_found\n", r"mine\.py:2: cannot be loaded .*nowhere_to_be_found"),
        ("token = 'hunter2'\nraise ValueError(token)\n", r"mine\.py:2: cannot be loaded \(ValueError\);"),
        ("import sys\nsys.exit(3)\n", r"mine\.py:2: cannot be loaded \(SystemExit\)"),
        (
            HEAD + "@command('go', '<where', help='Go.')\ndef go(r): ...\n",
            "`<where` of the usage of `go` can",
        ),
        (HEAD + "@command('Go', help='Go.')\ndef go(r): ...\n", "`Go` is no name; use up to 32 of a-z"),
        (HEAD + "@command('ack', help='Go.')\ndef go(r): ...\n", "`ack` is a built-in command already"),
        (HEAD + "@command('mute', help='Go.')\ndef go(r): ...\n", "`mute` is another word for `silence`"),
        (HEAD + "@command('go', help='')\ndef go(r): ...\n", "`go` needs a help text"),
        (
            HEAD + "@command('go', help='Go.', role='boss')\ndef go(r): ...\n",
            "there is no role `boss`; there",
        ),
        (HEAD + "@command('go', '[a] [a]', help='Go.')\ndef go(r): ...\n", "its usage names `a` twice"),
        (HEAD + "@command('go', '[a...] [b]', help='Go.')\ndef go(r): ...\n", r"`a\.\.\.` takes all words"),
        (HEAD + "@command('go', '[a]', help='Go.', instead='b')\ndef go(r): ...\n", "`instead` must name"),
        (HEAD + "@button('Go!')\ndef go(r): ...\n", r"mine\.py:2: .*`Go!` is no id of a button"),
        (HEAD + "@button('resolve')\ndef go(r): ...\n", "the button `resolve` is there already"),
        (HEAD + "@button('confirm')\ndef go(r): ...\n", "the button `confirm` is there already"),
        (HEAD + "@button('set_severity')\ndef go(r): ...\n", "the button `set_severity` is there already"),
        (HEAD + "@button('list')\ndef go(r): ...\n", "the button `list` has the name of a command"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_with_the_file_and_the_mend(
    tmp_path: Path, text: str, says: str
) -> None:
    write(tmp_path, "mine.py", text)
    with pytest.raises(CommandsError, match=says) as caught:
        commands_of(tmp_path)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_name_that_two_files_take_is_told_with_the_first_one(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        write(tmp_path, name, DEPLOY)
    with pytest.raises(CommandsError, match=r"b\.py: the command `deploy` is declared by .*a\.py already"):
        commands_of(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandsError, match="there is no such folder; make it, or unset IM_COMMANDS_DIR"):
        commands_of(tmp_path / "nowhere")


def test_a_function_that_two_names_hold_is_one_command() -> None:
    @command("hello", help="Say hello.")
    def hello(request: Request) -> str:
        return "Hello."

    assert len(registry.declared_in({"hello": hello, "again": hello, "other": 3})) == 1


def test_a_teams_commands_are_in_the_help_and_in_what_platforms_are_told() -> None:
    @command("hello", "[name]", help="Say hello.")
    def hello(request: Request) -> str:
        return "Hello."

    made = assembled([Found("a file", declared(hello))])
    assert "Of this installation\n/im hello [name] – Say hello." in made.help_for(None).text
    assert "hello" in {spec.name for spec in made.specs()}


# Calling.


async def test_a_request_says_what_was_asked_by_whom_and_where() -> None:
    seen: list[Request] = []

    @command("roll", "<service> [--to version] [note...]", help="Roll.")
    async def roll(request: Request) -> Reply:
        seen.append(request)
        return Reply("Rolling.")

    await call(of(roll), "roll checkout --to v2 it is time")
    (request,) = seen
    assert request.arguments == {"service": "checkout", "version": "v2", "note": "it is time"}
    assert request.args == ["checkout", "v2", "it is time"]
    assert (request.user.label, request.user.role, request.user.account) == ("dana", "responder", None)
    assert (request.provider, request.channel, request.said) == (
        "company-slack",
        "C1",
        "/im roll checkout --to v2 it is time",
    )
    assert request.id == asked().id
    assert request.incident is None


async def test_a_function_that_is_not_async_runs_beside_the_loop() -> None:
    @command("slow", help="Be slow.")
    def slow(request: Request) -> str:
        time.sleep(0.2)
        return "Slept."

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    answer = await call(of(slow), "slow")
    ticking.cancel()
    assert headline(answer) == "Slept."
    assert ticks >= 5


@pytest.mark.parametrize(("given", "shown"), [(None, "Done."), ("", "Done."), ("Yes.", "Yes.")])
async def test_a_text_or_nothing_is_a_reply_too(given: str | None, shown: str) -> None:
    @command("say", help="Say.")
    async def say(request: Request) -> str | None:
        return given

    assert headline(await call(of(say), "say")) == shown


async def test_the_first_line_is_on_top_unless_it_is_a_paragraph() -> None:
    first = custom.message_of("/im x", Reply("Deployed\n- a\n- b"))
    assert (first.headline, first.text) == ("Deployed", "- a\n- b")
    long = custom.message_of("/im x", Reply("word " * 60))
    assert (long.headline, long.text) == ("/im x", ("word " * 60).strip())


async def test_buttons_of_a_reply_are_shown_with_their_style() -> None:
    @command("ask", help="Ask.")
    async def ask(request: Request) -> Reply:
        return Reply("Roll back?", (Button("rollback", "Yes", "checkout", "danger"), Button("keep", "No")))

    answer = await call(of(ask), "ask")
    assert answer.message is not None
    assert [(a.id, a.label, a.value, a.style) for a in answer.message.actions] == [
        ("rollback", "Yes", "checkout", "danger"),
        ("keep", "No", "", "default"),
    ]


async def test_pressing_a_button_calls_its_function_with_the_value() -> None:
    @button("rollback", role="commander")
    def rollback(request: Request) -> str:
        return f"Rolling {request.value} back, as {request.user.label} said."

    (one,) = declared(rollback)
    assert isinstance(one, DeclaredButton)
    made = button_of(one)
    pressed = asked("[rollback] checkout", command="rollback", given={"value": "checkout"})
    assert headline(await made.run(world(), pressed, None)) == "Rolling checkout back, as dana said."
    assert assembled([Found("a file", (one,))]).buttons["rollback"].role == "commander"


async def boom_async(request: Request) -> Reply:
    raise RuntimeError("password is hunter2")


def boom(request: Request) -> Reply:
    raise RuntimeError("password is hunter2")


async def leaves(request: Request) -> Reply:
    sys.exit(1)


def leaves_thread(request: Request) -> Reply:
    sys.exit(1)


def stops(request: Request) -> Reply:
    raise StopIteration


def gives_a_number(request: Request) -> Any:
    return 7


def presses_badly(request: Request) -> Reply:
    return Reply("Go?", (Button("go", "Go", "x" * 51),))


@pytest.mark.parametrize(
    "function", [boom, boom_async, leaves, leaves_thread, stops, gives_a_number, presses_badly]
)
async def test_whatever_a_function_raises_is_a_sentence_and_a_line_in_the_log(
    function: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = of(command("fail", help="Fail.")(function))
    answer = await call(made, "fail")
    assert answer.outcome == "failed"
    assert headline(answer).startswith("/im fail failed (")
    assert "the server's log says where" in headline(answer)
    printed = capsys.readouterr()  # the log is on either, as other tests have set it up or not
    told = printed.out + printed.err + headline(answer)
    assert "custom_command_failed" in told
    assert "hunter2" not in told


async def test_a_function_that_says_no_refuses() -> None:
    @command("no", help="Refuse.")
    async def no(request: Request) -> Reply:
        raise Declined("not on a Friday")

    with pytest.raises(Declined, match="not on a Friday"):
        await call(of(no), "no")


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_function_that_does_not_end_is_told_and_holds_nothing_up(kind: str) -> None:
    async def sleeps(request: Request) -> None:
        await asyncio.sleep(60)

    def blocks(request: Request) -> None:
        time.sleep(2)

    made = of(command("long", help="Take long.")(sleeps if kind == "async" else blocks), limit=0.1)
    started = time.monotonic()
    answer = await call(made, "long")
    assert time.monotonic() - started < 1.5
    assert headline(answer) == "/im long did not end within 0.1 s; what it began may go on."


async def test_a_functions_own_time_out_is_a_failure_and_not_the_limit() -> None:
    @command("ask", help="Ask.")
    async def ask(request: Request) -> None:
        raise TimeoutError

    assert headline(await call(of(ask), "ask")).startswith("/im ask failed (TimeoutError)")


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_posts_go_into_the_outbox_once_however_often_the_request_is_worked_on(kind: str) -> None:
    def posts(request: Request) -> str:
        request.post("Starting\nwith checkout")
        request.post("Nearly there", (Button("stop", "Stop"),))
        return "Done with it."

    async def posts_async(request: Request) -> str:
        return posts(request)

    rows = Rows()
    made = of(command("go", help="Go.")(posts_async if kind == "async" else posts))
    for _ in range(2):
        assert headline(await call(made, "go", rows)) == "Done with it."
    shown = [row["message"] for row in rows.deliveries.values()]
    assert [each["headline"] for each in shown] == ["Starting", "Nearly there"]
    assert shown[0]["text"] == "with checkout"
    assert shown[1]["actions"][0]["id"] == "stop"
    assert {(row["provider"], row["channel"]) for row in rows.deliveries.values()} == {
        ("company-slack", "C1")
    }


async def test_what_was_posted_before_a_failure_is_posted() -> None:
    @command("half", help="Fail half way.")
    def half(request: Request) -> str:
        request.post("Starting")
        raise RuntimeError

    rows = Rows()
    assert (await call(of(half), "half", rows)).outcome == "failed"
    assert len(rows.deliveries) == 1


async def test_a_request_posts_at_most_twenty_messages() -> None:
    @command("flood", help="Flood.")
    def flood(request: Request) -> None:
        for number in range(30):
            request.post(f"message {number}")

    rows = Rows()
    with pytest.raises(Declined, match="may post 20 messages"):
        await call(of(flood), "flood", rows)
    assert len(rows.deliveries) == 20


def test_a_team_can_call_its_function_in_its_own_tests() -> None:
    @command("deploy", "<service>", help="Deploy.")
    def deploy(request: Request) -> Reply:
        request.post("Starting")
        return Reply(f"Deployment initiated for {request.args[0]}")

    assert deploy(Request(args=["checkout"])) == Reply("Deployment initiated for checkout")


@pytest.mark.parametrize(
    "given",
    [("Upper", "Go"), ("go", ""), ("go", "x" * 76), ("go", "Go", "é"), ("go", "Go", "", "loud")],
)
def test_a_button_that_no_platform_takes_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(DeclarationError):
        Button(*given)


def test_usage_of_every_shipped_command_reads_its_own_example() -> None:
    for each in SHIPPED:
        text = each.example.removeprefix(f"/im {each.name}")
        assert arguments(each.usage, text.strip()), each.name
    deploy = Commands(SHIPPED).all["deploy"].usage
    assert arguments(deploy, "checkout production INC-7") == {
        "service": "checkout",
        "environment": "production",
        "incident-id": "INC-7",
    }
    assert usage("deploy", deploy.line) == deploy


# What follows from what GitHub says.


def dispatch(state: str = "sent", **more: Any) -> Dispatch:
    usual: dict[str, Any] = {
        "id": "0198c2a4-0000-7000-8000-000000000001",
        "state": state,
        "repository": "shop/web",
        "event_type": "chatops-deploy",
        "payload": {"service": "checkout", "user": "dana"},
        "provider": "p",
        "channel": "c",
        "thread": None,
        "said": "/im deploy checkout",
        "wanted_at": NOW,
        "sent_at": NOW,
        "run_id": None,
        "run_url": None,
        "outcome": None,
        "attempts": 0,
    }
    return Dispatch(**(usual | more))


def run(id: int, title: str = "chatops-deploy", **more: Any) -> Run:
    return Run(id=id, display_title=title, created_at=NOW + timedelta(seconds=id), **more)


def test_the_run_that_names_the_request_is_it_before_any_other() -> None:
    known = dispatch()
    assert run_of(known, [run(1), run(2, f"Deploy checkout ({known.id})")]) == run(
        2, f"Deploy checkout ({known.id})"
    )
    assert run_of(known, [run(1), run(2)]) == run(1)
    assert run_of(known, [run(1, "nightly"), run(2, "Deploy checkout")]) is None


@pytest.mark.parametrize(
    ("conclusion", "words"),
    [("success", "✅ succeeded"), ("failure", "❌ failed"), ("odd_new_one", "ended as odd_new_one")],
)
def test_a_completed_run_ends_it_with_its_conclusion(conclusion: str, words: str) -> None:
    move = after_run(dispatch("running"), run(1, status="completed", conclusion=conclusion), NOW)
    assert (move.state, move.outcome) == ("done", f"chatops-deploy for checkout {words}.")


def test_a_run_is_followed_for_an_hour_and_then_let_go() -> None:
    still = run(1, status="in_progress")
    assert after_run(dispatch(), still, NOW + timedelta(minutes=59)).state == "running"
    move = after_run(dispatch(), still, NOW + timedelta(minutes=61))
    assert move.state == "done"
    assert "has not ended within an hour" in (move.outcome or "")


def test_a_run_that_never_appears_is_said_with_the_likely_reason() -> None:
    assert not_found(dispatch(), NOW + timedelta(minutes=9)).state == "sent"
    late = NOW + timedelta(minutes=11)
    assert "does a workflow on the default branch listen" in (not_found(dispatch(), late).outcome or "")
    unsure = not_found(dispatch("uncertain"), late)
    assert unsure.state == "failed"
    assert "it was not sent again" in (unsure.outcome or "")


def test_what_may_have_arrived_is_never_sent_again() -> None:
    arrived = DeliveryError(Reason.TIMEOUT, "GitHub did not answer", may_have_arrived=True)
    assert after_error(dispatch("wanted"), arrived, NOW).state == "uncertain"
    not_arrived = DeliveryError(Reason.UNREACHABLE, "no connection")
    assert after_error(dispatch("wanted"), not_arrived, NOW).state == "wanted"
    late = after_error(dispatch("wanted"), not_arrived, NOW + timedelta(minutes=6))
    assert (late.state, late.outcome) == (
        "failed",
        "chatops-deploy for checkout was not started: no connection.",
    )
    denied = DeliveryError(Reason.UNAUTHORIZED, "GitHub does not accept the token")
    assert after_error(dispatch("wanted"), denied, NOW).state == "failed"
    assert after_error(dispatch("running"), arrived, NOW).state == "running"


def test_looks_become_rarer_up_to_one_a_minute() -> None:
    waits = [wait_for(dispatch(attempts=n)) for n in range(40)]
    assert waits[0] == 2.0
    assert waits == sorted(waits)
    assert waits[-1] == 60.0


def answer(status: int, body: bytes = b"", **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status=status, headers=named, body=body)


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        (answer(403), None),
        (answer(403, retry_after="7"), 7.0),
        (answer(403, b'{"message":"You have exceeded a secondary rate limit"}'), 60.0),
        (answer(429), 60.0),
        (answer(403, x_ratelimit_remaining="0", x_ratelimit_reset="1"), 1.0),
        (answer(404, retry_after="7"), None),
    ],
)
def test_rate_limits_of_github_are_told_from_what_the_token_may_not(
    given: HttpAnswer, wait: float | None
) -> None:
    assert limited(given) == wait
    assert refusal(given, "shop/web").reason.retryable is (wait is not None)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "im commands set github"),
        (403, "Contents: write and Actions: read"),
        (404, "no repository shop/web"),
        (422, "refuses the event"),
        (307, "has moved"),
        (500, "GitHub answered 500"),
    ],
)
def test_a_refusal_of_github_says_what_to_mend(status: int, words: str) -> None:
    error = refusal(answer(status), "shop/web")
    assert words in error.detail
    assert error.may_have_arrived is (status == 500)


class Recorded:
    """An Outbound that gives one answer and keeps what was asked."""

    def __init__(self, given: HttpAnswer) -> None:
        self.given = given
        self.asked: list[tuple[str, str, dict[str, str], bytes | None]] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float = 10.0,  # noqa: ARG002, ASYNC109
    ) -> HttpAnswer:
        self.asked.append((method, url, headers, body))
        return self.given


async def test_a_dispatch_is_sent_as_github_documents_it_and_timed_by_its_clock() -> None:
    http = Recorded(answer(204, date="Mon, 05 Jan 2026 08:00:00 GMT"))
    at = await Github(http, "https://api.github.com/", "t0ken").dispatch(
        "shop/web", "chatops-deploy", {"service": "checkout"}
    )
    assert at == datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    ((method, url, headers, body),) = http.asked
    assert (method, url) == ("POST", "https://api.github.com/repos/shop/web/dispatches")
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["accept"] == "application/vnd.github+json"
    assert msgspec.json.decode(body or b"") == {
        "event_type": "chatops-deploy",
        "client_payload": {"service": "checkout"},
    }


async def test_runs_are_asked_for_from_a_time_on_and_given_oldest_first() -> None:
    rows = [
        {"id": 2, "created_at": "2026-01-05T10:00:02Z", "display_title": "b"},
        {"id": 1, "created_at": "2026-01-05T10:00:01Z", "display_title": "a", "conclusion": None},
    ]
    http = Recorded(answer(200, msgspec.json.encode({"total_count": 2, "workflow_runs": rows})))
    found = await Github(http, "https://api.github.com", "t").runs("shop/web", NOW)
    assert [each.id for each in found] == [1, 2]
    assert "event=repository_dispatch&created=%3E%3D2026-01-05T10%3A00%3A00Z" in http.asked[0][1]


# The page.


def test_the_page_shows_every_command_with_its_usage_and_its_help() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    rows = re.findall(r"^\| `(/im [^`]+)` \| (.+) \|$", page, re.MULTILINE)
    listed = {(line.replace(r"\|", "|"), meaning) for line, meaning in rows}
    assert listed == {(each.usage.shown, each.help) for each in (*COMMANDS, *SHIPPED)}


def test_the_examples_of_the_page_load(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    files = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert files
    for number, text in enumerate(files):
        write(tmp_path, f"page{number}.py", text)
    found = commands_of(tmp_path)
    assert "deploy" in found.all
    assert "rollback" in found.buttons


def test_the_settings_of_the_page_are_accepted_and_complete() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    texts = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    shown = [msgspec.json.decode(text) for text in texts]
    assert len(shown) == len(KINDS)
    for raw, (name, kind) in zip(shown, KINDS.items(), strict=True):
        checked(name, raw, kind.type)
        described = page.partition(f"\n### `{name}`")[2].partition("\n### ")[0]
        for field in kind.type.__struct_fields__:
            assert f"| `{field}` |" in described, f"{name}: {field}"
