"""The cheapest HTTP client and server that do the job, so that the machine works for what is measured."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Messages:
    """Splits a stream into HTTP messages with Content-Length."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(found.group(1)) if found else 0)
            if len(self._buffer) < whole:
                return
            yield self._buffer[:whole]
            self._buffer = self._buffer[whole:]


@dataclass
class Sink:
    """A server that answers every request with the same body and remembers when what arrived."""

    key: re.Pattern[bytes]
    answer: bytes
    latency: float = 0.0
    arrived: dict[bytes, float] = field(default_factory=dict)
    requests: int = 0
    window: tuple[int, float] | None = None
    """Requests allowed in so many seconds, for each channel; what exceeds it gets a 429."""
    refused: int = 0
    _server: asyncio.Server | None = None
    _times: dict[bytes, list[float]] = field(default_factory=dict)

    async def start(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _SinkConnection(self), "127.0.0.1", 0, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    def take(self, message: bytes) -> bytes:
        now = time.perf_counter()
        self.requests += 1
        if self.window and not self._allowed(message, now):
            self.refused += 1
            return http(b'{"ok":false,"error":"ratelimited"}', b"429 Too Many\r\nretry-after: 1")
        for key in self.key.findall(message):
            self.arrived.setdefault(key, now)
        return http(self.answer)

    def _allowed(self, message: bytes, now: float) -> bool:
        assert self.window is not None
        count, seconds = self.window
        found = re.search(rb'"channel":"([^"]+)"', message)
        times = self._times.setdefault(found.group(1) if found else b"", [])
        times[:] = [t for t in times if t > now - seconds]
        if len(times) >= count:
            return False
        times.append(now)
        return True


def http(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


class _SinkConnection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._messages = Messages()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for message in self._messages.feed(data):
            answer = self._sink.take(message)
            if self._sink.latency:
                asyncio.get_running_loop().call_later(self._sink.latency, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


@dataclass
class Load:
    """Requests over a number of connections, each sent when the one before it is answered."""

    port: int
    connections: int = 32
    started: dict[bytes, float] = field(default_factory=dict)
    answered: int = 0
    wrong: int = 0
    last_wrong: bytes = b""

    async def run(self, requests: Iterable[tuple[bytes, bytes]], *, rate: float | None = None) -> float:
        """Send (key, request) pairs; seconds from the first request to the last answer.

        With `rate` requests start at that pace, whatever the answers do.
        """
        source = iter(requests)
        begun = time.perf_counter()
        if rate:
            source = _paced(source, begun, rate)
        await asyncio.gather(*(self._connection(source) for _ in range(self.connections)))
        return time.perf_counter() - begun

    async def _connection(self, source: Iterator[tuple[bytes, bytes]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        messages = Messages()
        for key, request in source:
            if isinstance(source, _Paced):
                await source.wait()
            self.started[key] = time.perf_counter()
            writer.write(request)
            answer = b""
            while not answer:
                data = await reader.read(65536)
                if not data:
                    raise ConnectionResetError("the server closed the connection")
                for message in messages.feed(data):
                    answer = message
            self.answered += 1
            if answer[9:10] != b"2":
                self.wrong += 1
                self.last_wrong = answer
        writer.close()


class _Paced:
    def __init__(self, source: Iterator[tuple[bytes, bytes]], begun: float, rate: float) -> None:
        self._source, self._begun, self._rate, self._sent = source, begun, rate, 0

    def __iter__(self) -> _Paced:
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        self._sent += 1
        return next(self._source)

    async def wait(self) -> None:
        delay = self._begun + self._sent / self._rate - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)


def _paced(source: Iterator[tuple[bytes, bytes]], begun: float, rate: float) -> _Paced:
    return _Paced(source, begun, rate)


def post(port: int, path: str, body: bytes, token: str = "") -> bytes:
    auth = f"authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{auth}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
