"""Identifiers: opaque, ordered by time, made here because older PostgreSQL servers cannot."""

from __future__ import annotations

import base64
import os
import re
import time
from datetime import datetime
from hashlib import blake2b
from typing import Final

_FORM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new() -> str:
    """A UUID of version 7 (RFC 9562, 5.7) as text; ids made later sort later, to the millisecond."""
    stamp = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    return _text(stamp, tail)


def named(name: str) -> str:
    """The id that always belongs to a name: what is made from it twice is one row."""
    return _text(0, int.from_bytes(blake2b(name.encode(), digest_size=10).digest(), "big"))


def first_at(time: datetime) -> str:
    """The smallest id that `new` makes at a time: what bounds a scan of the newest rows by their ids."""
    return _text(int(time.timestamp() * 1000), 0)


def _text(stamp: int, tail: int) -> str:
    value = (stamp << 80) | (0x7 << 76) | ((tail >> 68 & 0xFFF) << 64) | (0b10 << 62) | (tail & (1 << 62) - 1)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def nonce(delivery_id: str) -> str:
    """The 24 characters that mark a delivery on a platform, the same at every try."""
    digest = blake2b(delivery_id.encode(), digest_size=15).digest()
    return base64.b32encode(digest).decode().lower()


def is_id(text: str) -> bool:
    """Whether a text has the form of an id that `new` makes."""
    return _FORM.fullmatch(text) is not None
