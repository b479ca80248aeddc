"""A small real HTTP server that stands in for a chat platform in tests: rules enforced, all calls recorded.

Each platform's fake subclasses FakePlatform, lists its routes and states its rules. It runs inside a test
(`with SlackFake() as fake: fake.url`) or as a process of its own
(`python -m tests.fakes slack --port 9001 --records file.jsonl`), where it outlives what the test kills.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes.serving import Server

FaultKind = Literal["429", "500", "timeout", "garbage", "disconnect", "lost_answer"]


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float
    match: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {
            key: values[0] for key, values in parse_qs(self.body.decode(), keep_blank_values=True).items()
        }


@dataclass(frozen=True)
class Reply:
    """What the fake answers."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Posted:
    """A message that the fake platform holds."""

    id: str
    channel: str
    payload: dict[str, Any]
    nonce: str | None
    parent: str | None
    at: float
    edits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, Any]:
        """The payload as it stands now."""
        return self.edits[-1] if self.edits else self.payload


class Refused(Exception):
    """The platform's rules refuse a call: raised by checks, answered as `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply.body))
        self.reply = reply


class SlidingLog:
    """Exact rate windows: at most `count` calls in any `seconds`."""

    def __init__(self, *windows: tuple[int, float]) -> None:
        self.windows = windows
        self._times: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until a call is allowed; 0 and counted when it is allowed now."""
        longest = max((seconds for _, seconds in self.windows), default=0.0)
        while self._times and self._times[0] <= now - longest:
            self._times.popleft()
        delay = 0.0
        for count, seconds in self.windows:
            inside = [t for t in self._times if t > now - seconds]
            if len(inside) >= count:
                delay = max(delay, inside[-count] + seconds - now)
        if delay <= 0:
            self._times.append(now)
        return max(delay, 0.0)


Handler = Callable[[Call], Awaitable[Reply] | Reply]


class FakePlatform:
    """The server, its faults and its records. Subclasses set `routes` in __init__ by `self.route`."""

    platform: ClassVar[str] = "fake"
    channel_windows: ClassVar[tuple[tuple[int, float], ...]] = ()
    provider_windows: ClassVar[tuple[tuple[int, float], ...]] = ()

    def __init__(
        self,
        *,
        rates: bool = True,
        latency: float = 0.0,
        records: Path | None = None,
        port: int = 0,
    ) -> None:
        self.rates = rates
        self.latency = latency
        self.calls: list[Call] = []
        self.messages: dict[str, Posted] = {}
        self.refusals: list[tuple[str, Reply]] = []
        """Calls that broke a rule of the platform: (method and path, what was answered)."""
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._faults: deque[tuple[FaultKind, re.Pattern[str], float]] = deque()
        self._random_faults: list[tuple[FaultKind, float]] = []
        self._dice = random.Random(7)
        self._channel_logs: dict[str, SlidingLog] = defaultdict(lambda: SlidingLog(*self.channel_windows))
        self._provider_log = SlidingLog(*self.provider_windows)
        self._records = records.open("a", buffering=1) if records else None
        self._listen_port = port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    # What subclasses and tests use.

    def route(self, method: str, pattern: str, handler: Handler) -> None:
        """Register a handler; the pattern's groups arrive as `call.match`."""
        self._routes.append((method, re.compile(pattern + r"\Z"), handler))

    def fail_next(self, kind: FaultKind, *, times: int = 1, path: str = ".*", seconds: float = 1.0) -> None:
        """The next calls whose path matches get this fault; `seconds` is Retry-After or the delay."""
        self._faults.extend([(kind, re.compile(path), seconds)] * times)

    def holds_back(self, path: str) -> bool:
        """Whether the next call of this path is not answered in time."""
        return next((kind == "timeout" for kind, wanted, _ in self._faults if wanted.search(path)), False)

    def fail_randomly(self, kind: FaultKind, share: float) -> None:
        """This share of all calls gets the fault."""
        self._random_faults.append((kind, share))

    def check_rate(self, channel: str) -> None:
        """Raise Refused with the platform's 429 when the windows are full."""
        if not self.rates:
            return
        now = time.monotonic()
        wait = max(self._provider_log.wait(now), self._channel_logs[channel].wait(now))
        if wait > 0:
            raise Refused(self.too_many(wait))

    def too_many(self, wait: float) -> Reply:
        """The platform's own form of a 429; override it."""
        return Reply({"error": "rate limited"}, 429, {"retry-after": str(int(wait) + 1)})

    def keep(
        self,
        channel: str,
        payload: dict[str, Any],
        *,
        id: str,
        nonce: str | None = None,
        parent: str | None = None,
    ) -> Posted:
        """Record a new message."""
        posted = Posted(id=id, channel=channel, payload=payload, nonce=nonce, parent=parent, at=time.time())
        self.messages[id] = posted
        self._note("post", posted, payload)
        return posted

    def change(self, id: str, payload: dict[str, Any]) -> Posted:
        """Record an edit of a message."""
        posted = self.messages[id]
        posted.edits.append(payload)
        self._note("edit", posted, payload)
        return posted

    def in_channel(self, channel: str) -> list[Posted]:
        """The messages of a channel, oldest first."""
        return [posted for posted in self.messages.values() if posted.channel == channel]

    @property
    def port(self) -> int:
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # The server.

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", self._listen_port), backlog=512)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # answers took 40 ms
        self._server = Server(self._app, interface="asgi3")
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._socket])),  # type: ignore[union-attr,list-item]
            daemon=True,
        )
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline:
                raise RuntimeError("the fake did not start")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.stop()
        self._thread.join(10)
        if self._records:
            self._records.close()

    def serve_forever(self) -> None:
        """Run in this process until it is ended."""
        with self:
            assert self._thread is not None
            self._thread.join()

    def _note(self, what: str, posted: Posted, payload: dict[str, Any]) -> None:
        if self._records:
            row = asdict(posted) | {"what": what, "payload": payload, "at": time.time()}
            row.pop("edits")
            self._records.write(json.dumps(row) + "\n")

    async def _app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        target = urlsplit(scope["path"])
        call = Call(
            method=scope["method"],
            path=target.path,
            query={k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()},
            headers={k.decode(): v.decode() for k, v in scope["headers"]},
            body=body,
            at=time.time(),
        )
        self.calls.append(call)
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = self._fault(call)
        if fault and fault[0] == "disconnect":
            # Less than was promised: the server closes the connection in the middle of the answer.
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]}
            )
            return
        reply = (
            await self._answer(call)
            if fault is None or fault[0] == "lost_answer"
            else await self._faulty(*fault)
        )
        if fault and fault[0] == "lost_answer":
            reply = Reply({"error": "the answer was lost"}, 502)
        await self._send(send, reply)

    def _fault(self, call: Call) -> tuple[FaultKind, float] | None:
        for index, (kind, path, seconds) in enumerate(self._faults):
            if path.search(call.path):
                del self._faults[index]
                return kind, seconds
        for kind, share in self._random_faults:
            if self._dice.random() < share:
                return kind, 1.0
        return None

    async def _faulty(self, kind: FaultKind, seconds: float) -> Reply:
        if kind == "429":
            return self.too_many(seconds)
        if kind == "timeout":
            assert self._server is not None
            await self._server.hold(seconds)
            return Reply({"error": "too late"}, 504)
        if kind == "garbage":
            return Reply(b"<html>\xff\xfe not json", 200, {"content-type": "text/html"})
        return Reply({"error": "internal"}, 500)

    async def _answer(self, call: Call) -> Reply:
        try:
            for method, pattern, handler in self._routes:
                found = pattern.match(call.path)
                if found and method == call.method:
                    outcome = handler(Call(**{**call.__dict__, "match": found.groups()}))
                    return outcome if isinstance(outcome, Reply) else await outcome
        except Refused as refused:
            self.refusals.append((f"{call.method} {call.path}", refused.reply))
            return refused.reply
        reply = Reply({"error": f"no such call: {call.method} {call.path}"}, 404)
        self.refusals.append((f"{call.method} {call.path}", reply))
        return reply

    @staticmethod
    async def _send(send: Any, reply: Reply) -> None:
        body = (
            reply.body
            if isinstance(reply.body, bytes)
            else b""
            if reply.body is None
            else json.dumps(reply.body).encode()
        )
        headers = {"content-type": "application/json"} | reply.headers
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(k.encode(), v.encode()) for k, v in headers.items()]
                + [(b"content-length", str(len(body)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": body})
