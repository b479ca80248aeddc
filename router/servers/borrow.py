"""Lets a command use the servers of a data folder: a running owner's, or some kept while commands need them.

    command ──users lock (shared)──► servers ◄──owner lock── im serve, or else a keeper

Where nothing runs, the first command starts a keeper (keeper.py), a process that owns the servers until no
command holds the users lock. So commands may come and go in any order: none cuts off another, none waits for
another, and one that is killed only lets go of its lock. While `im serve` stops, commands get two seconds to
finish; one that comes then waits and starts a keeper.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from router.servers.answers import postgres_answers, valkey_answers
from router.servers.errors import Held, ServersError, explained
from router.servers.layout import Endpoints, Layout, layout_of
from router.servers.locks import UsersLock, owner_of
from router.servers.logfile import LogFile

_START_SECONDS = 75.0  # a little more than the servers themselves get
_STOP_SECONDS = 30.0
_NOTICE_SECONDS = 0.5  # in which a keeper sees that it is alone
_PAUSE = 0.01
_CODE_FOLDER = Path(__file__).parents[2]

READY = "ready"


def running(data_dir: Path) -> Endpoints | None:
    """The endpoints of the servers that another process runs on `data_dir` and that answer, else None."""
    owner = owner_of(layout_of(data_dir).owner_lock)
    if owner is None or owner.endpoints is None:
        return None
    postgres, valkey = owner.endpoints.postgres_socket, owner.endpoints.valkey_socket
    if postgres is not None and not postgres_answers(postgres):
        return None
    if valkey is not None and not valkey_answers(valkey):
        return None
    return owner.endpoints


@contextlib.contextmanager
def borrowed(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> Iterator[Endpoints]:
    """Use the servers of `data_dir` for the block, started for its duration where none run.

    `postgres` and `valkey` say which ones are needed. ServersError says why they cannot be had.
    """
    layout = layout_of(data_dir)
    users = UsersLock(layout.users_lock)
    with explained(layout.root):
        layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not users.share(_STOP_SECONDS):
            raise Held(f"the servers of {layout.root} are stopping and do not end: try again in a minute")
    try:
        yield _found_or_started(layout, postgres=postgres, valkey=valkey)
    finally:
        _leave(layout, users)


def _found_or_started(layout: Layout, *, postgres: bool, valkey: bool) -> Endpoints:
    deadline = time.monotonic() + _START_SECONDS
    while (found := running(layout.root)) is None:
        if time.monotonic() > deadline:
            raise ServersError(f"the servers of {layout.root} do not answer: see {layout.logs}")
        with explained(layout.root):
            _start_keeper(layout, postgres=postgres, valkey=valkey)
    if (postgres and not found.database_url) or (valkey and not found.redis_url):
        missing = "Postgres (set DATABASE_URL" if not found.database_url else "Valkey (set REDIS_URL"
        raise ServersError(f"the running servers of {layout.root} are without {missing} as it has it)")
    return found


def _start_keeper(layout: Layout, *, postgres: bool, valkey: bool) -> None:
    """Start a keeper and wait for its word; returns too if it was ended, or found others running."""
    wanted = [name for name, want in (("postgres", postgres), ("valkey", valkey)) if want]
    paths = [str(_CODE_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    errors = LogFile(layout.logs / "servers.log")
    errors.bound()
    output = errors.open()
    try:
        keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "router.servers.keeper", str(layout.root), *wanted],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=layout.root,
            start_new_session=True,  # Ctrl-C ends the command; the keeper then sees that it is alone
        )
    finally:
        os.close(output)
    with keeper:
        assert keeper.stdout is not None
        word = keeper.stdout.read().strip()
    if word and word != READY:
        raise ServersError(word)


def _leave(layout: Layout, users: UsersLock) -> None:
    """Let go; as the last user of a keeper's servers wait until they are gone, so nothing is left behind."""
    alone = users.alone(0)
    users.drop()
    noticed = time.monotonic() + _NOTICE_SECONDS
    deadline = time.monotonic() + _STOP_SECONDS
    while alone and (owner := owner_of(layout.owner_lock)) and owner.purpose != "serve":
        now = time.monotonic()
        if now > deadline or (owner.purpose == "command" and now > noticed):
            break  # another command came meanwhile
        time.sleep(_PAUSE)
