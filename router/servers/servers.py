"""Owns the embedded servers of one data folder, from start to stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from router.servers import identity as identities
from router.servers.child import Child
from router.servers.errors import explained
from router.servers.layout import Endpoints, layout_of
from router.servers.locks import Owner, OwnerLock, UsersLock
from router.servers.postgres import Postgres
from router.servers.valkey import Valkey

_START_SECONDS = 60.0  # also for replaying the log of changes after a crash
_OTHER_ENDS_SECONDS = 10.0  # for a command that still uses the folder, or an owner that stops
_USERS_SECONDS = 2.0  # what commands that use a stopping owner's servers get to finish


class Servers:
    """Postgres and Valkey, embedded: `start()`, then `check()` often, then `stop()`; or as a context manager.

    start() and check() must be called from a thread that lives as long as the servers shall, best the main
    one: on Linux they end with the thread that started them, so that no kill -9 leaves them behind.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        namespaces: bool = True,
        for_command: bool = False,
    ) -> None:
        """`namespaces=False` acts as where the system forbids user namespaces.

        `for_command` says that they run only while commands use them (see borrow.py).
        """
        self._layout = layout_of(data_dir)
        self._postgres, self._valkey = postgres, valkey
        self._namespaces = namespaces
        self._for_command = for_command
        self._purpose: Literal["serve", "command"] = "command" if for_command else "serve"
        self._owner = OwnerLock(self._layout.owner_lock)
        self._users = UsersLock(self._layout.users_lock)
        self._children: list[Child] = []
        self._started = False

    @property
    def endpoints(self) -> Endpoints:
        """The addresses, known before the start too."""
        return self._layout.endpoints(postgres=self._postgres, valkey=self._valkey)

    @property
    def database_url(self) -> str:
        return self.endpoints.database_url

    @property
    def redis_url(self) -> str:
        return self.endpoints.redis_url

    def start(self) -> Endpoints:
        """Start what is not started and wait until it answers; ServersError says why it cannot be.

        Held (a ServersError) names the process that runs them already.
        """
        if self._started:
            return self.endpoints
        try:
            with explained(self._layout.root):
                self._take_folder()
                self._bring_up()
        except BaseException:
            self._end()
            raise
        self._started = True
        return self.endpoints

    def check(self) -> list[str]:
        """Start again what ended, and return the names of that; cheap (about 20 µs) while all is well.

        After the first end at once, then after growing pauses of at most 5 s. Waits at most a second for a
        restarted one to answer. Raises nothing.
        """
        revived = [child.server.name for child in self._children if child.revive()]
        for child in self._children:
            with contextlib.suppress(OSError):
                child.server.log.bound()
        return revived

    def unused(self) -> bool:
        """Whether no command uses the servers; then none can any more, until stop()."""
        return self._users.alone(0)

    def stop(self) -> None:
        """Stop them in order, in at most half a minute; once more does nothing."""
        if self._started:
            self._started = False
            with contextlib.suppress(OSError):  # a full disk
                self._owner.say(Owner(os.getpid(), "stopping"))
            self._users.alone(_USERS_SECONDS)
            self._end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_folder(self) -> None:
        self._layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._owner.take(self._purpose, 0.0 if self._for_command else _OTHER_ENDS_SECONDS)

    def _bring_up(self) -> None:
        identity = identities.choose(namespaces=self._namespaces) if self._postgres else identities.myself()
        if self._postgres:
            self._children.append(Child(Postgres(self._layout, identity)))
        if self._valkey:
            self._children.append(Child(Valkey(self._layout, identity.owner)))
        deadline = time.monotonic() + _START_SECONDS
        for child in self._children:
            child.spawn()
        for child in self._children:
            child.await_answer(deadline - time.monotonic())
        self._owner.say(Owner(os.getpid(), self._purpose, self.endpoints))

    def _end(self) -> None:
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.stop()
        self._children.clear()
        if self._layout.sockets.parent != self._layout.root and self._owner.held:
            shutil.rmtree(self._layout.sockets, ignore_errors=True)
        self._owner.drop()
        self._users.drop()
