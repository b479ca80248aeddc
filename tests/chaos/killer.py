"""The killer of a kill test: SIGKILL to every part at random moments, and what was in flight then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg

from router.servers.layout import layout_of
from tests.chaos.installation import Installation, kill

KINDS: Final = ("api", "worker", "ticker", "valkey", "postgres", "supervisor")
_ABSENT_SECONDS: Final = 60.0
"""A part that is not back after so long fails the test."""
_IN_FLIGHT: Final = "SELECT provider, id::text FROM deliveries WHERE state = 'sending' OR uncertain"


class Kill(msgspec.Struct, frozen=True):
    """A part that was killed; `at` is monotonic."""

    kind: str
    at: float


def schedule(seed: int, seconds: float, times: int) -> list[tuple[float, str]]:
    """Random moments for `times` kills of each part, in order."""
    dice = random.Random(seed)
    return sorted((dice.uniform(1.0, seconds), kind) for kind in KINDS for _ in range(times))


class Killer:
    """Kills by the schedule; the first Valkey that dies loses its data folder too."""

    def __init__(self, installation: Installation, plan: Sequence[tuple[float, str]]) -> None:
        self.kills: list[Kill] = []
        self.in_flight: dict[str, set[str]] = defaultdict(set)
        """By provider, the deliveries that somebody held, or had left behind, when something was killed."""
        self._installation = installation
        self._plan = plan
        self._valkey_lost = False

    async def run(self) -> None:
        """Kill everything that is planned. What takes long to come back is killed later than planned."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as counting:
            for at, kind in self._plan:
                await asyncio.sleep(max(0.0, started + at - time.monotonic()))
                await self._kill(kind)
                counting.create_task(self._count_in_flight())

    async def _kill(self, kind: str) -> None:
        if kind == "valkey" and not self._valkey_lost:
            self._valkey_lost = True
            await self._kill_with_data()
        else:
            kill(await self._pid(kind))
        self.kills.append(Kill(kind, time.monotonic()))

    async def _pid(self, kind: str) -> int:
        deadline = time.monotonic() + _ABSENT_SECONDS
        while (pid := self._installation.pid_of(kind)) is None:
            assert time.monotonic() < deadline, f"{kind} did not come back in {_ABSENT_SECONDS:g} s"
            await asyncio.sleep(0.05)
        return pid

    async def _kill_with_data(self) -> None:
        """The supervisor holds its breath, so that the folder goes while nobody uses it."""
        await asyncio.to_thread(self._installation.wait_ready)
        supervisor, pid = await self._pid("supervisor"), await self._pid("valkey")
        os.kill(supervisor, signal.SIGSTOP)
        try:
            kill(pid)
            shutil.rmtree(layout_of(self._installation.data_dir).valkey)
        finally:
            os.kill(supervisor, signal.SIGCONT)

    async def _count_in_flight(self) -> None:
        """Note what is being sent. A lease outlives its dead owner by far, so this may come a little late."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.Error):
                await self._note_in_flight()
                return
            await asyncio.sleep(0.1)

    async def _note_in_flight(self) -> None:
        url = self._installation.database_url
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=5) as connection:
            cursor = await connection.execute(_IN_FLIGHT)
            for provider, delivery in await cursor.fetchall():
                self.in_flight[provider].add(delivery)
