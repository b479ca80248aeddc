"""The stage for flow tests: a real API over real HTTP, real servers behind it, and drains on request."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import psycopg
import redis
from psycopg.rows import dict_row

from api.http.app import create_app
from api.http.context import context
from router.access import digest_of
from router.bootstrap import Parts, owner, parts
from router.settings import ROOT, Settings, environment
from router.sweep import Swept, sweep
from router.wake import CHANNEL, LANES_CHANNEL, channel_of
from tests.fakes.serving import Server
from worker.drain import Drain

T = TypeVar("T")

ADMIN = "im_admin-of-the-flow-tests-0123456789"
SENDER = "im_sender-of-the-flow-tests-0123456789"
OTHER = "im_other-sender-of-the-flow-tests-01234"
READER = "im_reader-of-the-flow-tests-0123456789"
TOKENS: Mapping[str, tuple[str, list[str]]] = {
    ADMIN: ("admin-source", ["admin"]),
    SENDER: ("monitoring", ["events:write"]),
    OTHER: ("other-monitoring", ["events:write"]),
    READER: ("reader", ["analytics:read"]),
}
QUICK = {"channel_per_second": 1000, "provider_per_second": 1000}
"""Rates above what the buckets count: for tests that are not about rates."""
START = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)

_KEPT = ("migrations", "versions", "rule_sets", "tokens")


def until(condition: Callable[[], T], seconds: float = 10.0, *, every: float = 0.02) -> T:
    """The first true value of the condition; AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; the last value was {value!r}")
        time.sleep(every)
    return value


def event(kind: str = "created", *, minute: float = 0, **fields: Any) -> dict[str, Any]:
    """A lifecycle event of INC-2024-001, `minute` minutes after START, with fields of it or its incident."""
    own = {name: fields.pop(name) for name in ("id", "actor", "note", "time") if name in fields}
    if "incident" in fields:
        fields["id"] = fields.pop("incident")
    incident = {"id": "INC-2024-001", **fields}
    if kind == "created":
        incident = {"title": "Database down", "severity": "SEV-2", "service": "checkout"} | incident
    at = (START + timedelta(minutes=minute)).isoformat()
    full = kind if "." in kind else f"incident.{kind}"
    return {"type": full, "time": at, "incident": incident} | own


class Loop:
    """An event loop in a thread of its own, for what has to run beside a test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = 30.0) -> T:
        """Run to the end and return the result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Any:
        """Run beside the test."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Api:
    """An API under uvicorn on a free port, in the loop's thread."""

    def __init__(self, loop: Loop, settings: Settings) -> None:
        self._loop = loop
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # answers took 40 ms
        self.settings = msgspec.structs.replace(settings, port=self._listener.getsockname()[1])
        self._server: Server | None = None
        self._ready = threading.Event()
        self._running = loop.start(self._serve())
        until(lambda: self._ready.is_set() or self._running.done())
        if self._running.done():
            self._running.result()
        # Of more idle connections than are kept, httpcore closes one that another thread has just got.
        kept = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        address = f"http://127.0.0.1:{self.settings.port}"
        # Nothing is encrypted here: without `verify` the certificates of this machine are not read.
        self.client = httpx.Client(base_url=address, timeout=30, limits=kept, verify=False)

    async def _serve(self) -> None:
        async with context(self.settings) as built:
            self._server = Server(create_app(built))
            self._ready.set()
            await self._server.serve(sockets=[self._listener])

    def close(self) -> None:
        self.client.close()
        assert self._server is not None
        self._server.stop()
        self._running.result(20)


class Im:
    """What a test holds: the API as an HTTP client, the database, Redis, drains and the sweep."""

    def __init__(self, loop: Loop, settings: Settings) -> None:
        self.loop = loop
        self._stack = AsyncExitStack()
        self.parts: Parts = loop.run(self._stack.enter_async_context(parts(settings, connections=8)))
        self.api = Api(loop, settings)
        self.settings = self.api.settings
        self.database = psycopg.connect(settings.database_url, autocommit=True, row_factory=dict_row)
        self.redis = redis.Redis.from_url(settings.redis_url)

    def close(self) -> None:
        self.redis.close()
        self.database.close()
        self.api.close()
        self.loop.run(self._stack.aclose())

    # HTTP.

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = ADMIN, **more: Any
    ) -> Any:
        """The response to a call; `body` is sent as JSON unless it is bytes."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        client = more.pop("client", None) or self.api.client
        return client.request(method, path, content=content, headers=headers, **more)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a path that is there."""
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, *events: dict[str, Any], token: str = SENDER) -> list[dict[str, Any]]:
        """Post events that are accepted; their results."""
        answer = self.call("POST", "/api/v1/events", events[0] if len(events) == 1 else events, token=token)
        assert answer.status_code == 202, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    def add(self, name: str, platform: str, **config: Any) -> dict[str, Any]:
        """Add a provider."""
        body = {"name": name, "type": platform, "config": config}
        answer = self.call("POST", "/api/v1/chatops/providers", body)
        assert answer.status_code == 201, answer.text
        added: dict[str, Any] = answer.json()
        return added

    def sandbox(self, name: str = "sandbox", **config: Any) -> dict[str, Any]:
        """Add a sandbox with channels for all that the default rules name."""
        return self.add(name, "sandbox", **(SANDBOX | config))

    def shown(self, name: str = "sandbox", channel: str = "") -> list[dict[str, Any]]:
        """What a sandbox shows, oldest first."""
        rows: list[dict[str, Any]] = self.get(f"/api/v1/chatops/providers/{name}/messages", channel=channel)
        return rows

    def incident(self, id: str = "INC-2024-001") -> dict[str, Any]:
        row: dict[str, Any] = self.get(f"/api/v1/incidents/{id}")
        return row

    def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        """Deliveries, oldest first."""
        rows: list[dict[str, Any]] = self.get("/api/v1/deliveries", limit=1000, **query)
        return rows[::-1]

    def delivery(self, id: str) -> dict[str, Any]:
        row: dict[str, Any] = self.get(f"/api/v1/deliveries/{id}")
        return row

    # The database.

    def sql(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self.database.execute(query, parameters)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []

    def wipe(self) -> None:
        """As after the installation, but without a provider."""
        names = self._wiped
        with self.database.transaction():
            # As with TRUNCATE, what is still being written is waited for; but its new files took 0.1 s.
            self.sql(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
            every = ", ".join(f"_{name} AS (DELETE FROM {name})" for name in names)
            self.sql(f"WITH {every} UPDATE versions SET value = value + 1")
            self.sql("DELETE FROM tokens")
            for token, (source, scopes) in TOKENS.items():
                self.sql(
                    "INSERT INTO tokens (id, name, source, digest, scopes) "
                    "VALUES (gen_random_uuid(), %s, %s, %s, %s)",
                    source,
                    source,
                    digest_of(token),
                    scopes,
                )
        self.redis.flushdb()

    @cached_property
    def _wiped(self) -> list[str]:
        """The tables that a test fills."""
        kept = [f"'{name}'" for name in _KEPT]
        rows = self.sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            f"AND tablename NOT IN ({', '.join(kept)})"
        )
        return [row["tablename"] for row in rows]

    # Sending.

    def drain(self, *, seconds: float = 10.0, linger: float = 0.05) -> None:
        """Send what is due until nothing was for `linger` seconds; what a rate holds back is not due."""
        self.loop.run(self._drain(linger, seconds))

    async def _drain(self, linger: float, seconds: float) -> None:
        running = asyncio.create_task(self.drain_of().run(linger=linger, seconds=seconds))
        while not running.done():
            # So that it looks more often than once a second.
            await self.parts.redis.publish(channel_of(self.parts.redis, CHANNEL), b"1")
            await asyncio.wait([running], timeout=0.02)
        await running

    def drain_of(self, **more: Any) -> Drain:
        """A drain as a worker makes it."""
        return Drain(
            store=self.parts.store,
            redis=self.parts.redis,
            waker=self.parts.waker,
            directory=self.parts.directory,
            adapters=self.parts.adapters,
            owner=more.pop("owner", None) or owner(),
            **more,
        )

    @contextmanager
    def draining(self, count: int = 1, *, lanes: Sequence[str] = ()) -> Iterator[None]:
        """Drains beside the test."""
        stop = threading.Event()
        running = [
            self.loop.start(self.drain_of(stopping=stop.is_set, lanes=lanes).run(linger=600, seconds=600))
            for _ in range(count)
        ]
        try:
            yield
        finally:
            stop.set()
            self.wake_drains()
            for each in running:
                each.result(40)

    def wake_drains(self) -> None:
        """Have running drains look now and not when their second is over, which they do without Redis."""
        with suppress(redis.RedisError):
            for name in (CHANNEL, LANES_CHANNEL):
                self.redis.publish(channel_of(self.parts.redis, name), b"1")

    def sweep(self) -> Swept:
        """One sweep, as the ticker does every second."""
        return self.loop.run(sweep(self.parts.store, self.parts.directory))

    def pass_time(self, seconds: float) -> None:
        """What was accepted becomes older; what waits comes nearer."""
        self.sql(
            "UPDATE deliveries SET accepted_at = accepted_at - %s, not_before = not_before - %s, "
            "expires_at = expires_at - %s, lease_until = lease_until - %s, tried_at = tried_at - %s",
            *[timedelta(seconds=seconds)] * 5,
        )

    def settled(self, seconds: float = 10.0) -> list[dict[str, Any]]:
        """All deliveries, once none waits; something must be sending."""
        waiting = ("pending", "sending", "retrying")
        until(lambda: not any(d["state"] in waiting for d in self.deliveries()), seconds)
        return self.deliveries()

    # Processes.

    def process(self, module: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """A role as a process of its own."""
        environ = {**os.environ, **environment(self.settings), **variables}
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL)


SANDBOX: Mapping[str, Any] = {
    "default_channel": "general",
    "notification_channels": {"SEV-1": "critical", "SEV-2": "major", "SEV-3": "minor", "SEV-4": "info"},
    "escalation_channels": {"management": "executives", "sla_breach": "breaches"},
    "archive_channel": "archive",
}


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, ended with the block."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def write_rules(folder: Path, text: str, name: str = "10-rules.yaml") -> Path:
    """A rule file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def states(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(row["state"]) for row in rows]
