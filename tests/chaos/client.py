"""The sender of a kill test: posts events at a steady rate and again until they are accepted."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import msgspec

from tests.chaos.judge import Accepted, actor_mark, note_mark

STORY: Final = (
    ("incident.created", False),
    ("incident.acknowledged", False),
    ("incident.updated", True),
    ("incident.updated", True),
    ("incident.resolved", True),
)
"""The life of each incident: (type of event, whether it has a note)."""
_SEVERITIES: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
_PAUSE_SECONDS: Final = 0.2
_ANSWER_SECONDS: Final = 15.0
_GIVE_UP_SECONDS: Final = 90.0
"""An event that is not accepted for so long fails the test."""


class Answered(msgspec.Struct, frozen=True):
    """When the try that was accepted began and ended, monotonic."""

    began: float
    ended: float


class Client:
    """Posts `rate` events a second for `seconds`: many incidents at a time, the events of each in order.

    What could not be posted while the API was away is caught up afterwards, so that the rate holds.
    """

    def __init__(self, url: str, token: str, *, rate: float, seconds: float, lives: int = 100) -> None:
        self.accepted: list[Accepted] = []
        self.answered: list[Answered] = []
        self.tries = 0
        self._url = f"{url}/api/v1/events"
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._seconds = seconds
        self._total = int(rate * seconds)
        self._lives = lives
        self._numbers = itertools.count(1)
        self._permits: asyncio.Queue[bool] = asyncio.Queue()
        self._dice = random.Random(1)

    async def run(self) -> None:
        """Post everything; AssertionError for an answer that is neither 202 nor a reason to try again."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            headers=self._headers, timeout=timeout, connector=connector
        ) as session:
            lives = (self._live(session) for _ in range(self._lives))
            await asyncio.gather(self._permit(), *lives)

    async def _permit(self) -> None:
        """Hand out permits steadily, then one refusal for each life."""
        started, given = time.monotonic(), 0
        while given < self._total:
            due = min(self._total, int((time.monotonic() - started) / self._seconds * self._total))
            for _ in range(due - given):
                self._permits.put_nowait(True)
            given = max(given, due)
            await asyncio.sleep(0.005)
        for _ in range(self._lives):
            self._permits.put_nowait(False)

    async def _live(self, session: aiohttp.ClientSession) -> None:
        """Incident after incident, for as long as there are permits."""
        while True:
            incident = next(self._numbers)
            severity = self._dice.choice(_SEVERITIES)
            for step, (kind, noted) in enumerate(STORY, 1):
                if not await self._permits.get():
                    return
                await self._post(session, _event(incident, step, kind, severity, noted=noted))
                self.accepted.append(Accepted(incident, step, noted))

    async def _post(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> None:
        body = msgspec.json.encode(event)
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            began = time.monotonic()
            self.tries += 1
            if await self._accepted(session, body):
                self.answered.append(Answered(began, time.monotonic()))
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"{event['id']} was not accepted in {_GIVE_UP_SECONDS:g} s")

    async def _accepted(self, session: aiohttp.ClientSession, body: bytes) -> bool:
        try:
            async with session.post(self._url, data=body) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        assert answer.status in (202, 503), f"{answer.status}: {text}"
        return answer.status == 202


def _event(incident: int, step: int, kind: str, severity: str, *, noted: bool) -> dict[str, Any]:
    card: dict[str, Any] = {"id": f"INC-KILL-{incident:05d}"}
    if step == 1:
        card |= {"title": f"Incident {incident}", "severity": severity, "service": "checkout"}
    event = {
        "id": f"kill-{incident}-{step}",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "incident": card,
        "actor": actor_mark(incident, step),
    }
    return event | ({"note": note_mark(incident, step)} if noted else {})


def gaps(answered: list[Answered], longer_than: float) -> Iterator[float]:
    """The stretches of time in seconds in which nothing was accepted."""
    ends = sorted(each.ended for each in answered)
    for earlier, later in itertools.pairwise(ends):
        if later - earlier > longer_than:
            yield later - earlier
