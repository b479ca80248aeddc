"""A busy drain calls other workers; drains do not pile up in the queue."""

from __future__ import annotations

from collections import Counter
from typing import Any

import fakeredis
import pytest
from rq import Queue

from router.wake import DRAIN, enqueue_drain
from worker.drain import BUSY, Drain


class Calls:
    """A Waker that counts."""

    started = 0

    async def start_drain(self) -> None:
        self.started += 1


class Nothing:
    """An outbox with nothing in it."""

    async def ready(self) -> list[Any]:
        return []

    async def claim(self, *_: object) -> list[Any]:
        return []


def drain(waker: Calls, in_hand: int) -> Drain:
    parts: dict[str, Any] = dict.fromkeys(("store", "adapters"))
    directory: Any = type("Empty", (), {"providers": {}, "deliverable": {}, "broken": {}})()
    made = Drain(
        **parts,
        redis=fakeredis.FakeAsyncRedis(),
        directory=directory,
        waker=waker,
        owner="x",  # type: ignore[arg-type]
    )
    made._outbox = Nothing()  # type: ignore[assignment]
    made._directory_read = float("inf")
    made._in_flight = Counter(slack=in_hand)
    return made


@pytest.mark.parametrize(("in_hand", "calls"), [(BUSY, 1), (BUSY - 1, 0)])
async def test_only_a_busy_drain_calls_and_not_at_every_step(in_hand: int, calls: int) -> None:
    waker = Calls()
    busy = drain(waker, in_hand)
    await busy._step()
    await busy._step()
    assert waker.started == calls


def test_a_drain_that_waits_in_the_queue_is_enough() -> None:
    queue = Queue("im", connection=fakeredis.FakeRedis())
    enqueue_drain(queue)
    enqueue_drain(queue)
    assert [job.func_name for job in queue.jobs] == [DRAIN]
