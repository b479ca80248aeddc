"""What request handlers share: the process's parts, the rules in force and the group commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from litestar import Request
from litestar.datastructures import State

from router import metrics
from router.access import Principal
from router.bootstrap import Parts, parts
from router.ingest import Ingest
from router.settings import Settings
from router.store import Store
from rules.live import LiveRules

_LAST_COMMIT_SECONDS: Final = 5.0
_log = structlog.get_logger()


class Context(msgspec.Struct, frozen=True):
    """See the module."""

    parts: Parts
    live: LiveRules
    ingest: Ingest


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
async def context(settings: Settings) -> AsyncIterator[Context]:
    """The context of an API process, with its background tasks running. Raises RuleFilesError."""
    async with parts(settings) as built:
        live = await _rules(settings, built.store)
        ingest = Ingest(settings.database_url, live, built.directory, built.waker)
        tasks = [asyncio.create_task(ingest.run()), asyncio.create_task(_follow_rules(live))]
        try:
            yield Context(built, live, ingest)
        finally:
            await ingest.drained()
            await asyncio.wait(tasks[:1], timeout=_LAST_COMMIT_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_LAST_COMMIT_SECONDS)


async def _rules(settings: Settings, store: Store) -> LiveRules:
    """The rules in force; those of the last run where the files have become bad since."""
    last = await store.row("ingest.last_rule_set")
    return await asyncio.to_thread(
        LiveRules,
        settings.rules_dir,
        default_timezone=settings.timezone,
        last_good=last["sources"] if last else None,
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
