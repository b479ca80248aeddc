"""The gateway role: hears providers whose platform speaks over a connection that the bot keeps open.

What it hears goes into the inbox like a webhook's input and is done by whichever desk is free. Of several
gateways one at a time hears a provider: whoever holds the provider's advisory lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
import uvloop
from redis.exceptions import RedisError

from adapters import registry
from adapters.contract import DeliveryError
from adapters.inbound import ChatInput, Listen
from router import log
from router.bootstrap import Parts, parts
from router.chat.inbox import Inbox
from router.chat.work import CHANNEL
from router.problems import Problem, Unavailable
from router.settings import Settings
from router.store import connect_options
from router.targets import Provider
from router.wake import channel_of

LOOK_SECONDS: Final = 2.0
"""How often providers are looked at, and a lock that another gateway has is tried again."""
REFUSED_SECONDS: Final = 60.0
"""After an error that only an admin can mend; a changed configuration is tried at once."""
_LOCK_SPACE: Final = 2
_AWAY: Final = (psycopg.Error, Problem, OSError)
_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Listen until SIGTERM."""
    log.configure(debug=settings.debug)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with parts(settings, connections=2) as built:
        await Gateway(built).run(stop)


class Ear:
    """One provider being listened to, at one version of its configuration."""

    def __init__(self, parts: Parts, inbox: Inbox, provider: Provider) -> None:
        self.version = provider.version
        self._parts = parts
        self._inbox = inbox
        self._provider = provider
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._hear())

    async def end(self) -> None:
        """Stop listening."""
        self._stop.set()
        await asyncio.wait([self._task], timeout=5.0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _hear(self) -> None:
        """Listen while this process holds the provider's lock; come back after whatever ends it."""
        told = ""
        while not self._stop.is_set():
            pause = LOOK_SECONDS
            try:
                await self._hold()
                told = ""
            except DeliveryError as error:
                pause = LOOK_SECONDS if error.reason.retryable else REFUSED_SECONDS
                if told != error.detail:
                    _log.error("gateway_refused", provider=self._provider.name, detail=error.detail)
                told = error.detail
            except _AWAY as error:
                _log.warning("database_away", error=type(error).__name__)
            except Exception as error:
                _log.error("gateway_crashed", provider=self._provider.name, exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _hold(self) -> None:
        options = connect_options()
        connection = await psycopg.AsyncConnection.connect(self._parts.settings.database_url, **options)
        async with connection:
            cursor = await connection.execute(
                "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS held", (_LOCK_SPACE, self._provider.name)
            )
            row = await cursor.fetchone()
            if row is None or not row["held"]:
                return
            await self._listen(connection)

    async def _listen(self, connection: psycopg.AsyncConnection[dict[str, object]]) -> None:
        """Listen for as long as the lock's connection lives."""
        module = importlib.import_module(registry.platform(self._provider.platform).listener)
        listen: Listen = module.listen
        over = asyncio.Event()
        hearing = asyncio.ensure_future(listen(self._provider.config, self._deliver, stop=over))
        try:
            while not self._stop.is_set() and not hearing.done():
                await connection.execute("SELECT 1")
                await asyncio.wait([hearing], timeout=LOOK_SECONDS)
        finally:
            over.set()
            await asyncio.wait([hearing], timeout=5.0)
            hearing.cancel()
        if hearing.done() and not hearing.cancelled():
            hearing.result()

    async def _deliver(self, given: ChatInput) -> None:
        """Into the inbox; while the database is away the platform's connection waits with us."""
        while True:
            try:
                await self._inbox.receive(self._provider.name, given, datetime.now(UTC), mine=False)
                break
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable, OSError) as error:
                _log.warning("database_away", error=type(error).__name__)
                await asyncio.sleep(1.0)
            except (
                psycopg.Error,
                Problem,
            ) as error:  # asking again would end in the same, and all others would wait
                _log.error("input_not_kept", provider=self._provider.name, error=type(error).__name__)
                return
        with contextlib.suppress(RedisError, OSError):
            await self._parts.redis.publish(channel_of(self._parts.redis, CHANNEL), b"1")


class Gateway:
    """Keeps an ear for every active provider that has a listener."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._inbox = Inbox(parts.store, parts.vault)
        self._ears: dict[str, Ear] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the providers until `stop` is set."""
        try:
            while not stop.is_set():
                with contextlib.suppress(*_AWAY):
                    await self._follow()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
        finally:
            await asyncio.gather(*(ear.end() for ear in self._ears.values()))

    async def _follow(self) -> None:
        providers = await self._parts.directory.fresh(self._parts.store)
        wanted = {
            name: provider
            for name, provider in providers.items()
            if provider.active and registry.platform(provider.platform).listener
        }
        for name, ear in list(self._ears.items()):
            if name not in wanted or wanted[name].version != ear.version:
                del self._ears[name]
                await ear.end()
        for name, provider in wanted.items():
            if name not in self._ears:
                self._ears[name] = Ear(self._parts, self._inbox, provider)
