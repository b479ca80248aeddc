"""Supervision of the serving process, with a stand-in that loads fast: swaps, crashes, bad models."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from nlu_model.client import State
from nlu_model.models import Model, Shelf
from nlu_model.programs import NluError
from nlu_model.serving import Service, address_of, borrowed, listen
from worker.nlu import StateFile

SERVER = """
import http.server, json, os, signal, socket, sys, threading, time

model, fd = open(sys.argv[1]).read(), int(sys.argv[2])
if model.startswith("broken"):
    sys.exit("the model is of another Rasa")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if model.startswith("silent"):
            time.sleep(60)
        body = json.dumps({"model_file": model, "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    def __init__(self):
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=fd)

server = Server()
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(json.dumps({"phase": "loading"}), flush=True)
time.sleep(0.2)
print(json.dumps({"phase": "ready", "seconds": 0.2, "resident_mb": 12}), flush=True)
server.serve_forever(0.05)
server.server_close()
"""


class Stage:
    """A shelf, a service over it, and what it noted."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder / "nlu")
        self.noted: list[tuple[str, dict[str, Any]]] = []
        script = folder / "server.py"
        script.write_text(SERVER)
        self.command = lambda archive, fd: [sys.executable, script, archive, str(fd)]
        listener = listen("127.0.0.1:0", otherwise_any=False)
        self.service = Service(
            self.shelf, listener, self.command, lambda event, **about: self.noted.append((event, about))
        )

    def put(self, name: str) -> None:
        self.shelf.models.mkdir(parents=True, exist_ok=True)
        (self.shelf.models / ".new").write_text(name)
        self.shelf.put(Model(name, datetime.now(UTC), 1.0), self.shelf.models / ".new")

    def until(self, reached: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, self.noted
            self.service.tick()
            time.sleep(0.02)

    def serves(self, model: str) -> bool:
        return self.service.running is not None and self.service.running.model == model

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.service.address}/status", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def events(self) -> list[str]:
        return [event for event, _ in self.noted]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    for name in ("first", "second", "broken", "silent"):
        found.put(name)
    yield found
    found.service.close()


def test_nothing_is_started_until_a_model_is_in_force(stage: Stage) -> None:
    stage.service.tick()
    assert stage.service.address == ""
    stage.shelf.promote("first")
    stage.until(lambda: stage.serves("first"))
    assert stage.status()["model_file"] == "first"
    assert stage.noted[-1][0] == "nlu_ready"
    assert stage.noted[-1][1]["resident_mb"] == 12


def test_a_swap_fails_no_request(stage: Stage) -> None:
    stage.shelf.promote("first")
    stage.until(lambda: stage.serves("first"))
    with hammer(f"{stage.service.address}/status") as outcomes:
        for name in ("second", "first", "second"):
            stage.shelf.promote(name)
            stage.until(functools.partial(stage.serves, name))
            enough = sum(outcomes.values()) + 20
            stage.until(functools.partial(_at_least, outcomes, enough))
    assert set(outcomes) == {"first", "second"}
    assert min(outcomes.values()) > 20


def test_a_model_that_does_not_load_leaves_the_old_one_serving(stage: Stage) -> None:
    stage.shelf.promote("first")
    stage.until(lambda: stage.serves("first"))
    stage.shelf.promote("broken")
    stage.until(lambda: "nlu_model_not_loaded" in stage.events())
    assert stage.noted[-1][1]["said"] == "the model is of another Rasa"
    for _ in range(20):
        stage.service.tick()
    assert stage.events().count("nlu_model_not_loaded") == 1
    assert stage.status()["model_file"] == "first"
    stage.shelf.promote("second")
    stage.until(lambda: stage.serves("second"))


def test_a_killed_server_is_started_again_at_the_same_address(stage: Stage) -> None:
    stage.shelf.promote("first")
    stage.until(lambda: stage.serves("first"))
    address, pid = stage.service.address, stage.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    stage.until(lambda: "nlu_ended" in stage.events())
    assert stage.service.address == ""
    stage.until(lambda: stage.serves("first"))
    assert stage.service.address == address
    assert stage.status()["pid"] != pid


def test_one_that_never_loads_is_tried_with_growing_pauses(stage: Stage) -> None:
    stage.shelf.promote("broken")
    began = time.monotonic()
    stage.until(lambda: stage.events().count("nlu_model_not_loaded") == 3)
    assert time.monotonic() - began > 2.5  # 1 s, then 2 s


def test_one_that_does_not_answer_is_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlu_model.serving.CHECK_SECONDS", 0.05)
    monkeypatch.setattr("nlu_model.serving._ANSWER_SECONDS", 0.1)
    stage.shelf.promote("silent")
    stage.until(lambda: stage.events().count("nlu_ready") == 2)
    assert "nlu_ended" in stage.events()


def test_closing_ends_every_process(stage: Stage) -> None:
    stage.shelf.promote("first")
    stage.until(lambda: stage.serves("first"))
    pid = stage.status()["pid"]
    stage.service.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_is_borrowed_for_a_while(stage: Stage) -> None:
    with borrowed(stage.shelf, "first", stage.command, lambda: None) as address:
        assert httpx.get(f"{address}/status").json()["model_file"] == "first"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/status")


def test_borrowing_a_model_that_does_not_load_says_why(stage: Stage) -> None:
    with (
        pytest.raises(NluError, match=r"could not be loaded.*of another Rasa.*im nlu train --force"),
        borrowed(stage.shelf, "broken", stage.command, lambda: None),
    ):
        pass


def test_a_taken_port_is_refused_or_another_is_found() -> None:
    with listen("127.0.0.1:0", otherwise_any=False) as first:
        taken = f"127.0.0.1:{first.getsockname()[1]}"
        with pytest.raises(NluError, match="IM_NLU_BIND"):
            listen(taken, otherwise_any=False)
        with listen(taken, otherwise_any=True) as second:
            assert second.getsockname()[1] != first.getsockname()[1]


def test_addresses_are_for_programs_of_this_machine() -> None:
    with listen("0.0.0.0:0", otherwise_any=False) as everywhere:
        assert address_of(everywhere) == f"http://127.0.0.1:{everywhere.getsockname()[1]}"
    with listen("[::1]:0", otherwise_any=False) as six:
        assert six.family == socket.AF_INET6
        assert address_of(six) == f"http://[::1]:{six.getsockname()[1]}"


def test_the_state_is_written_at_changes_and_as_a_sign_of_life(tmp_path: Path) -> None:
    now = 100.0
    path = tmp_path / "nlu" / "state.json"
    state = StateFile(path, lambda: now)

    def at() -> float:
        return msgspec.json.decode(path.read_bytes(), type=State).at

    state.write("training", 0.1, "epoch 1", "")
    now = 100.5
    state.write("training", 0.2, "epoch 2", "")
    assert at() == 100.0  # not more than once a second
    now = 101.5
    state.write("training", 0.3, "epoch 3", "")
    assert at() == 101.5
    now = 102.0
    state.write("ready", 1.0, "", "http://127.0.0.1:5005")
    assert at() == 102.0
    now = 108.0
    state.write("ready", 1.0, "", "http://127.0.0.1:5005")
    assert at() == 108.0
    state.remove()
    assert not path.exists()


def _at_least(outcomes: Counter[str], number: int) -> bool:
    return sum(outcomes.values()) >= number


class hammer:  # noqa: N801  reads as a word
    """Asks an address from four tasks until the block ends; counts which model answered, or what broke."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = False
        self._outcomes: Counter[str] = Counter()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask()))

    def __enter__(self) -> Counter[str]:
        self._thread.start()
        return self._outcomes

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()

    async def _ask(self) -> None:
        await asyncio.gather(*(self._keep_asking() for _ in range(4)))

    async def _keep_asking(self) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            while not self._over:
                try:
                    answer = await client.get(self._url, headers={"connection": "close"})
                    self._outcomes[answer.json()["model_file"]] += 1
                except (httpx.HTTPError, ValueError) as error:
                    self._outcomes[repr(error)] += 1
