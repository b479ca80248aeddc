"""The rules in force: read again when a file changes, tried aside, swapped whole, never for worse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rules.engine import Engine, probe
from rules.files import read_sources, rule_paths
from rules.load import content_hash, parse_texts
from rules.model import Problem, RuleFilesError, RuleSet

RETRY_SECONDS: Final = 60.0
"""How often unchanged files that failed are tried again: a trial also fails when the machine is too busy."""

Stamp = tuple[tuple[str, int, int, int, int], ...]
Current = tuple[RuleSet, Engine]


class LiveRules:
    """The last good rule set of a folder, and what is wrong with the files since then.

    Where the files are bad from the start, `last_good` ({file name: text}, of an earlier run) is in force;
    without one the first load raises RuleFilesError. `refresh` is cheap while nothing changes; when a file
    did, it takes as long as the trial in a process of its own (tenths of a second; seconds when the trial
    hangs), so call it off the event loop. Safe to share between threads.
    """

    def __init__(
        self,
        folder: Path,
        *,
        default_timezone: str,
        check_every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        last_good: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._timezone = default_timezone
        self._check_every = check_every
        self._clock = clock
        self._busy = threading.Lock()
        self._stamp = self._stamps()
        self._next_check = clock() + check_every
        self._next_retry = float("inf")
        self._problems: tuple[Problem, ...] = ()
        self._since: datetime | None = None
        self._current = self._first(last_good)

    @property
    def current(self) -> Current:
        """The rule set in force and its engine; take both at once."""
        return self._current

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why the files on disk are not in force; empty when they are."""
        return self._problems

    @property
    def since(self) -> datetime | None:
        """Since when there have been problems (aware UTC)."""
        return self._since

    def refresh(self, *, force: bool = False) -> bool:
        """Looks for changed files, at most every `check_every` seconds unless forced; True when swapped.

        Returns at once while another thread is at it, unless forced.
        """
        if not force and self._clock() < self._next_check:
            return False
        if not self._busy.acquire(blocking=force):
            return False
        try:
            return self._refresh(force)
        finally:
            self._next_check = self._clock() + self._check_every
            self._busy.release()

    def close(self) -> None:
        """Gives the engine's memory back."""
        self._current[1].close()

    def _refresh(self, force: bool) -> bool:
        stamp = self._stamps()
        if stamp == self._stamp and not force and self._clock() < self._next_retry:
            return False
        self._stamp = stamp  # taken before the files are read, so that a later write is seen
        try:
            return self._swap(read_sources(self._folder))
        except RuleFilesError as error:
            self._failed(error.problems)
            return False

    def _swap(self, sources: dict[str, str]) -> bool:
        before = self._current
        changed = content_hash(sources, self._timezone) != before[0].hash
        if changed:
            self._current = self._tried(sources)
            before[1].close()
        self._problems, self._since, self._next_retry = (), None, float("inf")
        return changed

    def _first(self, last_good: Mapping[str, str] | None) -> Current:
        try:
            return self._tried(read_sources(self._folder))
        except RuleFilesError as error:
            if last_good is None:
                raise
            current = self._tried(dict(last_good))
            self._failed(error.problems)
            return current

    def _tried(self, sources: dict[str, str]) -> Current:
        rule_set = parse_texts(sources, default_timezone=self._timezone)
        probe(rule_set)
        return rule_set, Engine(rule_set)

    def _failed(self, problems: tuple[Problem, ...]) -> None:
        self._problems = problems
        self._since = self._since or datetime.now(UTC)
        self._next_retry = self._clock() + RETRY_SECONDS

    def _stamps(self) -> Stamp:
        found = []
        for name, path in rule_paths(self._folder).items():
            try:
                stat = path.stat()
            except OSError:  # gone or unreadable; reading it will say so
                found.append((name, 0, 0, 0, 0))
                continue
            found.append((name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
        return tuple(found)
