"""Webhooks of the chat platforms. This release answers the reachability ping; input comes with the next."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from litestar import Response, Router, post

from api.http.context import Call
from router.problems import NotFound, Problem

PING: Final = b'{"type":"ping"}'
PONG: Final = b'{"type":"pong"}'
PINGS_PER_SECOND: Final = 20
_times: deque[float] = deque(maxlen=PINGS_PER_SECOND)


class TooManyPings(Problem):
    """Pings are answered to anybody, so only so many of them."""

    status = 429
    title = "Too many requests"


@post(["/chatops/{instance:str}", "/chatops/{platform:str}/{instance:str}"], status_code=200)
async def webhook(request: Call) -> Response[bytes]:
    """An unsigned body that is exactly a ping gets a constant answer, whatever the name."""
    body = bytes((await request.body()).translate(None, b" \r\n\t"))
    if body != PING:
        raise NotFound('this release takes no chat input yet; it only answers {"type": "ping"}')
    now = time.monotonic()
    if len(_times) == PINGS_PER_SECOND and now - _times[0] < 1.0:
        raise TooManyPings("too many pings; wait a second")
    _times.append(now)
    return Response(PONG, media_type="application/json")


ROUTER = Router("/", route_handlers=[webhook], tags=["webhooks"])
