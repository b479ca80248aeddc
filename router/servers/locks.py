"""Who may run the servers of a data folder (one owner), and who uses them (many at once).

Both are flock(2) locks, which the kernel drops with the process however it ends. The owner's file also says
who the owner is and where the servers answer.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from router.servers.errors import Held
from router.servers.layout import Endpoints

_PAUSE = 0.01  # seconds between two attempts
_GRACE = 0.2


class Owner(msgspec.Struct, frozen=True):
    """What the owner's file says; `endpoints` is there once the servers answer."""

    pid: int
    purpose: Literal["serve", "command", "stopping"]
    endpoints: Endpoints | None = None


def owner_of(path: Path) -> Owner | None:
    """Who wrote the owner's file last; None where nobody did, or they have left."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Owner)
    except (OSError, msgspec.DecodeError):
        return None


class OwnerLock:
    """The exclusive right to run the servers of one folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self, purpose: Literal["serve", "command"], patience: float) -> None:
        """Get the lock, or raise Held naming who has it.

        Waits up to `patience` seconds for an owner that will end by itself: a command, or one that stops.
        """
        fd = _open(self._path)
        # An owner that has just got the lock has not yet written over what a killed one left.
        look = time.monotonic() + _GRACE
        worthwhile = lambda: time.monotonic() < look or self._will_end()  # noqa: E731
        if not _until(lambda: _try(fd, fcntl.LOCK_EX), patience, worthwhile):
            os.close(fd)
            raise _held(self._path.parent, owner_of(self._path))
        self._fd = fd
        self.say(Owner(os.getpid(), purpose))

    @property
    def held(self) -> bool:
        return self._fd is not None

    def say(self, owner: Owner | None) -> None:
        """Write who the owner is, for others to read; None when leaving."""
        assert self._fd is not None
        text = msgspec.json.encode(owner) if owner is not None else b""
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))

    def drop(self) -> None:
        """Let go of the lock; once more does nothing."""
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            os.ftruncate(fd, 0)
        finally:
            os.close(fd)

    def _will_end(self) -> bool:
        owner = owner_of(self._path)
        return owner is None or owner.purpose != "serve"


class UsersLock:
    """Held shared by each user of the servers, and alone by the owner that stops them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def share(self, patience: float) -> bool:
        """Become a user; False if an owner was still stopping after `patience` seconds."""
        return self._get(fcntl.LOCK_SH, patience)

    def alone(self, patience: float) -> bool:
        """Whether, within `patience` seconds, nobody else is a user; then no one becomes one until drop()."""
        return self._get(fcntl.LOCK_EX, patience)

    def drop(self) -> None:
        """Let go of the lock; once more does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _get(self, kind: int, patience: float) -> bool:
        fd = self._fd if self._fd is not None else _open(self._path)
        self._fd = fd
        return _until(lambda: _try(fd, kind), patience)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _until(
    attempt: Callable[[], bool], patience: float, worthwhile: Callable[[], bool] = lambda: True
) -> bool:
    """Attempt until it works or the seconds are over, as long as waiting makes sense."""
    deadline = time.monotonic() + patience
    while not attempt():
        if time.monotonic() >= deadline or not worthwhile():
            return False
        time.sleep(_PAUSE)
    return True


def _held(folder: Path, owner: Owner | None) -> Held:
    who = f"by the process {owner.pid}" if owner is not None else "by another process"
    return Held(f"{folder} is in use {who}: end that one first, or set IM_DATA_DIR to another folder")
