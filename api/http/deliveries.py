"""Receipts: deliveries and their attempts."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from api.http.bodies import rows
from api.http.context import Call, caller, context_of
from router import deliveries

OnlyState = Annotated[str, QueryParameter(name="state")]
"""`state` itself is a word of the framework."""


@get("/api/v1/deliveries", summary="List deliveries")
async def list_deliveries(
    request: Call,
    only: OnlyState = "",
    provider: FromQuery[str] = "",
    incident: FromQuery[str] = "",
    limit: FromQuery[int] = 50,
) -> list[dict[str, Any]]:
    """The newest first."""
    await caller(request, "analytics:read")
    return await deliveries.listed(
        context_of(request).parts.store,
        state=only or None,
        provider=provider or None,
        incident=incident.upper() or None,
        limit=rows(limit),
    )


@get("/api/v1/deliveries/{delivery_id:str}", summary="Show a delivery with every attempt")
async def show_delivery(request: Call, delivery_id: FromPath[str]) -> dict[str, Any]:
    """One delivery."""
    await caller(request, "analytics:read")
    return await deliveries.one(context_of(request).parts.store, delivery_id)


@post("/api/v1/deliveries/{delivery_id:str}/retry", status_code=202, summary="Try a delivery again now")
async def retry_delivery(request: Call, delivery_id: FromPath[str]) -> dict[str, Any]:
    """For failed, expired and waiting ones."""
    await caller(request, "admin")
    parts = context_of(request).parts
    again = await deliveries.again(parts.store, delivery_id)
    await parts.waker.wake()
    return again


ROUTER = Router("/", route_handlers=[list_deliveries, show_delivery, retry_delivery], tags=["deliveries"])
