"""How a worker process begins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import msgspec
import uvloop

from router.bootstrap import Parts
from router.settings import Settings
from worker.role import _opened


@contextmanager
def begun(settings: Settings) -> Iterator[Parts]:
    """A worker's parts, whose event loop stands still as it does between jobs."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        try:
            yield runner.run(_opened(stack, settings))
        finally:
            runner.run(stack.aclose())


def test_no_connection_is_half_made_when_a_workers_loop_stands_still(settings: Settings) -> None:
    with begun(settings) as parts:
        assert not parts.store.connecting


def test_a_worker_begins_without_its_database(settings: Settings) -> None:
    away = msgspec.structs.replace(settings, database_url="postgresql://127.0.0.1:1/none")
    with begun(away) as parts:
        assert parts.settings is away
