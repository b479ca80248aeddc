"""The language role: prepares environment and model, and serves it. `python -m worker.nlu [beside]`."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from nlu_model import environment, training
from nlu_model.client import State
from nlu_model.models import Shelf, write_whole
from nlu_model.programs import NluError, Phase, Progress, held, in_lines
from nlu_model.promotion import take_over
from nlu_model.serving import Service, listen, rasa_in
from router import log
from router.settings import Settings, SettingsError, read
from worker.errors import CannotStartError

BIND: Final = "127.0.0.1:5005"
TICK_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 300.0
"""Beside other roles: what could not be prepared is tried again, in case somebody has mended it."""
WRITE_SECONDS: Final = 5.0
"""Between two signs of life."""
_log = structlog.get_logger()


class Stopped(Exception):
    """SIGTERM or SIGINT came."""


class StateFile:
    """state.json: written when something changes, and every few seconds as a sign of life."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._last: State | None = None

    def write(self, phase: Phase, done: float, detail: str, address: str) -> None:
        """Say where things stand; a disk that is full is not a reason to end."""
        state = State(phase, round(done, 2), detail, address, self._clock())
        last = self._last
        if last is not None and state.at - last.at < WRITE_SECONDS:
            same = (last.phase, last.address) == (phase, address)
            if same and (last.done == state.done or state.at - last.at < 1.0):
                return
        with contextlib.suppress(OSError):
            write_whole(self._path, msgspec.json.encode(state))
            self._last = state

    def remove(self) -> None:
        """Nothing serves here any more."""
        self._path.unlink(missing_ok=True)


class Language:
    """The language service of a data folder."""

    def __init__(
        self,
        settings: Settings,
        stopping: Callable[[], bool],
        recipe: training.Recipe = training.Recipe(),  # noqa: B008  it is frozen
    ) -> None:
        self._settings = settings
        self._recipe = recipe
        self._stopping = stopping
        self._shelf = Shelf(settings.data_dir / "nlu")
        self._state = StateFile(self._shelf.state)
        self._service: Service | None = None
        self._show = in_lines(lambda line: print(line, flush=True))  # noqa: T201
        self._told = ""
        self._now = Progress("environment", 0.0, "looking at what is there")

    def run(self, *, beside: bool) -> None:
        """Serve until stopped. NluError where there is nothing to serve.

        `beside` others, or with an older model to serve, it says once what is wrong, and tries again.
        """
        self._shelf.folder.mkdir(parents=True, exist_ok=True)
        try:
            with held(self._shelf.folder / "serve.lock", self._wait_for_turn):
                try:
                    self._serve(beside=beside)
                finally:
                    if self._service is not None:
                        self._service.close()
                    self._state.remove()
        except Stopped:
            return

    def _serve(self, *, beside: bool) -> None:
        while True:
            try:
                self._prepare()
            except NluError as error:
                if not beside and not self._serves:
                    raise
                self._say_failed(str(error))
                self._rest(str(error), RETRY_SECONDS)
            else:
                self._rest("", float("inf"))

    def _prepare(self) -> None:
        """The environment, the server of the model in force, then the model of what is there now."""
        environment.ensure(self._settings.nlu_env, tell=self._tell, pulse=self._pulse)
        if self._service is None:
            bind = self._settings.nlu_bind
            listener = listen(bind or BIND, otherwise_any=not bind)
            self._service = Service(self._shelf, listener, rasa_in(self._settings.nlu_env), _log.info)
        self._have_model()

    def _have_model(self) -> None:
        """Train what was never trained. What was and is not in force, somebody rolled back or refused."""
        name = training.wanted(self._shelf, self._recipe)
        found = self._shelf.in_force()
        if found is not None and self._shelf.has(name):
            return
        model = training.ensure(
            self._shelf, self._settings.nlu_env, tell=self._tell, pulse=self._pulse, recipe=self._recipe
        )
        if lost := take_over(self._shelf, model, self._settings.nlu_env, pulse=self._pulse):
            _log.warning("nlu_model_refused", model=model.name, worse=", ".join(lost))

    def _rest(self, failure: str, seconds: float) -> None:
        """Keep serving what there is, for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._now = self._standing(failure)
            self._pulse()
            time.sleep(TICK_SECONDS)

    def _pulse(self) -> None:
        if self._stopping():
            raise Stopped
        if self._service is not None:
            self._service.tick()
        self._state.write(self._now.phase, self._now.done, self._now.detail, self._address)

    def _wait_for_turn(self) -> None:
        if not self._told:
            self._told = "another process serves the language model of this data folder; waiting for its end"
            _log.info("nlu_waits", detail=self._told)
        if self._stopping():
            raise Stopped

    def _tell(self, progress: Progress) -> None:
        self._show(progress)
        self._now = progress

    def _standing(self, failure: str) -> Progress:
        """Where things stand when nothing is being prepared."""
        if self._address:
            return Progress("ready", 1.0, failure)
        if failure and not self._serves:
            return Progress("failed", 0.0, failure)
        return Progress("loading", 0.0, "the model is being loaded")

    def _say_failed(self, sentence: str) -> None:
        if sentence != self._told:
            _log.error("nlu_not_available", detail=sentence)
        self._told = sentence

    @property
    def _serves(self) -> bool:
        """Whether there is a server, and a model for it."""
        return self._service is not None and self._shelf.in_force() is not None

    @property
    def _address(self) -> str:
        return self._service.address if self._service is not None else ""


def run(settings: Settings, *, beside: bool = False) -> None:
    """Serve until SIGTERM. Raises CannotStartError with the mend; `beside` other roles it goes on trying."""
    log.configure(debug=settings.debug)
    if settings.nlu_url:
        raise CannotStartError(
            "IM_NLU_URL names a language service elsewhere, or none; unset it to serve one"
        )
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        Language(settings, lambda: stopped).run(beside=beside)
    except NluError as error:
        raise CannotStartError(str(error)) from None


def main(arguments: Sequence[str]) -> int:
    """The role as a process; exits with 1 after one sentence on stderr."""
    try:
        run(read(), beside="beside" in arguments)
    except (SettingsError, CannotStartError) as error:
        print(f"im: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
