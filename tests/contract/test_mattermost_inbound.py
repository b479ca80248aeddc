"""What Mattermost sends is believed only with its proof, is understood, and is answered where it was."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import Action, Choice, DeliveryError, Menu, Message, MessageRef, Picture, Reason
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
from adapters.mattermost import dialogs, mentions
from adapters.mattermost.inbound import from_server
from adapters.mattermost.outbound import Mattermost
from tests.contract import subject_mattermost as seen
from tests.contract.subject_mattermost import TOKEN, configured
from tests.fakes.base import Posted
from tests.fakes.mattermost import MattermostFake, make_id
from tests.fakes.mattermost_dialogs import check_dialog
from tests.fakes.speaking import Signal

CHANNEL = make_id("critical")
DANA, ERIN = make_id("dana"), make_id("erin")
COMMAND_TOKEN, WEBHOOK_TOKEN = "command-token-0123456789ab", "webhook-token-0123456789"
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
CLAIM = Action(id="incident.acknowledge", label="Acknowledge", value="INC-1 v2", style="primary")
SEVERITY = Menu(
    id="severity",
    label="Severity",
    about="INC-1",
    choices=(Choice("SEV-1", "Critical"), Choice("SEV-2", "Major")),
)
ASSIGN = Menu(id="assign", label="Assign to", about="INC-1", people=True)
FORM = Form(
    id="declare",
    value="from-chat",
    title="Declare an incident",
    submit="Declare",
    fields=(
        Field(id="title", label="Title", max_length=200),
        Field(id="text", label="What happens?", kind="multiline", required=False, hint="As people see it"),
        Field(
            id="severity",
            label="Severity",
            kind="select",
            value="SEV-2",
            options=(Option("SEV-1", "Critical"), Option("SEV-2", "Major")),
        ),
        Field(id="lead", label="Who leads?", kind="user", required=False),
    ),
)


def news(**more: Any) -> Message:
    return Message(event="text", headline="News", text="It works", **more)


@pytest.fixture(scope="module")
def running() -> Iterator[MattermostFake]:
    with MattermostFake(token=TOKEN, rates=False) as fake:
        yield fake


@pytest.fixture
def fake(running: MattermostFake) -> MattermostFake:
    running.reset()
    running.add_channel(CHANNEL, "critical-incidents")
    return running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as outbound:
        yield outbound


@pytest.fixture
def adapter(fake: MattermostFake, http: Http) -> Mattermost:
    return build(fake, http)


def build(fake: MattermostFake, http: Http, **config: Any) -> Mattermost:
    given = {"webhook_token": WEBHOOK_TOKEN} | config
    return Mattermost(configured(fake, **given), http, clock=lambda: NOW)


def incoming(signal: Signal, at: datetime = NOW) -> Incoming:
    return Incoming(headers=signal.headers, body=signal.body, received_at=at)


async def one(adapter: Receives, signal: Signal, at: datetime = NOW) -> ChatInput:
    received = await adapter.receive(incoming(signal, at))
    assert len(received.inputs) == 1, received.note
    return received.inputs[0]


async def refusal(adapter: Receives, request: Incoming) -> Refused:
    with pytest.raises(Refused) as caught:
        await adapter.receive(request)
    shown = f"{caught.value!r} {caught.value.detail}"
    assert not [secret for secret in (TOKEN, COMMAND_TOKEN, WEBHOOK_TOKEN) if secret in shown]
    return caught.value


async def failure(awaitable: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await awaitable
    return caught.value


async def shown(fake: MattermostFake, adapter: Mattermost, message: Message) -> Posted:
    receipt = await adapter.post(CHANNEL, message, nonce=f"n{len(fake.calls)}")
    return fake.messages[receipt.ref.message_id]


def changed(signal: Signal, **fields: str) -> Signal:
    """The same form with other fields; an empty one is left out."""
    form = dict(parse_qsl(signal.body.decode(), keep_blank_values=True)) | fields
    body = urlencode({key: value for key, value in form.items() if value or key not in fields})
    return Signal(body=body.encode(), headers=signal.headers, key=signal.key)


def changed_json(signal: Signal, **fields: Any) -> Signal:
    return Signal(
        body=json.dumps(json.loads(signal.body) | fields).encode(), headers=signal.headers, key=signal.key
    )


# What people did.


def test_the_adapter_has_the_abilities(adapter: Mattermost) -> None:
    for ability in (Receives, Rehearses, Rooms):
        assert isinstance(adapter, ability)


async def test_a_slash_command_is_what_follows_it_as_typed(fake: MattermostFake, adapter: Mattermost) -> None:
    signal = fake.command(DANA, "assign INC-1 @erin &  <more>", channel=CHANNEL)
    given = await one(adapter, signal)
    assert (given.kind, given.text, given.key) == ("command", "assign INC-1 @erin &  <more>", signal.key)
    assert (given.user.id, given.user.name, given.workspace) == (DANA, "dana", fake.team.id)
    assert (given.channel, given.channel_name, given.channel_kind) == (
        CHANNEL,
        "critical-incidents",
        "channel",
    )
    assert given.thread is None
    assert given.reply["response_url"].startswith(f"{fake.url}/hooks/commands/")


async def test_a_command_of_a_thread_and_of_a_direct_message_say_so(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    root = await shown(fake, adapter, news())
    assert (await one(adapter, fake.command(DANA, "help", channel=CHANNEL, thread=root.id))).thread == root.id
    direct = fake.add_channel(make_id("dm"), f"{DANA}__{fake.me.id}", type="D")
    given = await one(adapter, fake.command(DANA, "help", channel=direct.id))
    assert (given.channel_kind, given.workspace) == ("direct", fake.team.id)


@pytest.mark.parametrize("content", ["application/x-www-form-urlencoded", "application/json"])
async def test_a_mention_is_the_text_without_the_bot_and_with_people_by_id(
    fake: MattermostFake, adapter: Mattermost, content: str
) -> None:
    fake.webhook_content = content
    signal = fake.mention(DANA, "please tell @erin. and @nobody, @Erin!", channel=CHANNEL)
    given = await one(adapter, signal)
    assert given.kind == "mention"
    assert given.text == f"please tell <@{ERIN}>. and @nobody, <@{ERIN}>!"
    assert given.key == signal.key
    assert signal.key in fake.said


async def test_a_bots_own_message_is_nobodys(fake: MattermostFake, adapter: Mattermost) -> None:
    received = await adapter.receive(incoming(fake.mention(fake.me.id, "hello", channel=CHANNEL)))
    assert (received.inputs, received.note) == ((), "a bot's message")


async def test_while_mattermost_does_not_answer_a_mention_is_taken_as_typed(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    signal = fake.mention(DANA, "tell @erin", channel=CHANNEL)
    fake.fail_next("500", times=3)
    assert (await one(adapter, signal)).text == "tell @erin"


async def test_a_pressed_button_is_its_id_and_value(fake: MattermostFake, adapter: Mattermost) -> None:
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    signal = fake.press(DANA, posted, "Acknowledge")
    given = await one(adapter, signal)
    assert (given.kind, given.action, given.value) == ("action", "incident.acknowledge", "INC-1 v2")
    assert (given.message, given.key, given.user.id) == (posted.id, signal.key, DANA)


async def test_after_an_edit_its_buttons_and_menus_work(fake: MattermostFake, adapter: Mattermost) -> None:
    posted = await shown(fake, adapter, news())
    ref = MessageRef(channel=CHANNEL, message_id=posted.id)
    await adapter.edit(ref, news(actions=(CLAIM,), menus=(SEVERITY,)))
    assert (await one(adapter, fake.press(ERIN, posted, "Acknowledge"))).value == "INC-1 v2"
    assert (await one(adapter, fake.choose(ERIN, posted, "Severity", "Major"))).value == "INC-1 SEV-2"


async def test_a_choice_is_what_the_menu_is_about_and_the_option(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    posted = await shown(fake, adapter, news(menus=(SEVERITY, ASSIGN)))
    given = await one(adapter, fake.choose(DANA, posted, "Severity", "Critical"))
    assert (given.action, given.value) == ("severity", "INC-1 SEV-1")
    given = await one(adapter, fake.choose(DANA, posted, "Assign to", ERIN))
    assert (given.action, given.value) == ("assign", f"INC-1 @{ERIN}")


async def test_a_choice_that_was_not_offered_is_refused(fake: MattermostFake, adapter: Mattermost) -> None:
    posted = await shown(fake, adapter, news(menus=(SEVERITY, ASSIGN)))
    for menu, option in (("Severity", "Major"), ("Assign to", ERIN)):
        signal = fake.choose(DANA, posted, menu, option)
        context = json.loads(signal.body)["context"]
        for made_up in ("SEV-0", "", "../x", None, 7, ["SEV-1"]):
            forged = changed_json(signal, context=context | {"selected_option": made_up})
            assert (await refusal(adapter, incoming(forged))).refusal is Refusal.MALFORMED


async def test_a_button_in_a_direct_message_names_no_team(fake: MattermostFake, adapter: Mattermost) -> None:
    receipt = await adapter.post(f"@{DANA}", news(actions=(CLAIM,)), nonce="n1")
    signal = fake.press(DANA, fake.messages[receipt.ref.message_id], "Acknowledge")
    assert json.loads(signal.body)["team_id"] == ""
    given = await one(adapter, signal)
    assert (given.channel_kind, given.workspace) == ("direct", fake.team.id)
    assert fake.answers[-1].to == DANA


async def test_a_replay_is_the_same_input(fake: MattermostFake, adapter: Mattermost) -> None:
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    signals = (
        fake.command(DANA, "help", channel=CHANNEL),
        fake.mention(DANA, "help", channel=CHANNEL),
        fake.press(DANA, posted, "Acknowledge"),
    )
    keys = [((await one(adapter, signal)).key, (await one(adapter, signal)).key) for signal in signals]
    assert all(first == again for first, again in keys)
    assert len({first for first, _ in keys}) == 3


async def test_rotated_secrets_are_both_accepted(fake: MattermostFake, http: Http) -> None:
    old = build(fake, http)
    posted = await shown(fake, old, news(actions=(CLAIM,)))
    new = build(
        fake,
        http,
        bot_token=["new-bot-token-0123456789", TOKEN],
        command_token=["new-command-token-01234", COMMAND_TOKEN],
        webhook_token=["new-webhook-token-01234", WEBHOOK_TOKEN],
    )
    for signal in (
        fake.command(DANA, "help", channel=CHANNEL),
        fake.mention(DANA, "help", channel=CHANNEL),
        fake.press(DANA, posted, "Acknowledge"),
    ):
        await one(new, signal)


async def test_commands_that_are_switched_off_are_answered_and_do_nothing(
    fake: MattermostFake, http: Http
) -> None:
    adapter = build(fake, http, enable_slash_commands=False)
    signal = fake.command(DANA, "help", channel=CHANNEL)
    received = await adapter.receive(incoming(signal))
    assert received.inputs == ()
    heard(fake, signal, received.answer)
    assert fake.answers[-1].text == "Slash commands are switched off here."


# What is not believed.


async def test_without_its_secret_nothing_is_believed(fake: MattermostFake, http: Http) -> None:
    bare = build(fake, http, command_token="", webhook_token="")
    for signal in (fake.command(DANA, "x", channel=CHANNEL), fake.mention(DANA, "x", channel=CHANNEL)):
        assert (await refusal(bare, incoming(signal))).refusal is Refusal.NOT_CONFIGURED
    nothing = Incoming(headers={}, body=b"", received_at=NOW)
    assert (await refusal(bare, nothing)).refusal is Refusal.NOT_CONFIGURED
    assert (await refusal(build(fake, http), nothing)).refusal is Refusal.NO_SIGNATURE


async def test_another_teams_requests_are_refused(fake: MattermostFake, adapter: Mattermost) -> None:
    other = {"team_id": make_id("other"), "team_domain": "other"}
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    for signal in (
        changed(fake.command(DANA, "x", channel=CHANNEL), **other),
        changed(fake.mention(DANA, "x", channel=CHANNEL), **other),
        changed_json(fake.press(DANA, posted, "Acknowledge"), **other),
    ):
        assert (await refusal(adapter, incoming(signal))).refusal is Refusal.WRONG_WORKSPACE


async def test_a_team_is_known_by_id_or_name_and_asked_for_once(fake: MattermostFake, http: Http) -> None:
    signal = fake.command(DANA, "x", channel=CHANNEL)
    by_id, anywhere = build(fake, http, team=fake.team.id), build(fake, http, team="")
    assert (await one(by_id, signal)).workspace == await by_id.workspace() == fake.team.id
    other = changed(signal, team_id=make_id("other"), team_domain="other")
    assert (await refusal(by_id, incoming(other))).refusal is Refusal.WRONG_WORKSPACE
    host = fake.url.removeprefix("http://")
    assert (await one(anywhere, other)).workspace == await anywhere.workspace() == host
    assert not [call for call in fake.calls if "/teams/" in call.path]
    by_name = build(fake, http)
    for _ in range(3):
        assert (await one(by_name, changed(signal, team_id="", team_domain=""))).workspace == fake.team.id
    assert len([call for call in fake.calls if "/teams/" in call.path]) == 1


async def test_while_the_team_cannot_be_looked_up_it_may_be_sent_again(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    signal = changed(fake.command(DANA, "x", channel=CHANNEL), team_id="", team_domain="")
    fake.fail_next("500")
    refused = await refusal(adapter, incoming(signal))
    assert (refused.refusal, refused.refusal.status) == (Refusal.KEYS_UNAVAILABLE, 503)
    await one(adapter, signal)


def strings(secret: str, dice: random.Random) -> Iterator[str]:
    """Other strings that are near to a secret: 24 of them."""
    yield from (
        secret[:-1],
        secret[1:],
        secret + "x",
        " " + secret,
        secret + " ",
        secret.upper(),
        secret[::-1],
    )
    yield from (secret * 2, "null", "0", "é" + secret, secret + "\x00", TOKEN[::-1], "[]")
    for _ in range(10):
        at = dice.randrange(len(secret))
        yield secret[:at] + chr(ord(secret[at]) ^ 1) + secret[at + 1 :]


async def test_every_change_of_a_proof_is_refused(fake: MattermostFake, adapter: Mattermost) -> None:
    dice = random.Random(2026)
    posted = await shown(fake, adapter, news(actions=(CLAIM,), menus=(SEVERITY, ASSIGN)))
    cases = [
        *tampered_tokens(fake.command(DANA, "x", channel=CHANNEL), COMMAND_TOKEN, dice),
        *tampered_tokens(fake.mention(DANA, "x", channel=CHANNEL), WEBHOOK_TOKEN, dice),
        *tampered_context(fake.press(DANA, posted, "Acknowledge"), ("action", "value", "mark"), dice),
        *tampered_context(fake.choose(DANA, posted, "Severity", "Major"), ("menu", "about", "mark"), dice),
        *tampered_context(fake.choose(DANA, posted, "Assign to", ERIN), ("menu", "about", "mark"), dice),
        *tampered_dialog(await filled_in(fake, adapter), dice),
    ]
    assert len(cases) >= 250
    wrong = [
        (number, expected, refused.refusal)
        for number, (request, expected) in enumerate(cases)
        if (refused := await refusal(adapter, request)).refusal is not expected
    ]
    assert wrong == []


def tampered_tokens(signal: Signal, token: str, dice: random.Random) -> Iterator[tuple[Incoming, Refusal]]:
    without = {key: value for key, value in signal.headers.items() if key != "authorization"}
    yield request(changed(signal, token=""), without), Refusal.NO_SIGNATURE
    yield request(changed(signal, token=""), without | {"authorization": "Bearer x"}), Refusal.NO_SIGNATURE
    for other in strings(token, dice):
        yield request(changed(signal, token=other), without), Refusal.BAD_SIGNATURE
        yield request(changed(signal, token=other), signal.headers | header(token)), Refusal.BAD_SIGNATURE
        if other.strip() != token:
            yield request(signal, signal.headers | header(other)), Refusal.BAD_SIGNATURE
    twice = signal.body + f"&token={token[::-1]}".encode()
    yield request(Signal(body=twice, headers={}, key=""), without), Refusal.BAD_SIGNATURE


def tampered_context(
    signal: Signal, signed: tuple[str, ...], dice: random.Random
) -> Iterator[tuple[Incoming, Refusal]]:
    context = json.loads(signal.body)["context"]

    def of(other: dict[str, Any]) -> Incoming:
        return request(changed_json(signal, context=other), signal.headers)

    for secret in strings(context["secret"], dice):
        yield of(context | {"secret": secret}), Refusal.BAD_SIGNATURE
    for key in signed:
        yield of(context | {key: context[key] + "x"}), Refusal.BAD_SIGNATURE
        yield of({name: value for name, value in context.items() if name != key}), Refusal.BAD_SIGNATURE
        for value in (None, 1, True, [], {}):
            yield of(context | {key: value}), Refusal.BAD_SIGNATURE
    if "offered" in context:
        yield of(context | {"offered": [*context["offered"], "SEV-0"]}), Refusal.BAD_SIGNATURE
        yield of(context | {"offered": "SEV-0"}), Refusal.BAD_SIGNATURE
    for nothing in ("", None, 0, {}):
        yield of(context | {"secret": nothing}), Refusal.NO_SIGNATURE
    for other in (None, [], "x", 7):
        yield request(changed_json(signal, context=other), signal.headers), Refusal.NO_SIGNATURE


def tampered_dialog(signal: Signal, dice: random.Random) -> Iterator[tuple[Incoming, Refusal]]:
    state = json.loads(signal.body)["state"]
    body, _, mac = state.rpartition(".")
    others = [f"{body}.{other}" for other in strings(mac, dice)] + [
        f"{other}.{mac}" for other in strings(body, dice)
    ]
    for other in others:
        yield request(changed_json(signal, state=other), signal.headers), Refusal.BAD_SIGNATURE
    for nothing in ("", None, 7, {}):
        yield request(changed_json(signal, state=nothing), signal.headers), Refusal.NO_SIGNATURE
    for other in ({"user_id": ERIN}, {"callback_id": "other"}):
        yield request(changed_json(signal, **other), signal.headers), Refusal.BAD_SIGNATURE
    other_team = changed_json(signal, team_id=make_id("other"))
    yield request(other_team, signal.headers), Refusal.WRONG_WORKSPACE
    for seconds in (-301, 24 * 3600 + 1, 10**9):
        yield incoming(signal, NOW + timedelta(seconds=seconds)), Refusal.STALE


def header(token: str) -> dict[str, str]:
    return {"authorization": f"Token {token}"}


def request(signal: Signal, headers: dict[str, str]) -> Incoming:
    return Incoming(headers=headers, body=signal.body, received_at=NOW)


async def test_what_is_genuine_but_of_no_documented_shape_is_malformed(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    command = fake.command(DANA, "x", channel=CHANNEL)
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    press = fake.press(DANA, posted, "Acknowledge")
    dialog = await filled_in(fake, adapter)
    cases = [
        *(changed(command, **{key: ""}) for key in ("user_id", "channel_id", "trigger_id")),
        *(changed(command, **{key: "../x"}) for key in ("user_id", "channel_id", "root_id", "team_id")),
        *(
            changed_json(press, **{key: wrong})
            for key in ("user_id", "trigger_id")
            for wrong in (None, 7, "")
        ),
        *(changed_json(press, **{key: "x" * 26 + "!"}) for key in ("post_id", "channel_id", "team_id")),
        *(changed_json(dialog, submission=wrong) for wrong in (None, 7, [], {"title": {"a": 1}})),
    ]
    for signal in cases:
        assert (await refusal(adapter, incoming(signal))).refusal is Refusal.MALFORMED, signal.body
    for body, kind in ((b"\xff", "application/json"), (b"{}", "text/plain"), (b"", "application/json")):
        sent = Incoming(headers={"content-type": kind} | header(COMMAND_TOKEN), body=body, received_at=NOW)
        assert (await refusal(adapter, sent)).refusal is Refusal.MALFORMED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 200_000,
        b'{"context":' + b'{"a":' * 200_000,
        b'{"state":' + b"[" * 200_000,
        b'{"token":1e999}',
        b'{"token":"\\ud800"}',
        b'{"context":{"secret":' + b"9" * 5_000 + b"}}",
        b"token=%ff",
        b"token" + b"&a=b" * 5_000,
        b"x" * 600_000,
    ],
)
async def test_unsigned_garbage_is_refused_before_it_is_parsed(adapter: Mattermost, body: bytes) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded; charset=utf-8", "text/html", ""):
        sent = Incoming(headers={"content-type": kind}, body=body, received_at=NOW)
        assert (await refusal(adapter, sent)).refusal is Refusal.NO_SIGNATURE


_TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
_KEYS = st.sampled_from(["token", "context", "state", "command", "user_id", "submission", "callback_id", "x"])


@given(
    body=st.binary(max_size=300)
    | st.dictionaries(_KEYS, _TREES, max_size=6).map(lambda tree: json.dumps(tree).encode())
    | st.dictionaries(_KEYS, st.text(max_size=20), max_size=6).map(
        lambda form: urlencode(form, errors="replace").encode()
    ),
    kind=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "a/b;c"]
    ),
    authorization=st.sampled_from(["", "Token x", "Token", f"Token {COMMAND_TOKEN}", "Bearer y", "\xff"]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_but_refused_comes_of_garbage(
    adapter: Mattermost, body: bytes, kind: str, authorization: str
) -> None:
    headers = {"content-type": kind, "authorization": authorization}
    with pytest.raises(Refused):
        await adapter.receive(Incoming(headers=headers, body=body, received_at=NOW))


@given(fields=st.dictionaries(_KEYS.filter(lambda key: key != "token"), _TREES, max_size=6))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_garbage_with_a_genuine_proof_is_refused_or_understood(
    adapter: Mattermost, fields: dict[str, Any]
) -> None:
    fields = {"token": WEBHOOK_TOKEN} | {
        key: fields[key] for key in fields if key not in ("context", "state")
    }
    sent = Incoming(
        headers={"content-type": "application/json"}, body=json.dumps(fields).encode(), received_at=NOW
    )
    with pytest.raises(Refused) as caught:
        await adapter.receive(sent)
    assert caught.value.refusal is Refusal.MALFORMED


def test_an_address_to_answer_to_is_the_servers_own_or_not_believed() -> None:
    base = "https://chat.example.com/mm"
    assert from_server("https://chat.example.com/mm/hooks/commands/" + "a1" * 13, base)
    for other in (
        "",
        "http://chat.example.com/mm/hooks/commands/abc",
        "https://chat.example.com.evil.net/mm/hooks/commands/abc",
        "https://chat.example.com@evil.net/mm/hooks/commands/abc",
        "https://user:x@chat.example.com/mm/hooks/commands/abc",
        "https://evil.net/mm/hooks/commands/abc",
        "https://chat.example.com:8443/mm/hooks/commands/abc",
        "https://chat.example.com/hooks/commands/abc",
        "https://chat.example.com/mm/hooks/commands/",
        "https://chat.example.com/mm/hooks/commands/../../api/v4/users",
        "https://chat.example.com/mm/hooks/commands/abc?x=1",
        "https://chat.example.com/mm/hooks/commands/%2e%2e",
        "https://[::1/mm/hooks/commands/abc",
        "http://127.0.0.1:8000/hooks/commands/abc",
    ):
        assert not from_server(other, base)


# Acknowledging.


def heard(fake: MattermostFake, signal: Signal, answer: HttpAnswer) -> None:
    fake.heard(signal, answer.status, {"content-type": answer.media_type}, answer.body)


async def test_acknowledgements_are_what_the_server_takes(fake: MattermostFake, adapter: Mattermost) -> None:
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    command = fake.command(DANA, "x", channel=CHANNEL)
    heard(fake, command, adapter.acknowledge(await one(adapter, command), None))
    assert [(answer.to, answer.text) for answer in fake.answers] == [(DANA, "On it …")]
    for signal in (
        fake.mention(DANA, "x", channel=CHANNEL),
        fake.press(DANA, posted, "Acknowledge"),
        await filled_in(fake, adapter),
    ):
        heard(fake, signal, adapter.acknowledge(await one(adapter, signal), None))
    heard(fake, command, adapter.acknowledge(await one(adapter, command), FORM))
    assert len(fake.answers) == 1


# Answering.


async def answered(
    adapter: Mattermost, given: ChatInput, *, private: bool = True, nonce: str = "a1", **more: Any
) -> None:
    await adapter.answer(
        given, news(actions=(CLAIM,), menus=(SEVERITY,), **more), private=private, nonce=nonce
    )


async def test_a_command_is_answered_in_private_by_its_response_url(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
    await answered(adapter, given)
    told = fake.answers[-1]
    assert (told.to, told.channel, told.buttons, told.menus) == (
        DANA,
        CHANNEL,
        ("Acknowledge",),
        ("Severity",),
    )
    assert told.text.startswith("News\nIt works")
    assert [call.headers.get("authorization") for call in fake.calls if "/hooks/" in call.path] == [None]
    assert (await one(adapter, fake.press(DANA, told.posted, "Acknowledge"))).value == "INC-1 v2"
    assert fake.refusals == []


async def test_where_the_response_url_is_used_up_or_old_another_way_is_found(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
    for number in range(6):
        await answered(adapter, given, nonce=f"a{number}")
    assert [answer.to for answer in fake.answers] == [DANA] * 6
    assert [call.path for call in fake.calls][-1] == "/api/v4/posts/ephemeral"
    late = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
    fake.later = 31 * 60
    await answered(adapter, late)
    assert [call.path for call in fake.calls][-1] == "/api/v4/posts/ephemeral"


async def test_an_address_of_another_host_is_not_answered_to(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    fake.site_url = "http://127.0.0.1:1"
    given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
    assert "response_url" not in given.reply
    await answered(adapter, given)
    assert fake.answers[-1].to == DANA


async def test_a_press_is_answered_in_private_or_where_that_is_forbidden_by_a_direct_message(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    given = await one(adapter, fake.press(ERIN, posted, "Acknowledge"))
    await answered(adapter, given)
    assert (fake.answers[-1].to, fake.answers[-1].channel) == (ERIN, CHANNEL)
    fake.permissions.discard("create_post_ephemeral")
    await answered(adapter, given)
    told = fake.answers[-1]
    assert told.to == ERIN
    assert fake.channels_by_id[told.channel].type == "D"


async def test_a_mention_is_answered_in_its_thread(fake: MattermostFake, adapter: Mattermost) -> None:
    root = fake.say(ERIN, "something is wrong", channel=CHANNEL)
    for thread, expected in ((None, None), (root.id, root.id)):
        signal = fake.mention(DANA, "help", channel=CHANNEL, thread=thread)
        given = await one(adapter, signal)
        await answered(adapter, given, private=False, nonce=f"n-{thread}")
        told = fake.answers[-1]
        assert (told.to, told.thread) == (None, expected or signal.key)
    await answered(adapter, given, private=True)
    assert (fake.answers[-1].to, fake.answers[-1].channel) == (DANA, CHANNEL)


async def test_an_answer_for_all_is_the_bots_post_and_twice_is_one(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
    for _ in range(2):
        await answered(adapter, given, private=False, nonce="same")
    assert len(fake.messages) == 1
    fake.add_channel(CHANNEL, "critical-incidents", member=False)
    await answered(adapter, given, private=False, nonce="other")
    assert (fake.answers[-1].to, fake.answers[-1].channel) == (None, CHANNEL)


async def test_what_may_pass_is_not_answered_elsewhere(fake: MattermostFake, adapter: Mattermost) -> None:
    given = await one(adapter, fake.command(DANA, "x", channel=CHANNEL))
    fake.fail_next("500", path="/hooks/")
    error = await failure(answered(adapter, given))
    assert error.reason is Reason.SERVER_ERROR
    assert fake.answers == []


async def test_when_every_way_is_closed_the_first_refusal_is_told(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    given = await one(adapter, fake.press(DANA, posted, "Acknowledge"))
    fake.permissions.clear()
    fake.users = [user for user in fake.users if user.id != DANA]
    error = await failure(answered(adapter, given))
    assert error.reason in (Reason.FORBIDDEN, Reason.REJECTED)


# Forms.


async def opened(fake: MattermostFake, adapter: Mattermost) -> ChatInput:
    given = await one(adapter, fake.command(DANA, "declare", channel=CHANNEL))
    assert await adapter.open_form(given, FORM)
    return given


async def filled_in(fake: MattermostFake, adapter: Mattermost) -> Signal:
    await opened(fake, adapter)
    return fake.submit(DANA, fake.forms[-1], title="Database down", lead=ERIN)


async def test_a_form_comes_back_with_what_was_filled_in(fake: MattermostFake, adapter: Mattermost) -> None:
    signal = await filled_in(fake, adapter)
    dialog = fake.forms[-1]
    assert (dialog.to, dialog.title) == (DANA, "Declare an incident")
    assert dialog.fields == {
        "title": "Title",
        "text": "What happens?",
        "severity": "Severity",
        "lead": "Who leads?",
    }
    given = await one(adapter, signal, NOW + timedelta(hours=1))
    assert (given.kind, given.action, given.value) == ("form", "declare", "from-chat")
    assert given.fields == {
        "title": "Database down",
        "text": "",
        "severity": "SEV-2",
        "lead": f"@{ERIN}",
    }
    assert (given.user.id, given.channel, given.workspace) == (DANA, CHANNEL, fake.team.id)
    await answered(adapter, given)
    assert fake.answers[-1].to == DANA


async def test_a_form_of_a_button_hangs_on_its_message(fake: MattermostFake, adapter: Mattermost) -> None:
    posted = await shown(fake, adapter, news(actions=(CLAIM,)))
    pressed = await one(adapter, fake.press(DANA, posted, "Acknowledge"))
    assert await adapter.open_form(pressed, FORM)
    given = await one(adapter, fake.submit(DANA, fake.forms[-1], title="x"))
    assert given.message == posted.id
    await answered(adapter, given, private=False)
    assert fake.answers[-1].thread == posted.id


async def test_two_dialogs_of_one_trigger_are_one_input(fake: MattermostFake, adapter: Mattermost) -> None:
    given = await opened(fake, adapter)
    await adapter.open_form(given, FORM)
    keys = {(await one(adapter, fake.submit(DANA, form, title="x"))).key for form in fake.forms}
    assert len(keys) == 1


async def test_a_late_trigger_is_expired_and_nothing_opens_without_one(
    fake: MattermostFake, adapter: Mattermost, http: Http
) -> None:
    given = await one(adapter, fake.command(DANA, "declare", channel=CHANNEL))
    fake.later = 3.1
    assert (await failure(adapter.open_form(given, FORM))).reason is Reason.EXPIRED
    mention = await one(adapter, fake.mention(DANA, "declare", channel=CHANNEL))
    assert not await adapter.open_form(mention, FORM)
    assert not await build(fake, http, callback_url="").open_form(given, FORM)
    assert fake.forms == []


async def test_a_cancelled_dialog_is_nothing_done(fake: MattermostFake, adapter: Mattermost) -> None:
    signal = changed_json(await filled_in(fake, adapter), cancelled=True, submission={})
    received = await adapter.receive(incoming(signal))
    assert (received.inputs, received.note) == ((), "a cancelled dialog")
    heard(fake, signal, received.answer)


@pytest.mark.parametrize("text", ["x" * 5000, "ü" * 5000, "😀" * 2000, "", "a\x00\u202eb"])
def test_every_form_is_within_the_servers_limits(fake: MattermostFake, text: str) -> None:
    kinds = ("text", "multiline", "select", "user")
    fields = tuple(
        Field(id=f"f{n}", label=text, kind=kind, value=text, hint=text, options=(Option(text or "x", text),))
        for n, kind in enumerate(kinds)
    )
    form = Form(id="f", value="v", title=text, submit=text, fields=fields)
    told = dialogs.Opened(form="f", value="v", user=DANA, key="k", at=0)
    shown = json.loads(msgspec.json.encode(dialogs.dialog(form, dialogs.sealed(told, TOKEN))))
    fields_shown = [element | {"default": element.get("default", "")} for element in shown["elements"]]
    check_dialog(shown | {"elements": [one for one in fields_shown if one["type"] != "select"]})


# What is rendered.


async def test_people_are_mentioned_by_name_before_everything_else(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    posted = await shown(fake, adapter, news(mentions=(DANA, ERIN, make_id("stranger"))))
    assert posted.shown["message"].startswith(f"@dana @erin {make_id('stranger')}\n**News**\n")
    assert seen.pings(posted) == ["@dana", "@erin"]
    looked_up = [call for call in fake.calls if call.path.endswith("/users/ids")]
    await shown(fake, adapter, news(mentions=(DANA,)))
    assert len([call for call in fake.calls if call.path.endswith("/users/ids")]) == len(looked_up) == 1


async def test_a_message_with_many_mentions_keeps_its_limit(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    message = Message(event="text", headline="N" * 500, text="x" * 20_000, mentions=(DANA,) * 40)
    posted = await shown(fake, adapter, message)
    assert posted.shown["message"].count("@dana") == 20
    assert len(posted.shown["message"]) <= 16_383


async def test_a_picture_is_shown_with_its_meaning_in_words(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    picture = Picture(url="https://im.example.com/p.png", alt="Load of @here")
    posted = await shown(fake, adapter, news(picture=picture))
    attachment = posted.shown["props"]["attachments"][0]
    assert attachment["image_url"] == "https://im.example.com/p.png"
    assert "Load of @here" in seen.visible(posted)
    assert seen.pings(posted) == []
    bare = await shown(fake, adapter, news(picture=Picture(url="javascript:x", alt="no")))
    assert "attachments" not in bare.shown["props"]


async def test_without_a_callback_address_there_are_no_menus(fake: MattermostFake, http: Http) -> None:
    posted = await shown(fake, build(fake, http, callback_url=""), news(menus=(SEVERITY,), actions=(CLAIM,)))
    assert "attachments" not in posted.shown["props"]


async def test_ids_of_any_kind_make_distinct_actions(fake: MattermostFake, adapter: Mattermost) -> None:
    actions = tuple(
        Action(id=name, label=name, value="v") for name in ("a_b", "ab", "a.b", "a-b", "ab2", "._")
    )
    menu = Menu(id="ab", label="Menu", about="x", choices=(Choice("1", ""),))
    empty = Menu(id="none", label="None", about="x")
    posted = await shown(fake, adapter, news(actions=actions, menus=(menu, empty)))
    for action in actions:
        assert (await one(adapter, fake.press(DANA, posted, action.label))).action == action.id
    assert (await one(adapter, fake.choose(DANA, posted, "Menu", "1"))).value == "x 1"
    assert seen.buttons(posted) == [action.label for action in actions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@im-bot: help", "help"),
        ("  @im-bot help @im-bot", "help"),
        ("please @IM-Bot, help", "please help"),
        ("@im-bot. Help", ". Help"),
        ("@im-bottle help", None),
        ("@im-bot.two help", None),
        ("mail x@im-bot", None),
    ],
)
def test_the_bots_name_is_found_as_a_mention(text: str, expected: str | None) -> None:
    assert mentions.without_bot(text, "im-bot") == expected


# Rehearsing.


@pytest.mark.parametrize("team", ["incidents", make_id("team"), ""])
async def test_a_rehearsal_is_genuine_and_answers_nobody(fake: MattermostFake, http: Http, team: str) -> None:
    adapter = build(fake, http, team=team)
    command = await adapter.receive(adapter.rehearsal("command", key="k1", text="status INC-1", at=NOW))
    action = await adapter.receive(adapter.rehearsal("action", key="k2", text="acknowledge INC-1", at=NOW))
    (first,), (second,) = command.inputs, action.inputs
    assert (first.kind, first.key, first.text) == ("command", "k1", "status INC-1")
    assert (second.kind, second.key, second.action, second.value) == ("action", "k2", "acknowledge", "INC-1")
    for rehearsed in (first, second):
        assert rehearsed.reply == {}
        await adapter.answer(rehearsed, news(), private=True, nonce="n")
        assert not await adapter.open_form(rehearsed, FORM)
    assert fake.calls == []
    assert isinstance(command, Received)


# War rooms.


async def test_a_room_is_made_once_and_found_again(fake: MattermostFake, adapter: Mattermost) -> None:
    room = await adapter.open_room("inc-2026-001", "Database *down* @channel")
    made = fake.channels_by_id[room.channel]
    assert (made.name, made.type, room.name) == ("inc-2026-001", "O", "inc-2026-001")
    assert made.header == "Database \\*down\\* @\u200bchannel"
    assert room.url == f"{fake.url}/incidents/channels/inc-2026-001"
    assert await adapter.open_room("inc-2026-001", "again") == room


async def test_a_room_is_closed_twice_and_comes_back(fake: MattermostFake, adapter: Mattermost) -> None:
    room = await adapter.open_room("inc-1", "")
    for _ in range(2):
        await adapter.close_room(room.channel, "closed-inc-1")
    assert fake.channels_by_id[room.channel].delete_at
    assert await adapter.open_room("inc-1", "") == room
    assert not fake.channels_by_id[room.channel].delete_at
    fake.may_archive = False
    await adapter.close_room(room.channel, "closed-inc-1")
    assert fake.channels_by_id[room.channel].name == "closed-inc-1"


async def test_somebody_elses_channel_is_not_taken_for_a_room(
    fake: MattermostFake, adapter: Mattermost, http: Http
) -> None:
    error = await failure(adapter.open_room("critical-incidents", ""))
    assert error.reason is Reason.REJECTED
    assert "not the bot's" in error.detail
    assert "`team`" in (await failure(build(fake, http, team="").open_room("x", ""))).detail
    fake.permissions.clear()
    assert (await failure(adapter.open_room("inc-2", ""))).reason is Reason.FORBIDDEN


async def test_people_are_invited_and_those_not_let_in_are_told(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    room = await adapter.open_room("inc-1", "")
    fake.strangers.add(ERIN)
    refused = await adapter.invite(room.channel, (DANA, ERIN, make_id("nobody"), "../x", DANA))
    assert refused == (ERIN, make_id("nobody"), "../x")
    assert fake.channels_by_id[room.channel].members == {DANA}
    fake.fail_next("500")
    assert (await failure(adapter.invite(room.channel, (DANA,)))).reason is Reason.SERVER_ERROR
    assert (await failure(adapter.invite(fake.missing_channel, (DANA,)))).reason is Reason.CHANNEL_NOT_FOUND


# What is off.


async def test_the_connection_test_names_the_features_that_are_off(fake: MattermostFake, http: Http) -> None:
    assert len(await build(fake, http).check()) == 4
    lines = await build(fake, http, callback_url="", team="", default_channel=CHANNEL).check()
    assert [(line.name, line.ok, line.off) for line in lines[4:]] == [("features", True, True)] * 2
    assert "callback_url" in lines[4].text
    assert "War rooms are off" in lines[5].text
    fake.permissions.clear()
    lines = (await build(fake, http).check())[4:]
    assert [line.text.rpartition(" ")[0].rpartition(" ")[0] for line in lines] == [
        "War rooms are off: the permission create_public_channel",
        "Private answers to buttons come as direct messages: the permission create_post_ephemeral",
    ]
    assert all(line.mend for line in lines)
    fake.me.roles = "system_user system_admin"
    assert len(await build(fake, http).check()) == 4
