"""The worker role: an RQ SimpleWorker whose jobs share one event loop and its connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from contextlib import AsyncExitStack
from typing import Any, Final

import redis as sync_redis
import structlog
import uvloop
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker

from router import log
from router.bootstrap import Parts, owner, parts
from router.process import settle
from router.settings import Settings
from router.wake import QUEUE
from worker.jobs import Bench

_PAUSE_SECONDS: Final = 0.5
_CONNECT_SECONDS: Final = 2.0
_log = structlog.get_logger()


class DrainWorker(SimpleWorker):  # type: ignore[misc]
    """RQ's SimpleWorker; when it is asked to stop, the drain that it runs is told."""

    stop_asked = False

    def request_stop(self, signum: Any, frame: Any) -> None:
        type(self).stop_asked = True
        super().request_stop(signum, frame)


def run(settings: Settings, lanes: tuple[str, ...] = ()) -> None:
    """Work until SIGTERM; reconnects for as long as Redis is away."""
    log.configure(debug=settings.debug)
    logging.getLogger("rq").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        Bench.parts = runner.run(_opened(stack, settings))
        Bench.runner = runner
        Bench.lanes = lanes
        Bench.owner = owner()
        Bench.stopping = staticmethod(lambda: DrainWorker.stop_asked)
        settle()
        try:
            _work_until_stopped(settings)
        finally:
            runner.run(stack.aclose())


async def _opened(stack: AsyncExitStack, settings: Settings) -> Parts:
    """The parts, with their connection made.

    The loop stands still between jobs; a connecting that stood still with it would time out in the first job.
    """
    built = await stack.enter_async_context(parts(settings, connections=4, hot=True))
    await built.store.settled(_CONNECT_SECONDS)
    return built


def _work_until_stopped(settings: Settings) -> None:
    away = False
    while not DrainWorker.stop_asked:
        try:
            _work(settings)
            away = False
        except (RedisError, OSError) as error:
            if not away:
                _log.warning("redis_away", error=type(error).__name__)
            away = True
            time.sleep(_PAUSE_SECONDS)


def _work(settings: Settings) -> None:
    connection = sync_redis.Redis.from_url(settings.redis_url, socket_connect_timeout=5)
    try:
        worker = DrainWorker([Queue(QUEUE, connection=connection)], connection=connection)
        worker.log_result_lifespan = False
        worker.work(logging_level="WARNING")
    finally:
        with contextlib.suppress(RedisError, OSError):
            connection.close()
