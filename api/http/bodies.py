"""Reading what a request brings: JSON into a struct with an error that names the field; how much to list."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from api.http.context import Call
from router.events import shaped

T = TypeVar("T")
MAX_ROWS: Final = 1000
"""Of any list."""


async def read(request: Call, kind: type[T]) -> T:
    """The body as `kind`; an empty body counts as `{}`."""
    return shaped(await request.body() or b"{}", msgspec.json.Decoder(kind).decode)


def rows(limit: int) -> int:
    """How many rows to answer where `limit` were asked for."""
    return max(1, min(limit, MAX_ROWS))
