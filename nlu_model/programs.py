"""Running the programs of the language environment: their lines as they come, their end, one lock each."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Literal

import msgspec

Phase = Literal["environment", "training", "loading", "ready", "failed"]

POLL_SECONDS: Final = 0.1
END_SECONDS: Final = 5.0
"""A program that is asked to end gets this long."""
_STEP: Final = 0.1
_STEP_SECONDS: Final = 15.0
_SAID_CHARACTERS: Final = 400
_PR_SET_PDEATHSIG: Final = 1


class NluError(Exception):
    """Why the language model is not to be had: one sentence with the mend."""


class Progress(msgspec.Struct, frozen=True):
    """How far the preparing of the language model is; `done` is 0 to 1 of this phase."""

    phase: Phase
    done: float
    detail: str


Tell = Callable[[Progress], None]
"""Told of progress, some times a second."""
Pulse = Callable[[], None]
"""Called some times a second while something long is waited for; what it raises ends the wait."""


def spawn(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    pass_fds: Sequence[int] = (),
    error: int | IO[bytes] | None = None,
    nice: int = 0,
) -> subprocess.Popen[bytes]:
    """Start a program that ends with this thread (Linux), in a session of its own: Ctrl-C is for us.

    Its stdout is a pipe; `error` is its stderr (ours without one).
    """

    def become() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        os.nice(nice)

    return subprocess.Popen(
        list(command),
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=error,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=become,
    )


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    pulse: Pulse,
    what: str,
    on_line: Callable[[bytes], None] = lambda _: None,
    nice: int = 0,
) -> None:
    """Run a program to its end; `on_line` gets each line of its stdout.

    Raises NluError with `what` and the last thing on its stderr where it fails; what `pulse` raises ends it.
    """
    process = spawn(command, environ=environ, error=subprocess.PIPE, nice=nice)
    said = b""
    try:
        for source, text in _spoken(process, pulse):
            if source is process.stdout:
                for line in text.splitlines():
                    on_line(line)
            else:
                said = (said + text)[-8192:]
    finally:
        end(process)
    if process.returncode:
        reason = last_words(said) or f"exit code {process.returncode}"
        raise NluError(reason if reason.startswith(what) else f"{what}: {reason}")


def end(process: subprocess.Popen[bytes], seconds: float = END_SECONDS) -> None:
    """Ask a program to end if it runs, kill it after `seconds`, and close its pipes."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def last_words(said: bytes) -> str:
    """The last line of a stderr: programs put the reason there."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][-_SAID_CHARACTERS:] if lines else ""


def _spoken(process: subprocess.Popen[bytes], pulse: Pulse) -> Iterator[tuple[IO[bytes], bytes]]:
    """What a program writes, in whole lines, with the pipe; until it has closed both pipes and ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        rests = {process.stdout: b"", process.stderr: b""}
        for pipe in rests:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(POLL_SECONDS):
                pipe = next(one for one in rests if one is key.fileobj)
                text = os.read(pipe.fileno(), 65536)
                whole, _, rests[pipe] = (
                    (rests[pipe] + text).rpartition(b"\n") if text else (rests[pipe], b"", b"")
                )
                if whole:
                    yield pipe, whole + b"\n"
                if not text:
                    selector.unregister(pipe)
            pulse()
        while process.poll() is None:  # its pipes are closed; a moment
            time.sleep(POLL_SECONDS)
            pulse()


@contextlib.contextmanager
def held(path: Path, pulse: Pulse) -> Iterator[None]:
    """An exclusive flock(2) on a file, waited for; the kernel drops it with the process."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(fd):
            pulse()
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def in_lines(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Tell:
    """A Tell for where there is no terminal: a line for each phase, each tenth, each quarter of a minute."""
    last: list[tuple[Phase, int, float]] = []

    def tell(progress: Progress) -> None:
        tenth, now = int(progress.done / _STEP + 1e-9), clock()
        if last and last[-1][:2] == (progress.phase, tenth) and now - last[-1][2] < _STEP_SECONDS:
            return
        last[:] = [(progress.phase, tenth, now)]
        say(sentence(progress))

    return tell


def sentence(progress: Progress) -> str:
    """Progress as people read it."""
    share = f" {progress.done:.0%}" if 0 < progress.done < 1 else ""
    return f"language model: {progress.phase}{share}: {progress.detail}"
