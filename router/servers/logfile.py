"""A server's log file, kept small: read its newest lines, start it over when it is full."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024  # of each of the two generations
_TAIL_BYTES = 8192


class LogFile:
    """`path` is what the server appends to; `path`.1 is the generation before."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def open(self) -> int:
        """A descriptor to append with, for a server to inherit."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def size(self) -> int:
        """Bytes in the newest generation."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def since(self, offset: int) -> str:
        """What was appended after `offset`, at most the last 8 KB of it."""
        try:
            with self.path.open("rb") as log:
                log.seek(max(offset, self.size() - _TAIL_BYTES))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def bound(self) -> None:
        """Start over when full; copied and cut, not renamed, because the server keeps its descriptor."""
        if self.size() <= self._max_bytes:
            return
        previous = self.path.with_name(self.path.name + ".1")
        try:
            shutil.copyfile(self.path, previous)
        except OSError:  # a full disk: the newest lines are worth less than the space
            previous.unlink(missing_ok=True)
        os.truncate(self.path, 0)
