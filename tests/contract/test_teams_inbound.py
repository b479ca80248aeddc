"""What people do in Teams arrives as what they meant, and they see what comes of it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from adapters.contract import Action, Choice, DeliveryError, IncidentCard, Menu, Message, Picture, Reason
from adapters.http import Http
from adapters.inbound import (
    ChatInput,
    Field,
    Form,
    HttpAnswer,
    Incoming,
    Option,
    Received,
    Receives,
    Refusal,
    Refused,
    Rehearses,
    Rooms,
)
from adapters.teams import limits
from adapters.teams.forms import form_activity
from adapters.teams.outbound import Teams
from adapters.teams.render import fits, render
from tests.contract import subject_teams as seen
from tests.fakes.base import Posted
from tests.fakes.speaking import Signal, Speaking
from tests.fakes.teams import TeamsFake

CHANNEL = "19:incidents@thread.tacv2"
GROUP = "19:0f1e2d@thread.v2"
DANA, FOX = "29:1dana", "29:1fox"
SHARED = os.environ.get("IM_SHARED")
SCHEMA = (
    Path(SHARED, "data/schemas/adaptive-card-1.5.0.json")
    if SHARED
    else Path(__file__).parent / "schemas/adaptive-card-1.5.0.json"
)
CARDS = jsonschema.Draft6Validator(json.loads(SCHEMA.read_text()))

INCIDENT = IncidentCard(
    id="INC-2024-001",
    title="Database connection timeout",
    severity="SEV-1",
    status="open",
    started_at=datetime(2026, 1, 5, 10, 0, tzinfo=UTC),
)
MESSAGE = Message(
    event="incident.created",
    headline="New Incident Declared",
    incident=INCIDENT,
    actions=(
        Action(id="acknowledge", label="Acknowledge", value="INC-2024-001", style="primary"),
        Action(id="im.choose", label="Close as duplicate", value='x "quoted" |;&'),
        Action(id="details", label="View Details", value="x", url="https://im.example.com/i/1"),
    ),
    menus=(
        Menu(
            id="severity",
            label="Severity",
            about="INC-2024-001",
            choices=(Choice("SEV-1", "Critical"), Choice("SEV-2", "High")),
        ),
        Menu(
            id="assign",
            label="Assign to",
            about="INC-2024-001",
            people=True,
            choices=(Choice(f"@{DANA}", "Dana"), Choice(f"@{FOX}", "Fox")),
        ),
    ),
)
OUTCOME = Message(event="text", headline="Done", text="Acknowledged <at>all</at> & more", incident=INCIDENT)
FORM = Form(
    id="declare",
    value="draft-1",
    title="Declare an *incident*",
    submit="Declare",
    fields=(
        Field(id="title", label="Title", max_length=100),
        Field(
            id="details", label="Details", kind="multiline", required=False, value="as before", hint="What"
        ),
        Field(
            id="severity",
            label="Severity",
            kind="select",
            options=(Option("SEV-1", "Critical"), Option("SEV-2", "High")),
        ),
        Field(id="assignee", label="Assignee", kind="user", required=False),
    ),
)


@pytest.fixture(scope="module")
def running() -> Iterator[TeamsFake]:
    with TeamsFake(rates=False) as fake:
        yield fake


@pytest.fixture
def fake(running: TeamsFake) -> TeamsFake:
    running.reset()
    return running


@pytest.fixture
async def teams(fake: TeamsFake) -> AsyncIterator[Teams]:
    async with Http() as http:
        yield Teams(seen.config_for(fake), http)


def incoming(signal: Signal) -> Incoming:
    return Incoming(headers=signal.headers, body=signal.body, received_at=datetime.now(UTC))


async def said(fake: TeamsFake, teams: Teams, signal: Signal, form: Form | None = None) -> ChatInput:
    """The one input that follows, acknowledged to the fake."""
    received = await teams.receive(incoming(signal))
    (given,) = received.inputs
    answered(fake, signal, teams.acknowledge(given, form))
    return given


def answered(fake: TeamsFake, signal: Signal, answer: HttpAnswer) -> None:
    fake.heard(signal, answer.status, {"content-type": answer.media_type}, answer.body)


async def noted(teams: Teams, signal: Signal) -> Received:
    received = await teams.receive(incoming(signal))
    assert received.inputs == ()
    assert received.note
    return received


def edited(signal: Signal, **changes: Any) -> Signal:
    """The same request with a changed body: only the claims are signed."""
    body = json.loads(signal.body) | changes
    return Signal(json.dumps(body).encode(), signal.headers, signal.key)


async def posted(fake: TeamsFake, teams: Teams, channel: str = CHANNEL, message: Message = MESSAGE) -> Posted:
    receipt = await teams.post(channel, message, nonce="n-1")
    return fake.messages[receipt.ref.message_id]


def test_the_adapter_listens_and_makes_rooms_and_cannot_rehearse(fake: TeamsFake, teams: Teams) -> None:
    speaking: Speaking = fake
    assert speaking.people == (DANA, FOX)
    assert isinstance(teams, Receives)
    assert isinstance(teams, Rooms)
    assert not isinstance(teams, Rehearses)


async def test_the_workspace_is_the_tenant(fake: TeamsFake, teams: Teams) -> None:
    assert await teams.workspace() == fake.tenant
    with pytest.raises(DeliveryError):
        await Teams(msgspec.structs.replace(teams._config, tenant_id=""), teams._http).workspace()


# Words.


async def test_a_command_in_a_channel(fake: TeamsFake, teams: Teams) -> None:
    signal = fake.command(DANA, 'ack INC-1 "looking  at it"', channel=CHANNEL)
    given = await said(fake, teams, signal)
    assert (given.kind, given.text) == ("command", 'ack INC-1 "looking  at it"')
    assert (given.user.id, given.user.name, given.workspace) == (DANA, "Dana Scully", fake.tenant)
    assert (given.channel, given.channel_name, given.channel_kind) == (CHANNEL, "Incidents", "channel")
    assert (given.thread, given.message) == (None, None)
    assert given.key == f"{CHANNEL};messageid={signal.key}|{signal.key}"


async def test_a_command_in_a_chat_needs_no_mention(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.command(DANA, "list", channel=f"@{DANA}"))
    assert (given.kind, given.text, given.channel_kind) == ("command", "list", "direct")
    assert given.channel.startswith("a:")


async def test_a_mention_in_a_thread_names_its_root(fake: TeamsFake, teams: Teams) -> None:
    root = await posted(fake, teams)
    given = await said(fake, teams, fake.mention(FOX, "who is on call?", channel=CHANNEL, thread=root.id))
    assert (given.kind, given.text, given.thread) == ("mention", "who is on call?", root.id)


async def test_people_in_a_text_are_tokens_of_the_id_that_find_user_gives(
    fake: TeamsFake, teams: Teams
) -> None:
    fox = await teams.find_user("fox@example.com")
    assert fox is not None
    for text in (f"assign INC-1 <@{fox.id}>", f"<@{FOX}> and <@{DANA}> and <@{FOX}>"):
        given = await said(fake, teams, fake.mention(DANA, text, channel=CHANNEL))
        assert given.text == text


async def test_a_group_chat_has_no_threads(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.mention(DANA, "hello", channel=GROUP))
    assert (given.channel, given.thread, given.channel_kind) == (GROUP, None, "channel")


@pytest.mark.parametrize(
    ("text", "kind", "meant"),
    [
        ("im ack INC-1", "command", "ack INC-1"),
        ("/im ack INC-1", "command", "ack INC-1"),
        ("Im ack INC-1", "command", "ack INC-1"),
        ("im", "command", ""),
        ("im\nlist", "command", "list"),
        ("impossible", "mention", "impossible"),
        ("/important", "mention", "/important"),
        ("what can im do", "mention", "what can im do"),
        ("a < b & c > d &amp;", "mention", "a < b & c > d &amp;"),
        ("<at>all</at> look", "mention", "<at>all</at> look"),
    ],
)
async def test_im_at_the_start_makes_a_command(
    fake: TeamsFake, teams: Teams, text: str, kind: str, meant: str
) -> None:
    for channel in (CHANNEL, f"@{DANA}"):
        given = await said(fake, teams, fake.mention(DANA, text, channel=channel))
        assert (given.kind, given.text) == (kind, meant)


async def test_a_text_in_xml_is_read_as_plain(fake: TeamsFake, teams: Teams) -> None:
    signal = fake.mention(DANA, "x", channel=CHANNEL)
    text = "<p><at>im</at>&nbsp;ack <b>INC-1</b> a &lt; b<br/>end</p>"
    given = await said(fake, teams, edited(signal, text=text, textFormat="xml"))
    assert given.text == "ack INC-1 a < b\nend"


async def test_the_same_activity_is_the_same_input_and_others_are_not(fake: TeamsFake, teams: Teams) -> None:
    first, second = (fake.command(DANA, "list", channel=CHANNEL) for _ in range(2))
    keys = [(await teams.receive(incoming(s))).inputs[0].key for s in (first, first, second)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "conversationUpdate", "membersAdded": [{"id": "29:1fox"}]},
        {"type": "installationUpdate", "action": "add"},
        {"type": "typing"},
        {"type": "messageUpdate", "text": "edited"},
        {"type": "messageDelete"},
        {"type": "endOfConversation"},
        {"type": "event", "name": "application/vnd.microsoft.readReceipt"},
        {"type": "somethingNew"},
        {"type": "message", "text": "not to the bot"},
        {"type": "message", "text": "im list", "from": {"id": "28:other-bot", "name": "im"}},
        {"type": "message", "text": "im list", "from": {"id": "29:x", "role": "bot"}},
        {"type": "message", "text": "", "value": {"other": "card"}},
        {"type": "messageReaction", "replyToId": "1", "reactionsRemoved": [{"type": "like"}]},
        {"type": "messageReaction", "replyToId": "1", "reactionsAdded": [{"type": "heart"}]},
    ],
)
async def test_what_nobody_asked_of_the_bot_is_noted_and_answered_with_nothing(
    fake: TeamsFake, teams: Teams, changes: dict[str, Any]
) -> None:
    received = await noted(teams, fake.activity(**changes))
    assert received.answer.status == 200


async def test_an_attachment_alone_is_noted(fake: TeamsFake, teams: Teams) -> None:
    await noted(teams, fake.mention(DANA, "", channel=f"@{DANA}"))


# Buttons, menus, reactions.


async def test_a_pressed_button_comes_back_exactly(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    for label, action, value in (
        ("Acknowledge", "acknowledge", "INC-2024-001"),
        ("Close as duplicate", "im.choose", 'x "quoted" |;&'),
    ):
        signal = fake.press(DANA, held, label)
        given = await said(fake, teams, signal)
        assert (given.kind, given.action, given.value) == ("action", action, value)
        assert (given.message, given.channel, given.thread) == (held.id, CHANNEL, None)
        assert given.key.endswith(f"|{signal.key}")
    assert fake.toasts == ["On it.", "On it."]


async def test_an_older_client_presses_by_submit(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    signal = fake.press_by_submit(DANA, held, "Acknowledge")
    given = await said(fake, teams, signal)
    assert (given.action, given.value, given.message) == ("acknowledge", "INC-2024-001", held.id)
    assert teams.acknowledge(given, None) == HttpAnswer()


async def test_a_button_in_a_reply_names_the_thread(fake: TeamsFake, teams: Teams) -> None:
    root = await teams.post(CHANNEL, MESSAGE, nonce="n")
    reply = await teams.reply(root.ref, MESSAGE, nonce="m")
    given = await said(fake, teams, fake.press(DANA, fake.messages[reply.ref.message_id], "Acknowledge"))
    assert (given.message, given.thread) == (reply.ref.message_id, root.ref.message_id)


async def test_a_choice_comes_back_with_what_it_is_about(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    given = await said(fake, teams, fake.choose(DANA, held, "Severity", "High"))
    assert (given.kind, given.action, given.value) == ("action", "severity", "INC-2024-001 SEV-2")
    given = await said(fake, teams, fake.choose(DANA, held, "Assign to", "Fox"))
    assert (given.action, given.value) == ("assign", f"INC-2024-001 @{FOX}")


async def test_set_without_a_choice_says_so(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    signal = fake.press(DANA, held, "Set")
    answered(fake, signal, (await noted(teams, signal)).answer)
    assert fake.toasts == ["Choose something first."]


async def test_an_alien_or_refreshing_card_gets_the_documented_error(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    signal = fake.press(DANA, held, "Acknowledge")
    for value in (
        {"action": {"type": "Action.Execute", "data": {"other": 1}}, "trigger": "manual"},
        {"action": {"type": "Action.Execute"}},
        {"action": {"data": {"action": "x", "value": 7}}},
        {"action": {"data": {"action": "x", "value": "y"}}, "trigger": "automatic"},
    ):
        answer = (await noted(teams, edited(signal, value=value))).answer
        assert json.loads(answer.body)["statusCode"] == 400
        assert json.loads(answer.body)["type"] == "application/vnd.microsoft.error"
        assert answer.status == 200


@pytest.mark.parametrize("value", [None, "x", [], {}, {"action": None}, {"action": "x"}, {"action": []}])
async def test_an_invoke_without_an_action_is_malformed(fake: TeamsFake, teams: Teams, value: Any) -> None:
    signal = edited(fake.press(DANA, await posted(fake, teams), "Acknowledge"), value=value)
    with pytest.raises(Refused) as caught:
        await teams.receive(incoming(signal))
    assert caught.value.refusal is Refusal.MALFORMED


async def test_an_invoke_of_another_kind_is_not_implemented(fake: TeamsFake, teams: Teams) -> None:
    for name in ("task/fetch", "composeExtension/query", "signin/verifyState", None):
        assert (await noted(teams, fake.activity(type="invoke", name=name))).answer.status == 501


@pytest.mark.parametrize(
    ("emoji", "action"), [("+1", "+1"), ("-1", "-1"), ("yes-tone3", "+1"), ("no-tone1", "-1"), ("like", "+1")]
)
async def test_thumbs_on_a_message_are_reactions(
    fake: TeamsFake, teams: Teams, emoji: str, action: str
) -> None:
    held = await posted(fake, teams)
    given = await said(fake, teams, fake.react(FOX, held, emoji))
    assert (given.kind, given.action, given.message) == ("reaction", action, held.id)
    assert given.user.id == FOX


async def test_reactions_of_two_people_to_one_message_are_two(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    up, down = fake.react(FOX, held, "+1"), fake.react(DANA, held, "+1")
    keys = [(await teams.receive(incoming(signal))).inputs[0].key for signal in (up, up, down)]
    assert keys[0] == keys[1] != keys[2]


# Answers.


async def test_an_answer_goes_to_the_thread_of_the_mention(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.mention(DANA, "ack INC-1", channel=CHANNEL))
    await teams.answer(given, OUTCOME, private=True, nonce="n-1")
    (shown,) = fake.answers
    assert (shown.to, shown.channel) == (None, CHANNEL)
    assert "Acknowledged <at>all</at> & more" in shown.text.replace("‹", "<")
    assert shown.posted.payload["replyToId"] == given.key.rpartition("|")[2]
    assert shown.posted.nonce == "n-1"
    assert fake.refusals == []


async def test_an_answer_in_a_chat_is_private(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.command(FOX, "list", channel=f"@{FOX}"))
    await teams.answer(given, OUTCOME, private=True, nonce="n-1")
    assert fake.answers[0].to == FOX


async def test_an_answer_has_the_look_of_any_message(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.press(DANA, await posted(fake, teams), "Acknowledge"))
    with_all = msgspec.structs.replace(MESSAGE, mentions=(FOX,))
    await teams.answer(given, with_all, private=False, nonce="n-1")
    (shown,) = [shown for shown in fake.answers if shown.posted.nonce == "n-1"]
    assert shown.buttons == ("Acknowledge", "Close as duplicate", "View Details")
    assert shown.menus == ("Severity", "Assign to")
    assert "Fox Mulder" in shown.text
    again = await said(fake, teams, fake.press(FOX, shown.posted, "Acknowledge"))
    assert again.message == shown.posted.id


async def test_an_answer_goes_to_the_address_that_was_signed(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.command(DANA, "list", channel=CHANNEL))
    assert given.reply["service_url"] == fake.service_url
    for url in ("https://evil.example/", "http://127.0.0.1:9/", ""):
        stolen = msgspec.structs.replace(given, reply={**given.reply, "service_url": url})
        calls = len(fake.calls)
        with pytest.raises(DeliveryError) as caught:
            await teams.answer(stolen, OUTCOME, private=True, nonce="n")
        assert caught.value.reason is Reason.REJECTED
        assert len(fake.calls) == calls


async def test_a_rehearsal_is_answered_nowhere(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.command(DANA, "list", channel=CHANNEL))
    alone = msgspec.structs.replace(given, reply={})
    calls = len(fake.calls)
    await teams.answer(alone, OUTCOME, private=True, nonce="n")
    assert not await teams.open_form(alone, FORM)
    assert teams.acknowledge(alone, FORM) == HttpAnswer()
    assert len(fake.calls) == calls


async def test_an_answer_to_what_was_deleted_says_that_it_is_gone(fake: TeamsFake, teams: Teams) -> None:
    held = await posted(fake, teams)
    given = await said(fake, teams, fake.react(DANA, held, "+1"))
    fake.forget(held.id)
    fake._said.clear()
    with pytest.raises(DeliveryError) as caught:
        await teams.answer(given, OUTCOME, private=True, nonce="n")
    assert caught.value.reason is Reason.MESSAGE_GONE


# Acknowledgements and forms.


async def test_acknowledgements_are_as_documented(fake: TeamsFake, teams: Teams) -> None:
    typed = await said(fake, teams, fake.command(DANA, "list", channel=CHANNEL))
    assert teams.acknowledge(typed, FORM) == HttpAnswer(status=200, body=b"")
    pressed = await said(fake, teams, fake.press(DANA, await posted(fake, teams), "Acknowledge"))
    assert json.loads(teams.acknowledge(pressed, None).body) == {
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": "On it.",
    }
    opened = json.loads(teams.acknowledge(pressed, FORM).body)
    assert (opened["statusCode"], opened["type"]) == (200, "application/vnd.microsoft.card.adaptive")
    CARDS.validate(opened["value"])


@pytest.mark.parametrize("how", ["press", "command", "submit"])
async def test_a_form_is_opened_filled_in_and_comes_back(fake: TeamsFake, teams: Teams, how: str) -> None:
    held = await posted(fake, teams)
    signal = {
        "press": fake.press(DANA, held, "Acknowledge"),
        "command": fake.command(DANA, "declare", channel=CHANNEL),
        "submit": fake.press_by_submit(DANA, held, "Acknowledge"),
    }[how]
    given = await said(fake, teams, signal, FORM)
    assert await teams.open_form(given, FORM)
    (dialog,) = fake.forms
    assert (dialog.to, dialog.title) == (DANA, "Declare an *incident*")
    assert dialog.fields == {f.id: f.label for f in FORM.fields}
    back = fake.submit(DANA, dialog, title="Database *down*", severity="SEV-2")
    form = await said(fake, teams, back)
    assert (form.kind, form.action, form.value) == ("form", "declare", "draft-1")
    assert form.fields == {
        "title": "Database *down*",
        "details": "as before",
        "severity": "SEV-2",
        "assignee": "",
    }
    assert "Sent." in json.loads(teams.acknowledge(form, None).body)["value"]["body"][0]["text"]
    await teams.answer(form, OUTCOME, private=True, nonce="n")
    assert len(fake.answers) == 1
    assert fake.refusals == []


async def test_nobody_opens_a_form_by_a_reaction(fake: TeamsFake, teams: Teams) -> None:
    given = await said(fake, teams, fake.react(DANA, await posted(fake, teams), "+1"))
    assert not await teams.open_form(given, FORM)


@pytest.mark.parametrize("unit", ["d", "日", '"\n', "\\"])
def test_a_form_stays_within_the_budget_and_the_schema(unit: str) -> None:
    field = FORM.fields[0]
    fields = tuple(
        msgspec.structs.replace(field, id=f"f{n}", value=unit * 3000, max_length=3000, hint=unit * 300)
        for n in range(5)
    )
    activity = form_activity(msgspec.structs.replace(FORM, fields=fields, title=unit * 500))
    assert fits(activity)
    CARDS.validate(json.loads(msgspec.json.encode(activity.attachments[0].content)))


# Menus, mentions, pictures, direct messages.


def card_of(message: Message, names: dict[str, str] | None = None) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(msgspec.json.encode(render(message, names or {})))["attachments"][0][
        "content"
    ]
    return card


def validated(card: dict[str, Any]) -> dict[str, Any]:
    """The schema knows nothing of `msteams`, which is Teams' own."""
    CARDS.validate({key: value for key, value in card.items() if key != "msteams"})
    return card


def test_a_menu_is_a_list_with_a_button_of_its_own() -> None:
    *_, severity, button, assign, _ = validated(card_of(MESSAGE))["body"]
    assert (severity["type"], severity["label"]) == ("Input.ChoiceSet", "Severity")
    assert severity["choices"][1] == {"title": "High", "value": "SEV-2"}
    assert assign["id"] != severity["id"]
    data = {"action": "severity", "value": "INC-2024-001", "menu": severity["id"]}
    assert button["actions"][0] == {
        "type": "Action.Execute",
        "title": "Set",
        "verb": "severity",
        "data": data,
        "fallback": {"type": "Action.Submit", "title": "Set", "data": data},
    }


def test_menus_of_many_long_choices_stay_within_the_budget() -> None:
    choices = tuple(Choice(f"{n:02}{'v' * 48}", "日" * 500) for n in range(40))
    menus = tuple(Menu(id=f"m{n}", label="日" * 500, about="a" * 50, choices=choices) for n in range(5))
    long = "日\n" * 20_000
    message = msgspec.structs.replace(MESSAGE, menus=menus, text=long, note=long, steps=(long,) * 30)
    activity = render(message)
    assert fits(activity)
    card = validated(card_of(message))
    lists = [part for part in card["body"] if part["type"] == "Input.ChoiceSet"]
    assert len(lists) == limits.MAX_MENUS
    assert all(len(part["choices"]) == 25 for part in lists)


def test_a_menu_without_choices_is_left_out() -> None:
    card = card_of(Message(event="text", headline="x", menus=(Menu(id="m", label="M", about="a"),)))
    assert len(card["body"]) == 1


async def test_people_are_named_before_everything_else(fake: TeamsFake, teams: Teams) -> None:
    message = msgspec.structs.replace(MESSAGE, mentions=(FOX, "29:stranger", DANA))
    for held in (await posted(fake, teams, message=message), await posted(fake, teams, GROUP, message)):
        card = validated(seen.card(held))
        assert card["body"][0]["text"] == "<at>Fox Mulder</at> <at>you</at> <at>Dana Scully</at>"
        assert [entity["mentioned"]["id"] for entity in card["msteams"]["entities"]] == list(message.mentions)


async def test_a_page_goes_out_even_where_names_cannot_be_had(fake: TeamsFake, teams: Teams) -> None:
    fake.fail_next("500", path="/members/")
    held = await posted(fake, teams, message=msgspec.structs.replace(MESSAGE, mentions=(FOX, DANA)))
    assert seen.card(held)["body"][0]["text"] == "<at>you</at> <at>you 2</at>"


async def test_a_page_does_not_wait_long_for_names(
    fake: TeamsFake, teams: Teams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.teams.outbound._NAMES_SECONDS", 0.2)
    fake.fail_next("timeout", path="/members/", seconds=1.0)
    held = await posted(fake, teams, message=msgspec.structs.replace(MESSAGE, mentions=(FOX,)))
    assert seen.card(held)["body"][0]["text"] == "<at>you</at>"


@pytest.mark.parametrize("name", ["<at>all</at>", "**x** _y_ [z](http://b)", "", "&amp;", "- list", "1. x"])
def test_a_name_takes_no_effect(name: str) -> None:
    card = validated(card_of(msgspec.structs.replace(MESSAGE, mentions=(FOX,)), {FOX: name}))
    text = card["msteams"]["entities"][0]["text"]
    assert card["body"][0]["text"] == text
    inner = text.removeprefix("<at>").removesuffix("</at>")
    assert inner
    assert not set(inner) & set("<>*_[]()&\\`~")


def test_namesakes_are_told_apart() -> None:
    message = msgspec.structs.replace(MESSAGE, mentions=(FOX, DANA, FOX))
    card = card_of(message, {FOX: "Sam", DANA: "Sam"})
    assert card["body"][0]["text"] == "<at>Sam</at> <at>Sam 2</at>"


def test_a_picture_is_shown_with_its_meaning_where_its_address_is_a_link() -> None:
    picture = Picture(url="https://im.example.com/chart.png", alt="Errors\nrise")
    card = validated(card_of(msgspec.structs.replace(MESSAGE, picture=picture, menus=())))
    image = {"type": "Image", "url": picture.url, "altText": "Errors rise"}
    assert card["body"][-1] == image
    for url in ("javascript:alert(1)", "file:///x", "x", "https://a b"):
        bad = msgspec.structs.replace(MESSAGE, picture=Picture(url=url, alt="x"), menus=())
        assert "Image" not in [part["type"] for part in card_of(bad)["body"]]


async def test_a_direct_message_is_addressed_by_at_and_id(fake: TeamsFake, teams: Teams) -> None:
    receipt = await teams.post(f"@{DANA}", MESSAGE, nonce="n-1")
    assert receipt.ref.channel == f"@{DANA}"
    await teams.edit(receipt.ref, OUTCOME)
    await teams.reply(receipt.ref, OUTCOME, nonce="n-2")
    first, second = fake.messages.values()
    assert first.channel == second.channel == fake.chat_of(DANA)
    assert len(first.edits) == 1
    assert second.parent == first.id
    given = await said(fake, teams, fake.react(DANA, second, "+1"))
    assert (given.channel_kind, given.channel) == ("direct", fake.chat_of(DANA))
    assert fake.refusals == []


# Rooms.


async def test_a_room_is_a_thread_and_the_same_name_the_same_room(fake: TeamsFake, teams: Teams) -> None:
    room = await teams.open_room("war-room-inc-1", "Database *timeout*")
    assert await teams.open_room("war-room-inc-1", "again") == room
    (root,) = fake.in_channel(CHANNEL)
    assert root.id == f"{room.channel}|{room.channel.rpartition('=')[2]}"
    assert "War room war-room-inc-1" in seen.visible(root)
    assert "Database *timeout*" in seen.visible(root)
    assert room.url.startswith("https://teams.microsoft.com/l/message/19%3Aincidents%40thread.tacv2/")
    assert fake.tenant in room.url
    receipt = await teams.post(room.channel, OUTCOME, nonce="n")
    assert fake.messages[receipt.ref.message_id].parent == root.id


async def test_people_are_called_into_a_room_once_and_strangers_are_told(
    fake: TeamsFake, teams: Teams
) -> None:
    room = await teams.open_room("room", "t")
    assert await teams.invite(room.channel, (DANA, "29:stranger")) == ("29:stranger",)
    assert await teams.invite(room.channel, (DANA, FOX)) == ()
    _, first, second = fake.in_channel(CHANNEL)
    assert "Dana Scully" in seen.visible(first)
    assert "Dana" not in seen.visible(second)
    assert "Fox Mulder" in seen.visible(second)


async def test_a_closed_room_says_so_in_its_first_message(fake: TeamsFake, teams: Teams) -> None:
    room = await teams.open_room("room", "t")
    for _ in range(2):
        await teams.close_room(room.channel, "closed-room")
    (root,) = fake.in_channel(CHANNEL)
    assert "closed-room is closed" in seen.visible(root)
    assert (await teams.open_room("room", "t")).channel != room.channel


async def test_a_room_needs_a_channel_of_a_team(fake: TeamsFake, teams: Teams) -> None:
    lonely = Teams(msgspec.structs.replace(teams._config, default_channel=GROUP), teams._http)
    for attempt in (
        lonely.open_room("room", "t"),
        lonely.invite(GROUP, (DANA,)),
        lonely.close_room(GROUP, "x"),
    ):
        with pytest.raises(DeliveryError):
            await attempt
    features = [line for line in await lonely.check() if line.name == "features"]
    assert [(line.ok, line.off) for line in features] == [(True, True)]
    assert features[0].text == "War rooms are off: default_channel is not a channel of a team"


async def test_what_is_off_without_a_tenant_is_said(fake: TeamsFake, teams: Teams) -> None:
    deaf = Teams(msgspec.structs.replace(teams._config, tenant_id=""), teams._http)
    (line,) = [line for line in await deaf.check() if line.name == "features"]
    assert line.off
    assert "tenant_id" in line.mend


async def test_the_fake_rotates_keys_as_the_bot_framework_does(fake: TeamsFake, teams: Teams) -> None:
    fake.rotate("key-2")
    await said(fake, teams, fake.command(DANA, "list", channel=CHANNEL))
    fake.rotate("key-3", None)
    with pytest.raises(Refused):  # published since the last fetch, which was within the hour
        await teams.receive(incoming(fake.command(DANA, "list", channel=CHANNEL)))
