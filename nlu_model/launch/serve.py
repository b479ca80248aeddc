"""Serves a trained model; runs inside Rasa's environment (Python 3.10), started by nlu_model.serving.

`POST /model/parse {"text": …}` answers as Rasa's own server does; `GET /version` and `GET /status` say what
runs; there is nothing else. It listens on a socket that it inherits (`--fd`), so that a newer process can
share it: on SIGTERM it takes no more connections, answers those that it has, and ends. Its stdout is one JSON
object a line: {"phase": "loading"}, then {"phase": "ready", "seconds", "resident_mb"}.

It stands on Rasa's engine and aiohttp instead of `rasa.server`, whose graceful end closes connections that it
has just accepted: with this one a swap of models fails no request.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

MAX_BODY_BYTES = 64 * 1024
MAX_CHARACTERS = 5000
DRAIN_SECONDS = 10.0
WARM_UP = (
    "ack INC-1",
    "assign INC-2024-001 to dana, please",
    "how many sev1 incidents did the payments team have between monday and friday last week?",
    " ".join(["declare a new incident for the checkout service because customers cannot pay"] * 5),
)

Parsed = dict[str, Any]
Parser = Callable[[str], Parsed]


def load(model: Path) -> Parser:
    """The model as a function from a text to what Rasa's server answers."""
    # Seconds and hundreds of MB: only after the supervisor has been told that something happens.
    from rasa.core.channels.channel import UserMessage  # noqa: PLC0415
    from rasa.engine.loader import load_predict_graph_runner  # noqa: PLC0415
    from rasa.engine.runner.dask import DaskGraphRunner  # noqa: PLC0415
    from rasa.engine.storage.local_model_storage import LocalModelStorage  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        metadata, runner = load_predict_graph_runner(Path(folder), model, LocalModelStorage, DaskGraphRunner)
    target = metadata.nlu_target

    def parse(text: str) -> Parsed:
        inputs = {"__message__": [UserMessage(text)], "__tracker__": None}
        message = runner.run(inputs=inputs, targets=[target])[target][0]
        found = {"text": "", "intent": {"name": None, "confidence": 0.0}, "entities": []}
        found.update(message.as_dict(only_output_properties=True))
        return found

    return parse


def warm(model: Path) -> Parser:
    """The model, loaded and used once; where it cannot be, the last line of stderr is the first cause."""
    try:
        parser = load(model)
        for text in WARM_UP:
            parser(text)
    except Exception as error:
        traceback.print_exc()
        while error.__cause__ is not None:
            error = error.__cause__  # type: ignore[assignment]
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
    return parser


def application(parser: Parser, name: str) -> web.Application:
    """The three addresses. One thread parses; the others' requests are taken meanwhile."""
    thread = ThreadPoolExecutor(1)

    async def parse(request: web.Request) -> web.Response:
        text = _text(await request.read())
        found = await asyncio.get_running_loop().run_in_executor(thread, parser, text)
        return web.Response(text=json.dumps(found, default=_plain), content_type="application/json")

    async def version(_: web.Request) -> web.Response:
        import rasa  # noqa: PLC0415

        return web.json_response({"version": rasa.__version__, "minimum_compatible_version": "3.5.0"})

    async def status(_: web.Request) -> web.Response:
        return web.json_response(
            {"model_file": name, "resident_mb": resident_mb(), "num_active_training_jobs": 0}
        )

    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_one_request_a_connection])
    app.router.add_post("/model/parse", parse)
    app.router.add_get("/version", version)
    app.router.add_get("/status", status)
    return app


@web.middleware
async def _one_request_a_connection(request: web.Request, handler: Any) -> web.StreamResponse:
    """Close after each answer: an idle connection could otherwise be closed just as a request comes on it."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = web.json_response({"status": "failure", "reason": error.reason}, status=error.status)
    except Exception as error:  # a request must not end the service
        sys.stderr.write(f"a request failed: {type(error).__name__}\n")
        response = web.json_response({"status": "failure", "reason": "ParsingError"}, status=500)
    response.force_close()
    return response


def _text(body: bytes) -> str:
    try:
        text = json.loads(body)["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise web.HTTPBadRequest(reason="the body is not a JSON object with a text") from None
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise web.HTTPBadRequest(reason="text is not a string of at most 5000 characters")
    return text


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()


def resident_mb() -> int:
    """The memory of this process in MB; on macOS the most it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_000_000
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


async def serve(app: web.Application, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM; then answer what has been accepted, for at most DRAIN_SECONDS."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.SockSite(runner, listener)
    await site.start()
    ready()
    await stop.wait()
    await site.stop()
    deadline = time.monotonic() + DRAIN_SECONDS
    # A connection is known to the server some turns of the loop after it was accepted.
    await asyncio.sleep(0.2)
    while runner.server is not None and runner.server.connections and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await runner.cleanup()


def main() -> None:
    """Load, warm up, say so, serve."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--fd", type=int, required=True)
    given = arguments.parse_args()
    # Libraries print; the pipe to the supervisor is for its lines only.
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(**line: Any) -> None:
        pipe.write(json.dumps(line) + "\n")

    say(phase="loading")
    began = time.monotonic()
    parser = warm(given.model)
    gc.collect()
    gc.freeze()
    app = application(parser, given.model.name)

    def ready() -> None:
        say(phase="ready", seconds=round(time.monotonic() - began, 1), resident_mb=resident_mb())

    asyncio.run(serve(app, socket.socket(fileno=given.fd), ready))


if __name__ == "__main__":
    main()
