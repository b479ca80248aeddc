"""The RQ jobs. Their names are an interface: a queued job finds its function by it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from redis.exceptions import RedisError

from router.bootstrap import Parts, owner
from router.problems import Unavailable
from worker.drain import drain_of


class Bench:
    """What a worker process keeps between jobs: its event loop and its connections."""

    parts: Parts | None = None
    runner: asyncio.Runner | None = None
    lanes: tuple[str, ...] = ()
    owner: str = ""
    stopping: Callable[[], bool] = staticmethod(lambda: False)


def drain() -> None:
    """Send what is due, and linger for more; see worker/drain.py."""
    if Bench.parts is None or Bench.runner is None:
        raise RuntimeError("this job runs in `im worker` only")
    # While a server is away the sweep wakes a drain again later; there is nothing to keep of this one.
    with contextlib.suppress(Unavailable, RedisError, OSError):
        Bench.runner.run(_drain(Bench.parts))


async def _drain(parts: Parts) -> None:
    await drain_of(parts, owner=Bench.owner or owner(), lanes=Bench.lanes, stopping=Bench.stopping).run()
