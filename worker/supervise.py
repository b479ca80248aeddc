"""The supervisor of `im serve`: embedded servers and all roles on one machine, restarted when they die."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from router import log
from router.process import CANNOT_BEGIN
from router.servers import Servers, ServersError
from router.settings import ROOT, Settings, environment
from worker.errors import CannotStartError

_CHECK_SECONDS: Final = 0.1
_PORT_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 20.0
_STEADY_SECONDS: Final = 10.0
"""A role that ran this long starts again at once; one that dies sooner waits longer and longer."""
_LONGEST_PAUSE: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1

_log = structlog.get_logger()


class Role:
    """A child process that is kept running."""

    def __init__(self, name: str, command: Sequence[str], environ: dict[str, str]) -> None:
        self.name = name
        self._command = list(command)
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0
        self._not_before = 0.0
        self.ended_with: int | None = None
        """The exit code of its last life."""

    def keep_running(self, now: float) -> None:
        """Start it if it does not run, after a pause where it keeps dying."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None:
            self.ended_with = self._process.returncode
            _log.warning("role_ended", role=self.name, code=self.ended_with)
            steady = now - self._started > _STEADY_SECONDS
            self._pause = 0.0 if steady else min(_LONGEST_PAUSE, max(0.2, self._pause * 2))
            self._not_before = now + self._pause
            self._process = None
        if now >= self._not_before:
            self._start(now)

    def _start(self, now: float) -> None:
        self._started = now
        self._process = subprocess.Popen(
            self._command,
            env=self._environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            start_new_session=True,
        )

    def ask_to_stop(self) -> None:
        """SIGTERM: finish what is in hand."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def await_end(self, deadline: float) -> None:
        """Wait for its end, and kill it at the deadline."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run(settings: Settings, *, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotStartError with the mend when it cannot start."""
    log.configure(debug=settings.debug)
    _refuse_taken_port(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    servers = Servers(settings.data_dir, postgres=not settings.database_url, valkey=not settings.redis_url)
    try:
        with _servers(servers, settings) as (effective, watched):
            _Supervisor(effective, watched, workers).run()
    except ServersError as error:
        raise CannotStartError(str(error)) from None


@contextlib.contextmanager
def _servers(servers: Servers, settings: Settings) -> Iterator[tuple[Settings, Servers | None]]:
    """The settings with the addresses of what is embedded, and the servers to watch, if there are any."""
    if settings.database_url and settings.redis_url:
        yield settings, None
        return
    endpoints = servers.start()
    try:
        yield (
            msgspec.structs.replace(
                settings,
                database_url=settings.database_url or endpoints.database_url,
                redis_url=settings.redis_url or endpoints.redis_url,
            ),
            servers,
        )
    finally:
        servers.stop()


class _Supervisor:
    def __init__(self, settings: Settings, servers: Servers | None, workers: int) -> None:
        self._settings = settings
        self._servers = servers
        self._stop = False
        metrics = settings.data_dir / "metrics"
        _empty(metrics)
        environ = {**os.environ, **environment(settings), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        me = [sys.executable, "-m"]
        self._roles = [Role("api", [*me, "api.http"], environ)]
        self._roles += [
            Role(f"worker-{n}", [*me, "worker", "worker"], environ) for n in range(1, workers + 1)
        ]
        # They need the tables, which the API makes before it answers.
        self._later = [Role(name, [*me, "worker", name], environ) for name in ("ticker", "gateway")]
        # It may take minutes to be ready, and nothing waits for it.
        if not settings.nlu_url:
            self._later.append(Role("nlu", [*me, "worker.nlu", "beside"], environ))

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        try:
            self._watch_until(lambda: _answers(self._settings), first=True)
            _announce(self._settings)
            self._roles += self._later
            self._watch_until(lambda: False, first=False)
        finally:
            self._end()

    def _watch_until(self, reached: Callable[[], bool], *, first: bool) -> None:
        """Keep everything running until something is reached or a stop is asked.

        A role that says at the first start that it cannot begin ends the whole: it has printed why.
        """
        while not self._stop and not reached():
            if self._servers is not None:
                for name in self._servers.check():
                    _log.warning("server_restarted", server=name)
            for role in self._roles:
                role.keep_running(time.monotonic())
                if first and role.ended_with == CANNOT_BEGIN:
                    raise CannotStartError(
                        f"nothing was started: the role `{role.name}` cannot begin, see above"
                    )
            time.sleep(_CHECK_SECONDS)

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True

    def _end(self) -> None:
        """Ask all to finish what they have, and wait for that."""
        deadline = time.monotonic() + _STOP_SECONDS
        for role in self._roles:
            role.ask_to_stop()
        for role in self._roles:
            role.await_end(deadline)


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()


def _refuse_taken_port(settings: Settings) -> None:
    """CannotStartError when somebody listens there. The API of a supervisor that was killed may be ending."""
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            _try_port(settings)
        except CannotStartError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_CHECK_SECONDS)
        else:
            return


def _try_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind, settings.port))
        except OSError as error:
            raise CannotStartError(
                f"{settings.bind} port {settings.port} cannot be used ({error.strerror}); "
                "end what listens there, or set PORT or IM_BIND"
            ) from None


def _answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)  # noqa: S104
    try:
        with socket.create_connection((host, settings.port), timeout=0.2):
            return True
    except OSError:
        return False


def _announce(settings: Settings) -> None:
    token = settings.data_dir / "admin-token"
    rows = [f"im serves on {settings.address}"]
    if token.exists():
        rows.append(f"the admin token is in {token}")
    print("\n".join(rows), flush=True)  # noqa: T201
