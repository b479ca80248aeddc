"""The serving process with Rasa in it: its three addresses, a swap under load, the role, the command line."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nlu_model.client import Interpreter, State, locate, read_state
from nlu_model.models import Model, Shelf
from nlu_model.serving import Service, borrowed, listen, rasa_in
from nlu_model.training import Recipe
from router.settings import ROOT, Settings
from tests.nlu.conftest import plain_environ, shelf_with
from worker.nlu import Language

pytestmark = pytest.mark.nlu

Small = tuple[Shelf, Model, Recipe]


@pytest.fixture(scope="module")
def address(env: Path, small: Small) -> Iterator[str]:
    shelf, model, _ = small
    with borrowed(shelf, model.name, rasa_in(env), lambda: None) as found:
        yield found


def call(address: str, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    assert answer.headers["Connection"] == "close"
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def test_a_sentence_is_answered_as_by_rasas_own_server(address: str) -> None:
    status, found = call(address, "POST", "/model/parse", b'{"text": "resolve INC-9"}')
    assert status == 200
    assert set(found) == {"text", "intent", "entities", "text_tokens", "intent_ranking"}
    assert found["intent"]["name"] == "resolve_incident"
    assert found["text_tokens"] == [[0, 7], [8, 13]]
    assert [one["name"] for one in found["intent_ranking"]] == ["resolve_incident", "incident_status"]


def test_it_says_what_runs(address: str, small: Small) -> None:
    assert call(address, "GET", "/version")[1]["version"] == "3.6.21"
    found = call(address, "GET", "/status")[1]
    assert found["model_file"] == f"{small[1].name}.tar.gz"
    assert 100 < found["resident_mb"] < 1200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", b"", 404),
        ("PUT", "/model", b'{"model_file": "/etc/passwd"}', 404),
        ("DELETE", "/model", b"", 404),
        ("POST", "/model/train", b"{}", 404),
        ("POST", "/webhooks/rest/webhook", b'{"message": "hello"}', 404),
        ("GET", "/conversations/x/tracker", b"", 404),
        ("GET", "/model/parse", b"", 405),
        ("POST", "/model/parse", b"", 400),
        ("POST", "/model/parse", b"[]", 400),
        ("POST", "/model/parse", b'{"text": 3}', 400),
        ("POST", "/model/parse", b"\xff", 400),
        ("POST", "/model/parse", b"[" * 60_000, 400),
        ("POST", "/model/parse", json.dumps({"text": "x" * 5001}).encode(), 400),
        ("POST", "/model/parse", json.dumps({"text": "x" * 70_000}).encode(), 413),
    ],
)
def test_everything_else_is_refused(address: str, method: str, path: str, body: bytes, status: int) -> None:
    found, answer = call(address, method, path, body)
    assert found == status
    assert answer["status"] == "failure"


@pytest.mark.parametrize("text", ["", "\x00", "🚨" * 500, "a" * 5000, "\ud83d"])
def test_strange_texts_are_answered(address: str, text: str) -> None:
    assert call(address, "POST", "/model/parse", json.dumps({"text": text}).encode())[0] == 200


def test_a_swap_of_models_fails_no_request(env: Path, small: Small, tmp_path: Path) -> None:
    shelf = shelf_with(tmp_path, small[1], small[0].file(small[1].name), "aaaa", "bbbb")
    listener = listen("127.0.0.1:0", otherwise_any=False)
    service = Service(shelf, listener, rasa_in(env), lambda event, **about: None)  # noqa: ARG005
    try:
        tick_until(service, lambda: service.address != "")
        with hammered(service.address) as outcomes:
            shelf.promote("bbbb")
            tick_until(service, lambda: service.running is not None and service.running.model == "bbbb")
            before = outcomes["answered"]
            tick_until(service, lambda: not service.leaving and outcomes["answered"] > before + 50)
    finally:
        service.close()
    assert set(outcomes) == {"answered"}


def tick_until(service: Service, reached: Callable[[], bool], seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        service.tick()
        time.sleep(0.05)


@contextmanager
def hammered(address: str) -> Iterator[Counter[str]]:
    """Four threads that ask without pause and without a second try."""
    outcomes: Counter[str] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                status, _ = call(address, "POST", "/model/parse", b'{"text": "resolve INC-9"}')
                outcomes["answered" if status == 200 else str(status)] += 1
            except (OSError, http.client.HTTPException) as error:
                outcomes[repr(error)] += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_the_role_trains_serves_and_says_where(env: Path, small: Small, tmp_path: Path) -> None:
    seen: list[State] = []
    settings = Settings(data_dir=tmp_path, nlu_env=env)

    def stopping() -> bool:
        state = read_state(tmp_path)
        if state is not None and (not seen or seen[-1].phase != state.phase):
            seen.append(state)
        return state is not None and state.phase == "ready"

    Language(settings, stopping, small[2]).run(beside=False)
    assert [state.phase for state in seen][-3:] == ["training", "loading", "ready"]
    assert seen[-1].address.startswith("http://127.0.0.1:")
    found = Shelf(tmp_path / "nlu").in_force()
    assert found is not None
    assert found.current == small[1].name
    assert read_state(tmp_path) is None


def test_the_role_as_a_process_ends_its_server_with_it(env: Path, small: Small, tmp_path: Path) -> None:
    shelf_with(tmp_path, small[1], small[0].file(small[1].name))
    environ = plain_environ(IM_DATA_DIR=str(tmp_path), IM_NLU_ENV=str(env))
    role = subprocess.Popen([sys.executable, "-m", "worker.nlu", "beside"], cwd=ROOT, env=environ)
    try:
        where = wait_for_address(tmp_path)
        assert asyncio.run(intent_of("resolve INC-9", tmp_path)) == "resolve_incident"
    finally:
        role.send_signal(signal.SIGTERM)
        assert role.wait(30) == 0
    assert read_state(tmp_path) is None
    with pytest.raises(OSError, match="refused"):
        call(where, "GET", "/status")


async def intent_of(text: str, data_dir: Path) -> str:
    async with Interpreter(locate("", data_dir), timeout=20) as interpreter:
        return (await interpreter.parse(text)).intent


def wait_for_address(data_dir: Path) -> str:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        state = read_state(data_dir)
        if state is not None and state.address:
            return state.address
        time.sleep(0.2)
    raise AssertionError(f"no address in time: {read_state(data_dir)}")


def test_many_lines_are_parsed_in_order_within_seconds(address: str, tmp_path: Path) -> None:
    lines = [f"resolve INC-{n}" if n % 2 else json.dumps({"text": f"status of INC-{n}"}) for n in range(700)]
    file = tmp_path / "sentences.jsonl"
    file.write_text("\n".join(lines) + "\n")
    began = time.monotonic()
    done = im_nlu("parse", "--jsonl", str(file), IM_NLU_URL=address, IM_DATA_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 60
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 700
    assert set(rows[0]) == {"text", "intent", "confidence", "entities", "alternatives"}
    for number, row in enumerate(rows):
        assert row["text"] == f"{'resolve' if number % 2 else 'status of'} INC-{number}"
        assert row["intent"] == ("resolve_incident" if number % 2 else "incident_status")


def test_parsing_starts_a_server_where_none_runs(env: Path, small: Small, tmp_path: Path) -> None:
    shelf_with(tmp_path, small[1], small[0].file(small[1].name))
    done = im_nlu("parse", "--json", "resolve INC-9", IM_DATA_DIR=str(tmp_path), IM_NLU_ENV=str(env))
    assert done.returncode == 0, done.stderr
    assert [row["intent"] for row in json.loads(done.stdout)] == ["resolve_incident"]
    assert "starting one for this command" in done.stderr


def im_nlu(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from api.cli.main import run; sys.exit(run(['nlu', *sys.argv[1:]]))"
    given = plain_environ(**environ) | {"PYTHONPATH": os.fspath(ROOT)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=300, check=False)
