"""A drain: claims what is due, sends it concurrently, writes the receipts, and lingers for more.

    ready channels ► rate grants ► claim under a lease ► send ► receipt ► (again, until nothing comes)

It ends when nothing came for a while, when its time is over, or when the worker is asked to stop. Whatever
it leaves at a crash is found by the sweep when the lease runs out.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.contract import DeliveryError, Limits, Reason
from router import metrics, retry
from router.adapting import Adapters
from router.bootstrap import Parts
from router.buckets import Ask, Buckets, Grant
from router.outbox import Announced, Group, Outbox, Outcome, Ready, summed_up
from router.problems import Invalid, Problem
from router.providers import Directory
from router.sending import Sent, send
from router.store import Store
from router.targets import Provider
from router.wake import CHANNEL, LANES_CHANNEL, Waker, channel_of

SENDING_PER_PROVIDER: Final = 128
"""Requests to one provider at a time."""
CLAIMED_PER_PROVIDER: Final = 160
"""Half of them wait here, so that a connection that becomes free finds the next one at hand."""
CLAIMED: Final = 640
LINGER_SECONDS: Final = 20.0
"""How long a drain waits for more before it ends."""
RUN_SECONDS: Final = 60.0
"""How long a drain runs at the most; then the queue has its turn."""
BUSY: Final = 32
"""From so many deliveries in hand another worker could help."""
_CALL_SECONDS: Final = 2.0
_WORTH_A_CLAIM: Final = 32
"""A busy provider's slots are filled this many at a time; urgent messages take any."""
_SENDING_SECONDS: Final = 11.0
"""A request and its receipt: what is left of the lease must be longer, or another worker may send too."""
_LONGEST_WAIT: Final = 1.0
_DIRECTORY_SECONDS: Final = 1.0
_UNKNOWN_LEASE: Final = 60.0
_BROKEN_RETRY_SECONDS: Final = 60.0

Owed = tuple[list[Outcome], Announced | None]
"""What became of a group, to be written."""

_log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


def drain_of(
    parts: Parts,
    *,
    owner: str,
    lanes: Sequence[str] = (),
    stopping: Callable[[], bool] = lambda: False,
) -> Drain:
    """A drain over a process's parts."""
    return Drain(
        store=parts.store,
        redis=parts.redis,
        waker=parts.waker,
        directory=parts.directory,
        adapters=parts.adapters,
        owner=owner,
        lanes=lanes,
        stopping=stopping,
    )


class Drain:
    """See the module. `stopping` is asked often and says that the worker wants to end."""

    def __init__(
        self,
        *,
        store: Store,
        redis: Redis,
        waker: Waker,
        directory: Directory,
        adapters: Adapters,
        owner: str,
        lanes: Sequence[str] = (),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._redis = redis
        self._waker = waker
        self._directory = directory
        self._adapters = adapters
        self._lanes = frozenset(lanes)
        self._outbox = Outbox(store, owner)
        self._buckets = Buckets(redis)
        self._stopping = stopping
        self._dice = random.Random()  # noqa: S311  jitter, not a secret
        self._in_flight: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._changed = asyncio.Event()
        self._done: list[Owed] = []
        self._to_write = asyncio.Event()
        self._unwritten = 0
        self._directory_read = 0.0
        self._called = 0.0
        self._wait = _LONGEST_WAIT

    async def run(self, *, linger: float = LINGER_SECONDS, seconds: float = RUN_SECONDS) -> None:
        """Drain until there is nothing to do for `linger` seconds, `seconds` are over, or a stop is asked."""
        ends = time.monotonic() + seconds
        writer = asyncio.create_task(self._write_receipts())
        try:
            try:
                async with self._listening() as listener:
                    await self._work(listener, linger, ends)
            finally:
                await self._settle()
            # A wake-up that came while this drain stopped listening was heard by nobody.
            if not self._stopping() and await self._step():
                await self._waker.wake()
            await self._settle()
        finally:
            await _end(writer, *self._tasks)

    async def _work(self, listener: asyncio.Task[None], linger: float, ends: float) -> None:
        idle_since = time.monotonic()
        while not self._stopping() and not listener.done() and time.monotonic() < ends:
            self._changed.clear()
            if await self._step() or self._tasks:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > linger:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._wait)

    async def _step(self) -> bool:
        """Claim and start what may be sent now; whether there was anything."""
        await self._refresh_directory()
        self._wait = _LONGEST_WAIT
        if sum(self._in_flight.values()) >= CLAIMED:
            return True
        asks = self._asks(await self._outbox.ready())
        grants = await self._buckets.take(asks)
        self._wait = min([_LONGEST_WAIT, *(g.wait for g in grants if g.wait > 0)])
        groups = await self._claim([grant for grant in grants if grant.allowed])
        leases = self._leases()
        for group in groups:
            self._start(
                group, time.monotonic() + leases.get(group.head.provider, _UNKNOWN_LEASE) - _SENDING_SECONDS
            )
        await self._call_for_help()
        return bool(groups)

    async def _call_for_help(self) -> None:
        """Queue a drain for another worker while this one is busy: wakers leave it to whoever listens."""
        busy = sum(self._in_flight.values()) >= BUSY
        if busy and time.monotonic() - self._called > _CALL_SECONDS:
            self._called = time.monotonic()
            await self._waker.start_drain()

    async def _claim(self, grants: Sequence[Grant]) -> list[Group]:
        claimed = await self._outbox.claim(grants, self._leases())
        await self._give_back(grants, claimed)
        for grant in grants:
            if grant.sum_up:
                place = (grant.ask.provider, grant.ask.channel)
                here = [g for g in claimed if (g.head.provider, g.head.channel) == place]
                chosen, back = summed_up(here, grant.allowed)
                await self._outbox.release(back)
                claimed = [g for g in claimed if g not in here] + chosen
        return claimed

    async def _give_back(self, grants: Sequence[Grant], claimed: Sequence[Group]) -> None:
        """Return what was granted and not used: another worker was quicker."""
        used = Counter((group.head.provider, group.head.channel) for group in claimed)
        for grant in grants:
            unused = grant.allowed - used[grant.ask.provider, grant.ask.channel]
            if unused > 0:
                await self._buckets.give_back(grant.ask, unused)

    def _asks(self, ready: Sequence[Ready]) -> list[Ask]:
        """What to ask the buckets for: urgent channels first, no provider above its share of the slots."""
        asks: list[Ask] = []
        free = {name: CLAIMED_PER_PROVIDER - self._in_flight[name] for name in {r.provider for r in ready}}
        total = CLAIMED - sum(self._in_flight.values())
        for channel in ready:
            want = min(channel.waiting, free[channel.provider], total)
            if want <= 0 or (self._lanes and channel.provider not in self._lanes):
                continue
            if want < min(channel.waiting, _WORTH_A_CLAIM) and channel.priority > 0:
                continue
            provider = self._directory.deliverable.get(channel.provider)
            if provider is not None and not provider.active:
                continue
            limits = self._adapters.limits(provider) if provider else Limits()
            asks.append(Ask(channel.provider, channel.channel, want, channel.priority == 0, limits))
            free[channel.provider] -= want
            total -= want
        return asks

    def _leases(self) -> dict[str, float]:
        leases = dict.fromkeys(self._directory.broken, _UNKNOWN_LEASE)
        for provider in self._directory.deliverable.values():
            leases[provider.name] = self._adapters.connected(provider).platform.lease_seconds
        return leases

    def _start(self, group: Group, latest: float) -> None:
        provider = group.head.provider
        self._in_flight[provider] += 1
        task = asyncio.create_task(self._deliver(group, latest))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._in_flight[provider] -= 1
            self._changed.set()
            if not task.cancelled() and (error := task.exception()):
                _log.error("delivery_crashed", provider=provider, error=type(error).__name__)

        task.add_done_callback(ended)

    async def _deliver(self, group: Group, latest: float) -> None:
        """Send when a slot is free; what has waited too long for one is given back unsent."""
        async with self._slots.setdefault(group.head.provider, asyncio.Semaphore(SENDING_PER_PROVIDER)):
            if time.monotonic() < latest and not self._stopping():
                await self._attempt(group)
                return
        await self._outbox.release([group])

    async def _attempt(self, group: Group) -> None:
        head = group.head
        started = _now()
        provider = await self._provider(head.provider)
        try:
            if provider is None:
                raise self._no_provider(head.provider)
            sent = await send(self._adapters.connected(provider), group, _now)
        except DeliveryError as error:
            await self._failed(group, error, started, provider.platform if provider else "")
        except Exception as error:
            _log.error("adapter_crashed", provider=head.provider, error=type(error).__name__, exc_info=error)
            defect = DeliveryError(Reason.REJECTED, f"the adapter failed on it ({type(error).__name__})")
            await self._failed(group, defect, started, provider.platform if provider else "")
        else:
            assert provider is not None
            self._sent(group, sent, started, provider.platform)

    async def _provider(self, name: str) -> Provider | None:
        """The provider of that name; one that is not known may have been added a moment ago."""
        if name not in self._directory.deliverable and name not in self._directory.broken:
            await self._directory.refresh(self._store)
        return self._directory.deliverable.get(name)

    def _no_provider(self, name: str) -> DeliveryError:
        if name in self._directory.broken:
            return DeliveryError(
                Reason.OUTCOME_UNKNOWN, self._directory.broken[name], retry_after=_BROKEN_RETRY_SECONDS
            )
        return DeliveryError(Reason.NO_PROVIDER, f"there is no provider `{name}`")

    def _sent(self, group: Group, sent: Sent, started: datetime, platform: str) -> None:
        head, finished = group.head, _now()
        outcomes = [
            Outcome(
                id=each.id,
                number=each.attempts,
                state="sent",
                outcome="sent",
                started_at=started,
                finished_at=finished,
                message_id=sent.message_id,
                merged_into=None if each is head else head.id,
            )
            for each in group.all
        ]
        announced = None
        if head.incident_id and sent.announces and not group.summed_up:
            announced = Announced(
                incident_id=head.incident_id,
                provider=head.provider,
                channel=head.channel,
                message_id=sent.message_id,
                steps=sent.steps,
            )
        self._owe(outcomes, announced)
        counter, seconds = metrics.sent(head.provider, platform)
        for each in group.all:
            counter.inc()
            seconds.observe((finished - each.accepted_at).total_seconds())
        if sent.may_be_double:
            metrics.DOUBLES.labels(head.provider, platform).inc()

    async def _failed(self, group: Group, error: DeliveryError, started: datetime, platform: str) -> None:
        head = group.head
        gone = error.reason is Reason.MESSAGE_GONE and head.announced is not None
        decision = retry.Again(0.0) if gone else retry.after(error, head.attempts, self._dice)
        again = isinstance(decision, retry.Again)
        state = "retrying" if again else "failed"
        uncertain = again and not gone and (head.uncertain or error.may_have_arrived)
        outcomes = [
            Outcome(
                id=each.id,
                number=each.attempts,
                state=state,
                outcome="unknown" if error.may_have_arrived else "retry" if again else "failed",
                started_at=started,
                finished_at=_now(),
                reason=error.reason.value,
                detail=retry.explain(error, decision),
                merged_into=head.id if uncertain and each in group.behind else None,
                uncertain=uncertain and (each is head or each in group.behind),
                wait=decision.wait if isinstance(decision, retry.Again) else None,
            )
            for each in group.all
        ]
        forgotten = None
        if gone and head.incident_id:
            forgotten = Announced(
                incident_id=head.incident_id, provider=head.provider, channel=head.channel, message_id=None
            )
        self._owe(outcomes, forgotten)
        metrics.DELIVERIES.labels(head.provider, platform, state, error.reason.value).inc(len(outcomes))
        _log.warning(
            "delivery_failed",
            delivery=head.id,
            provider=head.provider,
            state=state,
            reason=error.reason.value,
            detail=outcomes[0].detail,
        )
        await self._hold_back(head.provider, head.channel, error)

    async def _hold_back(self, provider: str, channel: str, error: DeliveryError) -> None:
        """After a 429, hold the channel or the whole provider back for every worker."""
        if error.reason is Reason.RATE_LIMITED and error.retry_after is not None:
            with contextlib.suppress(RedisError, OSError):
                held = None if error.whole_provider else channel
                await self._buckets.block(provider, held, error.retry_after)

    def _owe(self, outcomes: list[Outcome], announced: Announced | None) -> None:
        self._done.append((outcomes, announced))
        self._unwritten += 1
        self._to_write.set()

    async def _write_receipts(self) -> None:
        """Write finished outcomes, many at a time; kept and tried again while the database is away."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            batch, self._done = self._done, []
            if not batch:
                continue
            try:
                await self._write(batch)
            except (Problem, psycopg.Error) as error:
                _log.warning("receipts_wait", error=type(error).__name__, count=len(batch))
                self._done = batch + self._done
                await asyncio.sleep(0.2)
                self._to_write.set()
            else:
                self._unwritten -= len(batch)
            self._changed.set()

    async def _write(self, batch: Sequence[Owed]) -> None:
        """Write outcomes; where an answer holds what the database cannot keep, its outcome without it."""
        try:
            await self._outbox.finish(
                [outcome for outcomes, _ in batch for outcome in outcomes],
                _last_of_each([announced for _, announced in batch if announced]),
            )
        except Invalid:
            if len(batch) == 1:
                outcomes = batch[0][0]
                _log.error("receipt_refused", delivery=outcomes[0].id)
                await self._outbox.finish([_without_answer(outcome) for outcome in outcomes], [])
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])

    async def _settle(self) -> None:
        """Wait until what is in flight has ended and is written; bounded by the leases."""
        deadline = time.monotonic() + 30
        while (self._tasks or self._unwritten) and time.monotonic() < deadline:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.1)

    async def _refresh_directory(self) -> None:
        if time.monotonic() - self._directory_read > _DIRECTORY_SECONDS:
            await self._directory.refresh(self._store)
            self._directory_read = time.monotonic()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncio.Task[None]]:
        """Hear wake-ups, so that wakers need not queue a job; the task ends when Redis goes away."""
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(channel_of(self._redis, LANES_CHANNEL if self._lanes else CHANNEL))

            async def listen() -> None:
                async for _ in pubsub.listen():
                    self._changed.set()

            listener = asyncio.create_task(listen())
            try:
                yield listener
            finally:
                await _end(listener)


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait for their end, whatever it is."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _without_answer(outcome: Outcome) -> Outcome:
    """The outcome without what a platform said; the incident's next message there announces it anew."""
    return msgspec.structs.replace(outcome, message_id=None, detail=None)


def _last_of_each(announced: Sequence[Announced]) -> list[Announced]:
    """One row for each stream: a statement must not touch a row twice."""
    return list({(a.incident_id, a.provider, a.channel): a for a in announced}.values())
