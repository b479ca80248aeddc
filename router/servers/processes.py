"""Finds the processes that an earlier owner of a data folder left behind, and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_PAUSE = 0.01


class Process(msgspec.Struct, frozen=True):
    """`title` is the command line as its owner shows it, parts separated by spaces."""

    pid: int
    uid: int
    title: str


def processes() -> Iterator[Process]:
    """All processes that this user may end; a title on anybody else's proves nothing."""
    me = os.geteuid()
    found = _from_proc() if (_PROC / "self" / "cmdline").exists() else _from_ps()
    return (process for process in found if me in {0, process.uid})


def _from_proc() -> Iterator[Process]:
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            title = (entry / "cmdline").read_bytes()
            uid = entry.stat().st_uid
        except OSError:  # it ended meanwhile
            continue
        if title:  # a zombie has none, and holds nothing
            yield Process(int(entry.name), uid, title.replace(b"\0", b" ").decode(errors="replace").strip())


def _from_ps() -> Iterator[Process]:
    command = ["/bin/ps", "-axww", "-o", "pid=,uid=,command="]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        pid, uid, title = line.split(None, 2)
        yield Process(int(pid), int(uid), title.strip())


def end_all(
    find: Callable[[], Sequence[int]],
    steps: Sequence[tuple[signal.Signals, float]],
    clock: Callable[[], float],
) -> bool:
    """Send each step's signal to what `find` returns and wait its seconds, until nothing is found."""
    for number, seconds in steps:
        pids = find()
        for pid in pids:
            _signal(pid, number)
        deadline = clock() + seconds
        while pids and clock() < deadline:
            time.sleep(_PAUSE)
            pids = find()
        if not pids:
            return True
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
