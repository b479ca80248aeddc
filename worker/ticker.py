"""The ticker role: whichever process holds the advisory lock sweeps, and does what is due."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
import uvloop

from router import log
from router.bootstrap import Parts, parts
from router.callbacks import settle
from router.catalogue.calendars import Calendars
from router.catalogue.live import LiveCatalogue
from router.catalogue.oncall import Roster
from router.dialogue import reviewing
from router.problems import Problem
from router.settings import Settings
from router.store import connect_options
from router.sweep import forget_chat, forget_keys, sweep
from worker.silences import Silences

SWEEP_SECONDS: Final = 1.0
EXPIRE_SECONDS: Final = 60.0
"""Messages live for a day, and looking for old ones reads everything that waits."""
FORGET_SECONDS: Final = 3600.0
_LOCK: Final = 0x696D_0002
_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Tick until SIGTERM."""
    log.configure(debug=settings.debug)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


class _Every:
    """Says once in so many seconds that it is time; what fails then has its next turn like what does not."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = float("-inf")

    def due(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._seconds
        return True


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with parts(settings, connections=2) as built:
        away = False
        expire, forget = _Every(EXPIRE_SECONDS), _Every(FORGET_SECONDS)
        catalogue = LiveCatalogue(settings.catalogue, default_timezone=settings.timezone)
        silences = Silences(built, Roster(catalogue, Calendars(built.http, _now)))
        while not stop.is_set():
            try:
                await _hold(built, stop, expire, forget, silences)
                away = False
            except (psycopg.Error, Problem, OSError) as error:
                if not away:
                    _log.warning("database_away", error=type(error).__name__)
                away = True
            await _pause(stop, SWEEP_SECONDS)
        await silences.close()


async def _hold(
    built: Parts, stop: asyncio.Event, expire: _Every, forget: _Every, silences: Silences
) -> None:
    """Tick while this process holds the lock; return when another one has it."""
    connection = await psycopg.AsyncConnection.connect(built.settings.database_url, **connect_options())
    async with connection:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS held", (_LOCK,))
        row = await cursor.fetchone()
        if row is None or not row["held"]:
            return
        while not stop.is_set():
            await connection.execute("SELECT 1")
            await _sweep(built, expire=expire.due())
            await silences.turn()
            if forget.due():
                await forget_keys(built.store)
                await forget_chat(built.store)
                await built.store.run("silences.forget")
                await reviewing.forget(built.store, built.settings.utterance_days)
            await _pause(stop, SWEEP_SECONDS)


async def _sweep(built: Parts, *, expire: bool) -> None:
    await settle(built.store)
    swept = await sweep(built.store, built.directory, expire=expire)
    if swept.leases or swept.expired or swept.fallbacks:
        _log.info("swept", leases=swept.leases, expired=swept.expired, fallbacks=swept.fallbacks)
    if swept.lanes:
        await built.waker.wake()


def _now() -> datetime:
    return datetime.now(UTC)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
