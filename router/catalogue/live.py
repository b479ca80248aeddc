"""The catalogue in force: read again when its file changes, kept when the file is bad."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from router.catalogue.catalogue import (
    EMPTY,
    Catalogue,
    CatalogueError,
)
from router.catalogue.reading import parse
from rules.model import Problem
from rules.nodes import MAX_BYTES

Stamp = tuple[int, int, int, int] | None
"""Of the file: times, size and inode; None while it is not there."""


class LiveCatalogue:
    """The last good catalogue of a file, and what is wrong with the file since then.

    A file that is not there is an empty catalogue; one that goes away, or becomes bad, leaves the last good
    one in force. `refresh` is cheap while nothing changes. Safe to share between threads.
    """

    def __init__(
        self,
        path: Path,
        *,
        default_timezone: str = "UTC",
        check_every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._timezone = default_timezone
        self._check_every = check_every
        self._clock = clock
        self._busy = threading.Lock()
        self._next_check = clock() + check_every
        self._stamp: Stamp = None
        self._current = EMPTY
        self._problems: tuple[Problem, ...] = ()
        self._since: datetime | None = None
        self._read()

    @property
    def current(self) -> Catalogue:
        """The catalogue in force."""
        return self._current

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why the file is not in force; empty when it is."""
        return self._problems

    @property
    def since(self) -> datetime | None:
        """Since when there have been problems (aware UTC)."""
        return self._since

    def refresh(self, *, force: bool = False) -> bool:
        """Reads the file if it changed, looking at most every `check_every` seconds unless forced.

        True when the catalogue was swapped. Returns at once while another thread is at it, unless forced.
        """
        if not force and self._clock() < self._next_check:
            return False
        if not self._busy.acquire(blocking=force):
            return False
        try:
            self._next_check = self._clock() + self._check_every
            return (force or _stamp_of(self._path) != self._stamp) and self._read()
        finally:
            self._busy.release()

    def _read(self) -> bool:
        before = self._current
        self._stamp = _stamp_of(self._path)  # taken before the file is read, so that a later write is seen
        try:
            self._current = load(self._path, default_timezone=self._timezone)
        except FileNotFoundError:
            gone = "is gone; the last catalogue stays in force until it is back or the process starts again"
            self._told((Problem(self._path.name, 0, "", gone),) if before != EMPTY else ())
        except CatalogueError as error:
            self._told(error.problems)
        else:
            self._told(())
        return self._current != before

    def _told(self, problems: tuple[Problem, ...]) -> None:
        self._problems = problems
        self._since = (self._since or datetime.now(UTC)) if problems else None


def load(path: Path, *, default_timezone: str) -> Catalogue:
    """The catalogue of a file. Raises CatalogueError, or FileNotFoundError when there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise CatalogueError((Problem(path.name, 0, "", "is not UTF-8 text; save it as UTF-8"),)) from None
    except FileNotFoundError:
        raise
    except OSError as error:
        text = f"cannot be read: {error.strerror}; check IM_CATALOGUE and the file's permissions"
        raise CatalogueError((Problem(path.name, 0, "", text),)) from None
    return parse(text, file=path.name, folder=path.parent, default_timezone=default_timezone)


def _stamp_of(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError:  # gone or unreadable; reading it will say so
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino
