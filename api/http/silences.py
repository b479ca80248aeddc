"""Silences: made, listed, ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from api.http.bodies import read, rows
from api.http.context import Call, caller, context_of, now
from router.silences import silences
from router.silences.muting import Silence

Everything = Annotated[bool, QueryParameter(name="all")]
"""Those that are over too."""


@get("/api/v1/silences", summary="List silences")
async def list_silences(
    request: Call, everything: Everything = False, limit: FromQuery[int] = 100
) -> Sequence[Silence]:
    """Those that are not over, or all of them; the newest first."""
    await caller(request, "analytics:read")
    store = context_of(request).parts.store
    return await silences.listed(store, now=now(), everything=everything, limit=rows(limit))


@get("/api/v1/silences/{silence_id:str}", summary="Show a silence")
async def show_silence(request: Call, silence_id: FromPath[str]) -> Silence:
    """One of them, over or not."""
    await caller(request, "analytics:read")
    return await silences.one(context_of(request).parts.store, silence_id)


@post("/api/v1/silences", summary="Mute messages for a while")
async def add_silence(request: Call) -> Silence:
    """`matchers` say whom, `for` (2h) or `ends_at` until when; times without a zone are of IM_TIMEZONE."""
    principal = await caller(request, "incidents:write")
    given = await read(request, silences.NewSilence)
    parts = context_of(request).parts
    return await silences.add(
        parts.store, given, actor=principal.name, now=now(), timezone=ZoneInfo(parts.settings.timezone)
    )


@delete("/api/v1/silences/{silence_id:str}", status_code=200, summary="End a silence now")
async def expire_silence(request: Call, silence_id: FromPath[str]) -> Silence:
    """What it held back of open incidents is decided again within seconds."""
    principal = await caller(request, "incidents:write")
    return await silences.expire(context_of(request).parts.store, silence_id, actor=principal.name, now=now())


ROUTER = Router(
    "/", route_handlers=[list_silences, show_silence, add_silence, expire_silence], tags=["silences"]
)
