"""Discord speaks: what is believed of it, and what follows from a command, a press, a choice."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import discord_interactions
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from adapters.contract import (
    Action,
    Choice,
    LooksBack,
    Menu,
    Message,
    MessageRef,
)
from adapters.discord.direct import located
from adapters.discord.outbound import Discord
from adapters.discord.render import render
from adapters.http import Http
from adapters.inbound import (
    Incoming,
    Received,
    Receives,
    Refusal,
    Refused,
    Registers,
    Rehearses,
    Rooms,
)
from tests.contract.subject_discord import (
    ACKNOWLEDGE,
    CHANNEL,
    DAN,
    DANA,
    announced,
    config_for,
    hear,
    incoming,
    received_by,
    refusal,
    take,
)
from tests.fakes.base import Posted
from tests.fakes.discord import DiscordFake
from tests.fakes.discord_body import ON_CREATE, check_body
from tests.fakes.speaking import Signal, Speaking


class TestAbilities:
    def test_it_listens_makes_rooms_and_registers_and_cannot_rehearse(self, adapter: Discord) -> None:
        for ability in (Receives, Rooms, Registers, LooksBack):
            assert isinstance(adapter, ability)
        assert not isinstance(adapter, Rehearses)

    def test_the_fake_speaks(self, fake: DiscordFake) -> None:
        speaking: Speaking = fake
        assert speaking.people == (DANA, DAN)

    async def test_its_workspace_is_the_server(self, adapter: Discord, fake: DiscordFake) -> None:
        assert await adapter.workspace() == fake.guild_id
        assert fake.calls == []


class TestVerifying:
    async def test_genuine_requests_of_every_kind_pass(self, adapter: Discord, fake: DiscordFake) -> None:
        posted = await announced(adapter, fake)
        for signal in (
            fake.command(DANA, "list", channel=CHANNEL),
            fake.press(DANA, posted, "Acknowledge"),
            fake.choose(DANA, posted, "Assign to", DAN),
            fake.command(DANA, "list", channel=f"@{DANA}"),
        ):
            [found] = (await adapter.receive(incoming(signal))).inputs
            assert found.key == signal.key

    async def test_the_handshake_is_answered_with_a_pong(self, adapter: Discord, fake: DiscordFake) -> None:
        signal = fake.ping()
        received = await adapter.receive(incoming(signal))
        assert (received.inputs, received.note) == ((), "PING")
        assert json.loads(received.answer.body) == {"type": 1}
        hear(fake, signal, received.answer)

    @pytest.mark.parametrize("header", ["x-signature-ed25519", "x-signature-timestamp"])
    async def test_without_a_header_there_is_no_signature(
        self, adapter: Discord, fake: DiscordFake, header: str
    ) -> None:
        signal = fake.command(DANA, "list", channel=CHANNEL)
        del signal.headers[header]
        assert await refusal(adapter, incoming(signal)) == Refusal.NO_SIGNATURE

    async def test_without_a_public_key_nothing_is_believed(self, fake: DiscordFake, http: Http) -> None:
        adapter = Discord(msgspec.structs.replace(config_for(fake), public_key=""), http)
        signal = fake.command(DANA, "list", channel=CHANNEL)
        assert await refusal(adapter, incoming(signal)) == Refusal.NOT_CONFIGURED

    @pytest.mark.parametrize(("seconds", "fresh"), [(-299, True), (299, True), (-302, False), (302, False)])
    async def test_old_and_future_requests_are_stale(
        self, adapter: Discord, fake: DiscordFake, seconds: int, fresh: bool
    ) -> None:
        signal = fake.ping()
        given = incoming(signal, received_at=datetime.now(UTC) + timedelta(seconds=seconds))
        if fresh:
            assert (await adapter.receive(given)).note == "PING"
        else:
            assert await refusal(adapter, given) == Refusal.STALE

    async def test_a_signed_timestamp_that_is_no_time_is_malformed(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        body = fake.ping().body
        for timestamp in ("soon", "1e9", "-5", "9" * 40, " 1"):
            signature = fake.signing_key.sign(timestamp.encode() + body).signature.hex()
            headers = {"x-signature-ed25519": signature, "x-signature-timestamp": timestamp}
            given = Incoming(headers=headers, body=body, received_at=datetime.now(UTC))
            assert await refusal(adapter, given) == Refusal.MALFORMED, timestamp

    async def test_every_tampering_is_refused_and_discords_own_library_agrees(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        signal = fake.command(DANA, "resolve INC-1 fixed it", channel=CHANNEL)
        cases = list(tampered(signal))
        assert len(cases) >= 150
        assert peer_accepts(fake, signal)
        for what, changed in cases:
            assert await refusal(adapter, incoming(changed)) == Refusal.BAD_SIGNATURE, what
            assert not peer_accepts(fake, changed), what

    async def test_another_applications_key_is_not_enough(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.signing_key = SigningKey(b"another seed of exactly 32 bytes")
        signal = fake.command(DANA, "list", channel=CHANNEL)
        assert await refusal(adapter, incoming(signal)) == Refusal.BAD_SIGNATURE

    async def test_unsigned_garbage_is_refused_before_it_is_parsed(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        signal = fake.ping()
        for body in (b"", b"[" * 100_000, b"\xff\xfe", b'{"type":1}'):
            given = Incoming(headers=signal.headers, body=body, received_at=datetime.now(UTC))
            assert await refusal(adapter, given) == Refusal.BAD_SIGNATURE

    async def test_no_refusal_repeats_what_came(self, adapter: Discord, fake: DiscordFake) -> None:
        signal = fake.signed(b'{"secret-of-a-person": 1}')
        with pytest.raises(Refused) as caught:
            await adapter.receive(incoming(signal))
        assert "secret-of-a-person" not in f"{caught.value!r}{caught.value.detail}"
        assert caught.value.__cause__ is None


def tampered(signal: Signal) -> Iterator[tuple[str, Signal]]:
    """A change of one byte, digit or order at a time, the same ones on every run."""
    dice = random.Random(20260105)
    body, signature = signal.body, signal.headers["x-signature-ed25519"]
    timestamp = signal.headers["x-signature-timestamp"]

    def changed(body: bytes = body, signature: str = signature, timestamp: str = timestamp) -> Signal:
        headers = {"x-signature-ed25519": signature, "x-signature-timestamp": timestamp}
        return Signal(body=body, headers=signal.headers | headers, key=signal.key)

    for place in dice.sample(range(len(body)), 80):
        flipped = bytes([body[place] ^ 1 << dice.randrange(8)])
        yield f"bit of byte {place}", changed(body=body[:place] + flipped + body[place + 1 :])
    for place in dice.sample(range(128), 50):
        digit = dice.choice([d for d in "0123456789abcdef" if d != signature[place]])
        yield f"digit {place}", changed(signature=signature[:place] + digit + signature[place + 1 :])
    for offset in range(1, 16):
        yield f"time + {offset}", changed(timestamp=str(int(timestamp) + offset))
    yield "cut", changed(body=body[:-1])
    yield "longer", changed(body=body + b" ")
    yield "begun with a byte", changed(body=b" " + body)
    yield "empty", changed(body=b"")
    yield "another order", changed(body=json.dumps(dict(reversed(json.loads(body).items()))).encode())
    yield "without spaces", changed(body=json.dumps(json.loads(body), separators=(",", ":")).encode())
    yield "moved border", changed(body=timestamp[-1].encode() + body, timestamp="9" + timestamp[:-1])
    yield "zeros", changed(signature="0" * 128)
    yield "short", changed(signature=signature[:-2])
    yield "long", changed(signature=signature + "00")
    yield "no hexadecimal", changed(signature="z" * 128)
    yield "halves exchanged", changed(signature=signature[64:] + signature[:64])
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = (int.from_bytes(bytes.fromhex(signature[64:]), "little") + order).to_bytes(32, "little")
    yield "not canonical", changed(signature=signature[:64] + scalar.hex())
    yield "time with a sign", changed(timestamp="+" + timestamp)


def peer_accepts(fake: DiscordFake, signal: Signal) -> bool:
    """discord-interactions, which prints why it refuses."""
    with redirect_stdout(StringIO()):
        return discord_interactions.verify_key(
            signal.body,
            signal.headers["x-signature-ed25519"],
            signal.headers["x-signature-timestamp"],
            fake.public_key,
        )


class TestWorkspace:
    async def changed(self, adapter: Discord, fake: DiscordFake, **fields: Any) -> Refusal:
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body) | fields
        kept = {key: value for key, value in body.items() if value is not ...}
        return await refusal(adapter, incoming(fake.signed(kept)))

    async def test_another_server_is_refused(self, adapter: Discord, fake: DiscordFake) -> None:
        found = await self.changed(adapter, fake, guild_id="999999999999999999")
        assert found == Refusal.WRONG_WORKSPACE

    async def test_another_application_is_refused(self, adapter: Discord, fake: DiscordFake) -> None:
        found = await self.changed(adapter, fake, application_id="999999999999999999")
        assert found == Refusal.WRONG_WORKSPACE

    async def test_a_group_chat_is_nobodys_server(self, adapter: Discord, fake: DiscordFake) -> None:
        assert await self.changed(adapter, fake, guild_id=..., context=2) == Refusal.WRONG_WORKSPACE

    async def test_who_is_no_longer_in_the_server_is_refused_in_direct_messages(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        message = Message(event="text", headline="You are on call", actions=(ACKNOWLEDGE,))
        receipt = await adapter.post(f"@{DANA}", message, nonce="n")
        posted = fake.messages[located(receipt.ref)[1]]
        pressed = incoming(fake.press(DANA, posted, "Acknowledge"))
        assert (await adapter.receive(pressed)).inputs
        fake.fail_next("500", path=f".*/members/{DANA}")
        assert await refusal(adapter, pressed) == Refusal.KEYS_UNAVAILABLE
        fake.members = [person for person in fake.members if person["user"]["id"] != DANA]
        assert await refusal(adapter, pressed) == Refusal.WRONG_WORKSPACE

    async def test_a_handshake_of_another_application_is_refused(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.application_id = "999999999999999999"
        assert await refusal(adapter, incoming(fake.ping())) == Refusal.WRONG_WORKSPACE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


KEYS = (
    "id",
    "type",
    "application_id",
    "token",
    "data",
    "guild_id",
    "channel_id",
    "channel",
    "member",
    "message",
)


class TestGarbage:
    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_signed_garbage_is_refused_or_followed_by_nothing(self, data: st.DataObject) -> None:
        fake = DiscordFake()
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body)
        if data.draw(st.booleans()):
            for key in data.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)):
                body[key] = data.draw(JSON)
            raw = json.dumps(body).encode()
        else:
            raw = data.draw(st.binary(max_size=60))
        outcome = received_by(fake, raw)
        assert outcome is None or isinstance(outcome, Received)

    @settings(max_examples=50, deadline=None)
    @given(data=JSON, kind=st.integers(2, 5))
    def test_any_data_of_any_kind_is_refused_or_followed_by_nothing(self, data: Any, kind: int) -> None:
        fake = DiscordFake()
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body) | {"data": data, "type": kind}
        outcome = received_by(fake, json.dumps(body).encode())
        assert outcome is None or not outcome.inputs

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"null",
            b"[]",
            b"{",
            b"\xff\xfe",
            b'{"id":"\xc3\x28"}',
            b'{"id":"\\ud800"}',
            b"[" * 200_000,
            b'{"x":' * 100_000,
            b'{"id":' + b"9" * 5000 + b"}",
            b'{"id":"100000000000000000","application_id":"109999999999999999","type":1e400}',
        ],
    )
    def test_what_is_no_interaction_is_malformed(self, raw: bytes) -> None:
        assert received_by(DiscordFake(), raw) is None

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
    async def test_another_content_type_is_malformed(
        self, adapter: Discord, fake: DiscordFake, kind: str
    ) -> None:
        given = incoming(fake.ping(), **{"content-type": kind})
        assert await refusal(adapter, given) == Refusal.MALFORMED

    @pytest.mark.parametrize("field", ["id", "application_id", "channel_id", "member", "token", "data"])
    async def test_a_missing_field_is_malformed(
        self, adapter: Discord, fake: DiscordFake, field: str
    ) -> None:
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body)
        del body[field]
        assert await refusal(adapter, incoming(fake.signed(json.dumps(body).encode()))) == Refusal.MALFORMED

    async def test_an_id_that_could_name_another_call_is_malformed(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body)
        for channel in ("../../users/@me", "102020202020202020\n", "1"):
            signal = fake.signed(body | {"channel_id": channel})
            assert await refusal(adapter, incoming(signal)) == Refusal.MALFORMED


class TestUninteresting:
    async def test_what_leads_to_nothing_is_noted(self, adapter: Discord, fake: DiscordFake) -> None:
        autocomplete = fake.autocomplete(DANA, "IN", channel=CHANNEL)
        received = await adapter.receive(incoming(autocomplete))
        assert (received.inputs, received.note) == ((), "autocomplete")
        hear(fake, autocomplete, received.answer)

    async def test_types_that_are_not_known_are_noted(self, adapter: Discord, fake: DiscordFake) -> None:
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body) | {"type": 17}
        received = await adapter.receive(incoming(fake.signed(body)))
        assert received == Received(note="an unknown type of interaction")

    async def test_another_command_and_a_strangers_button_are_answered_and_noted(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body)
        body["data"]["name"] = "other"
        received = await adapter.receive(incoming(fake.signed(body)))
        assert (received.inputs, received.note) == ((), "a command that is not /im")
        button = {"type": 1, "components": [{"type": 2, "style": 1, "label": "x", "custom_id": "other"}]}
        signal = fake.press(DANA, fake.keep(CHANNEL, {"components": [button]}, id="300000000000000001"), "x")
        received = await adapter.receive(incoming(signal))
        assert received.inputs == ()
        assert "did not make" in received.note
        hear(fake, signal, received.answer)

    async def test_a_bot_is_not_a_person(self, adapter: Discord, fake: DiscordFake) -> None:
        body = json.loads(fake.command(DANA, "list", channel=CHANNEL).body)
        body["member"]["user"]["bot"] = True
        assert (await adapter.receive(incoming(fake.signed(body)))).inputs == ()


class TestActions:
    async def test_a_button_comes_back_with_its_id_and_value(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        posted = await announced(adapter, fake)
        found = await take(adapter, fake, fake.press(DANA, posted, "Acknowledge"))
        assert (found.kind, found.action, found.value) == ("action", "acknowledge", "INC-2024-001")
        assert (found.message, found.channel) == (posted.id, CHANNEL)

    @settings(max_examples=40, deadline=None)
    @given(
        id=st.text(alphabet="abcz019_.-", min_size=1, max_size=40),
        value=st.text(alphabet=[chr(n) for n in range(32, 127)], max_size=50),
    )
    def test_ids_and_values_come_back_exactly(self, id: str, value: str) -> None:
        action = Action(id=id, label="Press", value=value)
        menu = Menu(id=id, label="Choose", about=value, choices=(Choice("x y", "X"),))
        payload = json.loads(
            msgspec.json.encode(render(Message(event="text", headline="x", actions=(action,), menus=(menu,))))
        )
        check_body(payload, ON_CREATE)
        fake = DiscordFake()
        posted = Posted("300000000000000001", CHANNEL, payload, None, None, 0.0)
        signals = (fake.press(DANA, posted, "Press"), fake.choose(DANA, posted, "Choose", "X"))
        found = [received_by(fake, signal.body) for signal in signals]
        assert [(r.inputs[0].action, r.inputs[0].value) for r in found if r] == [
            (id, value),
            (id, f"{value} x y"),
        ]

    async def test_a_menu_comes_back_with_what_it_is_about_and_the_choice(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        posted = await announced(adapter, fake)
        found = await take(adapter, fake, fake.choose(DANA, posted, "Change the severity", "High"))
        assert (found.action, found.value) == ("severity", "INC-2024-001 SEV-2")
        found = await take(adapter, fake, fake.choose(DANA, posted, "Assign to", DAN))
        assert (found.action, found.value) == ("assign", f"INC-2024-001 @{DAN}")

    async def test_a_press_in_a_direct_message_names_what_can_be_edited(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        message = Message(event="text", headline="You are on call", actions=(ACKNOWLEDGE,))
        receipt = await adapter.post(f"@{DANA}", message, nonce="n")
        posted = fake.messages[located(receipt.ref)[1]]
        found = await take(adapter, fake, fake.press(DANA, posted, "Acknowledge"))
        assert MessageRef(channel=found.channel, message_id=found.message or "") == receipt.ref

    def test_what_is_not_there_cannot_be_pressed(self, fake: DiscordFake) -> None:
        posted = fake.keep(CHANNEL, {"components": []}, id="300000000000000001")
        with pytest.raises(AssertionError, match="no button"):
            fake.press(DANA, posted, "Acknowledge")


class TestAcknowledging:
    async def test_the_shapes_are_as_documented(self, adapter: Discord, fake: DiscordFake) -> None:
        posted = await announced(adapter, fake)
        for signal, shape in (
            (fake.command(DANA, "list", channel=CHANNEL), {"type": 5, "data": {"flags": 64}}),
            (fake.press(DANA, posted, "Acknowledge"), {"type": 6}),
        ):
            [found] = (await adapter.receive(incoming(signal))).inputs
            answer = adapter.acknowledge(found, None)
            assert json.loads(answer.body) == shape
            assert (answer.status, answer.media_type) == (200, "application/json")
            hear(fake, signal, answer)

    async def test_an_answer_after_three_seconds_is_too_late(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        signal = fake.command(DANA, "list", channel=CHANNEL)
        [found] = (await adapter.receive(incoming(signal))).inputs
        next(iter(fake.interactions.values())).at -= 3.1
        with pytest.raises(AssertionError, match="3 s"):
            hear(fake, signal, adapter.acknowledge(found, None))
