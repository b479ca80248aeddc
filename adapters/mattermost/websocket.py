"""Hearing a Mattermost server over its WebSocket: the only way in which it tells of reactions.

A connection is taken up again where it broke: the server keeps what it sent under a connection's id, and
sends again from the number that is asked for (server/channels/api4/websocket.go, `connection_id` and
`sequence_number`). A number counts as heard once its input is delivered, so that nothing is lost by a restart
of what is behind `deliver`. Where the server has forgotten the connection, what happened meanwhile is lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

import aiohttp

from adapters.config import current
from adapters.contract import DeliveryError, Outbound
from adapters.http import Http
from adapters.inbound import ChatInput
from adapters.mattermost.api import Api
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import Directory
from adapters.mattermost.events import Event, Events, decoded
from adapters.mattermost.workspace import Workspace

Deliver = Callable[[ChatInput], Awaitable[None]]

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
# Sooner than the server, which pings every 60 s: server/channels/app/platform/web_conn.go.
HEARTBEAT_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0
TRIES: Final = 5
"""Of an input that is not taken, so that it does not stand before all others for ever."""
MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
"""A post is at most 16,383 characters and 800,000 of properties, in JSON within JSON."""

_log = logging.getLogger(__name__)


class _Broken(Exception):
    """The connection is of no more use; `fresh` when it cannot be taken up again."""

    def __init__(self, why: str, *, fresh: bool = False) -> None:
        super().__init__(why)
        self.fresh = fresh


async def listen(config: MattermostConfig, deliver: Deliver, *, stop: asyncio.Event) -> None:
    """Deliver mentions, direct messages and thumbs until `stop` is set, over as many connections as it takes.

    An input may be delivered twice, with the same key. What `deliver` raises breaks the connection; the input
    comes again with the next one.
    """
    async with Http() as outbound, _session() as session:
        listener = Listener(config, deliver, outbound, session)
        wait = FIRST_WAIT_SECONDS
        while not stop.is_set():
            greeted = await _until(stop, listener.once())
            wait = FIRST_WAIT_SECONDS if greeted else min(wait * 2, LONGEST_WAIT_SECONDS)
            await _until(stop, asyncio.sleep(wait * random.uniform(0.5, 1.0), False))  # noqa: S311  no secret


def _session() -> aiohttp.ClientSession:
    """Follows no redirect: the token is sent behind the handshake, and is for the configured server alone."""
    watching = aiohttp.TraceConfig()
    watching.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[watching])


async def _refuse_redirect(*_: object) -> None:
    raise _Broken("the server redirects; set base_url to the address that it leads to")


async def _until(stop: asyncio.Event, work: Awaitable[bool]) -> bool:
    """The outcome of the work; False when `stop` came first, and the work is cancelled."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else False
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


class Listener:
    """One connection after another, and how far they were heard."""

    def __init__(
        self, config: MattermostConfig, deliver: Deliver, outbound: Outbound, session: aiohttp.ClientSession
    ) -> None:
        self._token = current(config.bot_token)
        self._address = address(config.base_url)
        self._deliver = deliver
        self._session = session
        api = Api(config.base_url, self._token, outbound)
        directory = Directory(api, config.team)
        self._events = Events(api, directory, Workspace(config, directory))
        self._connection = ""
        self._next = 0
        self._tried = (0, 0)
        """A number, and how often its event was not taken."""
        self._greeted = False

    async def once(self) -> bool:
        """Listen over one connection until it breaks; whether the server greeted it."""
        self._greeted = False
        try:
            await self._hear()
        except _Broken as broken:
            _log.warning("mattermost websocket: %s", broken)
            if broken.fresh:
                self._connection = ""
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _log.warning("mattermost websocket: no connection (%s)", type(error).__name__)
        except DeliveryError as error:
            _log.warning("mattermost websocket: %s", error.detail)
        except Exception as error:  # whatever `deliver` raises: the input must come again
            _log.warning("mattermost websocket: an input was not delivered (%s)", type(error).__name__)
        return self._greeted

    async def _hear(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            socket = await self._session.ws_connect(
                self._resumed(),
                headers={"authorization": f"Bearer {self._token}"},
                heartbeat=HEARTBEAT_SECONDS,
                max_msg_size=MAX_FRAME_BYTES,
            )
        async with socket:
            challenge = {"seq": 1, "action": "authentication_challenge", "data": {"token": self._token}}
            await socket.send_json(challenge)
            async for frame in socket:
                if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    await self._take(decoded(frame.data))
        raise _Broken("the server closed the connection")

    def _resumed(self) -> str:
        if not self._connection:
            return self._address
        where = {"connection_id": self._connection, "sequence_number": self._next}
        return f"{self._address}?{urlencode(where)}"

    async def _take(self, event: Event | None) -> None:
        if event is None:
            return
        if event.seq_reply:
            if event.status != "OK":
                raise _Broken("the server does not accept the bot token", fresh=True)
            self._greeted = True
            return
        if event.event == "hello":
            self._greet(event)
        if event.seq < self._next:
            return
        if event.seq > self._next:
            raise _Broken("events are missing; starting anew", fresh=True)
        await self._pass_on(event)
        self._next = event.seq + 1

    async def _pass_on(self, event: Event) -> None:
        """Deliver what the event tells; raises to have it sent again, a few times."""
        try:
            given = await self._events.understood(event)
            if given:
                await self._deliver(given)
        except Exception as error:
            lasting = isinstance(error, DeliveryError) and not error.reason.retryable
            number, count = self._tried
            self._tried = (event.seq, count + 1 if number == event.seq else 1)
            if not lasting and self._tried[1] < TRIES:
                raise
            _log.error("mattermost websocket: an input is left out (%s)", type(error).__name__)

    def _greet(self, event: Event) -> None:
        """Another connection's id in the greeting means that the server has forgotten ours."""
        connection = str(event.data.get("connection_id", ""))
        if connection != self._connection or not connection:
            self._connection, self._next = connection, event.seq


def address(base_url: str) -> str:
    """The WebSocket's address of a server."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}/api/v4/websocket"
