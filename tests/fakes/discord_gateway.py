"""The fake Discord's Gateway: a WebSocket server that greets, identifies, resumes, and tells what people say.

https://docs.discord.com/developers/events/gateway and #gateway-events. It runs in a thread of its own beside
a DiscordFake (`with DiscordFake() as fake, DiscordGateway(fake) as gateway:`), whose people speak here.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import zlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web

from tests.fakes.base import Posted
from tests.fakes.discord import DiscordFake

T = TypeVar("T")

_EMOJI: Final = {"+1": "👍", "-1": "👎"}
# https://docs.discord.com/developers/events/gateway#list-of-intents
_GUILD_MESSAGES, _DIRECT_MESSAGES = 1 << 9, 1 << 12
_GUILD_REACTIONS, _DIRECT_REACTIONS = 1 << 10, 1 << 13
_PRIVILEGED: Final = 1 << 1 | 1 << 8 | 1 << 15
_AUTHENTICATION_FAILED, _DISALLOWED_INTENTS, _INVALID_SEQUENCE = 4004, 4014, 4007


@dataclass
class Session:
    """What Discord remembers of a client, also while it is away."""

    id: str
    intents: int
    seq: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    connection: Connection | None = None


class Connection:
    """A WebSocket, its frames compressed if the client asked for that."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.request = request
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None

    async def send(self, payload: dict[str, Any]) -> None:
        text = json.dumps(payload)
        if self._zlib:
            frame = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            await self.socket.send_bytes(frame)
        else:
            await self.socket.send_str(text)


class DiscordGateway:
    """The server. `say` and `react` make events; `drop` breaks the connections."""

    def __init__(self, fake: DiscordFake, *, heartbeat_ms: int = 41_250) -> None:
        self.fake = fake
        self.heartbeat_ms = heartbeat_ms
        self.sessions: dict[str, Session] = {}
        self.identifies: list[dict[str, Any]] = []
        self.resumes = 0
        self.heartbeats = 0
        self.token = fake.token
        """What it accepts; REST may accept another, as when a token is reset meanwhile."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What people and tests do.

    def say(
        self,
        user: str,
        text: str,
        *,
        channel: str,
        answers: str | None = None,
        to_bot: bool = True,
        **more: Any,
    ) -> str:
        """Somebody writes a message, to the bot unless told otherwise; its id."""
        direct = channel.startswith("@")
        place = self.fake.direct_channel(channel[1:]) if direct else self.fake._channel(channel)
        number = self.fake._new_id()
        content = f"<@{self.fake.user_id}> {text}" if to_bot and not direct else text
        mentioned = [self.fake._account(self.fake.user_id)] if to_bot and not direct else []
        self.fake.said[number] = Posted(number, place["id"], {"content": content}, None, answers, time.time())
        event = {
            "id": number,
            "channel_id": place["id"],
            "channel_type": place["type"],
            "author": self._author(user),
            # Without the privileged intent only messages to the bot show what they say.
            "content": content if to_bot or direct else "",
            "timestamp": "2026-01-05T10:00:00.000000+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": mentioned,
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 19 if answers else 0,
            **({"message_reference": {"message_id": answers, "channel_id": place["id"]}} if answers else {}),
            **({} if direct else {"guild_id": self.fake.guild_id, "member": {"nick": None, "roles": []}}),
        }
        self._tell("MESSAGE_CREATE", event | more, _DIRECT_MESSAGES if direct else _GUILD_MESSAGES)
        return number

    def react(self, user: str, posted: Posted, emoji: str, **more: Any) -> None:
        """Somebody adds 👍 (`+1`), 👎 (`-1`) or any other emoji to a message."""
        direct = self.fake.channels[posted.channel]["type"] == 1
        event = {
            "user_id": user,
            "channel_id": posted.channel,
            "message_id": posted.id,
            "message_author_id": self.fake.user_id,
            "emoji": {"id": None, "name": _EMOJI.get(emoji, emoji)},
            "burst": False,
            "type": 0,
            **({} if direct else {"guild_id": self.fake.guild_id, "member": {"user": self._author(user)}}),
        }
        self._tell("MESSAGE_REACTION_ADD", event | more, _DIRECT_REACTIONS if direct else _GUILD_REACTIONS)

    def drop(self, *, code: int | None = None) -> None:
        """All connections break, or are closed with a code; the sessions stay."""
        self._do(self._drop(code))

    def reconnect(self) -> None:
        """Ask the clients to connect anew (opcode 7)."""
        self._do(self._to_all({"op": 7, "d": None}))

    def garble(self) -> None:
        """Send frames that nobody can read."""
        for session in self.sessions.values():
            if session.connection:
                self._do(session.connection.socket.send_bytes(b"no zlib stream\x00\x00\xff\xff"))

    def forget(self) -> None:
        """The sessions cannot be resumed any more."""
        self.sessions = {}

    @property
    def connected(self) -> int:
        return sum(session.connection is not None for session in self.sessions.values())

    # The server.

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, listening).start()
        self.fake.gateway_address = f"ws://127.0.0.1:{listening.getsockname()[1]}"

    async def _stop(self) -> None:
        await self._drop(WSCloseCode.GOING_AWAY)
        assert self._runner is not None
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        found = web.WebSocketResponse()
        await found.prepare(request)
        connection = Connection(found, request)
        await connection.send({"op": 10, "d": {"heartbeat_interval": self.heartbeat_ms}})
        session: Session | None = None
        async for message in found:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            session = await self._heed(connection, json.loads(message.data), session)
        if session and session.connection is connection:
            session.connection = None
        return found

    async def _heed(
        self, connection: Connection, frame: dict[str, Any], session: Session | None
    ) -> Session | None:
        if frame["op"] == 1:
            self.heartbeats += 1
            await connection.send({"op": 11, "d": None})
        elif frame["op"] == 2:
            return await self._identify(connection, frame["d"])
        elif frame["op"] == 6:
            return await self._resume(connection, frame["d"])
        return session

    async def _identify(self, connection: Connection, given: dict[str, Any]) -> Session | None:
        self.identifies.append(given)
        if given["token"] != self.token:
            await connection.socket.close(code=_AUTHENTICATION_FAILED, message=b"Authentication failed.")
            return None
        if given["intents"] & _PRIVILEGED:
            await connection.socket.close(code=_DISALLOWED_INTENTS, message=b"Disallowed intent(s).")
            return None
        session = Session(id=f"session-{len(self.identifies)}", intents=given["intents"])
        self.sessions[session.id] = session
        session.connection = connection
        ready = {
            "v": 10,
            "user": self._author(self.fake.user_id),
            "guilds": [{"id": self.fake.guild_id, "unavailable": True}],
            "session_id": session.id,
            "resume_gateway_url": self.fake.gateway_address,
            "application": {"id": self.fake.application_id, "flags": 0},
        }
        await self._dispatch(session, "READY", ready)
        return session

    async def _resume(self, connection: Connection, given: dict[str, Any]) -> Session | None:
        session = self.sessions.get(given["session_id"])
        if session is None or given["token"] != self.token:
            await connection.send({"op": 9, "d": False})
            return None
        if given["seq"] > session.seq:
            await connection.socket.close(code=_INVALID_SEQUENCE, message=b"Invalid seq.")
            return None
        self.resumes += 1
        session.connection = connection
        for event in session.events:
            if event["s"] > given["seq"]:
                await connection.send(event)
        await self._dispatch(session, "RESUMED", {})
        return session

    async def _dispatch(self, session: Session, name: str, data: dict[str, Any]) -> None:
        session.seq += 1
        event = {"op": 0, "t": name, "s": session.seq, "d": data}
        session.events.append(event)
        if session.connection:
            await session.connection.send(event)

    async def _to_all(self, frame: dict[str, Any]) -> None:
        for session in self.sessions.values():
            if session.connection:
                await session.connection.send(frame)

    async def _drop(self, code: int | None) -> None:
        for session in self.sessions.values():
            connection, session.connection = session.connection, None
            if connection is None:
                continue
            if code is not None:
                await connection.socket.close(code=code)
            elif connection.request.transport:
                connection.request.transport.abort()

    def _tell(self, name: str, event: dict[str, Any], intent: int) -> None:
        async def tell() -> None:
            for session in list(self.sessions.values()):
                if session.intents & intent:
                    await self._dispatch(session, name, event)

        self._do(tell())

    def _author(self, user: str) -> dict[str, Any]:
        known = [person["user"] for person in self.fake.members if person["user"]["id"] == user]
        return {**(known[0] if known else {"id": user, "username": "stranger"}), "discriminator": "0"}

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
