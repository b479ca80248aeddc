"""A single drain: sends what may be sent now and ends, for commands where no worker runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Final

import uvloop
from redis.exceptions import RedisError

from router import log
from router.bootstrap import owner, parts
from router.problems import Unavailable
from router.settings import Settings
from worker.drain import drain_of

SECONDS: Final = 60.0


def run(settings: Settings) -> None:
    """Drain until nothing may be sent now, SIGTERM, or a minute is over."""
    log.configure(debug=settings.debug)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What is left when a server goes away is found by the next drain; there is nothing to keep of this one.
    with contextlib.suppress(Unavailable, RedisError, OSError):
        async with parts(settings) as built:
            await drain_of(built, owner=owner(), stopping=stop.is_set).run(linger=0, seconds=SECONDS)
