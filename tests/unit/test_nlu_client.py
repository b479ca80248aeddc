"""The client of the language service against a real server on loopback: answers, waits, rest, where it is."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nlu_model.client import (
    FAILURES,
    MAX_CHARACTERS,
    REST_SECONDS,
    STALE_SECONDS,
    Away,
    Interpreter,
    State,
    address_in,
    locate,
    read_state,
    understood,
)
from nlu_model.parse import Alternative, Entity

Script = Callable[[dict[str, Any]], Awaitable[tuple[int, bytes]]]
RESOLVE = {
    "text": "resolve INC-7",
    "intent": {"name": "resolve_incident", "confidence": 0.9},
    "entities": [{"entity": "incident_id", "start": 8, "end": 13, "value": "INC-7", "extractor": "x"}],
    "text_tokens": [[0, 7], [8, 13]],
    "intent_ranking": [
        {"name": "resolve_incident", "confidence": 0.9},
        *({"name": f"other_{n}", "confidence": n / 100} for n in range(6)),
    ],
}


class Served(msgspec.Struct):
    url: str
    heads: list[str]
    bodies: list[dict[str, Any]]


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[Served]:
    """A server that answers each request as the script says, and closes the connection as ours does."""
    seen = Served("", [], [])
    writers: list[asyncio.StreamWriter] = []

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split()[0])
            seen.heads.append(head)
            seen.bodies.append(json.loads(await reader.readexactly(length)))
            status, body = await script(seen.bodies[-1])
            if status:
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body)))
                writer.write(b"Connection: close\r\n\r\n" + body)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield seen
    for writer in writers:  # or the loop ends before they are closed, and a later test is blamed
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)


async def resolve(_: dict[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps(RESOLVE).encode()


async def test_a_sentence_comes_back_understood() -> None:
    async with served(resolve) as server, Interpreter(lambda: server.url) as interpreter:
        found = await interpreter.parse("resolve INC-7")
    assert server.bodies == [{"text": "resolve INC-7"}]
    assert server.heads[0].startswith("POST /model/parse HTTP/1.1")
    assert (found.text, found.intent, found.confidence) == ("resolve INC-7", "resolve_incident", 0.9)
    assert found.entities == (Entity("incident_id", "INC-7", 8, 13, 1.0),)
    assert found.alternatives == tuple(Alternative(f"other_{n}", n / 100) for n in (5, 4, 3, 2))


async def test_credentials_of_the_address_reach_a_proxy_as_basic_authentication() -> None:
    async with served(resolve) as server:
        url = server.url.replace("http://", "http://im:s3cret@")
        async with Interpreter(lambda: url) as interpreter:
            await interpreter.parse("resolve INC-7")
    credentials = base64.b64encode(b"im:s3cret").decode()
    assert f"authorization: basic {credentials}".lower() in server.heads[0].lower()


async def test_a_long_text_is_cut_and_half_characters_are_replaced() -> None:
    async with served(resolve) as server, Interpreter(lambda: server.url) as interpreter:
        found = await interpreter.parse("\ud83d" + "x" * 5000)
    assert len(server.bodies[0]["text"]) == MAX_CHARACTERS
    assert found.text == server.bodies[0]["text"] == "�" + "x" * (MAX_CHARACTERS - 1)


@pytest.mark.parametrize("text", ["", "  \n\t"])
async def test_an_empty_text_is_out_of_scope_without_asking(text: str) -> None:
    async with served(resolve) as server, Interpreter(lambda: server.url) as interpreter:
        assert (await interpreter.parse(text)).intent == "out_of_scope"
    assert server.bodies == []


async def test_a_connection_that_breaks_is_tried_once_more() -> None:
    answers = iter([(0, b""), (200, json.dumps(RESOLVE).encode())])

    async def script(_: dict[str, Any]) -> tuple[int, bytes]:
        return next(answers)

    async with served(script) as server, Interpreter(lambda: server.url) as interpreter:
        assert (await interpreter.parse("resolve INC-7")).intent == "resolve_incident"
    assert len(server.bodies) == 2


async def test_the_second_try_goes_to_where_the_service_is_then() -> None:
    async with served(resolve) as server:
        addresses = iter(["http://127.0.0.1:1", server.url])
        async with Interpreter(lambda: next(addresses)) as interpreter:
            assert (await interpreter.parse("resolve INC-7")).intent == "resolve_incident"


async def test_a_service_that_hangs_is_away_in_time() -> None:
    async def script(_: dict[str, Any]) -> tuple[int, bytes]:
        await asyncio.sleep(30)
        return 200, b"{}"

    async with served(script) as server, Interpreter(lambda: server.url, timeout=0.4) as interpreter:
        began = time.monotonic()
        with pytest.raises(Away, match="does not answer"):
            await interpreter.parse("hello")
        assert time.monotonic() - began < 2.0
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(500, b"{}", "answered 500"), (200, b"<html>", "unreadable"), (200, b'{"intent": 3}', "unreadable")],
)
async def test_an_answer_that_is_none_is_away(status: int, body: bytes, said: str) -> None:
    async def script(_: dict[str, Any]) -> tuple[int, bytes]:
        return status, body

    async with served(script) as server, Interpreter(lambda: server.url) as interpreter:
        with pytest.raises(Away, match=said):
            await interpreter.parse("hello")


async def test_after_failures_in_a_row_it_rests_and_then_one_probe_is_sent() -> None:
    broken = True
    now = 1000.0

    async def script(_: dict[str, Any]) -> tuple[int, bytes]:
        await asyncio.sleep(0.05)
        return (500, b"") if broken else await resolve({})

    async with served(script) as server, Interpreter(lambda: server.url, clock=lambda: now) as interpreter:
        for _ in range(FAILURES):
            with pytest.raises(Away, match="answered 500"):
                await interpreter.parse("hello")
        with pytest.raises(Away, match="tried again"):
            await interpreter.parse("hello")
        assert len(server.bodies) == FAILURES
        broken, now = False, now + REST_SECONDS + 1
        results = await asyncio.gather(
            *(interpreter.parse("hello") for _ in range(5)), return_exceptions=True
        )
        assert [isinstance(result, Away) for result in results].count(False) == 1
        assert len(server.bodies) == FAILURES + 1
        assert (await interpreter.parse("hello")).intent == "resolve_incident"


async def test_a_cancelled_probe_lets_the_next_one_through() -> None:
    now = 0.0

    async def script(_: dict[str, Any]) -> tuple[int, bytes]:
        return 500, b""

    async with served(script) as server, Interpreter(lambda: server.url, clock=lambda: now) as interpreter:
        for _ in range(FAILURES):
            with pytest.raises(Away):
                await interpreter.parse("hello")
        now += REST_SECONDS + 1
        probe = asyncio.create_task(interpreter.parse("hello"))
        await asyncio.sleep(0)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        with pytest.raises(Away, match="answered 500"):
            await interpreter.parse("hello")


def test_rasas_empty_intent_is_out_of_scope_and_impossible_spans_are_dropped() -> None:
    answer = {
        "intent": {"name": None, "confidence": 0.0},
        "entities": [
            {"entity": "service", "start": 0, "end": 99},
            {"entity": "service", "start": 3, "end": 3},
            {"entity": "service", "start": 0, "end": 2, "confidence_entity": 0.4},
        ],
    }
    found = understood("api", json.dumps(answer).encode())
    assert found.intent == "out_of_scope"
    assert found.entities == (Entity("service", "ap", 0, 2, 0.4),)


def written(folder: Path, state: State) -> Path:
    (folder / "nlu").mkdir(exist_ok=True)
    (folder / "nlu" / "state.json").write_bytes(msgspec.json.encode(state))
    return folder


def test_the_address_given_goes_before_the_state_of_this_machine(tmp_path: Path) -> None:
    state = State("ready", 1.0, "", "http://127.0.0.1:5005", time.time())
    assert locate("", written(tmp_path, state))() == "http://127.0.0.1:5005"
    assert locate("https://nlu.example.com", tmp_path)() == "https://nlu.example.com"
    with pytest.raises(Away, match="turned off"):
        locate("off", tmp_path)()


def test_the_old_model_answers_while_a_new_one_is_trained() -> None:
    assert address_in(State("training", 0.3, "epoch 2", "http://127.0.0.1:5005", 0.0))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "does not run"),
        (State("environment", 0.2, "", "", 0.0), r"being installed \(20%\)"),
        (State("training", 0.43, "epoch 3", "", 0.0), r"being trained \(43%\)"),
        (State("loading", 0.0, "", "", 0.0), "being loaded$"),
        (State("failed", 0.0, "no Python 3.10", "", 0.0), "cannot start: no Python 3.10"),
    ],
)
def test_without_an_address_it_says_what_is_going_on(state: State | None, said: str) -> None:
    with pytest.raises(Away, match=said):
        address_in(state)


def test_a_state_without_signs_of_life_or_sense_counts_as_none(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    state = State("training", 0.1, "", "", 1000.0)
    written(tmp_path, state)
    assert read_state(tmp_path, lambda: 1000.0 + STALE_SECONDS - 1) == state
    assert read_state(tmp_path, lambda: 1000.0 + STALE_SECONDS + 1) is None
    (tmp_path / "nlu" / "state.json").write_text("{")
    assert read_state(tmp_path, lambda: 1000.0) is None
