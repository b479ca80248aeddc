"""A language service that knows some sentences by heart, and answers as Rasa's `POST /model/parse` does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

OUT_OF_SCOPE = "out_of_scope"


class NluFake:
    """Listens on loopback while its block runs. What it was not taught is out of scope."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The sentences, in order."""
        self._known: dict[str, dict[str, Any]] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                fake._answer(self, body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """For IM_NLU_URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def teach(
        self,
        text: str,
        intent: str,
        *,
        confidence: float = 0.99,
        rival: tuple[str, float] = ("greet", 0.001),
        **entities: str,
    ) -> str:
        """What a sentence means; `entities` are words of it by the entity's name. The sentence."""
        found = [
            {"entity": name, "start": text.index(words), "end": text.index(words) + len(words)}
            for name, words in entities.items()
        ]
        ranked = [{"name": intent, "confidence": confidence}, {"name": rival[0], "confidence": rival[1]}]
        self._known[text] = {"intent": ranked[0], "entities": found, "intent_ranking": ranked}
        return text

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        text = json.loads(body)["text"] if handler.path == "/model/parse" else None
        if text is None:
            handler.send_error(404)
            return
        self.asked.append(text)
        unknown = {"intent": {"name": OUT_OF_SCOPE, "confidence": 0.9}, "entities": [], "intent_ranking": []}
        answer = json.dumps({"text": text} | self._known.get(text, unknown)).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
