"""The desk: takes what is in the inbox, does it, and answers, behind the platform's acknowledgement.

    receive (commit, then the platform is answered) ► form, or turn ► handled (commit) ► answer ► answered

Any process may die between any two of these: the row's lease runs out and another desk goes on. What a turn
does to an incident carries the row's id as its key, so that doing it again is the same as once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakValueDictionary

import msgspec
import psycopg
import structlog
from redis.exceptions import RedisError

from adapters.contract import DeliveryError
from adapters.inbound import ChatInput, Receives
from router import audit, ids, metrics
from router.chat import feedback, telling
from router.chat.asked import Answer, World, said
from router.chat.inbox import Inbox, Item
from router.chat.interactions import form_for
from router.chat.registering import register
from router.chat.room import concierge_of
from router.chat.shipped import dispatches
from router.chat.turn import NOTHING, Turn, audit_entry, open_form, turn
from router.dialogue import heard
from router.problems import Problem, Unavailable
from router.store.database import Connection
from router.targets import Provider
from router.wake import channel_of

AT_A_TIME: Final = 64
POLL_SECONDS: Final = 1.0
CHANNEL: Final = "im:inbox"
"""Where another role says that it has put something into the inbox."""
MAX_ATTEMPTS: Final = 8
_LONGEST_WAIT: Final = 60.0
_END_SECONDS: Final = 2.0
_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, OSError, Unavailable)
FAILED: Final = Turn(
    answer=Answer(
        message=said("That did not work, and the fault is here.", "An admin finds more in the log."),
        outcome="failed",
    )
)
_log = structlog.get_logger()


class _TakenOver(Exception):
    """This desk's lease ran out, and another has dealt with the input: it answers."""


class Desk:
    """See the module. One for each API process; `run` is its background task."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.inbox = Inbox(world.parts.store, world.parts.vault)
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ring = asyncio.Event()
        self._over = asyncio.Event()
        self._turns: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()
        self._concierge = concierge_of(world)

    async def receive(self, provider: str, given: ChatInput) -> bool:
        """Keep an input and begin with it behind the caller's back; False for one that came before.

        Returns after the commit: the platform may be answered.
        """
        item = await self.inbox.receive(provider, given, self._world.clock())
        if item is None:
            return False
        self._start(item)
        return True

    async def run(self) -> None:
        """Take over what other processes left or brought, until `finished` is called."""
        listening = asyncio.create_task(self._listen())
        keeping = asyncio.create_task(self._keep_house())
        try:
            while not self._over.is_set():
                self._ring.clear()
                await self._careful(self._take_over)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ring.wait(), POLL_SECONDS)
        finally:
            self._over.set()
            listening.cancel()
            await asyncio.wait((listening, keeping), timeout=_END_SECONDS)
            keeping.cancel()

    async def _keep_house(self) -> None:
        """Rooms and registrations wait for platforms, so people do not wait for them."""
        while not self._over.is_set():
            await self._careful(self._concierge.serve)
            await self._careful(lambda: register(self._world))
            await self._careful(lambda: dispatches.follow(self._world))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), POLL_SECONDS)

    async def _careful(self, work: Callable[[], Awaitable[object]]) -> None:
        """A round of it; neither an absent database nor a defect ends the rounds."""
        try:
            await work()
        except _AWAY:
            return
        except Exception as error:
            _log.error("chat_round_failed", error=type(error).__name__, exc_info=error)

    async def finished(self, seconds: float = 5.0) -> None:
        """Take nothing over any more, and wait for what is in hand.

        What takes longer is another desk's when its lease runs out.
        """
        self._over.set()
        self._ring.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def _take_over(self) -> None:
        free = AT_A_TIME - len(self._tasks)
        for item in await self.inbox.claim(free) if free > 0 else []:
            self._start(item)

    async def _listen(self) -> None:
        """Hear of what other roles bring; without Redis the poll finds it."""
        while True:
            try:
                async with self._world.parts.redis.pubsub() as heard:
                    await heard.subscribe(channel_of(self._world.parts.redis, CHANNEL))
                    async for message in heard.listen():
                        if message["type"] == "message":
                            self._ring.set()
            except (RedisError, OSError):
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    return  # the connection's end has taken the cancellation's place
                await asyncio.sleep(POLL_SECONDS)

    def _start(self, item: Item) -> None:
        task = asyncio.create_task(self._work(item))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, item: Item) -> None:
        # A form's trigger lives for three seconds: it waits behind nobody's slow answer.
        opens = form_for(item.given, ()) is not None
        async with contextlib.nullcontext() if opens else self._slots:
            started = time.monotonic()
            try:
                provider = await self._provider(item)
                if not item.handled:
                    item = await self._handle(item, provider)
                await self._answer(item, provider)
                metrics.INTERACTION_SECONDS.observe(time.monotonic() - started)
            except _TakenOver:
                _log.info("chat_taken_over", input=item.id)
            except _AWAY as error:
                # The database is away, or asked for time: the lease or the wait brings the row back.
                _log.warning("chat_waits", input=item.id, error=type(error).__name__)
                await self._later(item, "a part of the installation was away")
            except Exception as error:
                _log.error("chat_failed", input=item.id, error=type(error).__name__, exc_info=error)
                detail = f"a defect ({type(error).__name__})"
                await (self._later if item.attempts < MAX_ATTEMPTS else self._given_up)(item, detail)

    async def _provider(self, item: Item) -> Provider | None:
        """The provider; what was left behind may be of one that is gone meanwhile."""
        directory = self._world.parts.directory
        if item.attempts > 1 or item.provider not in directory.providers:
            await directory.refresh(self._world.parts.store)
        return directory.providers.get(item.provider)

    async def _handle(self, item: Item, provider: Provider | None) -> Item:
        # What one person says in one place is dealt with in its order: the second word may answer the first.
        async with self._turn_of(item):
            return await self._written(item, provider, await self._made(item, provider))

    def _turn_of(self, item: Item) -> asyncio.Lock:
        given = item.given
        return self._turns.setdefault((item.provider, given.channel, given.user.id), asyncio.Lock())

    async def _written(self, item: Item, provider: Provider | None, made: Turn, detail: str = "") -> Item:
        """Write down what was made of an input, once; without an answer where another desk was quicker."""
        answer = made.answer
        lanes: frozenset[str] = frozenset()
        async with self._world.parts.store.transaction() as connection:
            first = await self.inbox.handled(
                connection,
                item,
                command=made.command,
                outcome=answer.outcome,
                answer=answer.message,
                detail=detail or None,
            )
            if first:
                for each in (made.before, made) if made.before else (made,):
                    lanes |= await self._told_others(connection, item, each)
                await self._keep(connection, item, made)
        if not first:
            raise _TakenOver
        if made.talk is not None and provider is not None:
            await self._world.talks.save(provider, item.given, made.talk)
        if lanes:
            await self._world.parts.waker.wake()
        if provider is not None:
            metrics.COMMANDS.labels(provider.platform, self._label(made), answer.outcome).inc()
        return msgspec.structs.replace(item, handled=True, answer=answer.message)

    async def _told_others(self, connection: Connection, item: Item, made: Turn) -> frozenset[str]:
        """Write the audit's row of an attempt, and tell the rules of it; the lanes that have work now."""
        entry = audit_entry(made, item)
        await audit.record(
            connection,
            entry["actor"],
            entry["action"],
            entry["subject"],
            outcome=entry["outcome"],
            data=entry["data"],
        )
        # A rehearsal is nobody's doing, and has nobody to answer.
        if made.asked is None or not item.given.reply or item.given.kind not in telling.TYPES:
            return frozenset()
        providers = self._world.parts.directory.providers
        return await telling.tell(connection, made, made.asked, self._world.live.current, providers)

    async def _keep(self, connection: Connection, item: Item, made: Turn) -> None:
        """Keep what was said in a sentence, for people to judge how it was understood."""
        if (
            item.given.kind != "mention"
            or made.asked is None
            or not self._world.parts.settings.utterance_days
        ):
            return
        outcome = heard.outcome_of(made.answer, made.asked, cancelled=made.cancelled)
        if made.before is not None and made.before.asked is not None:
            first = heard.outcome_of(made.before.answer, made.before.asked)
            outcome = msgspec.structs.replace(outcome, does=first.does + outcome.does)
        await heard.keep(connection, made.asked, made.parse, outcome, item.received_at)

    def _label(self, made: Turn) -> str:
        """The command for metrics; what nobody registered is `unknown`, or labels would grow without end."""
        commands = self._world.commands
        known = made.command in commands.all or made.command in commands.buttons
        return made.command if known else "unknown" if made.command else "none"

    async def _made(self, item: Item, provider: Provider | None) -> Turn:
        if provider is None:
            return NOTHING
        if item.given.kind == "reaction":
            await feedback.keep(self._world.parts.store, provider, item.given, item.received_at)
            return NOTHING
        if item.given.kind == "command" and not provider.config.enable_slash_commands:
            answer = Answer(message=said("Commands are switched off here."), outcome="refused")
            return Turn(answer=answer)
        return await open_form(self._world, item, provider) or await turn(self._world, item, provider)

    async def _answer(self, item: Item, provider: Provider | None) -> None:
        if item.answer is None or provider is None:
            await self.inbox.answered(item)
            return
        adapter = self._world.parts.adapters.connected(provider).adapter
        if not isinstance(adapter, Receives):
            await self.inbox.unanswered(item, "this platform takes no answers")
            return
        try:
            await adapter.answer(
                item.given, item.answer, private=item.given.kind != "mention", nonce=ids.nonce(item.id)
            )
        except DeliveryError as error:
            await self._not_answered(item, provider, error)
        else:
            await self.inbox.answered(item)

    async def _not_answered(self, item: Item, provider: Provider, error: DeliveryError) -> None:
        _log.warning("answer_failed", input=item.id, provider=provider.name, reason=error.reason.value)
        if error.reason.retryable and item.attempts < MAX_ATTEMPTS:
            wait = error.retry_after or min(_LONGEST_WAIT, 2.0**item.attempts)
            await self.inbox.again(item, wait=wait, detail=error.detail)
        else:
            await self.inbox.unanswered(item, error.detail)

    async def _later(self, item: Item, detail: str) -> None:
        """Give the row back. What waits for a part of the installation waits for as long as that takes."""
        with contextlib.suppress(Problem, *_AWAY):
            wait = min(_LONGEST_WAIT, 2.0 ** min(item.attempts, MAX_ATTEMPTS))
            await self.inbox.again(item, wait=wait, detail=detail)

    async def _given_up(self, item: Item, detail: str) -> None:
        """After the last try: write down that it failed; the person is told in the next round."""
        with contextlib.suppress(_TakenOver, Problem, *_AWAY):
            if item.handled:
                await self.inbox.unanswered(item, detail)
                return
            provider = self._world.parts.directory.providers.get(item.provider)
            item = await self._written(item, provider, FAILED, detail)
            await self.inbox.again(item, wait=0.0, detail=detail)
