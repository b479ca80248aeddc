"""Wake-ups: after a commit, tell the workers that something is to be sent.

A drain that is running hears the message; where none is, an RQ job is queued to start one. A wake-up
that is lost costs at most a sweep (router/sweep.py): the outbox in Postgres is the truth.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import redis as sync_redis
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rq import Queue

CHANNEL: Final = "im:wake"
LANES_CHANNEL: Final = "im:wake-lanes"
"""Of drains that serve some lanes only: that one of them hears does not mean that somebody sends."""
QUEUE: Final = "im"
DRAIN: Final = "worker.jobs.drain"
"""Queued job names are an interface: renaming one strands jobs."""
JOB_SECONDS: Final = 180
PATIENCE_SECONDS: Final = 1.0
"""Redis may hang rather than be away: nobody's answer waits longer for a wake-up, nor soon again."""
PAUSE_SECONDS: Final = 5.0
_QUEUED: Final = "im:drain-queued"

_log = structlog.get_logger()


def channel_of(redis: Redis, name: str) -> str:
    """A channel of this installation: Redis' own are one space for all databases of a server."""
    return f"{name}:{redis.connection_pool.connection_kwargs.get('db') or 0}"


class Waker:
    """Wakes drains; failures are logged and left to the sweep."""

    def __init__(self, redis: Redis, redis_url: str) -> None:
        self._redis = redis
        self._queue = Queue(QUEUE, connection=sync_redis.Redis.from_url(redis_url))
        self._quiet = False
        self._not_before = 0.0

    async def wake(self) -> None:
        """Wake a running drain, or queue one; what Redis does not take in time is left to the sweep."""
        if time.monotonic() < self._not_before:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._redis.publish(channel_of(self._redis, LANES_CHANNEL), b"1")
                if not await self._redis.publish(channel_of(self._redis, CHANNEL), b"1"):
                    await self.start_drain()
            self._quiet = False
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if isinstance(error, TimeoutError):
                self._not_before = time.monotonic() + PAUSE_SECONDS
            if not self._quiet:
                _log.warning("wake_failed", error=type(error).__name__)
            self._quiet = True

    async def start_drain(self) -> None:
        """Queue a drain job, at most one every two seconds."""
        if await self._redis.set(_QUEUED, 1, nx=True, px=2000):
            await asyncio.to_thread(enqueue_drain, self._queue)


def enqueue_drain(queue: Queue) -> None:
    """Queue one drain job, unless one waits already: it is a wake-up, and nothing is lost with it."""
    if not queue.is_empty():
        return
    queue.enqueue(DRAIN, job_timeout=JOB_SECONDS, result_ttl=0, failure_ttl=3600, ttl=60)
