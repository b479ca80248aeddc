"""Runs one server as a child of this process: starts it, sees that it ended, starts it again, stops it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from router.servers.environment import environment
from router.servers.errors import ServersError
from router.servers.identity import launcher
from router.servers.logfile import LogFile

_log = logging.getLogger(__name__)

_POLL = 0.01  # seconds between two questions whether it answers
# Seconds to wait before starting again one that ended for the first, second, … time in a row; then the last.
_PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
_GOOD_LIFE = 30.0  # seconds after which an end counts as the first again
_REVIVE_WAIT = 1.0  # seconds that check() waits for a restarted one to answer


class Server(Protocol):
    """What a Child needs to know of its server."""

    @property
    def name(self) -> str: ...
    @property
    def identity(self) -> str:
        """As whom to run, in launch.py's words."""
        ...

    @property
    def log(self) -> LogFile: ...
    @property
    def working_folder(self) -> Path: ...
    @property
    def stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]:
        """Signals to stop it with, the kindest first, each with the seconds it gets."""
        ...

    def prepare(self) -> None:
        """Make its folder fit to start from, with nothing left of an earlier life; may be repeated."""
        ...

    def command(self) -> list[str]: ...
    def answers(self) -> bool: ...
    def explain(self, log: str) -> ServersError:
        """Why it ended before it answered, from what it logged meanwhile."""
        ...

    def mend(self) -> bool:
        """After an end before the first answer: mend what may be the cause; True where that was possible."""
        ...


def pause_before(ends_in_a_row: int) -> float:
    """Seconds to wait before the start after so many ends."""
    return _PAUSES[min(ends_in_a_row, len(_PAUSES)) - 1]


class Child:
    """A server and its process.

    The process ends with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG): call start() and revive()
    from one that lives as long as the server shall, best the main thread.
    """

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self.server = server
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._spawned_at = 0.0
        self._log_offset = 0
        self._ends = 0
        self._due: float | None = None

    def spawn(self) -> None:
        """Start the process, without waiting for it to answer."""
        self.server.prepare()
        launch = [*launcher(), str(os.getpid()), str(int(self.server.stop_steps[0][0])), self.server.identity]
        self._log_offset = self.server.log.size()
        output = self.server.log.open()
        try:
            self._process = subprocess.Popen(
                [*launch, *self.server.command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.server.working_folder,
                env=environment(),
                start_new_session=True,  # Ctrl-C at the terminal is for the owner, who stops in order
            )
        finally:
            os.close(output)
        self._spawned_at = self._clock()

    def await_answer(self, seconds: float) -> None:
        """Wait until it answers; ServersError if it ends before (one mend is tried) or is too slow."""
        mended = False
        deadline = self._clock() + seconds
        while not self.server.answers():
            if self.ended:
                if mended or not self.server.mend():
                    raise self.server.explain(self.server.log.since(self._log_offset))
                mended = True
                self.spawn()
            if self._clock() > deadline:
                raise ServersError(
                    f"{self.server.name} did not answer in {seconds:g} s: see {self.server.log.path}"
                )
            time.sleep(_POLL)

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def revive(self) -> bool:
        """If it ended, start it again, at once or after a growing pause; True if started. Raises nothing."""
        if not self.ended:
            return False
        if self._due is None:
            self._due = self._clock() + self._note_end()
        if self._clock() < self._due:
            return False
        self._due = None
        return self._start_again()

    def _note_end(self) -> float:
        lived = self._clock() - self._spawned_at
        self._ends = 1 if lived > _GOOD_LIFE else self._ends + 1
        pause = pause_before(self._ends)
        code = self._process.returncode if self._process is not None else None
        _log.warning("%s ended (exit code %s); starting it again in %g s", self.server.name, code, pause)
        return pause

    def _start_again(self) -> bool:
        self._process = None
        try:
            self.spawn()
            self.await_answer(_REVIVE_WAIT)
        except (ServersError, OSError) as error:
            # Still starting is well; one that ended again is seen by the next check.
            _log.warning("%s is not back yet: %s", self.server.name, error)
            self._spawned_at = self._clock()
        return self._process is not None

    def ask_to_stop(self) -> None:
        """Send the kindest signal, so that several servers stop at the same time."""
        if not self.ended:
            self._send(self.server.stop_steps[0][0])

    def stop(self) -> None:
        """Wait for the end, with harsher signals as time goes by; at most the sum of the steps' seconds."""
        for number, seconds in self.server.stop_steps:
            if self._process is None or self.ended:
                break
            self._send(number)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                _log.warning("%s did not end in %g s after %s", self.server.name, seconds, number.name)
        self._process = None

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
