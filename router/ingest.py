"""Group commit: the events of many requests in one transaction, each request answered after its commit.

While groups are being committed the next one gathers, so that a group is as large as the load makes it. Two
are on their way at a time: one is decided here while the database writes the other.
A group that fails is split until the request that cannot be handled is alone with its error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import psycopg
import structlog
from psycopg.types.json import Jsonb

from router import metrics
from router.batch import Request, Result
from router.catalogue.catalogue import EMPTY, Catalogue
from router.events import Event
from router.handle import handle
from router.problems import Invalid, Problem, Unavailable
from router.providers import Directory
from router.store import connect_options, statement
from router.store.database import AWAY, FULL, Connection
from router.wake import Waker
from rules.engine import Engine
from rules.live import LiveRules
from rules.load import RuleSet

GROUPS_AT_A_TIME: Final = 2
MAX_REQUESTS: Final = 200
MAX_EVENTS: Final = 1000
MAX_WAITING: Final = 20_000
"""Requests beyond this are refused at once: a clear refusal is better than an answer that never comes."""

_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
_RACES: Final = (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected)
"""Another process stored the same key or shown id, or took the same rows, at the same time."""
_TOO_MUCH: Final = (
    psycopg.DataError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""A value that the database cannot hold. Some of these are OperationalErrors, though nothing is away."""
_log = structlog.get_logger()

Answer = asyncio.Future[tuple[Result, ...]]
Group = Sequence[tuple[Request, Answer]]


class Ingest:
    """See the module. One for each process; `run` is its background task."""

    def __init__(
        self,
        database_url: str,
        live: LiveRules,
        directory: Directory,
        waker: Waker,
        catalogue: Callable[[], Catalogue] = lambda: EMPTY,
    ) -> None:
        self._database_url = database_url
        self._live = live
        self._directory = directory
        self._waker = waker
        self._catalogue = catalogue
        self._waiting: deque[tuple[Request, Answer]] = deque()
        self._arrived = asyncio.Event()
        self._connections: dict[int, Connection] = {}
        self._kept_rule_set = ""
        self._closing = False
        self._engine: Engine | None = None
        self._fallbacks = 0

    async def submit(self, events: Sequence[Event]) -> tuple[Result, ...]:
        """Handle the events of one request: all or none. Returns after their commit; raises Problem."""
        if len(self._waiting) >= MAX_WAITING or self._closing:
            raise Unavailable("too many events are waiting; send it again in a moment with the same id")
        answer: Answer = asyncio.get_running_loop().create_future()
        self._waiting.append((Request(tuple(events)), answer))
        self._arrived.set()
        return await answer

    async def run(self) -> None:
        """Commit group after group until `drained` is called; what waits then is answered first."""
        try:
            await asyncio.gather(*(self._run(lane) for lane in range(GROUPS_AT_A_TIME)))
        finally:
            self._closing = True
            for connection in self._connections.values():
                await connection.close()

    async def _run(self, lane: int) -> None:
        while True:
            while self._waiting:
                await self._commit_or_tell(self._take(), lane)
            if self._closing:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def drained(self, seconds: float = 5.0) -> None:
        """Refuse what comes from now on, and wait until what came before is answered."""
        self._closing = True
        self._arrived.set()
        waiting = [answer for _, answer in self._waiting]
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)

    def _take(self) -> list[tuple[Request, Answer]]:
        taken: list[tuple[Request, Answer]] = []
        events = 0
        while self._waiting and len(taken) < MAX_REQUESTS:
            events += len(self._waiting[0][0].events)
            if taken and events > MAX_EVENTS:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _commit_or_tell(self, group: Group, lane: int) -> None:
        """Commit a group; a defect of ours ends neither this task nor the wait of those who called."""
        try:
            await self._commit(group, lane)
        except Exception as error:
            _log.error("group_failed", error=type(error).__name__, exc_info=error)
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(
                        Problem("the event could not be handled; send it again with the same id")
                    )

    async def _commit(self, group: Group, lane: int, *, again: bool = True) -> None:
        try:
            lanes = await self._handle(group, lane)
        except (*_RACES, *_TOO_MUCH) as error:
            await self._split(group, lane, error, again=again)
        except _AWAY as error:
            await self._away(group, lane, error)
        except Exception as error:
            await self._split(group, lane, error, again=False)
        else:
            if lanes:
                await self._waker.wake()

    async def _handle(self, group: Group, lane: int) -> frozenset[str]:
        connection = await self._connected(lane)
        rules = self._live.current  # once: what is kept is what decides
        await self._keep_rule_set(connection, rules[0])
        requests = [request for request, _ in group]
        handled = await handle(requests, connection, rules, self._directory, catalogue=self._catalogue())
        for (request, answer), result in zip(group, handled.results, strict=True):
            _count(request, result)
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)
        self._count_fallbacks()
        for seconds in handled.decision_seconds:
            metrics.DECISION_SECONDS.observe(seconds)
        return handled.lanes

    async def _split(self, group: Group, lane: int, error: Exception, *, again: bool) -> None:
        if len(group) > 1:
            middle = len(group) // 2
            await self._commit(group[:middle], lane)
            await self._commit(group[middle:], lane)
            return
        if again and isinstance(error, _RACES):
            await self._commit(group, lane, again=False)  # what the other process stored is seen now
            return
        _log.error("event_failed", error=type(error).__name__, exc_info=not isinstance(error, psycopg.Error))
        answer = group[0][1]
        if not answer.done():
            answer.set_exception(_refusal(error))

    def _count_fallbacks(self) -> None:
        engine = self._live.current[1]
        if engine is not self._engine:
            self._engine, self._fallbacks = engine, 0
        metrics.ENGINE_FALLBACKS.inc(engine.fallbacks - self._fallbacks)
        self._fallbacks = engine.fallbacks

    async def _away(self, group: Group, lane: int, error: Exception) -> None:
        full = isinstance(error, psycopg.errors.DiskFull)
        _log.warning("database_away", error=type(error).__name__, requests=len(group))
        for _, answer in group:
            if not answer.done():
                answer.set_exception(Unavailable(FULL if full else AWAY))
        if not full and (connection := self._connections.pop(lane, None)) is not None:
            await connection.close()

    async def _connected(self, lane: int) -> Connection:
        connection = self._connections.get(lane)
        if connection is None or connection.closed:
            options = connect_options(hot=True)
            connection = await psycopg.AsyncConnection.connect(self._database_url, **options)
            self._connections[lane] = connection
        return connection

    async def _keep_rule_set(self, connection: Connection, rule_set: RuleSet) -> None:
        """Keep the text of every rule set that decides, so that decisions can be explained later."""
        if rule_set.hash == self._kept_rule_set:
            return
        await connection.execute(
            statement("ingest.keep_rule_set"),
            {
                "hash": rule_set.hash,
                "timezone": rule_set.default_timezone,
                "sources": Jsonb(dict(rule_set.sources)),
            },
        )
        self._kept_rule_set = rule_set.hash


def _refusal(error: Exception) -> Problem:
    if isinstance(error, _TOO_MUCH):
        return Invalid.at("", "holds a value that the database cannot keep; nothing was stored")
    return Problem("the event could not be handled; nothing was stored")


def _count(request: Request, result: tuple[Result, ...] | Exception) -> None:
    for index, event in enumerate(request.events):
        if isinstance(result, Exception):
            outcome = "refused"
        else:
            outcome = "duplicate" if result[index].duplicate else "accepted"
        metrics.events(event.type, outcome).inc()
