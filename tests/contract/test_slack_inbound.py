"""What Slack sends: genuine, tampered with, garbage; and what people are answered."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from adapters.contract import (
    Action,
    Choice,
    Menu,
    Message,
    MessageRef,
    Picture,
    Reason,
    Resources,
)
from adapters.http import Http
from adapters.inbound import (
    ChatInput,
    Field,
    Form,
    Incoming,
    Option,
    Person,
    Receives,
    Refusal,
    Refused,
    Rehearses,
    Rooms,
)
from adapters.slack.config import SlackConfig
from adapters.slack.manifest import FEATURES, SCOPES, manifest
from adapters.slack.markup import typed
from adapters.slack.outbound import Slack
from adapters.slack.verify import may_answer, sign, verify
from tests.contract import cases
from tests.contract.subject_sandbox import MemoryShelf
from tests.fakes.base import Posted
from tests.fakes.slack import SECRET, SlackFake
from tests.fakes.slack_people import BOT, FORM
from tests.fakes.speaking import Signal, Speaking

CHANNEL = "C0INCIDENTS"
DANA, ERIN = SlackFake.people
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)

# The example of https://docs.slack.dev/authentication/verifying-requests-from-slack
EXAMPLE_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
EXAMPLE_AT = 1531420618
EXAMPLE_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
EXAMPLE_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

QUESTION = Form(
    id="resolve",
    value="INC-7",
    title="Resolve",
    submit="Resolve",
    fields=(
        Field(id="how", label="What <mended> it?", kind="multiline", max_length=500),
        Field(
            id="cause", label="Cause", kind="select", options=(Option("net", "Network"), Option("db", "DB"))
        ),
        Field(id="who", label="Who?", kind="user", required=False, hint="if anybody"),
        Field(id="link", label="Link", required=False, value="https://a.b/?c=1&d=2"),
    ),
)


@asynccontextmanager
async def slack(**fake: Any) -> AsyncIterator[tuple[SlackFake, Slack]]:
    changes = {name.removeprefix("config_"): fake.pop(name) for name in [*fake] if name.startswith("config_")}
    with SlackFake(rates=False, **fake) as server:
        config = SlackConfig(
            bot_token=server.token,
            signing_secret=server.signing_secret,
            default_channel=CHANNEL,
            team_id=server.team_id,
            api_base=server.url,
        )
        async with Http() as http:
            yield (
                server,
                Slack(
                    msgspec.structs.replace(config, **changes), Resources(http=http, shelf=MemoryShelf({}))
                ),
            )


class NoHttp:
    async def request(self, *_: object, **__: object) -> Any:
        raise AssertionError("nothing is to be asked")


def offline(**changes: Any) -> Slack:
    """An adapter that only listens."""
    config = SlackConfig(
        bot_token="xoxb-1-2-secret-token", signing_secret=SECRET, default_channel=CHANNEL, team_id="T0FAKE"
    )
    config = msgspec.structs.replace(config, **changes)
    return Slack(config, Resources(http=NoHttp(), shelf=MemoryShelf({})))


def incoming(signal: Signal, at: datetime | None = None) -> Incoming:
    return Incoming(headers=signal.headers, body=signal.body, received_at=at or datetime.now(UTC))


async def one(adapter: Slack, signal: Signal) -> ChatInput:
    (given,) = (await adapter.receive(incoming(signal))).inputs
    assert given.kind == "form" or given.key == signal.key
    return given


async def refused(adapter: Slack, request: Incoming) -> Refusal:
    with pytest.raises(Refused) as caught:
        await adapter.receive(request)
    assert SECRET not in caught.value.detail
    assert "fakebottoken" not in caught.value.detail
    return caught.value.refusal


def signed(body: bytes, media_type: str = "application/json", secret: str = SECRET) -> Incoming:
    now = datetime.now(UTC)
    timestamp = str(int(now.timestamp()))
    headers = {
        "content-type": media_type,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": sign(secret, timestamp, body),
    }
    return Incoming(headers=headers, body=body, received_at=now)


def said(signal: Signal) -> dict[str, Any]:
    """The JSON of an event or interaction."""
    body: dict[str, Any]
    if signal.headers["content-type"] == FORM:
        body = json.loads(dict(parse_qsl(signal.body.decode()))["payload"])
    else:
        body = json.loads(signal.body)
    return body


def test_the_adapter_has_the_abilities_and_the_fake_can_speak() -> None:
    adapter = offline()
    assert isinstance(adapter, Receives)
    assert isinstance(adapter, Rehearses)
    assert isinstance(adapter, Rooms)
    with SlackFake() as fake:
        speaking: Speaking = fake
        assert (speaking.answers, speaking.forms) == ([], [])


# What people do.


async def test_a_command_is_what_was_typed() -> None:
    async with slack() as (fake, adapter):
        given = await one(
            adapter, fake.command(DANA, 'declare --title "a & b <c>" <@U0ERIN>', channel=CHANNEL)
        )
    assert (given.kind, given.user.id, given.user.name) == ("command", DANA, "dana")
    assert given.text == 'declare --title "a & b <c>" <@U0ERIN>'
    assert (given.workspace, given.channel, given.channel_name) == ("T0FAKE", CHANNEL, "incidents")
    assert given.channel_kind == "channel"
    assert given.reply.keys() == {"response_url", "channel", "trigger_id"}


async def test_a_command_in_direct_messages_names_the_person_s_channel() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.command(DANA, "list", channel="D0DANA"))
    assert (given.channel, given.channel_kind, given.channel_name) == (f"@{DANA}", "direct", "")


async def test_a_mention_is_heard_without_the_bot_and_answered_in_its_thread() -> None:
    async with slack() as (fake, adapter):
        signal = fake.mention(DANA, "who is on call? ask <@U0ERIN> & co", channel=CHANNEL)
        given = await one(adapter, signal)
        assert (given.kind, given.text) == ("mention", "who is on call? ask <@U0ERIN> & co")
        assert given.thread is None
        await adapter.answer(given, cases.message(), private=False, nonce="n")
        (shown,) = fake.answers
        assert (shown.to, shown.channel, shown.thread) == (None, CHANNEL, said(signal)["event"]["ts"])
        assert shown.posted.nonce == "n"
        assert "Database connection timeout" in shown.text


async def test_a_mention_in_a_thread_is_answered_there() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post(CHANNEL, cases.message(), nonce="a")).ref
        given = await one(adapter, fake.mention(DANA, "ack", channel=CHANNEL, thread=ref.message_id))
        assert given.thread == ref.message_id
        await adapter.answer(given, cases.message(), private=False, nonce="b")
        await adapter.answer(given, cases.message(), private=True, nonce="c")
    public, private = fake.answers
    assert (public.thread, public.to) == (ref.message_id, None)
    assert (private.thread, private.to) == (ref.message_id, DANA)


async def test_a_private_answer_to_a_mention_is_seen_by_that_person_only() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.mention(DANA, "x", channel=CHANNEL))
        await adapter.answer(given, cases.message(), private=True, nonce="n")
    (shown,) = fake.answers
    assert (shown.to, shown.thread) == (DANA, None), "a whisper in a thread that is not there is not shown"


async def test_a_direct_message_is_a_mention_and_answered_in_place() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.mention(DANA, "status", channel="D0DANA"))
        assert (given.channel, given.channel_kind, given.text) == (f"@{DANA}", "direct", "status")
        await adapter.answer(given, cases.message(), private=True, nonce="n")
        (shown,) = fake.answers
        assert (shown.channel, shown.thread) == ("D0DANA", None)
        pressed = await one(adapter, fake.press(DANA, shown.posted, "Acknowledge"))
    assert (pressed.channel, pressed.message) == (f"@{DANA}", f"D0DANA/{shown.posted.id}")


async def test_a_button_gives_back_its_action_and_value() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post(CHANNEL, cases.message(), nonce="n")).ref
        given = await one(adapter, fake.press(DANA, fake.messages[ref.message_id], "Acknowledge"))
    assert (given.kind, given.action, given.value) == ("action", "acknowledge", "INC-2024-001")
    assert (given.channel, given.message, given.thread) == (CHANNEL, ref.message_id, None)
    assert given.user.id == DANA


async def test_a_button_in_a_thread_knows_its_thread() -> None:
    async with slack() as (fake, adapter):
        top = (await adapter.post(CHANNEL, cases.message(), nonce="a")).ref
        ref = (await adapter.reply(top, cases.message(), nonce="b")).ref
        given = await one(adapter, fake.press(DANA, fake.messages[ref.message_id], "Escalate"))
    assert (given.message, given.thread) == (ref.message_id, top.message_id)


async def test_buttons_and_menus_with_the_same_id_stay_apart() -> None:
    offers = tuple(Action(id="pick", label=f"INC-{n}", value=f"INC-{n}") for n in range(3))
    menus = (
        Menu(
            id="pick",
            label="Severity",
            about="INC-7",
            choices=(Choice("SEV-1", "One"), Choice("SEV-2", "Two")),
        ),
        Menu(id="assign", label="Assign to", about="INC-7", people=True),
        Menu(id="assign", label="Hand over", about="INC-8 x", people=True),
    )
    async with slack() as (fake, adapter):
        message = Message(event="text", headline="Which?", actions=offers, menus=menus)
        posted = fake.messages[(await adapter.post(CHANNEL, message, nonce="n")).ref.message_id]
        done = [
            await one(adapter, fake.press(DANA, posted, "INC-2")),
            await one(adapter, fake.choose(DANA, posted, "Severity", "Two")),
            await one(adapter, fake.choose(DANA, posted, "Assign to", ERIN)),
            await one(adapter, fake.choose(DANA, posted, "Hand over", ERIN)),
        ]
    assert [(given.action, given.value) for given in done] == [
        ("pick", "INC-2"),
        ("pick", "INC-7 SEV-2"),
        ("assign", f"INC-7 @{ERIN}"),
        ("assign", f"INC-8 x @{ERIN}"),
    ]


async def test_a_link_that_is_opened_means_nothing() -> None:
    async with slack() as (fake, adapter):
        posted = fake.messages[(await adapter.post(CHANNEL, cases.message(), nonce="n")).ref.message_id]
        received = await adapter.receive(incoming(fake.press(DANA, posted, "View Details")))
    assert received.inputs == ()
    assert received.note


@pytest.mark.parametrize(
    ("emoji", "vote"), [("+1", "+1"), ("thumbsup", "+1"), ("-1", "-1"), ("thumbsdown::skin-tone-3", "-1")]
)
async def test_a_thumb_on_the_bot_s_message_is_a_reaction(emoji: str, vote: str) -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post(CHANNEL, cases.message(), nonce="n")).ref
        signal = fake.react(DANA, fake.messages[ref.message_id], emoji)
        assert signal is not None
        given = await one(adapter, signal)
    assert (given.kind, given.action, given.message) == ("reaction", vote, ref.message_id)


async def test_the_same_request_twice_has_one_key_and_another_has_another() -> None:
    async with slack() as (fake, adapter):
        first, second = (fake.command(DANA, "list", channel=CHANNEL) for _ in range(2))
        again = Signal(first.body, first.headers | {"x-slack-retry-num": "1"}, first.key)
        keys = [(await one(adapter, signal)).key for signal in (first, again, second)]
    assert keys[0] == keys[1] != keys[2]


# Handshakes, and what means nothing.


async def test_the_challenge_is_answered_without_knowing_the_workspace() -> None:
    body = b'{"token":"x","challenge":"3eZbrw1aB10FEMAGAZd4FyFQ","type":"url_verification"}'
    received = await offline(team_id="").receive(signed(body))
    assert received.inputs == ()
    assert json.loads(received.answer.body) == {"challenge": "3eZbrw1aB10FEMAGAZd4FyFQ"}
    assert (received.answer.status, received.note) == (200, "url_verification")


def mention(**changes: Any) -> dict[str, Any]:
    event = {"type": "app_mention", "user": DANA, "ts": "1.1", "text": f"<@{BOT}> hi", "channel": CHANNEL}
    return {name: value for name, value in (event | changes).items() if value is not None}


@pytest.mark.parametrize(
    "event",
    [
        mention(bot_id="B1"),
        mention(user=BOT),
        mention(subtype="bot_message", user=None),
        mention(edited={"user": DANA, "ts": "1.2"}),
        mention(user=None),
        mention(type="message", channel_type="channel"),
        mention(type="message", channel_type="im", subtype="message_changed", channel="D1"),
        mention(type="message", channel_type="im", subtype="message_deleted", channel="D1"),
        {"type": "team_join", "user": {"id": DANA}},
        {"type": "reaction_added", "user": DANA, "reaction": "tada", "item": {"type": "message"}},
        {"type": "reaction_added", "user": DANA, "reaction": "+1", "item": {"type": "file", "file": "F1"}},
        {
            "type": "reaction_added",
            "user": DANA,
            "reaction": "+1",
            "item_user": ERIN,
            "item": {"type": "message", "channel": CHANNEL, "ts": "1.1"},
        },
    ],
)
async def test_an_event_that_means_nothing_is_taken_with_a_note(event: dict[str, Any]) -> None:
    with SlackFake() as fake:
        received = await offline().receive(incoming(fake.event(event)))
    assert received.inputs == ()
    assert received.note
    assert received.answer.status == 200


@pytest.mark.parametrize("kind", ["view_closed", "message_action", "shortcut", "something_new"])
async def test_an_interaction_that_means_nothing_is_taken_with_a_note(kind: str) -> None:
    with SlackFake() as fake:
        received = await offline().receive(incoming(fake.interaction({"type": kind, "x": [1]}, "t")))
    assert received.inputs == ()
    assert received.note
    assert "something_new" not in received.note


async def test_the_certificate_check_and_held_back_events_are_notes() -> None:
    for request in (
        signed(b"token=x&ssl_check=1", FORM),
        signed(b'{"type":"app_rate_limited","team_id":"T0FAKE","minute_rate_limited":1518467820}'),
    ):
        received = await offline().receive(request)
        assert received.inputs == ()
        assert received.note


# Workspaces.


def command_form(**changes: str) -> bytes:
    fields = {
        "command": "/im",
        "team_id": "T0FAKE",
        "user_id": DANA,
        "channel_id": CHANNEL,
        "trigger_id": "1.2.3",
        "text": "list",
        "response_url": "https://hooks.slack.com/commands/T0FAKE/1/abc",
    }
    return urlencode(fields | changes).encode()


def press_form(**changes: Any) -> bytes:
    payload = {
        "type": "block_actions",
        "user": {"id": DANA, "username": "dana", "team_id": "T0FAKE"},
        "team": {"id": "T0FAKE", "domain": "fake"},
        "enterprise": None,
        "is_enterprise_install": False,
        "container": {"type": "message", "message_ts": "1.1", "channel_id": CHANNEL, "is_ephemeral": False},
        "channel": {"id": CHANNEL, "name": "incidents"},
        "trigger_id": "1.2.3",
        "response_url": "https://hooks.slack.com/actions/T0FAKE/1/abc",
        "actions": [{"type": "button", "action_id": "im.ack", "value": "INC-1", "block_id": "b"}],
    }
    return urlencode({"payload": json.dumps(payload | changes)}).encode()


@pytest.mark.parametrize(
    "request_",
    [
        signed(command_form(team_id="T0OTHER"), FORM),
        signed(command_form(team_id="T0OTHER", enterprise_id="T0FAKE"), FORM),
        signed(press_form(team={"id": "T0OTHER"}), FORM),
        signed(press_form(team=None, user={"id": DANA, "team_id": "T0OTHER"}), FORM),
        signed(
            json.dumps(
                {"type": "event_callback", "event_id": "E1", "team_id": "T0OTHER", "event": {}}
            ).encode()
        ),
        signed(json.dumps({"type": "event_callback", "event_id": "E1", "event": {"type": "x"}}).encode()),
    ],
)
async def test_another_workspace_is_refused_though_it_is_signed(request_: Incoming) -> None:
    assert await refused(offline(), request_) is Refusal.WRONG_WORKSPACE


async def test_an_organisation_s_install_is_known_by_its_id() -> None:
    adapter = offline(team_id="E0GRID")
    grid = {"enterprise_id": "E0GRID", "is_enterprise_install": "true"}
    (given,) = (await adapter.receive(signed(command_form(**grid), FORM))).inputs
    assert given.workspace == "E0GRID"
    organised = press_form(team=None, enterprise={"id": "E0GRID", "name": "x"}, is_enterprise_install=True)
    (given,) = (await adapter.receive(signed(organised, FORM))).inputs
    assert given.workspace == "E0GRID"


async def test_a_stranger_of_a_shared_channel_keeps_their_workspace() -> None:
    with SlackFake() as fake:
        signal = fake.event(
            mention(user="U0STRANGER", user_team="T0OTHER"),
            team_id="T0OTHER",
            context_team_id="T0FAKE",
            is_ext_shared_channel=True,
        )
        own = fake.event(mention(team="T0FAKE"), is_ext_shared_channel=True)
    given = await one(offline(), signal)
    assert (given.workspace, given.channel_kind) == ("T0OTHER", "external")
    member = await one(offline(), own)
    assert (member.workspace, member.channel_kind) == ("T0FAKE", "external")
    pressed = press_form(user={"id": "U0STRANGER", "team_id": "T0OTHER"})
    (given,) = (await offline().receive(signed(pressed, FORM))).inputs
    assert (given.workspace, given.channel_kind) == ("T0OTHER", "external")


def filled_in(team: str | None, user_team: str, **changes: Any) -> Incoming:
    """A form of an app that is installed in T0FAKE, sent off by somebody of `user_team`."""
    view = {
        "id": "V0FORM",
        "callback_id": "declare",
        "private_metadata": json.dumps({"value": "new", "channel": CHANNEL}),
        "state": {"values": {}},
        "app_installed_team_id": "T0FAKE",
    }
    payload = {
        "type": "view_submission",
        "user": {"id": "U0STRANGER", "username": "s", "team_id": user_team},
        "team": {"id": team, "domain": "x"} if team else None,
        "view": view,
    }
    return signed(urlencode({"payload": json.dumps(payload | changes)}).encode(), FORM)


# Whose `team` a form names: https://github.com/slackapi/bolt-js/issues/1614
@pytest.mark.parametrize(
    ("request_", "workspace", "kind"),
    [
        (filled_in("T0OTHER", "T0OTHER"), "T0OTHER", "external"),
        (filled_in("T0FAKE", "T0OTHER"), "T0OTHER", "external"),
        (filled_in("T0OTHER", "T0OTHER", enterprise={"id": "E0OTHER"}), "T0OTHER", "external"),
        (filled_in(None, "T0OTHER"), "T0OTHER", "external"),
        (filled_in("T0FAKE", "T0FAKE"), "T0FAKE", "channel"),
    ],
)
async def test_a_stranger_s_form_is_not_taken_for_a_member_s(
    request_: Incoming, workspace: str, kind: str
) -> None:
    (given,) = (await offline().receive(request_)).inputs
    assert (given.workspace, given.channel_kind) == (workspace, kind)


async def test_a_form_that_is_sent_off_again_after_a_lost_answer_has_the_same_key() -> None:
    tries = [filled_in("T0FAKE", "T0FAKE", trigger_id=trigger) for trigger in ("1.2.3", "4.5.6")]
    keys = {given.key for each in tries for given in (await offline().receive(each)).inputs}
    assert keys == {"V0FORM"}


async def test_a_slow_slack_does_not_use_up_the_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.limits.LOOK_UP_SECONDS", 0.05)
    async with slack(config_team_id="", latency=0.5) as (fake, adapter):
        request = incoming(fake.command(DANA, "list", channel=CHANNEL))
        assert await refused(adapter, request) is Refusal.KEYS_UNAVAILABLE


async def test_a_mention_of_a_lot_of_nothing_takes_no_time() -> None:
    with SlackFake() as fake:
        spaces = fake.event(mention(text="list" + " " * 40_000 + "."), authorizations=None)
    started = time.process_time()
    await one(offline(), spaces)
    assert time.process_time() - started < 1


def test_what_came_in_shows_no_secret_when_it_is_printed() -> None:
    request = signed(command_form(), FORM)
    config = SlackConfig(bot_token="xoxb-1-2-secret-token", signing_secret=SECRET, default_channel="C1")
    given = ChatInput(
        key="1",
        kind="command",
        user=Person(id=DANA),
        workspace="T0FAKE",
        channel=CHANNEL,
        text="link 123456",
        reply={"response_url": "https://hooks.slack.com/commands/1/2/hidden"},
    )
    printed = f"{request!r} {config!r} {given!r}"
    for secret in ("xoxb-1-2-secret-token", SECRET, "hidden", "123456", request.headers["x-slack-signature"]):
        assert secret not in printed


async def test_the_workspace_is_asked_for_once_and_only_for_genuine_requests() -> None:
    async with slack(config_team_id="") as (fake, adapter):
        assert await refused(adapter, signed(command_form(), FORM, secret="wrong")) is Refusal.BAD_SIGNATURE
        assert fake.calls == []
        for _ in range(3):
            await one(adapter, fake.command(DANA, "list", channel=CHANNEL))
        assert await adapter.workspace() == "T0FAKE"
        assert [call.path for call in fake.calls] == ["/auth.test"]
        foreign = signed(command_form(team_id="T0OTHER"), FORM)
        assert await refused(adapter, foreign) is Refusal.WRONG_WORKSPACE


async def test_a_workspace_that_cannot_be_asked_for_may_be_tried_again() -> None:
    async with slack(config_team_id="", config_bot_token="xoxb-wrong") as (fake, adapter):
        request = incoming(fake.command(DANA, "list", channel=CHANNEL))
        assert await refused(adapter, request) is Refusal.KEYS_UNAVAILABLE


# Signatures.


def example(**changes: Any) -> Incoming:
    headers = {
        "content-type": FORM,
        "x-slack-request-timestamp": str(EXAMPLE_AT),
        "x-slack-signature": EXAMPLE_SIGNATURE,
    }
    given: dict[str, Any] = {
        "headers": headers,
        "body": EXAMPLE_BODY,
        "received_at": datetime.fromtimestamp(EXAMPLE_AT, UTC),
    }
    return Incoming(**(given | changes))


class Clock:
    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def by_sdk(secret: str, request: Incoming) -> bool:
    """What Slack's own verifier says; it raises on what is not UTF-8 or no number."""
    verifier = SignatureVerifier(secret, Clock(request.received_at.timestamp()))  # type: ignore[arg-type]
    try:
        return verifier.is_valid_request(request.body, dict(request.headers))
    except (ValueError, TypeError):
        return False


async def test_slack_s_documented_example_is_genuine() -> None:
    assert sign(EXAMPLE_SECRET, str(EXAMPLE_AT), EXAMPLE_BODY) == EXAMPLE_SIGNATURE
    adapter = offline(signing_secret=EXAMPLE_SECRET, team_id="T1DC2JH3J")
    (given,) = (await adapter.receive(example())).inputs
    assert (given.user.id, given.channel, given.text) == ("U2CERLKJA", "G8PSS9T3V", "")


@pytest.mark.parametrize("offset", [-301, -300, -1, 0, 1, 300, 301])
async def test_five_minutes_either_way_are_allowed_as_slack_s_sdk_does(offset: int) -> None:
    request = example(received_at=datetime.fromtimestamp(EXAMPLE_AT, UTC) + timedelta(seconds=offset))
    adapter = offline(signing_secret=EXAMPLE_SECRET, team_id="T1DC2JH3J")
    assert by_sdk(EXAMPLE_SECRET, request) is (abs(offset) <= 300)
    if abs(offset) <= 300:
        assert (await adapter.receive(request)).inputs
    else:
        assert await refused(adapter, request) is Refusal.STALE


def test_both_secrets_of_a_rotation_are_accepted_and_no_third() -> None:
    body = command_form()
    for secret in ("new-secret", "old-secret"):
        verify(("new-secret", "old-secret"), signed(body, FORM, secret))
    with pytest.raises(Refused) as caught:
        verify(("new-secret", "old-secret"), signed(body, FORM, "other-secret"))
    assert caught.value.refusal is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize("secret", ["", ["", ""]])
async def test_without_a_secret_nothing_is_believed(secret: Any) -> None:
    empty = signed(command_form(), FORM, secret="")
    assert await refused(offline(signing_secret=secret), empty) is Refusal.NOT_CONFIGURED


@pytest.mark.parametrize("missing", ["x-slack-signature", "x-slack-request-timestamp"])
async def test_a_request_without_its_headers_is_not_signed(missing: str) -> None:
    request = example()
    headers = {name: value for name, value in request.headers.items() if name != missing}
    assert await refused(offline(), example(headers=headers)) is Refusal.NO_SIGNATURE


def tampered() -> list[Incoming]:
    """Changes of one genuine request: bytes flipped, cut, added; headers changed."""
    dice = random.Random(20260105)
    genuine = example()
    changes = [
        example(
            body=genuine.body[:at]
            + bytes([genuine.body[at] ^ dice.randrange(1, 128)])
            + genuine.body[at + 1 :]
        )
        for at in dice.sample(range(len(genuine.body)), 80)
    ]
    changes += [example(body=genuine.body[:end]) for end in (0, 1, 100, len(genuine.body) - 1)]
    changes += [example(body=genuine.body + more) for more in (b"&", b" ", b"\n", b"\x00", b"\xff", b"&a=b")]
    changes += [example(headers={**genuine.headers, "x-slack-signature": value}) for value in forged(dice)]
    changes += [
        example(headers={**genuine.headers, "x-slack-request-timestamp": value})
        for value in (
            *(str(EXAMPLE_AT + dice.choice((-1, 1)) * dice.randrange(1, 299)) for _ in range(20)),
            *(
                f" {EXAMPLE_AT}",
                f"{EXAMPLE_AT} ",
                f"+{EXAMPLE_AT}",
                f"0{EXAMPLE_AT}",
                f"{EXAMPLE_AT}.0",
                "now",
            ),
            *("１５３１４２０６１８", "1" * 5000, "-1", "1_531_420_618", "nan", "1e9", "\n"),
        )
    ]
    return changes


def forged(dice: random.Random) -> list[str]:
    flipped = [
        EXAMPLE_SIGNATURE[:at] + dice.choice("ghijkl") + EXAMPLE_SIGNATURE[at + 1 :]
        for at in dice.sample(range(3, len(EXAMPLE_SIGNATURE)), 30)
    ]
    digest = EXAMPLE_SIGNATURE.removeprefix("v0=")
    return [
        *flipped,
        *(
            digest,
            f"v1={digest}",
            f"V0={digest}",
            f"v0={digest.upper()}",
            f"v0= {digest}",
            f"{EXAMPLE_SIGNATURE} ",
        ),
        *("v0=", "v0=é", "\udcff", f"v0={digest[:-1]}", f"v0={digest}0", "0" * 64, f"sha256={digest}"),
    ]


async def test_every_change_of_a_genuine_request_is_refused_as_slack_s_sdk_refuses_it() -> None:
    adapter = offline(signing_secret=EXAMPLE_SECRET, team_id="T1DC2JH3J")
    changes = tampered()
    assert len(changes) >= 150
    for request in changes:
        assert await refused(adapter, request) is Refusal.BAD_SIGNATURE
        lenient = request.headers["x-slack-request-timestamp"].strip() in (f"{EXAMPLE_AT}", f"+{EXAMPLE_AT}")
        assert by_sdk(EXAMPLE_SECRET, request) is False or lenient


async def test_unsigned_garbage_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.inbound.read", lambda _: pytest.fail("parsed"))
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        request = signed(body)
        headers = {**request.headers, "x-slack-signature": "v0=00"}
        assert (
            await refused(offline(), msgspec.structs.replace(request, headers=headers))
            is Refusal.BAD_SIGNATURE
        )


# Garbage that is signed: a stolen secret must not break anything.

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(["event_callback", "block_actions", "T0FAKE", "im.x", "1.1", CHANNEL]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["type", "team", "user", "view", "actions", "container", "event", "team_id", "event_id", "authorizations"]
)


async def survives(adapter: Slack, request: Incoming) -> None:
    refusal = None
    try:
        await adapter.receive(request)
    except Refused as error:
        refusal = error.refusal
    assert refusal in (None, Refusal.MALFORMED, Refusal.WRONG_WORKSPACE)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(st.binary(max_size=60), JSON.map(lambda v: json.dumps(v).encode())),
    st.sampled_from(["application/json", FORM, "text/plain", ""]),
)
async def test_any_signed_body_is_taken_or_refused(body: bytes, media_type: str) -> None:
    await survives(offline(), signed(body, media_type))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, JSON, max_size=4), st.sampled_from(["press", "event", "inner", "view"]))
async def test_any_wrong_field_is_refused_and_breaks_nothing(changes: dict[str, Any], where: str) -> None:
    event = {"type": "event_callback", "event_id": "E1", "team_id": "T0FAKE", "event": mention()}
    view = {"type": "view_submission", "user": {"id": DANA}, "team": {"id": "T0FAKE"}, "view": changes}
    request = {
        "press": lambda: signed(press_form(**changes), FORM),
        "event": lambda: signed(json.dumps(event | changes).encode()),
        "inner": lambda: signed(json.dumps(event | {"event": mention() | changes}).encode()),
        "view": lambda: signed(urlencode({"payload": json.dumps(view)}).encode(), FORM),
    }[where]()
    await survives(offline(), request)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", FORM),
        (b"", "application/json"),
        (b"", ""),
        (b"{}", "application/json"),
        (b"{}", "text/plain"),
        (b"null", "application/json"),
        (b"[" * 200_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (
            b'{"type":"event_callback","event_id":"E","team_id":"T0FAKE","event":' + b"[" * 90_000,
            "application/json",
        ),
        (b'{"type":"event_callback","team_id":"T0FAKE","event":{}}', "application/json"),
        (b'{"type":"url_verification"}', "application/json"),
        (b'{"type":"\xff"}', "application/json"),
        (b'{"type":"event_callback","event_id":1e999,"event":{}}', "application/json"),
        (b"payload=" + b"%5B" * 50_000, FORM),
        (b"payload=", FORM),
        (b"payload=%ff%fe", FORM),
        (b"payload={}&payload={}", FORM),
        (b"&".join(b"a%d=1" % n for n in range(200)), FORM),
        (b"command=%2Fim", FORM),
        (command_form(user_id="u0dana"), FORM),
        (command_form(user_id="U0DANA\n"), FORM),
        (command_form(trigger_id=""), FORM),
        (command_form(channel_id="#general"), FORM),
        (press_form(actions={}), FORM),
        (press_form(actions=[7]), FORM),
        (press_form(container={"message_ts": "x"}), FORM),
        (press_form(trigger_id=None), FORM),
        (
            press_form(
                type="view_submission", view={"id": "V1", "callback_id": "x", "private_metadata": "x"}
            ),
            FORM,
        ),
    ],
)
async def test_what_is_not_documented_is_malformed(body: bytes, media_type: str) -> None:
    assert await refused(offline(), signed(body, media_type)) is Refusal.MALFORMED


async def test_a_zero_byte_becomes_visible() -> None:
    (given,) = (await offline().receive(signed(command_form(text="a\x00b"), FORM))).inputs
    assert given.text == "a�b"


# Answers.


async def test_a_command_is_acknowledged_in_silence_and_answered_to_the_person() -> None:
    async with slack() as (fake, adapter):
        signal = fake.command(DANA, "list", channel="C0FOREIGN")
        given = await one(adapter, signal)
        said_at_once = adapter.acknowledge(given, None)
        assert (said_at_once.status, said_at_once.body) == (200, b"")
        fake.heard(signal, said_at_once.status, {"content-type": said_at_once.media_type}, said_at_once.body)
        await adapter.answer(given, cases.message(), private=True, nonce="n")
        await adapter.answer(given, cases.message(), private=False, nonce="n")
        private, public = fake.answers
        assert (private.to, public.to) == (DANA, None)
        assert private.buttons[0] == "Acknowledge"
        assert "INC-2024-001" in private.text
        assert "Acknowledge" not in private.text
        pressed = await one(adapter, fake.press(DANA, private.posted, "Acknowledge"))
        assert pressed.message is None, "what only one person sees cannot be edited"
        with pytest.raises(AssertionError):
            fake.press(ERIN, private.posted, "Acknowledge")
    assert fake.refusals == []


async def test_an_answer_past_the_address_s_uses_or_time_is_whispered() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.command(DANA, "list", channel=CHANNEL))
        for _ in range(6):
            await adapter.answer(given, cases.message(), private=True, nonce="n")
        assert [shown.to for shown in fake.answers] == [DANA] * 6
        assert fake.calls[-1].path == "/chat.postEphemeral"
        given = await one(adapter, fake.command(DANA, "list", channel=CHANNEL))
        clock = fake.clock
        fake.clock = lambda: clock() + 1801
        await adapter.answer(given, cases.message(), private=True, nonce="n")
        assert fake.calls[-1].path == "/chat.postEphemeral"


async def test_an_answer_that_slack_cannot_take_now_is_a_delivery_error() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.command(DANA, "list", channel=CHANNEL))
        fake.fail_next("500", path="/response/")
        error = await cases.failing(adapter.answer(given, cases.message(), private=True, nonce="n"))
        assert error.reason is Reason.SERVER_ERROR
        assert "/response/" not in error.detail
        fake.fail_next("429", path="/response/", seconds=7)
        error = await cases.failing(adapter.answer(given, cases.message(), private=True, nonce="n"))
    assert (error.reason, error.retry_after) == (Reason.RATE_LIMITED, 7.0)


@pytest.mark.parametrize(
    ("url", "base", "trusted"),
    [
        ("https://hooks.slack.com/commands/T/1/x", "https://slack.com/api", True),
        ("https://hooks.slack-gov.com/actions/T/1/x", "https://slack-gov.com/api", True),
        ("https://hooks.slack.com:443/x", "https://slack.com/api", True),
        ("https://proxy.example.com/x", "https://proxy.example.com/slack/api", True),
        ("http://127.0.0.1:9001/response/1", "http://127.0.0.1:9001", True),
        ("http://127.0.0.1:9002/response/1", "http://127.0.0.1:9001", False),
        ("http://127.0.0.1:9001/response/1", "https://slack.com/api", False),
        ("http://hooks.slack.com/x", "https://slack.com/api", False),
        ("http://slack.com:443/x", "https://slack.com/api", False),
        ("https://hooks.slack.com.evil.example/x", "https://slack.com/api", False),
        ("https://hooks.slack.com@evil.example/x", "https://slack.com/api", False),
        ("https://evil.example\\@hooks.slack.com/x", "https://slack.com/api", False),
        ("https://hooks.slack.com:8443/x", "https://slack.com/api", False),
        ("https://hooks.slack.com:x/", "https://slack.com/api", False),
        ("https://169.254.169.254/latest", "https://slack.com/api", False),
        ("https://[::1", "https://slack.com/api", False),
        ("https://hooks.slack.com/ x", "https://slack.com/api", True),
        ("https://hooks.slack.com/\r\nx", "https://slack.com/api", False),
        ("file:///etc/passwd", "https://slack.com/api", False),
        ("", "https://slack.com/api", False),
    ],
)
async def test_only_slack_s_own_addresses_are_answered(url: str, base: str, trusted: bool) -> None:
    assert may_answer(url, base) is trusted
    adapter = offline(api_base=base)
    (given,) = (await adapter.receive(signed(command_form(response_url=url), FORM))).inputs
    assert ("response_url" in given.reply) is trusted


async def test_without_an_address_to_believe_the_answer_goes_by_the_api() -> None:
    async with slack() as (fake, adapter):
        body = command_form(response_url="https://evil.example/x")
        (given,) = (await adapter.receive(signed(body, FORM))).inputs
        await adapter.answer(given, cases.message(), private=True, nonce="n")
    assert fake.answers[0].to == DANA


async def test_a_reaction_is_answered_in_the_message_s_thread() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post(CHANNEL, cases.message(), nonce="n")).ref
        signal = fake.react(DANA, fake.messages[ref.message_id], "-1")
        assert signal is not None
        await adapter.answer(await one(adapter, signal), cases.message(), private=False, nonce="m")
    assert fake.answers[0].thread == ref.message_id


# Forms.


async def test_a_form_is_opened_filled_in_and_comes_back() -> None:
    async with slack() as (fake, adapter):
        posted = fake.messages[(await adapter.post(CHANNEL, cases.message(), nonce="n")).ref.message_id]
        given = await one(adapter, fake.press(DANA, posted, "Acknowledge"))
        assert adapter.acknowledge(given, QUESTION).body == b""
        assert await adapter.open_form(given, QUESTION)
        assert await adapter.open_form(given, QUESTION), "a second try finds it open"
        (dialog,) = fake.forms
        assert (dialog.to, dialog.title) == (DANA, "Resolve")
        assert dialog.fields["how"] == "What <mended> it?"
        signal = fake.submit(DANA, dialog, how="a & b\n<c>", cause="db", who=ERIN)
        done = await one(adapter, signal)
        assert (done.kind, done.action, done.value) == ("form", "resolve", "INC-7")
        assert done.fields == {"how": "a & b\n<c>", "cause": "db", "who": f"@{ERIN}"}
        assert (done.channel, done.workspace) == (CHANNEL, "T0FAKE")
        closes = adapter.acknowledge(done, None)
        fake.heard(signal, closes.status, {}, closes.body)
        await adapter.answer(done, cases.message(), private=True, nonce="n")
        assert fake.answers[-1].to == DANA
    assert [call for call, _ in fake.refusals] == ["POST /views.open"]


async def test_a_form_asked_for_by_a_command_where_the_bot_is_not_is_answered_all_the_same() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.command(DANA, "resolve", channel="C0FOREIGN"))
        assert await adapter.open_form(given, QUESTION)
        done = await one(adapter, fake.submit(DANA, fake.forms[0], how="x", cause="net"))
        await adapter.answer(done, cases.message(), private=True, nonce="n")
    assert (fake.answers[0].to, fake.answers[0].channel) == (DANA, "C0FOREIGN")


async def test_a_form_too_late_has_expired_and_a_mention_opens_none() -> None:
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.command(DANA, "resolve", channel=CHANNEL))
        clock = fake.clock
        fake.clock = lambda: clock() + 4
        assert (await cases.failing(adapter.open_form(given, QUESTION))).reason is Reason.EXPIRED
        fake.clock = clock
        mentioned = await one(adapter, fake.mention(DANA, "resolve", channel=CHANNEL))
        assert await adapter.open_form(mentioned, QUESTION) is False
    assert fake.forms == []


async def test_a_form_within_slack_s_limits_whatever_it_holds() -> None:
    giant = "&" * 5000
    fields = tuple(
        Field(id=f"f{kind}", label=giant, kind=kind, value=giant, hint=giant, options=(Option("v", giant),))
        for kind in ("text", "multiline", "select")
    )
    form = Form(
        id="x",
        value="v" * 100,
        title=giant,
        submit=giant,
        fields=(*fields, Field(id="e", label="", kind="select")),
    )
    async with slack() as (fake, adapter):
        given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
        assert await adapter.open_form(given, form)
    assert fake.refusals == []


# The look of what is new in messages.


async def test_people_named_are_notified_before_everything_else() -> None:
    message = cases.message(mentions=(DANA, "S0GROUP", "<!channel>", "C0INCIDENTS"))
    async with slack() as (fake, adapter):
        ref = (await adapter.post(CHANNEL, message, nonce="n")).ref
        await adapter.edit(ref, message)
        for shown in (fake.messages[ref.message_id].payload, fake.messages[ref.message_id].shown):
            assert shown["blocks"][0]["text"]["text"] == f"<@{DANA}> <!subteam^S0GROUP>"


async def test_a_picture_is_shown_and_never_costs_the_message() -> None:
    picture = Picture(url="https://im.example.com/p/1.png", alt="p99 latency")
    async with slack() as (fake, adapter):
        ref = (await adapter.post(CHANNEL, cases.message(picture=picture), nonce="n")).ref
        blocks = fake.messages[ref.message_id].payload["attachments"][0]["blocks"]
        assert {"type": "image", "image_url": picture.url, "alt_text": "p99 latency"} in blocks
        fake.unfetchable.add(picture.url)
        ref = (await adapter.post(CHANNEL, cases.message(picture=picture), nonce="n")).ref
        assert "image" not in str(fake.messages[ref.message_id].payload["attachments"])
        unusable = cases.message(picture=Picture(url="javascript:x", alt="x"))
        await adapter.post(CHANNEL, unusable, nonce="n")


async def test_many_menus_stay_within_the_text_that_slack_takes() -> None:
    choices = tuple(Choice(f"v{n}", "&" * 100) for n in range(25))
    menus = tuple(Menu(id=f"m{n}", label="L" * 300, about="a" * 50, choices=choices) for n in range(10))
    async with slack() as (fake, adapter):
        await adapter.post(CHANNEL, cases.message(menus=menus, text="x" * 9000), nonce="n")
    assert fake.refusals == []


async def test_a_direct_message_is_edited_and_replied_to_by_what_the_router_keeps() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post(f"@{DANA}", cases.message(), nonce="a")).ref
        assert ref.channel == f"@{DANA}"
        kept = MessageRef(channel=f"@{DANA}", message_id=ref.message_id)
        await adapter.edit(kept, cases.message(headline="Changed"))
        reply = (await adapter.reply(kept, cases.message(), nonce="b")).ref
        await adapter.edit(reply, cases.message())
        error = await cases.failing(adapter.find(f"@{DANA}", nonce="a", since=NOW))
    assert fake.refusals == []
    assert error.reason is Reason.FORBIDDEN
    (top, answer) = fake.in_channel("D0DANA")
    assert answer.parent == top.id


@pytest.mark.parametrize(
    ("brought", "read"),
    [
        ("", ""),
        ("<@U123|dana> and <@W9>", "<@U123> and <@W9>"),
        ("<#C1|general> <#C2>", "#general #C2"),
        ("<!here> <!subteam^S1|@ops> <!channel|channel>", "@here @ops channel"),
        ("<https://a.b/?x=1&amp;y=2>", "https://a.b/?x=1&y=2"),
        ("<http://a.b|a.b> <mailto:a@b.c|a@b.c> <https://a.b|click>", "a.b a@b.c click (https://a.b)"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
    ],
)
def test_slack_s_markup_is_read_as_it_was_typed(brought: str, read: str) -> None:
    assert typed(brought) == read


# Rehearsals.


@pytest.mark.parametrize("team_id", ["T0FAKE", ""])
async def test_a_rehearsal_is_genuine_and_has_nobody_to_answer(team_id: str) -> None:
    async with slack(config_team_id=team_id) as (fake, adapter):
        at = datetime.now(UTC)
        for kind, text in (("command", "list --mine & <x>"), ("action", "acknowledge")):
            request = adapter.rehearsal(kind, key=f"rehearsal-{kind}", text=text, at=at)  # type: ignore[arg-type]
            (given,) = (await adapter.receive(request)).inputs
            assert (given.kind, given.key, given.workspace) == (kind, f"rehearsal-{kind}", "T0FAKE")
            assert (given.text or given.action) == text
            assert given.reply == {}
            await adapter.answer(given, cases.message(), private=True, nonce="n")
            assert await adapter.open_form(given, QUESTION) is False
        assert {call.path for call in fake.calls} <= {"/auth.test"}
        late = msgspec.structs.replace(request, received_at=at + timedelta(minutes=6))
        assert await refused(adapter, late) is Refusal.STALE


# War rooms.


async def test_a_room_is_made_once_filled_and_archived() -> None:
    async with slack() as (fake, adapter):
        room = await adapter.open_room("inc-7", "INC-7: " + "x" * 300)
        again = await adapter.open_room("inc-7", "")
        assert room == again
        assert room.url == f"https://slack.com/app_redirect?channel={room.channel}&team=T0FAKE"
        assert len(fake.channels[room.channel]["topic"]) == 250
        assert await adapter.invite(room.channel, (DANA, BOT)) == ()
        assert await adapter.invite(room.channel, (DANA, ERIN, "U0GONE")) == ("U0GONE",)
        assert await adapter.invite(room.channel, (DANA,)) == ()
        assert await adapter.invite(room.channel, ("U0GONE",)) == ("U0GONE",)
        assert await adapter.invite(room.channel, ("U0GONE", "U0NOBODY")) == ("U0GONE", "U0NOBODY")
        assert await adapter.invite(room.channel, ()) == ()
        assert fake.channels[room.channel]["members"] == [DANA, ERIN]
        await adapter.close_room(room.channel, "inc-7-closed")
        await adapter.close_room(room.channel, "inc-7-closed")
        assert fake.channels[room.channel]["is_archived"]
        error = await cases.failing(adapter.open_room("inc-7", ""))
    assert error.reason is Reason.REJECTED
    assert "unarchive" in error.detail


async def test_a_channel_of_that_name_that_others_made_is_not_taken_over() -> None:
    async with slack() as (_, adapter):
        error = await cases.failing(adapter.open_room("incidents", "x"))
    assert error.reason is Reason.REJECTED
    assert "#incidents" in error.detail


async def test_a_room_that_may_not_be_archived_is_renamed() -> None:
    async with slack() as (fake, adapter):
        room = await adapter.open_room("inc-8", "x")
        fake.channels[room.channel]["kept"] = True
        for _ in range(2):
            await adapter.close_room(room.channel, "inc-8-closed")
        assert fake.channels[room.channel]["name"] == "inc-8-closed"


async def test_rooms_without_the_scope_are_forbidden() -> None:
    async with slack(scopes=SCOPES) as (_, adapter):
        attempts = (
            adapter.open_room("inc-9", "x"),
            adapter.invite(CHANNEL, (DANA,)),
        )
        for attempt in attempts:
            error = await cases.failing(attempt)
            assert error.reason is Reason.FORBIDDEN
            assert "channels:manage" in error.detail


# Features and the manifest.


async def test_each_feature_that_is_off_has_its_line_and_its_mend() -> None:
    async with slack(scopes=SCOPES) as (_, adapter):
        checks = await adapter.check()
    lines = checks[4:]
    assert [check.name for check in lines] == ["features"] * len(FEATURES)
    assert all(check.ok and check.off and check.mend for check in lines)
    assert lines[0].text == "War rooms are off: the scope channels:manage is missing"
    for feature, check in zip(FEATURES.values(), lines, strict=True):
        assert all(word in check.mend for word in (*feature.scopes, *feature.events))


async def test_what_a_full_manifest_asks_for_leaves_no_feature_off() -> None:
    scopes = tuple(manifest("x", "https://a.b", frozenset(FEATURES))["oauth_config"]["scopes"]["bot"])
    async with slack(scopes=scopes) as (_, adapter):
        assert len(await adapter.check()) == 4


# https://docs.slack.dev/reference/app-manifest : the fields that are used, with their types.
MANIFEST = {
    "_metadata": {"major_version": int, "minor_version": int},
    "display_information": {"name": str, "description": str},
    "features": {
        "app_home": {
            "home_tab_enabled": bool,
            "messages_tab_enabled": bool,
            "messages_tab_read_only_enabled": bool,
        },
        "bot_user": {"display_name": str, "always_online": bool},
        "slash_commands": [
            {"command": str, "url": str, "description": str, "usage_hint": str, "should_escape": bool}
        ],
    },
    "oauth_config": {"scopes": {"bot": [str]}},
    "settings": {
        "event_subscriptions": {"request_url": str, "bot_events": [str]},
        "interactivity": {"is_enabled": bool, "request_url": str},
        "org_deploy_enabled": bool,
        "socket_mode_enabled": bool,
        "token_rotation_enabled": bool,
    },
}


def conforms(value: Any, shape: Any) -> bool:
    if isinstance(shape, dict):
        return value.keys() == shape.keys() and all(conforms(value[name], shape[name]) for name in shape)
    if isinstance(shape, list):
        return bool(value) and all(conforms(one, shape[0]) for one in value)
    return type(value) is shape


@pytest.mark.parametrize("features", [frozenset(), frozenset(FEATURES)])
def test_the_manifest_has_slack_s_fields_and_leads_to_the_provider(features: frozenset[str]) -> None:
    made = manifest("company-slack", "https://im.example.com/", features)
    assert conforms(made, MANIFEST)
    assert made["display_information"]["name"] == "Incident Management Bot"
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    url = "https://im.example.com/chatops/slack/company-slack"
    (command,) = made["features"]["slash_commands"]
    assert (command["command"], command["url"], command["should_escape"]) == ("/im", url, True)
    assert len(command["usage_hint"]) <= 1000
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["settings"]["event_subscriptions"]["request_url"] == url


def test_the_manifest_asks_for_no_more_than_is_wanted() -> None:
    def asks(*features: str) -> tuple[set[str], list[str]]:
        made = manifest("x", "https://a.b", frozenset(features))
        return set(made["oauth_config"]["scopes"]["bot"]), made["settings"]["event_subscriptions"][
            "bot_events"
        ]

    assert asks() == (set(SCOPES), ["app_mention"])
    assert asks("feedback") == ({*SCOPES, "reactions:read"}, ["app_mention", "reaction_added"])
    assert asks("direct") == ({*SCOPES, "im:history"}, ["app_mention", "message.im"])
    assert asks("war-rooms", "email-link", "dedupe") == (
        {*SCOPES, "channels:manage", "users:read.email", "channels:history"},
        ["app_mention"],
    )
    with pytest.raises(ValueError, match="there are war-rooms"):
        manifest("x", "https://a.b", frozenset({"warrooms"}))


# The fake judges other tests, so its people are tested too.


async def test_the_fake_s_people_cannot_do_what_slack_would_not_let_them() -> None:
    async with slack() as (fake, adapter):
        posted = fake.messages[(await adapter.post(CHANNEL, cases.message(), nonce="n")).ref.message_id]
        given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
        await adapter.open_form(given, QUESTION)
        (dialog,) = fake.forms
        refusals: list[Callable[[], object]] = [
            lambda: fake.press(DANA, posted, "No such button"),
            lambda: fake.choose(DANA, posted, "Acknowledge", "x"),
            lambda: fake.command(DANA, "x", channel=CHANNEL, thread=posted.id),
            lambda: fake.submit(DANA, dialog, cause="db"),
            lambda: fake.submit(DANA, dialog, how="x", cause="neither"),
            lambda: fake.submit(DANA, dialog, how="x" * 501, cause="db"),
            lambda: fake.submit(ERIN, dialog, how="x", cause="db"),
            lambda: fake.heard(fake.command(DANA, "x", channel=CHANNEL), 500, {}, b""),
            lambda: fake.react(DANA, Posted("1", CHANNEL, {}, None, None, 0.0), "+1"),
        ]
        for attempt in refusals:
            with pytest.raises(AssertionError):
                attempt()
