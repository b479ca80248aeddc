"""Discord's Gateway: mentions, direct messages and thumbs arrive, also after the connection broke."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import DeliveryError, Message, Reason
from adapters.discord.config import DiscordConfig
from adapters.discord.gateway import INTENTS, _believed, listen
from adapters.discord.heard import heard
from adapters.discord.outbound import Discord
from adapters.http import Http
from adapters.inbound import ChatInput
from tests.contract.subject_discord import CHANNEL, config_for
from tests.fakes.base import Posted
from tests.fakes.discord import DiscordFake
from tests.fakes.discord_gateway import DiscordGateway

DANA, DAN = DiscordFake.people
WAIT_SECONDS = 10.0


@pytest.fixture
def fake() -> Iterator[DiscordFake]:
    with DiscordFake(rates=False) as running:
        yield running


@pytest.fixture
def gateway(fake: DiscordFake) -> Iterator[DiscordGateway]:
    with DiscordGateway(fake, heartbeat_ms=200) as running:
        yield running


class Router:
    """What is delivered to the router."""

    def __init__(self) -> None:
        self.inputs: list[ChatInput] = []

    async def take(self, given: ChatInput) -> None:
        self.inputs.append(given)

    async def has(self, count: int) -> list[ChatInput]:
        await until(lambda: len(self.inputs) >= count)
        return self.inputs


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not true():  # noqa: ASYNC110  the fake is in another thread
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(fake: DiscordFake, gateway: DiscordGateway) -> AsyncIterator[Router]:
    """A router that listens, until the block ends."""
    router, stop = Router(), asyncio.Event()
    task = asyncio.create_task(listen(config_for(fake), router.take, stop=stop))
    try:
        await until(lambda: gateway.connected == 1 or task.done())
        yield router
    finally:
        stop.set()
        await asyncio.wait_for(task, WAIT_SECONDS)


def kept(fake: DiscordFake, channel: str = CHANNEL) -> Posted:
    return fake.keep(channel, {"content": "an announcement", "embeds": []}, id=fake._new_id())


class TestListening:
    async def test_a_mention_arrives_and_is_answered_below_it(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway) as router, Http() as http:
            number = gateway.say(DANA, f"assign it to <@!{DAN}>", channel=CHANNEL)
            [found] = await router.has(1)
            assert (found.key, found.kind, found.channel) == (number, "mention", CHANNEL)
            assert (found.text, found.user.id) == (f"assign it to <@{DAN}>", DANA)
            assert (found.workspace, found.thread) == (fake.guild_id, None)
            adapter = Discord(config_for(fake), http)
            message = Message(event="text", headline="Which incident?")
            for _ in range(2):
                await adapter.answer(found, message, private=True, nonce="a1")
            [shown] = fake.answers
            assert (shown.to, shown.channel, shown.thread) == (None, CHANNEL, number)

    async def test_only_what_is_said_to_the_bot_by_people_of_the_server_arrives(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway) as router:
            gateway.say(DANA, "just talking", channel=CHANNEL, to_bot=False)
            gateway.say(fake.user_id, "me again", channel=CHANNEL)
            gateway.say(DANA, "from elsewhere", channel=CHANNEL, guild_id="999999999999999999")
            gateway.say(DANA, "by a webhook", channel=CHANNEL, webhook_id="300000000000000001")
            gateway.say(DANA, "", channel=CHANNEL, type=7)
            gateway.say(DANA, "to the bot", channel=CHANNEL)
            assert [found.text for found in await router.has(1)] == ["to the bot"]

    async def test_direct_messages_arrive_from_members_only(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway) as router:
            gateway.say("999999999999999999", "let me in", channel="@999999999999999999")
            gateway.say(DANA, "what is open?", channel=f"@{DANA}")
            [found] = await router.has(1)
            assert (found.channel, found.channel_kind, found.text) == (f"@{DANA}", "direct", "what is open?")

    async def test_a_direct_message_outlives_a_short_failure_of_the_look_up(
        self, fake: DiscordFake, gateway: DiscordGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.discord.gateway._LOOK_UP_WAITS", (0.01, 0.01))
        async with listening(fake, gateway) as router:
            fake.fail_next("500", times=2, path=".*/members/.*")
            gateway.say(DANA, "what is open?", channel=f"@{DANA}")
            assert (await router.has(1))[0].text == "what is open?"
            fake.fail_next("500", times=3, path=".*/members/.*")
            gateway.say(DANA, "lost", channel=f"@{DANA}")
            gateway.say(DANA, "and now?", channel=f"@{DANA}")
            assert [found.text for found in (await router.has(2))[1:]] == ["and now?"]

    async def test_an_answer_to_a_message_knows_which(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        fake.add_channel("300000000000000006", type=11, parent_id=CHANNEL)
        async with listening(fake, gateway) as router:
            announcement = kept(fake)
            gateway.say(DANA, "resolve it", channel=CHANNEL, answers=announcement.id)
            gateway.say(DANA, "and this", channel="300000000000000006")
            assert [found.thread for found in await router.has(2)] == [announcement.id, "300000000000000006"]

    async def test_thumbs_on_the_bots_messages_arrive(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway) as router:
            posted = kept(fake)
            gateway.react(DANA, posted, "🎉")
            gateway.react(DANA, posted, "+1", message_author_id=DAN)
            gateway.react(fake.user_id, posted, "+1")
            gateway.react(DANA, posted, "👍🏽")
            gateway.react(DANA, posted, "-1")
            found = await router.has(2)
            assert [(one.kind, one.action, one.message) for one in found] == [
                ("reaction", "+1", posted.id),
                ("reaction", "-1", posted.id),
            ]
            assert len({one.key for one in found}) == 2

    async def test_no_privileged_intent_is_asked_for(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway):
            assert gateway.identifies[0]["intents"] == int(INTENTS)
            await until(lambda: gateway.heartbeats > 1)


class TestReconnecting:
    @pytest.mark.parametrize("code", [None, 4000])
    async def test_what_was_said_meanwhile_arrives_once_after_a_resume(
        self, fake: DiscordFake, gateway: DiscordGateway, code: int | None
    ) -> None:
        async with listening(fake, gateway) as router:
            gateway.say(DANA, "before", channel=CHANNEL)
            await router.has(1)
            gateway.drop(code=code)
            gateway.say(DANA, "meanwhile", channel=CHANNEL)
            await router.has(2)
            gateway.say(DANA, "after", channel=CHANNEL)
            await router.has(3)
            assert [found.text for found in router.inputs] == ["before", "meanwhile", "after"]
            assert (gateway.resumes, len(gateway.identifies)) == (1, 1)

    async def test_a_session_that_cannot_be_resumed_begins_anew(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway) as router:
            gateway.drop()
            gateway.forget()
            await until(lambda: gateway.connected == 1)
            gateway.say(DANA, "again", channel=CHANNEL)
            await router.has(1)
            assert len(gateway.identifies) == 2

    async def test_what_cannot_be_read_ends_the_connection_and_not_the_listening(
        self, fake: DiscordFake, gateway: DiscordGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.discord.gateway._PAUSE_SECONDS", 0.01)
        async with listening(fake, gateway) as router:
            gateway.garble()
            await until(lambda: len(gateway.identifies) == 2)
            gateway.say(DANA, "again", channel=CHANNEL)
            assert [found.text for found in await router.has(1)] == ["again"]

    async def test_an_order_to_reconnect_is_followed(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        async with listening(fake, gateway):
            gateway.reconnect()
            await until(lambda: gateway.resumes == 1)

    async def test_it_waits_for_a_gateway_that_is_not_there_yet(self, fake: DiscordFake) -> None:
        router, stop = Router(), asyncio.Event()
        fake.fail_next("429", path="/gateway/bot", seconds=0.05)
        task = asyncio.create_task(listen(config_for(fake), router.take, stop=stop))
        await until(lambda: len(fake.calls) >= 2)
        await asyncio.sleep(0.1)
        assert not task.done()
        stop.set()
        await asyncio.wait_for(task, WAIT_SECONDS)
        assert not [one for one in asyncio.all_tasks() if "keep alive" in one.get_name()]


class TestEnding:
    async def test_a_wrong_token_ends_with_a_clear_error(self, fake: DiscordFake) -> None:
        config = msgspec.structs.replace(config_for(fake), bot_token="MTA5.wrong-but-secret")
        error = await ended(listen(config, Router().take, stop=asyncio.Event()))
        assert error.reason == Reason.UNAUTHORIZED
        assert "MTA5" not in f"{error!r}{error.detail}"

    async def test_a_token_that_the_gateway_refuses_ends_with_a_clear_error(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        gateway.token = "another"
        error = await ended(listen(config_for(fake), Router().take, stop=asyncio.Event()))
        assert error.reason == Reason.UNAUTHORIZED
        assert "bot_token" in error.detail

    async def test_what_deliver_raises_ends_it(self, fake: DiscordFake, gateway: DiscordGateway) -> None:
        async def broken(_: ChatInput) -> None:
            raise OSError("the store is gone")

        task = asyncio.create_task(listen(config_for(fake), broken, stop=asyncio.Event()))
        await until(lambda: gateway.connected == 1)
        gateway.say(DANA, "x", channel=CHANNEL)
        with pytest.raises(OSError, match="store"):
            await asyncio.wait_for(task, WAIT_SECONDS)

    async def test_what_was_heard_before_the_stop_is_delivered(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        stop, taken = asyncio.Event(), list[str]()

        async def slow(found: ChatInput) -> None:
            stop.set()
            await asyncio.sleep(0.05)
            taken.append(found.text)

        task = asyncio.create_task(listen(config_for(fake), slow, stop=stop))
        await until(lambda: gateway.connected == 1)
        gateway.say(DANA, "one", channel=CHANNEL)
        await asyncio.wait_for(task, WAIT_SECONDS)
        assert taken == ["one"]

    @pytest.mark.parametrize("stopped", [True, False])
    async def test_a_delivery_that_hangs_does_not_outlive_a_cancelled_listener(
        self, fake: DiscordFake, gateway: DiscordGateway, stopped: bool
    ) -> None:
        stop, hanging, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def hang(_: ChatInput) -> None:
            hanging.set()
            try:
                await asyncio.sleep(WAIT_SECONDS * 10)
            finally:
                ended.set()

        task = asyncio.create_task(listen(config_for(fake), hang, stop=stop))
        await until(lambda: gateway.connected == 1)
        gateway.say(DANA, "x", channel=CHANNEL)
        await asyncio.wait_for(hanging.wait(), WAIT_SECONDS)
        if stopped:
            stop.set()
            await asyncio.sleep(0.6)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, WAIT_SECONDS)
        await asyncio.wait_for(ended.wait(), WAIT_SECONDS)

    async def test_no_log_holds_the_token_or_what_was_said(
        self, fake: DiscordFake, gateway: DiscordGateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(1)
        async with listening(fake, gateway) as router:
            gateway.say(DANA, "a private thing", channel=CHANNEL)
            await router.has(1)
            gateway.drop()
            await until(lambda: gateway.resumes == 1)
        assert caplog.records
        assert fake.token not in caplog.text
        assert "a private thing" not in caplog.text
        logging.getLogger("hikari").setLevel(logging.NOTSET)

    async def test_a_day_without_sessions_is_waited_out(
        self, fake: DiscordFake, gateway: DiscordGateway
    ) -> None:
        fake.sessions_left = 0
        stop = asyncio.Event()
        task = asyncio.create_task(listen(config_for(fake), Router().take, stop=stop))
        await until(lambda: bool(fake.calls))
        await asyncio.sleep(0.1)
        assert (gateway.identifies, task.done()) == ([], False)
        stop.set()
        await asyncio.wait_for(task, WAIT_SECONDS)


async def ended(call: Awaitable[None]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await asyncio.wait_for(call, WAIT_SECONDS)
    return caught.value


class TestAddresses:
    @pytest.mark.parametrize(
        ("told", "base", "configured", "used"),
        [
            ("wss://gateway-us-east1-b.discord.gg", "https://discord.com/api/v10", "", "told"),
            ("wss://evil.example.com", "https://discord.com/api/v10", "", "default"),
            ("wss://discord.gg.example.com", "https://discord.com/api/v10", "", "default"),
            ("ws://gateway.discord.gg", "https://discord.com/api/v10", "", "default"),
            ("ws://127.0.0.1:9001", "http://127.0.0.1:9000/api/v10", "", "told"),
            ("ws://10.0.0.1", "http://127.0.0.1:9000/api/v10", "", "default"),
            ("wss://gateway.discord.gg", "https://p.example.com/api", "wss://p.example.com/gw", "configured"),
        ],
    )
    def test_the_token_goes_only_to_discord_or_where_an_admin_said(
        self, told: str, base: str, configured: str, used: str
    ) -> None:
        default = "wss://gateway.discord.gg"
        config = DiscordConfig(api_base=base, gateway_url=configured or default)
        assert _believed(told, config) == {"told": told, "default": default, "configured": configured}[used]


class TestGarbage:
    @settings(max_examples=100, deadline=None)
    @given(
        name=st.sampled_from(["MESSAGE_CREATE", "MESSAGE_REACTION_ADD", "GUILD_CREATE"]),
        payload=st.dictionaries(
            st.sampled_from(["id", "channel_id", "author", "content", "mentions", "user_id", "emoji"]),
            st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
            max_size=7,
        ),
    )
    def test_odd_events_are_nothing(self, name: str, payload: dict[str, Any]) -> None:
        assert heard(name, payload, guild="101010101010101010", me="108888888888888888") is None
