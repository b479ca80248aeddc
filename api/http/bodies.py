"""Reading request bodies: JSON into a struct, with an error that names the field."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from api.http.context import Call
from router.events import invalid_shape, malformed

T = TypeVar("T")


async def read(request: Call, kind: type[T]) -> T:
    """The body as `kind`; an empty body counts as `{}`."""
    body = await request.body() or b"{}"
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid_shape(error, body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None
