"""A Mattermost server's WebSocket in front of the stand-in, which answers everything else.

`with MattermostFake() as fake, MattermostSocket(fake) as socket:` and `base_url` is `socket.url`. It holds
what it sent under each connection's id, as the server's dead queue does, and sends again from the number that
a client asks for (server/channels/app/platform/web_conn.go).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.fakes.base import Posted
from tests.fakes.mattermost import MattermostFake

_PASSED_ON = ("authorization", "content-type", "accept")


@dataclass
class _Connection:
    id: str
    sent: list[dict[str, Any]] = field(default_factory=list)
    """Every event of this id, by its number."""
    socket: web.WebSocketResponse | None = None


class MattermostSocket:
    """Runs in a thread of its own; its methods may be called from any other."""

    def __init__(self, fake: MattermostFake) -> None:
        self.fake = fake
        self.challenges: list[dict[str, Any]] = []
        """What clients sent first."""
        self.resumed: list[tuple[str, int]] = []
        """Connections that were taken up again, and from which number."""
        self._connections: dict[str, _Connection] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._reactions = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What people do.

    def write(self, user: str, text: str, *, channel: str, thread: str | None = None, **props: Any) -> Posted:
        """A message, told to the bot if it is in the channel."""
        posted = self.fake.say(user, text, channel=channel, thread=thread)
        where = self.fake.channels_by_id[channel]
        name = next(one.username for one in self.fake.users if one.id == user)
        post = {
            "id": posted.id,
            "create_at": int(posted.at * 1000),
            "user_id": user,
            "channel_id": channel,
            "root_id": thread or "",
            "message": text,
            "type": props.pop("type", ""),
            "props": props,
            "hashtags": "",
        }
        data = {
            "channel_display_name": where.name,
            "channel_name": where.name,
            "channel_type": where.type,
            "mentions": json.dumps([self.fake.me.id]) if f"@{self.fake.me.username}" in text else "[]",
            "post": json.dumps(post),
            "sender_name": f"@{name}",
            "set_online": True,
            "team_id": where.team_id if where.type in "OP" else "",
        }
        self.tell("posted", data, channel=channel)
        return posted

    def react(self, user: str, post_id: str, emoji: str) -> None:
        """An emoji by the server's name for it: `+1`, `thumbsdown`, `tada`."""
        self._reactions += 1
        reaction = {
            "user_id": user,
            "post_id": post_id,
            "emoji_name": emoji,
            "create_at": int(time.time() * 1000) + self._reactions,
        }
        posted = self.fake.message(post_id)
        self.tell("reaction_added", {"reaction": json.dumps(reaction)}, channel=posted.channel)

    def tell(self, event: str, data: dict[str, Any], *, channel: str = "") -> None:
        """Any event, to every connection, also to those that are broken and may come back."""
        self._run(self._tell(event, data, channel))

    def break_off(self) -> None:
        """Close every connection without a word; they may be taken up again."""
        self._run(self._close_all())

    def forget(self) -> None:
        """Close every connection and keep nothing of it."""
        self._run(self._close_all())
        self._connections.clear()

    def wait_for_listeners(self, count: int = 1) -> None:
        """Until so many clients are connected and authenticated."""
        deadline = time.monotonic() + 10
        while sum(one.socket is not None for one in list(self._connections.values())) < count:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.01)

    # The server.

    def _run(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(10)

    async def _start(self) -> None:
        self._client = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application()
        app.router.add_get("/api/v4/websocket", self._websocket)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._close_all()
        await self._runner.cleanup()
        await self._client.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        url = f"{self.fake.url}{request.rel_url}"
        body = await request.read()
        async with self._client.request(request.method, url, data=body, headers=headers) as answer:
            kind = {"content-type": answer.headers.get("content-type", "application/json")}
            return web.Response(status=answer.status, body=await answer.read(), headers=kind)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        challenge = await socket.receive_json()
        self.challenges.append(challenge)
        right = challenge.get("action") == "authentication_challenge"
        if not right or challenge["data"]["token"] not in self.fake.tokens:
            await socket.send_json(
                {"status": "FAIL", "seq_reply": 1, "error": {"id": "api.web_socket_router"}}
            )
            await socket.close()
            return socket
        connection = self._resume(request) or self._fresh()
        start = int(request.query.get("sequence_number", 0)) if connection.sent else 0
        await socket.send_json({"status": "OK", "seq_reply": challenge["seq"]})
        if not connection.sent:
            self._add(connection, "hello", {"connection_id": connection.id, "server_version": "11.0.0"}, "")
        for event in connection.sent[start:]:
            await socket.send_json(event)
        connection.socket = socket
        async for _ in socket:
            pass
        if connection.socket is socket:
            connection.socket = None
        return socket

    def _resume(self, request: web.Request) -> _Connection | None:
        """Only of a client that is known by its header before it says anything."""
        connection = self._connections.get(request.query.get("connection_id", ""))
        known = request.headers.get("authorization", "").removeprefix("Bearer ") in self.fake.tokens
        if connection is None or not known:
            return None
        self.resumed.append((connection.id, int(request.query["sequence_number"])))
        return connection

    def _fresh(self) -> _Connection:
        made = _Connection(id=f"w{len(self.challenges):025d}")
        self._connections[made.id] = made
        return made

    def _add(self, connection: _Connection, event: str, data: dict[str, Any], channel: str) -> dict[str, Any]:
        broadcast = {
            "omit_users": None,
            "user_id": "",
            "channel_id": channel,
            "team_id": "",
            "connection_id": "",
        }
        told = {"event": event, "data": data, "broadcast": broadcast, "seq": len(connection.sent)}
        connection.sent.append(told)
        return told

    async def _tell(self, event: str, data: dict[str, Any], channel: str) -> None:
        for connection in self._connections.values():
            told = self._add(connection, event, data, channel)
            if connection.socket is not None and not connection.socket.closed:
                await connection.socket.send_json(told)

    async def _close_all(self) -> None:
        for connection in self._connections.values():
            if connection.socket is not None:
                await connection.socket.close()
                connection.socket = None
