"""Serving the model in force: one process at a time, a newer model's beside it until that one is warm.

All processes share one listening socket, which belongs to the supervisor: the older one stops taking
connections only when the newer takes them, so that a swap fails no request.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from nlu_model.environment import HERE, clean, python_of
from nlu_model.models import Shelf
from nlu_model.programs import NluError, Pulse, end, last_words, spawn

SERVE: Final = HERE / "launch" / "serve.py"
LOAD_SECONDS: Final = 180.0
"""A process that is not warm by then is given up; 10 to 30 s are usual."""
LEAVE_SECONDS: Final = 15.0
CHECK_SECONDS: Final = 5.0
"""Between two questions whether it answers; three without an answer, and it is started again."""
SILENCES: Final = 3
LONGEST_PAUSE: Final = 60.0
STEADY_SECONDS: Final = 60.0
_BACKLOG: Final = 128
_ANSWER_SECONDS: Final = 3.0

LOG: Final = "serve.log"
"""In the folder `nlu`: what the libraries say; begun anew at LOG_BYTES."""
LOG_BYTES: Final = 1_000_000

Command = Callable[[Path, int], list[str | Path]]
"""How to serve an archive on a listening socket's file descriptor."""


class Note(Protocol):
    """Told what happened: a word for it, and what belongs to it."""

    def __call__(self, event: str, **about: object) -> None: ...


def rasa_in(env: Path) -> Command:
    """Rasa's process, in its environment."""
    return lambda archive, fd: [python_of(env), SERVE, "--model", archive, "--fd", str(fd)]


def listen(bind: str, *, otherwise_any: bool) -> socket.socket:
    """A socket that listens on `host:port`, or on any free port where that is taken and it may be another."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in (int(port), 0) if otherwise_any else (int(port),):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            reason = error.strerror or type(error).__name__
        else:
            return listener
    raise NluError(f"{bind} cannot be listened on ({reason}); end what listens there, or set IM_NLU_BIND")


def address_of(listener: socket.socket) -> str:
    """Where programs of this machine reach it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Said(msgspec.Struct, frozen=True):
    """A line of the serving process."""

    phase: str
    seconds: float = 0.0
    resident_mb: int = 0


class Server:
    """One process that serves one model."""

    def __init__(self, shelf: Shelf, model: str, command: Command, listener: socket.socket) -> None:
        self.model = model
        self.started = time.monotonic()
        self.ready: _Said | None = None
        self._log = shelf.folder / LOG
        fd = listener.fileno()
        with _opened(self._log) as file:
            self._log_from = file.tell()
            self._process = spawn(command(shelf.file(model), fd), environ=clean(), pass_fds=(fd,), error=file)
        self._rest = b""
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def look(self) -> None:
        """Read what it said."""
        assert self._process.stdout is not None
        with contextlib.suppress(BlockingIOError, msgspec.DecodeError):
            self._rest += os.read(self._process.stdout.fileno(), 65536)
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                said = msgspec.json.decode(line, type=_Said)
                self.ready = said if said.phase == "ready" else self.ready

    def late(self) -> bool:
        """Whether it should have been warm by now."""
        return self.ready is None and time.monotonic() - self.started > LOAD_SECONDS

    def last_words(self) -> str:
        """What it logged last."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._log_from)
                return last_words(file.read())
        except OSError:
            return ""

    def ask_to_end(self) -> None:
        """It answers what it has, and ends."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def end(self, seconds: float = LEAVE_SECONDS) -> None:
        """Wait for its end, and kill it after `seconds`."""
        end(self._process, seconds)


def _opened(log: Path) -> IO[bytes]:
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            log.unlink()
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")


class Service:
    """Serves what current.json names; `tick` it some times a second. Raises nothing once it is made."""

    def __init__(
        self,
        shelf: Shelf,
        listener: socket.socket,
        command: Command,
        note: Note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf, self._listener, self._command = shelf, listener, command
        self._note, self._clock = note, clock
        self.running: Server | None = None
        self._coming: Server | None = None
        self.leaving: list[tuple[Server, float]] = []
        self._refused = ""
        """A model that could not be loaded; not tried again while another one is served."""
        self._pause = 0.0
        self._not_before = 0.0
        self._next_check = 0.0
        self._silences = 0

    @property
    def address(self) -> str:
        """Where it answers; empty while nothing does."""
        return address_of(self._listener) if self.running is not None else ""

    def tick(self) -> None:
        """Notice what happened, and do what follows from it."""
        now = self._clock()
        self._see_leaving(now)
        self._see_running(now)
        self._see_coming(now)
        found = self._shelf.in_force()
        if found is None or self._coming is not None or now < self._not_before:
            return
        if self.running is None or found.current not in (self.running.model, self._refused):
            self._start(found.current, now)

    def close(self) -> None:
        """End all of it."""
        servers = [one for one, _ in self.leaving]
        servers += [one for one in (self.running, self._coming) if one is not None]
        for server in servers:
            server.ask_to_end()
        for server in servers:
            server.end()
        self.running = self._coming = None
        self.leaving = []
        self._listener.close()

    def _start(self, model: str, now: float) -> None:
        try:
            self._coming = Server(self._shelf, model, self._command, self._listener)
        except OSError as error:
            self._wait_longer(now)
            self._note("nlu_not_started", model=model, error=error.strerror)

    def _see_coming(self, now: float) -> None:
        server = self._coming
        if server is None:
            return
        server.look()
        if server.ready is not None:
            self._take_over(server, now)
        elif server.code is not None or server.late():
            self._coming = None
            server.end(0.0)
            self._refused = server.model
            if self.running is None:
                self._wait_longer(now)
            self._note("nlu_model_not_loaded", model=server.model, code=server.code, said=server.last_words())

    def _take_over(self, server: Server, now: float) -> None:
        if self.running is not None:
            self.running.ask_to_end()
            self.leaving.append((self.running, now + LEAVE_SECONDS))
        self.running, self._coming = server, None
        self._refused, self._silences, self._next_check = "", 0, now + CHECK_SECONDS
        assert server.ready is not None
        self._note(
            "nlu_ready",
            model=server.model,
            address=self.address,
            seconds=server.ready.seconds,
            resident_mb=server.ready.resident_mb,
        )

    def _see_running(self, now: float) -> None:
        server = self.running
        if server is None:
            return
        if server.code is None and now >= self._next_check:
            self._silences = 0 if answers(self.address) else self._silences + 1
            self._next_check = self._clock() + CHECK_SECONDS
        if server.code is not None or self._silences >= SILENCES:
            self._note("nlu_ended", model=server.model, code=server.code, said=server.last_words())
            server.end(0.0)
            self.running, self._silences = None, 0
            if now - server.started > STEADY_SECONDS:
                self._pause = 0.0
            else:
                self._wait_longer(now)

    def _see_leaving(self, now: float) -> None:
        for server, deadline in list(self.leaving):
            if server.code is not None or now > deadline:
                server.end(0.0)
                self.leaving.remove((server, deadline))

    def _wait_longer(self, now: float) -> None:
        self._pause = min(LONGEST_PAUSE, max(1.0, self._pause * 2))
        self._not_before = now + self._pause


def answers(address: str) -> bool:
    """Whether the process behind an address answers in time."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/status")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def borrowed(shelf: Shelf, model: str, command: Command, pulse: Pulse) -> Iterator[str]:
    """The address of a server of one's own for the duration of the block. NluError where it does not load."""
    listener = listen("127.0.0.1:0", otherwise_any=False)
    server = Server(shelf, model, command, listener)
    try:
        while server.ready is None:
            pulse()
            server.look()
            if server.code is not None or server.late():
                reason = server.last_words() or f"exit code {server.code}"
                raise NluError(
                    f"the model {model} could not be loaded ({reason}); `im nlu train --force` makes it anew"
                )
            time.sleep(0.05)
        yield address_of(listener)
    finally:
        server.ask_to_end()
        server.end()
        listener.close()
