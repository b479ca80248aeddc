"""The sandbox takes what an admin's page sends, strictly, and shows the answers on its shelf."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Action, Choice, Menu, Message, Picture
from adapters.inbound import (
    ChatInput,
    Field,
    Form,
    Incoming,
    Option,
    Receives,
    Refusal,
    Refused,
    Rehearses,
    Rooms,
)
from adapters.sandbox.outbound import Sandbox, SandboxConfig
from tests.contract.subject_sandbox import MemoryShelf
from tests.fakes.base import Posted
from tests.fakes.sandbox_person import SandboxPerson
from tests.fakes.speaking import Signal, Speaking

CHANNEL = "#incidents"
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
CLAIM = Action(id="ack", label="Acknowledge", value="INC-1")
MENUS = (
    Menu(id="severity", label="Severity", about="INC-1", choices=(Choice("SEV-1", "Critical"),)),
    Menu(id="assign", label="Assign", about="INC-1", people=True),
)
FORM = Form(
    id="declare",
    value="v",
    title="Declare",
    submit="Go",
    fields=(
        Field(id="title", label="Title"),
        Field(id="sev", label="Severity", kind="select", value="2", options=(Option("2", "Major"),)),
    ),
)
WHOLE: dict[str, Any] = {"kind": "command", "user": "dana", "channel": CHANNEL, "text": "status"}


class Bench:
    def __init__(self) -> None:
        self.kept: dict[str, Posted] = {}
        self.adapter = Sandbox(SandboxConfig(), MemoryShelf(self.kept))
        self.person: Speaking = SandboxPerson(self.kept)

    async def one(self, signal: Signal | None) -> ChatInput:
        assert signal is not None
        (done,) = (await self.adapter.receive(incoming(signal.body))).inputs
        answer = self.adapter.acknowledge(done, None)
        self.person.heard(signal, answer.status, {"content-type": answer.media_type}, answer.body)
        return done

    async def post(self, **more: Any) -> Posted:
        message = Message(event="text", headline="News", **more)
        receipt = await self.adapter.post(CHANNEL, message, nonce=f"n{len(self.kept)}")
        return self.kept[receipt.ref.message_id]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def incoming(body: bytes) -> Incoming:
    return Incoming(headers={}, body=body, received_at=NOW)


def test_the_sandbox_has_the_abilities(bench: Bench) -> None:
    for ability in (Receives, Rehearses, Rooms):
        assert isinstance(bench.adapter, ability)


async def test_people_speak_press_choose_and_react(bench: Bench) -> None:
    posted = await bench.post(actions=(CLAIM,), menus=MENUS)
    command = await bench.one(bench.person.command("dana", "ack INC-1", channel=CHANNEL))
    mention = await bench.one(bench.person.mention("dana", "hello", channel="@dana", thread="m9"))
    press = await bench.one(bench.person.press("erin", posted, "Acknowledge"))
    choice = await bench.one(bench.person.choose("erin", posted, "Severity", "Critical"))
    person = await bench.one(bench.person.choose("erin", posted, "Assign", "dana"))
    thumb = await bench.one(bench.person.react("erin", posted, "+1"))
    assert (command.kind, command.text, command.user.id, command.workspace) == (
        "command",
        "ack INC-1",
        "dana",
        "sandbox",
    )
    assert (mention.channel_kind, mention.thread) == ("direct", "m9")
    assert (press.action, press.value, press.message) == ("ack", "INC-1", posted.id)
    assert (choice.value, person.value) == ("INC-1 SEV-1", "INC-1 @dana")
    assert (thumb.kind, thumb.action, thumb.message) == ("reaction", "+1", posted.id)
    assert await bench.adapter.workspace() == "sandbox"


async def test_a_key_is_kept_and_else_made(bench: Bench) -> None:
    signal = bench.person.command("dana", "x", channel=CHANNEL)
    assert (await bench.one(signal)).key == (await bench.one(signal)).key == signal.key
    made = [
        (await bench.adapter.receive(incoming(json.dumps(WHOLE).encode()))).inputs[0].key for _ in range(2)
    ]
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "dance"}, "`kind`"),
        ({"kind": None}, "`kind`"),
        ({"user": ""}, "`user`"),
        ({"user": 7}, "`user`"),
        ({"channel": " "}, "`channel`"),
        ({"text": []}, "`text`"),
        ({"fields": {"a": 1}}, "`fields`"),
        ({"kind": "action"}, "`action`"),
        ({"kind": "form"}, "`action`"),
        ({"kind": "reaction", "action": "+1"}, "`message`"),
        ({"kind": "reaction", "action": "tada", "message": "m1"}, "`action`"),
        ({"secret-stuff": 1}, "an object of kind, user"),
    ],
)
async def test_what_is_wrong_is_named(bench: Bench, change: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused) as caught:
        await bench.adapter.receive(incoming(json.dumps(WHOLE | change).encode()))
    assert caught.value.refusal is Refusal.MALFORMED
    assert named in caught.value.detail
    assert "secret-stuff" not in caught.value.detail
    assert "tada" not in caught.value.detail


@pytest.mark.parametrize("missing", ["kind", "user", "channel"])
async def test_what_is_missing_is_named(bench: Bench, missing: str) -> None:
    body = json.dumps({key: value for key, value in WHOLE.items() if key != missing}).encode()
    with pytest.raises(Refused, match=f"`{missing}` is missing"):
        await bench.adapter.receive(incoming(body))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b'{"fields":' * 50_000, b"x" * 300_000])
async def test_garbage_is_malformed(bench: Bench, body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        await bench.adapter.receive(incoming(body))
    assert caught.value.refusal is Refusal.MALFORMED


@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from([*WHOLE, "action", "fields", "thread"]),
        st.none() | st.booleans() | st.integers() | st.lists(st.integers()),
        min_size=1,
    ).map(lambda tree: json.dumps(tree).encode())
)
@settings(max_examples=200, deadline=None)
async def test_nothing_but_refused_comes_of_garbage(body: bytes) -> None:
    with pytest.raises(Refused):
        await Bench().adapter.receive(incoming(body))


async def test_answers_are_on_the_shelf_for_one_person_or_for_all(bench: Bench) -> None:
    posted = await bench.post(actions=(CLAIM,))
    message = Message(event="text", headline="Done", actions=(CLAIM,), menus=MENUS)
    press = await bench.one(bench.person.press("erin", posted, "Acknowledge"))
    for _ in range(2):
        await bench.adapter.answer(press, message, private=True, nonce="a1")
    await bench.adapter.answer(press, message, private=False, nonce="a2")
    private, public = bench.person.answers[1:]
    assert (private.to, private.channel, private.buttons, private.menus) == (
        "erin",
        CHANNEL,
        ("Acknowledge",),
        ("Severity", "Assign"),
    )
    assert (public.to, public.thread) == (None, posted.id)


async def test_a_form_is_shown_once_and_comes_back(bench: Bench) -> None:
    command = await bench.one(bench.person.command("dana", "declare", channel=CHANNEL))
    assert [await bench.adapter.open_form(command, FORM) for _ in range(2)] == [True, True]
    (dialog,) = bench.person.forms
    assert (dialog.to, dialog.title, dialog.fields) == (
        "dana",
        "Declare",
        {"title": "Title", "sev": "Severity"},
    )
    form = await bench.one(bench.person.submit("dana", dialog, title="Down"))
    assert (form.action, form.value, form.fields) == ("declare", "v", {"title": "Down", "sev": "2"})


async def test_people_and_pictures_are_shown(bench: Bench) -> None:
    picture = Picture(url="https://im.example.com/p.png", alt="Load")
    posted = await bench.post(mentions=("dana", "erin"), picture=picture)
    assert posted.shown["text"] == "@dana @erin\nNews\n[Load] https://im.example.com/p.png"
    bare = await bench.post(picture=Picture(url="javascript:x", alt="no"))
    assert bare.shown["text"] == "News"


async def test_a_room_is_a_channel_in_which_things_are_said_once(bench: Bench) -> None:
    for _ in range(2):
        room = await bench.adapter.open_room("inc-1", "Database down")
        assert await bench.adapter.invite(room.channel, ("dana", "@erin", " ")) == (" ",)
        await bench.adapter.close_room(room.channel, "closed-inc-1")
    assert room.channel == room.name == "room-inc-1"
    texts = [answer.text for answer in bench.person.answers]
    assert texts == ["War room: Database down", "Invited: dana, erin", "archived as closed-inc-1"]


@pytest.mark.parametrize("kind", ["command", "action"])
async def test_a_rehearsal_is_received_and_answered_to_nobody(bench: Bench, kind: Any) -> None:
    request = bench.adapter.rehearsal(kind, key="k", text="ack INC-1", at=NOW)
    (done,) = (await bench.adapter.receive(request)).inputs
    assert (done.kind, done.key, done.reply) == (kind, "k", {})
    assert (done.text, done.action, done.value) == (
        ("ack INC-1", "", "") if kind == "command" else ("", "ack", "INC-1")
    )
    await bench.adapter.answer(done, Message(event="text", headline="x"), private=True, nonce="n")
    assert not await bench.adapter.open_form(done, FORM)
    assert bench.kept == {}
