"""The ticker role: whichever process holds the advisory lock sweeps, and does what is due."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import Final

import psycopg
import structlog
import uvloop

from router import log
from router.bootstrap import Parts, parts
from router.problems import Problem
from router.settings import Settings
from router.store import connect_options
from router.sweep import forget_keys, sweep

SWEEP_SECONDS: Final = 1.0
NIGHTLY_SECONDS: Final = 3600.0
_LOCK: Final = 0x696D_0002
_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Tick until SIGTERM."""
    log.configure(debug=settings.debug)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with parts(settings, connections=2) as built:
        away = False
        while not stop.is_set():
            try:
                await _hold(built, stop)
                away = False
            except (psycopg.Error, Problem, OSError) as error:
                if not away:
                    _log.warning("database_away", error=type(error).__name__)
                away = True
            await _pause(stop, SWEEP_SECONDS)


async def _hold(built: Parts, stop: asyncio.Event) -> None:
    """Tick while this process holds the lock; return when another one has it."""
    connection = await psycopg.AsyncConnection.connect(built.settings.database_url, **connect_options())
    async with connection:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS held", (_LOCK,))
        row = await cursor.fetchone()
        if row is None or not row["held"]:
            return
        nightly = float("-inf")
        while not stop.is_set():
            await connection.execute("SELECT 1")
            await _sweep(built)
            if time.monotonic() - nightly > NIGHTLY_SECONDS:
                await forget_keys(built.store)
                nightly = time.monotonic()
            await _pause(stop, SWEEP_SECONDS)


async def _sweep(built: Parts) -> None:
    swept = await sweep(built.store, built.directory)
    if swept.leases or swept.expired or swept.fallbacks:
        _log.info("swept", leases=swept.leases, expired=swept.expired, fallbacks=swept.fallbacks)
    if swept.lanes:
        await built.waker.wake()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
