"""Over the WebSocket, mentions, direct messages and thumbs arrive, through broken connections too."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.contract import Message
from adapters.http import Http
from adapters.inbound import ChatInput, Incoming
from adapters.mattermost import websocket
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.outbound import Mattermost
from tests.contract.subject_mattermost import TOKEN, configured
from tests.fakes.mattermost import MattermostFake, make_id
from tests.fakes.mattermost_socket import MattermostSocket

CHANNEL = make_id("critical")
DANA, ERIN = make_id("dana"), make_id("erin")


@pytest.fixture(scope="module")
def running() -> Iterator[MattermostSocket]:
    with MattermostFake(token=TOKEN, rates=False) as fake, MattermostSocket(fake) as socket:
        yield socket


@pytest.fixture
def socket(running: MattermostSocket, monkeypatch: pytest.MonkeyPatch) -> MattermostSocket:
    monkeypatch.setattr(websocket, "FIRST_WAIT_SECONDS", 0.01)
    running.fake.reset()
    running.fake.add_channel(CHANNEL, "critical-incidents")
    running.forget()
    running.resumed.clear()
    running.challenges.clear()
    return running


def config(socket: MattermostSocket, **more: Any) -> MattermostConfig:
    return configured(socket.fake, base_url=socket.url, **more)


class Ears:
    """What was delivered, and a wish to fail some times."""

    def __init__(self) -> None:
        self.heard: list[ChatInput] = []
        self.failures = 0
        self._more = asyncio.Event()

    async def __call__(self, given: ChatInput) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the store is away")
        self.heard.append(given)
        self._more.set()

    async def until(self, count: int) -> list[ChatInput]:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()
        return self.heard


@asynccontextmanager
async def listening(socket: MattermostSocket, **more: Any) -> AsyncIterator[Ears]:
    ears, stop = Ears(), asyncio.Event()
    task = asyncio.create_task(websocket.listen(config(socket, **more), ears, stop=stop))
    await asyncio.to_thread(socket.wait_for_listeners)
    try:
        yield ears
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_mention_arrives_and_is_the_same_input_as_the_webhooks(socket: MattermostSocket) -> None:
    async with listening(socket) as ears, Http() as http:
        posted = await asyncio.to_thread(
            socket.write, DANA, "@incident-bot tell @erin", channel=CHANNEL, thread=None
        )
        (given,) = await ears.until(1)
        adapter = Mattermost(config(socket, webhook_token="webhook-token-0123456789"), http)
        signal = socket.fake.mention(DANA, "tell @erin", channel=CHANNEL)
        received = await adapter.receive(
            Incoming(headers=signal.headers, body=signal.body, received_at=datetime.now(UTC))
        )
        (same,) = received.inputs
    assert (given.kind, given.key, given.text) == ("mention", posted.id, f"tell <@{ERIN}>")
    assert (same.text, same.user, same.workspace, same.channel, same.channel_name) == (
        given.text,
        given.user,
        given.workspace,
        given.channel,
        given.channel_name,
    )


async def test_direct_messages_need_no_mention_and_threads_are_told(socket: MattermostSocket) -> None:
    direct = socket.fake.add_channel(make_id("dm"), f"{DANA}__{socket.fake.me.id}", type="D")
    root = socket.fake.say(ERIN, "first", channel=CHANNEL)
    async with listening(socket) as ears:
        await asyncio.to_thread(socket.write, DANA, "who is on call?", channel=direct.id)
        await asyncio.to_thread(socket.write, ERIN, "why, @incident-bot?", channel=CHANNEL, thread=root.id)
        first, second = await ears.until(2)
    assert (first.text, first.channel_kind, first.workspace) == (
        "who is on call?",
        "direct",
        socket.fake.team.id,
    )
    assert (second.text, second.thread, second.channel_kind) == ("why, ?", root.id, "channel")
    assert second.reply["root"] == root.id


async def test_what_is_not_for_the_bot_is_left_out(socket: MattermostSocket) -> None:
    def talk() -> None:
        socket.write(DANA, "nothing for you", channel=CHANNEL)
        socket.write(socket.fake.me.id, "@incident-bot myself", channel=CHANNEL)
        socket.write(DANA, "@incident-bot webhook", channel=CHANNEL, from_webhook="true")
        socket.write(DANA, "@incident-bot bot", channel=CHANNEL, from_bot="true")
        socket.write(DANA, "@incident-bot joined", channel=CHANNEL, type="system_join_channel")
        socket.tell("typing", {"user_id": DANA})
        for garbage in ({}, {"post": 7}, {"post": "{"}, {"post": "[" * 9_999}, {"post": '{"id":1}'}):
            socket.tell("posted", garbage)
            socket.tell("reaction_added", {"reaction": garbage.get("post", None)})
        socket.write(DANA, "@incident-bot yes", channel=CHANNEL)

    async with listening(socket) as ears:
        await asyncio.to_thread(talk)
        assert [given.text for given in await ears.until(1)] == ["yes"]


async def test_another_teams_mention_is_left_out(socket: MattermostSocket) -> None:
    other = socket.fake.add_channel(make_id("elsewhere"), "elsewhere")
    other.team_id = make_id("other")
    async with listening(socket) as ears:
        await asyncio.to_thread(socket.write, DANA, "@incident-bot no", channel=other.id)
        await asyncio.to_thread(socket.write, DANA, "@incident-bot yes", channel=CHANNEL)
        assert [given.text for given in await ears.until(1)] == ["yes"]


async def test_while_the_team_cannot_be_looked_up_nothing_is_lost(socket: MattermostSocket) -> None:
    async with listening(socket) as ears:
        socket.fake.fail_next("500", times=2, path="/teams/")
        await asyncio.to_thread(socket.write, DANA, "@incident-bot still", channel=CHANNEL)
        assert [given.text for given in await ears.until(1)] == ["still"]


async def test_thumbs_on_the_bots_messages_are_reactions(socket: MattermostSocket) -> None:
    async with Http() as http:
        receipt = await Mattermost(config(socket), http).post(
            CHANNEL, Message(event="text", headline="News"), nonce="n1"
        )
    mine, other = receipt.ref.message_id, socket.fake.say(ERIN, "mine", channel=CHANNEL).id

    def react() -> None:
        socket.react(DANA, other, "+1")
        socket.react(DANA, mine, "tada")
        socket.react(socket.fake.me.id, mine, "+1")
        for emoji in ("+1", "thumbsdown", "thumbsup_dark_skin_tone", "-1", "+1"):
            socket.react(DANA, mine, emoji)

    async with listening(socket) as ears:
        await asyncio.to_thread(react)
        heard = await ears.until(5)
    assert [given.action for given in heard] == ["+1", "-1", "+1", "-1", "+1"]
    assert {given.kind for given in heard} == {"reaction"}
    assert {(given.message, given.channel, given.user.id) for given in heard} == {(mine, CHANNEL, DANA)}
    assert len({given.key for given in heard}) == 5


async def test_a_broken_connection_is_taken_up_again_where_it_broke(socket: MattermostSocket) -> None:
    async with listening(socket) as ears:
        await asyncio.to_thread(socket.write, DANA, "@incident-bot one", channel=CHANNEL)
        await ears.until(1)
        await asyncio.to_thread(socket.break_off)
        await asyncio.to_thread(socket.write, DANA, "@incident-bot two", channel=CHANNEL)
        await ears.until(2)
        await asyncio.to_thread(socket.wait_for_listeners)
        await asyncio.to_thread(socket.write, DANA, "@incident-bot three", channel=CHANNEL)
        heard = await ears.until(3)
    assert [given.text for given in heard] == ["one", "two", "three"]
    assert [number for _, number in socket.resumed] == [2]


async def test_a_server_that_has_forgotten_is_listened_to_anew(socket: MattermostSocket) -> None:
    async with listening(socket) as ears:
        await asyncio.to_thread(socket.forget)
        await asyncio.to_thread(socket.wait_for_listeners)
        await asyncio.to_thread(socket.write, DANA, "@incident-bot again", channel=CHANNEL)
        assert [given.text for given in await ears.until(1)] == ["again"]


async def test_missing_events_lead_to_a_new_start(socket: MattermostSocket) -> None:
    async with listening(socket) as ears:
        for connection in list(socket._connections.values()):
            connection.sent.append({"event": "lost", "data": {}, "seq": 1})
        await asyncio.to_thread(socket.tell, "typing", {})
        async with asyncio.timeout(5):
            await asyncio.to_thread(until, lambda: len(socket.challenges) >= 2)
        await asyncio.to_thread(socket.wait_for_listeners)
        await asyncio.to_thread(socket.write, DANA, "@incident-bot back", channel=CHANNEL)
        assert (await ears.until(1))[-1].text == "back"


async def test_what_was_not_delivered_comes_again_and_one_that_never_is_does_not_block(
    socket: MattermostSocket,
) -> None:
    async with listening(socket) as ears:
        ears.failures = 2
        await asyncio.to_thread(socket.write, DANA, "@incident-bot stubborn", channel=CHANNEL)
        assert (await ears.until(1))[0].text == "stubborn"
        ears.failures = websocket.TRIES
        await asyncio.to_thread(socket.write, DANA, "@incident-bot poison", channel=CHANNEL)
        await asyncio.to_thread(socket.write, DANA, "@incident-bot next", channel=CHANNEL)
        assert (await ears.until(2))[1].text == "next"


async def test_a_wrong_token_is_said_without_the_token_and_stopping_is_quick(
    socket: MattermostSocket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    stop, ears = asyncio.Event(), Ears()
    wrong = "wrong-token-0123456789abcdef"
    task = asyncio.create_task(websocket.listen(config(socket, bot_token=wrong), ears, stop=stop))
    async with asyncio.timeout(5):
        await asyncio.to_thread(until, lambda: "does not accept the bot token" in caplog.text)
        stop.set()
        await task
    assert wrong not in caplog.text
    assert ears.heard == []


async def test_a_redirect_is_not_followed_as_the_token_would_go_along(
    socket: MattermostSocket, caplog: pytest.LogCaptureFixture
) -> None:
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{socket.url}/api/v4/websocket")

    app = web.Application()
    app.router.add_get("/api/v4/websocket", redirect)
    stop = asyncio.Event()
    async with TestServer(app) as elsewhere:
        settings = configured(socket.fake, base_url=str(elsewhere.make_url("")))
        task = asyncio.create_task(websocket.listen(settings, Ears(), stop=stop))
        async with asyncio.timeout(5):
            await asyncio.to_thread(until, lambda: "the server redirects" in caplog.text)
            stop.set()
            await task
    assert socket.challenges == []


async def test_a_server_that_is_away_is_tried_again_until_it_stops(caplog: pytest.LogCaptureFixture) -> None:
    with MattermostFake(token=TOKEN) as gone:
        settings = configured(gone)
    stop = asyncio.Event()
    task = asyncio.create_task(websocket.listen(settings, Ears(), stop=stop))
    async with asyncio.timeout(5):
        await asyncio.to_thread(until, lambda: "no connection" in caplog.text)
        stop.set()
        await task


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://chat.example.com/", "wss://chat.example.com/api/v4/websocket"),
        ("http://127.0.0.1:8065/mm", "ws://127.0.0.1:8065/mm/api/v4/websocket"),
    ],
)
def test_the_address_follows_the_servers(base_url: str, expected: str) -> None:
    assert websocket.address(base_url) == expected
