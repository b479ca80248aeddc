"""The gateway role: mentions and thumbs that come over a kept connection are done like any other input."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from tests.fakes.discord import DiscordFake
from tests.fakes.discord_gateway import DiscordGateway
from tests.fakes.mattermost import MattermostFake
from tests.fakes.mattermost_socket import MattermostSocket
from tests.flow.people import Room, room
from tests.flow.stage import Im, event, until
from worker.gateway import Gateway


@contextmanager
def listening(im: Im, count: int = 1) -> Iterator[None]:
    """Gateways beside the test."""
    stop = threading.Event()

    async def listen() -> None:
        over = asyncio.Event()
        running = asyncio.create_task(Gateway(im.parts).run(over))
        await asyncio.to_thread(stop.wait)
        over.set()
        await running

    tasks = [im.loop.start(listen()) for _ in range(count)]
    try:
        yield
    finally:
        stop.set()
        for each in tasks:
            each.result(20)


@pytest.fixture
def discord(im: Im) -> Iterator[tuple[Room, DiscordGateway]]:
    with (
        room(im, "discord") as chat,
        DiscordGateway(cast("DiscordFake", chat.fake)) as gateway,
        im.draining(),
    ):
        yield chat, gateway


def test_a_mention_on_discord_is_done_and_answered(im: Im, discord: tuple[Room, DiscordGateway]) -> None:
    chat, gateway = discord
    im.post(event())
    until(lambda: chat.place.announced("major"))
    with listening(im):
        until(lambda: gateway.connected)
        before = len(chat.fake.answers)
        gateway.say(chat.dana, "ack INC-2024-001 on it", channel=chat.place.channel("major"))
        until(lambda: len(chat.fake.answers) > before)
        assert "You acknowledged INC-2024-001" in chat.fake.answers[before].text
        assert im.incident()["status"] == "acknowledged"
        posted = chat.announced()
        gateway.react(chat.dana, posted, "+1")
        (vote,) = until(lambda: im.sql("SELECT vote, message_id FROM feedback"))
        assert (vote["vote"], vote["message_id"]) == (1, posted.id)
        gateway.react(chat.dana, posted, "-1")
        until(lambda: im.sql("SELECT vote FROM feedback")[0]["vote"] == -1)


def test_of_two_gateways_one_listens_and_the_other_takes_over(
    im: Im, discord: tuple[Room, DiscordGateway]
) -> None:
    chat, gateway = discord
    with listening(im):
        until(lambda: gateway.connected == 1)
        with listening(im):
            gateway.say(chat.dana, "list", channel=chat.place.channel("major"))
            until(lambda: len(chat.fake.answers) == 1)
            assert gateway.connected == 1
    with listening(im):
        until(lambda: gateway.connected == 1)
        gateway.say(chat.dana, "list", channel=chat.place.channel("major"))
        until(lambda: len(chat.fake.answers) == 2)


def test_a_provider_that_is_switched_off_is_not_listened_to(
    im: Im, discord: tuple[Room, DiscordGateway]
) -> None:
    chat, gateway = discord
    with listening(im):
        until(lambda: gateway.connected == 1)
        im.call("PATCH", f"/api/v1/chatops/providers/{chat.provider}", {"active": False})
        until(lambda: gateway.connected == 0, 15)
        im.call("PATCH", f"/api/v1/chatops/providers/{chat.provider}", {"active": True})
        until(lambda: gateway.connected == 1, 15)


def test_a_mention_on_mattermost_is_done_and_answered(im: Im) -> None:
    with room(im, "mattermost") as chat:
        fake = cast("MattermostFake", chat.fake)
        with MattermostSocket(fake) as socket, im.draining():
            change = {"base_url": socket.url, "bot_token": fake.token}
            path = f"/api/v1/chatops/providers/{chat.provider}"
            assert im.call("PATCH", path, {"config": change}).status_code == 200
            im.post(event())
            until(lambda: chat.place.announced("major"))
            with listening(im):
                socket.wait_for_listeners()
                before = len(chat.fake.answers)
                said = f"@{fake.me.username} ack INC-2024-001"
                socket.write(chat.dana, said, channel=chat.place.channel("major"))
                until(lambda: len(chat.fake.answers) > before)
                assert "You acknowledged INC-2024-001" in chat.fake.answers[before].text
                socket.react(chat.dana, chat.announced().id, "+1")
                until(lambda: im.sql("SELECT vote FROM feedback"))
