"""`im chat`: scripts and typed lines, through a real API; the language service knows sentences by heart."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.cli import nlu
from nlu_model.programs import NluError
from router.servers import Endpoints
from tests.fakes.nlu import NluFake
from tests.flow.test_cli import Im, Said, await_port, created, data_dir, free_port, im, servers
from tests.marks import SLOW

__all__ = ["data_dir", "im", "servers"]

KEYS = ["messages", "asks_for", "offers", "confirm", "does", "refused", "cancelled"]
NOTHING: dict[str, Any] = {
    "asks_for": None, "offers": [], "confirm": False, "does": [], "refused": False, "cancelled": False
}  # fmt: skip


@pytest.fixture(scope="module")
def understanding() -> Iterator[NluFake]:
    with NluFake() as fake:
        yield fake


@pytest.fixture
def chat(im: Im, understanding: NluFake, monkeypatch: pytest.MonkeyPatch) -> Im:
    """The command line where that language service is, and dana has an account."""
    monkeypatch.setenv("IM_NLU_URL", understanding.url)
    im("users", "add", "dana", "--role", "commander")
    return im


def script(im: Im, *turns: dict[str, str], options: tuple[str, ...] = ("--as", "dana")) -> Said:
    return im("chat", *options, "--script", im.file("turns.json", json.dumps(turns)), "--json")


def ran(im: Im, *turns: dict[str, str], channel: str) -> list[dict[str, Any]]:
    """The records of a script that runs to its end."""
    said = script(im, *turns, options=("--as", "dana", "--channel", channel))
    assert said.code == 0, said.err
    records: list[dict[str, Any]] = said.json
    assert [list(record) for record in records] == [KEYS] * len(turns)
    return records


def typed(im: Im, monkeypatch: pytest.MonkeyPatch, *lines: str, channel: str) -> Said:
    """What `im chat` prints when these lines are typed."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return im("chat", "--as", "dana", "--channel", channel)


def without_messages(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "messages"}


def test_a_script_tells_of_each_turn_what_the_bot_said_and_did(chat: Im, understanding: NluFake) -> None:
    declare = understanding.teach("open a sev2: search is slow", "declare_incident", title="search is slow")
    taken = understanding.teach("I'll take it", "acknowledge_incident")
    declared, taken_on, fixed, undone = ran(
        chat,
        {"user": declare},
        {"user": taken},
        {"user": "make me a coffee"},
        {"user": "undo"},
        channel="one",
    )
    (message,) = declared["messages"]
    headline, card = message.splitlines()[:2]
    assert headline.startswith("Declared INC-")
    number = headline.split()[1]
    assert card == f"{number}: search is slow"
    (did,) = declared["does"]
    assert (did["command"], did["title"]) == ("declare_incident", "search is slow")
    assert taken_on["messages"] == [f"You acknowledged {number}."]
    assert without_messages(taken_on) == NOTHING | {
        "does": [{"command": "acknowledge_incident", "incident_id": number}]
    }
    assert without_messages(fixed) == NOTHING | {"refused": True}
    assert undone["messages"][0].startswith(f"Undone: {number} is open")
    assert chat("incidents", "show", number, "--json").json["status"] == "open"


@SLOW
def test_a_question_back_says_what_for_and_what_is_offered(chat: Im, understanding: NluFake) -> None:
    for number in (11, 12):
        event = created(number, title="Label printer jams", service="labels")
        assert chat("events", "post", chat.file("e", json.dumps(event))).code == 0
    resolve = understanding.teach("resolve the label printer", "resolve_incident", service="label printer")
    asked, chosen, sure = ran(
        chat, {"user": resolve}, {"user": "the second one"}, {"user": "never mind"}, channel="two"
    )
    assert (asked["asks_for"], len(asked["offers"])) == ("incident_id", 2)
    assert set(asked["offers"]) == {"INC-2024-011", "INC-2024-012"}
    assert asked["does"] == []
    assert [act["incident_id"] for act in chosen["does"]] == [asked["offers"][1]]
    assert sure["refused"] or sure["cancelled"]


@SLOW
def test_somebody_named_like_an_account_is_that_account_and_others_are_strangers(
    chat: Im, understanding: NluFake
) -> None:
    mine = understanding.teach(
        "assign INC-2024-020 to me", "assign_incident", incident_id="INC-2024-020", user="me"
    )
    assert chat("events", "post", chat.file("e", json.dumps(created(20)))).code == 0
    ran(chat, {"user": mine}, channel="three")
    assert chat("incidents", "show", "INC-2024-020", "--json").json["assignee"] == "dana"
    ran(chat, {"user": mine, "as": "@stranger"}, channel="three")
    assert chat("incidents", "show", "INC-2024-020", "--json").json["assignee"] == "stranger"
    (dana,) = [row for row in chat("users", "list", "--json").json if row["name"] == "dana"]
    assert [(link["platform"], link["user"]) for link in dana["links"]] == [("sandbox", "dana")]


@SLOW
def test_two_people_in_one_channel_are_not_mixed(chat: Im, understanding: NluFake) -> None:
    assert chat("events", "post", chat.file("e", json.dumps(created(21)))).code == 0
    raise_it = understanding.teach(
        "change the severity of INC-2024-021", "escalate_incident", incident_id="INC-2024-021"
    )
    asked, other, answered = ran(
        chat, {"user": raise_it}, {"user": "sev4", "as": "omar"}, {"user": "sev3"}, channel="four"
    )
    assert asked["asks_for"] == "severity"
    assert other["does"] == []
    assert answered["does"] == [
        {"command": "escalate_incident", "incident_id": "INC-2024-021", "severity": "SEV-3"}
    ]


@SLOW
def test_slots_are_told_as_they_were_meant_whenever_they_were_said(chat: Im, understanding: NluFake) -> None:
    assert chat("events", "post", chat.file("e", json.dumps(created(22, title="Fax is busy")))).code == 0
    understanding.teach("which are assigned to me?", "list_incidents", user="me")
    quiet = understanding.teach("mute payments", "silence_notifications", service="payments")
    understanding.teach(
        'the fax is fixed, bought a "new" one', "resolve_incident", service="fax", note='bought a "new" one'
    )
    fixed = "the fax is fixed, bought a “new” one"
    records = ran(
        chat,
        {"user": "which are assigned to me?"},
        {"user": quiet},
        {"user": "1h"},
        {"user": fixed},
        {"user": "yes"},
        channel="slots",
    )
    listed, _, silenced, asked, resolved = records
    assert listed["does"] == [{"command": "list_incidents", "user": "dana"}]
    assert silenced["does"] == [{"command": "silence_notifications", "service": "payments", "duration": 3600}]
    assert asked["confirm"]
    (act,) = resolved["does"]
    assert (act["incident_id"], act["note"]) == ("INC-2024-022", 'bought a "new" one')


def test_without_json_a_script_is_a_transcript(chat: Im, understanding: NluFake) -> None:
    understanding.teach("hello", "greet")
    path = chat.file("turns.json", json.dumps([{"user": "hello"}, {"user": "sing\x1b[31m", "as": "kim"}]))
    said = chat("chat", "--as", "dana", "--channel", "five", "--script", path)
    assert said.code == 0, said.err
    first, second = said.out.rstrip("\n").split("\n\n")
    assert first.splitlines()[0] == "dana in five> hello"
    assert first.splitlines()[1].startswith("    Hello.")
    assert second.splitlines()[0] == "kim in five> sing�[31m"
    assert second.splitlines()[-1] == "    → refused"


def test_what_is_typed_is_said_and_numbers_press(
    chat: Im, understanding: NluFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chat("events", "post", chat.file("e", json.dumps(created(30)))).code == 0
    raised = understanding.teach(
        "change severity of INC-2024-030", "escalate_incident", incident_id="INC-2024-030"
    )
    said = typed(chat, monkeypatch, "/7", raised, "/1", "/hello", "", "/quit", "never read", channel="six")
    assert said.code == 0, said.err
    question, *choices = said.out.splitlines()
    assert "Which severity should it have?" in question
    assert choices[:4] == [
        "    /1 Choose a severity: SEV-1",
        "    /2 Choose a severity: SEV-3",
        "    /3 Choose a severity: SEV-4",
        "    /4 Never mind",
    ]
    assert choices[4] == "    INC-2024-030 is SEV-1 now."
    assert "there is no /7; nothing is there to press" in said.err
    assert "/1 presses the first button" in said.err
    assert chat("incidents", "show", "INC-2024-030", "--json").json["severity"] == "SEV-1"


def test_a_terminal_gives_commands_fills_forms_and_moves(chat: Im, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "/im declare",
        "Tills are dead",
        "SEV-4",
        "tills",
        "",
        "/as omar",
        "/channel seven",
        "/im list --sev 4",
    )
    said = typed(chat, monkeypatch, *lines, channel="six")
    assert said.code == 0, said.err
    assert "    What is broken?: " in said.out
    assert "Declared INC-" in said.out
    assert said.out.count("Tills are dead") == 2
    abandoned = typed(chat, monkeypatch, "/im declare", "", channel="six")
    assert "nothing was sent: the field is needed" in abandoned.err


@pytest.mark.parametrize(
    ("provider", "told"),
    [("nowhere", "there is no provider `nowhere` here"), ("", "there is no provider")],
)
def test_an_unknown_provider_is_said_with_the_turn(chat: Im, provider: str, told: str) -> None:
    options = ("--as", "dana", "--provider", provider)
    said = script(chat, {"user": "hello"}, options=options)
    assert (said.code, said.out) == (1, "")
    assert told in said.err


def test_a_language_service_is_borrowed_where_none_is_named(
    im: Im, understanding: NluFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    understanding.teach("hello", "greet")
    borrowed: list[str] = []

    @contextmanager
    def address(_: object) -> Iterator[str]:
        borrowed.append("begun")
        yield understanding.url
        borrowed.append("ended")

    monkeypatch.delenv("IM_NLU_URL", raising=False)
    monkeypatch.setattr(nlu, "_address", address)
    (greeted,) = ran(im, {"user": "hello"}, channel="eight")
    assert without_messages(greeted) == NOTHING
    assert borrowed == ["begun", "ended"]


def test_without_a_language_service_commands_work_and_that_is_said(
    im: Im, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def address(_: object) -> Iterator[str]:
        raise NluError("there is no Python 3.10")
        yield ""

    monkeypatch.delenv("IM_NLU_URL", raising=False)
    monkeypatch.setattr(nlu, "_address", address)
    said = script(im, {"user": "list"}, {"user": "which ones are burning?"})
    assert said.code == 0, said.err
    assert "only commands will be understood: there is no Python 3.10" in said.err
    listed, unread = said.json
    assert [act["command"] for act in listed["does"]] == ["list_incidents"]
    assert unread["refused"]
    assert unread["messages"][0].startswith("I cannot read sentences at the moment.")


@SLOW
def test_with_a_server_elsewhere_it_is_the_same(
    chat: Im, understanding: NluFake, servers: Endpoints, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    understanding.teach("hello", "greet")
    here = ran(chat, {"user": "hello"}, {"user": "help me cook"}, channel="nine")
    token = (data_dir / "admin-token").read_text().strip()
    port = free_port()
    own = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url, "PORT": str(port)}
    with subprocess.Popen([sys.executable, "-m", "api.cli", "api"], env=os.environ | own) as server:
        try:
            await_port(port)
            monkeypatch.setenv("IM_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("IM_TOKEN", token)
            monkeypatch.delenv("IM_NLU_URL")
            assert ran(chat, {"user": "hello"}, {"user": "help me cook"}, channel="nine") == here
            monkeypatch.setenv("IM_TOKEN", "im_wrong")
            refused = script(chat, {"user": "hello"})
            assert (refused.code, refused.out) == (1, "")
            assert "the token is not valid" in refused.err
        finally:
            server.terminate()
