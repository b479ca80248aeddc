"""Asks a server on a unix socket whether it serves, without loading a client library (for speed)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path

_TIMEOUT = 2.0  # seconds
_PROTOCOL_3_0 = 196608
# https://www.postgresql.org/docs/18/protocol-message-formats.html
_READY_FOR_QUERY = b"Z\x00\x00\x00\x05"
_TERMINATE = b"X\x00\x00\x00\x04"
# https://www.postgresql.org/docs/18/errcodes-appendix.html: too_many_connections is an answer too.
_TOO_MANY = b"C53300\x00"


def postgres_answers(path: Path) -> bool:
    """Whether Postgres lets the user `im` into the database `im` (False while it starts or shuts down)."""
    fields = b"user\x00im\x00database\x00im\x00\x00"
    hello = struct.pack("!ii", 8 + len(fields), _PROTOCOL_3_0) + fields
    answer = _ask(path, hello, lambda got: _READY_FOR_QUERY in got, goodbye=_TERMINATE)
    return _READY_FOR_QUERY in answer or _TOO_MANY in answer


def valkey_answers(path: Path) -> bool:
    """Whether Valkey takes commands (False while it loads its data)."""
    return _ask(path, b"PING\r\n", lambda got: got.endswith(b"\r\n")).startswith(b"+PONG")


def _ask(path: Path, hello: bytes, done: Callable[[bytes], bool], goodbye: bytes = b"") -> bytes:
    got = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            connection.sendall(hello)
            while not done(got) and (part := connection.recv(4096)):
                got += part
            connection.sendall(goodbye)
    except OSError:
        return got
    return got
