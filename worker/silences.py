"""The ticker's part in silences: those of maintenance windows, and what the ends of all of them owe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import structlog

from router.bootstrap import Parts
from router.catalogue.catalogue import EMPTY, Catalogue
from router.catalogue.oncall import Roster
from router.problems import Problem
from router.ruling import live_rules
from router.silences.redecide import Grounds, due, settle
from router.silences.silences import keep_maintenance
from rules.live import LiveRules
from rules.model import RuleFilesError

RETRY_SECONDS: Final = 60.0
"""Between tries to read rules that cannot be used."""
AHEAD: Final = timedelta(days=7)
"""Windows are shown as silences this long before they start."""
WINDOWS_SECONDS: Final = 10.0
"""Between looks at the catalogue; its calendars are fetched when they are due."""
_log = structlog.get_logger()


class Windows:
    """Keeps the silences of the catalogue's maintenance windows."""

    def __init__(self, parts: Parts, roster: Roster) -> None:
        self._parts = parts
        self._roster = roster

    async def turn(self, now: datetime | None = None) -> None:
        """Follow the catalogue and its calendars. What cannot be read ends no silence."""
        now = now or datetime.now(UTC)
        await self._roster.refresh()
        planned = self._roster.windows(now, now + AHEAD)
        complete = not self._roster.problems()
        if changed := await keep_maintenance(self._parts.store, planned, now, complete=complete):
            _log.info("maintenance_changed", silences=list(changed))


class Ends:
    """Decides again what silences held back. The rules are loaded when that is first owed."""

    def __init__(
        self,
        parts: Parts,
        catalogue: Callable[[], Catalogue] = lambda: EMPTY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._catalogue = catalogue
        self._clock = clock
        self._live: LiveRules | None = None
        self._not_before = 0.0

    async def turn(self, now: datetime | None = None) -> None:
        """Settle what is owed now; what cannot be settled stays owed."""
        now = now or datetime.now(UTC)
        owed = await due(self._parts.store, now)
        if not owed:
            return
        live = await self._rules()
        if live is None:
            return
        grounds = Grounds(live.current, self._parts.directory, now, self._catalogue())
        lanes = await settle(self._parts.store, owed, grounds)
        _log.info("silences_ended", incidents=len(owed))
        if lanes:
            await self._parts.waker.wake()

    async def _rules(self) -> LiveRules | None:
        """The rules in force; those that decided last where the files are bad; None where there are none."""
        if self._clock() < self._not_before:
            return None
        try:
            if self._live is None:
                self._live = await live_rules(self._parts.settings, self._parts.store)
            await asyncio.to_thread(self._live.refresh)
        except (RuleFilesError, OSError) as error:
            _log.error(
                "rules_unusable", error=type(error).__name__, mend="im rules validate lists the problems"
            )
            self._not_before = self._clock() + RETRY_SECONDS
            return None
        return self._live


class Silences:
    """Both, as the ticker has them."""

    def __init__(self, parts: Parts, roster: Roster, clock: Callable[[], float] = time.monotonic) -> None:
        self._ends = Ends(parts, lambda: roster.live.current, clock)
        self._windows = Windows(parts, roster)
        self._clock = clock
        self._next = float("-inf")
        self._keeping: asyncio.Task[None] | None = None

    async def turn(self) -> None:
        """Settle what is owed, and look at the windows now and then: beside, for a calendar may be slow."""
        if self._clock() >= self._next and (self._keeping is None or self._keeping.done()):
            self._next = self._clock() + WINDOWS_SECONDS
            self._keeping = asyncio.create_task(self._keep())
        await self._ends.turn()

    async def close(self) -> None:
        """End what runs beside."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    async def _keep(self) -> None:
        try:
            await self._windows.turn()
        except (Problem, psycopg.Error, OSError) as error:
            _log.warning("maintenance_not_kept", error=type(error).__name__)
