"""Sends what waits in the outbox where nothing else does: a drain (`python -m worker drain`) as a child."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

from router.settings import ROOT, Settings, environment

_STOP_SECONDS: Final = 35.0
"""A little more than a drain takes to finish what is in flight."""


class Sender:
    """At most one drain at a time; a context manager that lets the last one finish."""

    def __init__(self, settings: Settings) -> None:
        """`settings` name the database and the Redis."""
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def broken(self) -> bool:
        """Whether the last drain ended with an error."""
        return self._process is not None and (self._process.poll() or 0) > 0

    def start(self) -> None:
        """Start a drain unless one runs or the last one failed."""
        if self._process is not None and (self._process.poll() is None or self.broken):
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker", "drain"],
            env={**os.environ, **environment(self._settings)},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if self._settings.debug else subprocess.DEVNULL,
        )

    def wait(self, seconds: float) -> bool:
        """Wait for the drain to end; False when it still runs then."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the drain in good order: it finishes what is in flight, and leaves the rest to the next."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        if not self.wait(_STOP_SECONDS):
            self._process.kill()
            self._process.wait()
