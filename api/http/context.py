"""What request handlers share: the process's parts, the rules in force and the group commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from litestar import Request
from litestar.datastructures import State

from nlu_model.client import Interpreter, locate
from router import metrics
from router.access import Principal
from router.bootstrap import Parts, parts
from router.catalogue.calendars import Calendars
from router.catalogue.live import LiveCatalogue
from router.catalogue.oncall import Roster
from router.chat.asked import Understands, World
from router.chat.registry import commands_of
from router.chat.work import Desk
from router.dialogue import times
from router.dialogue.talk import Talks
from router.ingest import Ingest
from router.judged import Judgements
from router.people.people import People
from router.policy.policy import Policy
from router.ruling import live_rules
from router.settings import Settings
from rules.live import LiveRules

_LAST_COMMIT_SECONDS: Final = 5.0
_log = structlog.get_logger()


class Context(msgspec.Struct, frozen=True):
    """See the module."""

    parts: Parts
    live: LiveRules
    ingest: Ingest
    world: World
    desk: Desk
    judgements: Judgements


Call = Request[Principal | None, None, State]
"""A request to this API."""


def context_of(call: Call) -> Context:
    """The context that the application was created with."""
    context: Context = call.app.state.context
    return context


async def caller(call: Call, scope: str) -> Principal:
    """Who calls; Unauthorized or Forbidden unless they have the scope."""
    principal = await context_of(call).parts.access.authenticate(call.headers.get("authorization"))
    principal.require(scope)
    return principal


@asynccontextmanager
async def context(settings: Settings, *, serving: bool = True) -> AsyncIterator[Context]:
    """The context of an API process, with its background tasks running.

    One that does not serve (a single command) commits events and does what is asked of it, but takes over
    nothing that others left.
    Raises RuleFilesError, PolicyError and CommandsError.
    """
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(parts(settings))
        live = await live_rules(settings, built.store)
        catalogue = LiveCatalogue(settings.catalogue, default_timezone=settings.timezone)
        roster = Roster(catalogue, Calendars(built.http, now))
        understand = await stack.enter_async_context(Interpreter(locate(settings.nlu_url, settings.data_dir)))
        ingest = Ingest(settings.database_url, live, built.directory, built.waker, lambda: catalogue.current)
        world = await _world(built, live, ingest, roster, understand)
        desk = Desk(world)
        ending = [asyncio.create_task(ingest.run())]
        beside = [asyncio.create_task(_follow_rules(live))]
        if serving:
            ending.append(asyncio.create_task(desk.run()))
            beside.append(asyncio.create_task(world.roster.run()))
            beside.append(asyncio.create_task(asyncio.to_thread(times.ready)))
        try:
            yield Context(built, live, ingest, world, desk, Judgements(built.redis))
        finally:
            await desk.finished()
            await ingest.drained()
            await asyncio.wait(ending, timeout=_LAST_COMMIT_SECONDS)
            for task in (*ending, *beside):
                task.cancel()
            await asyncio.wait((*ending, *beside), timeout=_LAST_COMMIT_SECONDS)


async def _world(
    built: Parts, live: LiveRules, ingest: Ingest, roster: Roster, understand: Understands
) -> World:
    """What chat works with. The files are read beside the loop, which is not running anything yet."""
    commands = await asyncio.to_thread(commands_of, built.settings.commands_dir)
    custom = (*commands.all, *commands.buttons)
    return World(
        parts=built,
        live=live,
        submit=ingest.submit,
        people=People(built.store),
        policy=await asyncio.to_thread(Policy.load, built.settings.access_dir, custom=custom),
        roster=roster,
        commands=commands,
        understand=understand,
        talks=Talks(built.redis),
        clock=now,
    )


async def _follow_rules(live: LiveRules) -> None:
    """Take changed rule files into force, and say loudly when they cannot be."""
    told: tuple[object, ...] = ()
    while True:
        await asyncio.sleep(1.0)
        try:
            changed = await asyncio.to_thread(live.refresh)
        except OSError as error:
            _log.error("rules_unreadable", error=type(error).__name__)
            continue
        if changed or (told and not live.problems):
            _log.info("rules_in_force", hash=live.current[0].hash[:12])
        if live.problems and live.problems != told:
            metrics.RULES_ERRORS.inc()
            for problem in live.problems:
                _log.error("rules_refused", problem=str(problem))
        told = live.problems


def now() -> datetime:
    """The time of a request."""
    return datetime.now(UTC)
