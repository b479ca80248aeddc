"""Deliveries as people ask about them: listed, shown with every attempt, tried again by hand."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

from router.problems import Conflict, Invalid, NotFound
from router.store import Store

STATES: Final = ("pending", "sending", "retrying", "sent", "failed", "suppressed", "expired")
_SETTLED: Final = ("sent", "failed", "suppressed", "expired")


async def listed(
    store: Store, *, state: str | None, provider: str | None, incident: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest deliveries first, at most `limit`."""
    if state is not None and state not in STATES:
        raise Invalid.at("state", f"must be one of {', '.join(STATES)}")
    return await store.rows(
        "outbox.list",
        {"state": state, "provider": provider, "incident": incident, "limit": limit},
    )


async def one(store: Store, delivery_id: str) -> dict[str, Any]:
    """A delivery with its attempts; NotFound when there is none."""
    row = await store.row("outbox.one", {"id": checked(delivery_id)})
    if row is None:
        raise NotFound(f"there is no delivery `{delivery_id}`")
    return row | {"attempts": await store.rows("outbox.attempts", {"id": delivery_id})}


async def again(store: Store, delivery_id: str) -> dict[str, Any]:
    """Try a delivery again now; Conflict when it was sent or is being sent."""
    known = await one(store, delivery_id)
    if await store.row("outbox.again", {"id": delivery_id}) is None:
        raise Conflict(f"the delivery is {known['state']}; there is nothing to try again")
    return await one(store, delivery_id)


async def wait_for(store: Store, ids: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """The deliveries as soon as all are settled, or as they are after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        rows = [await one(store, delivery_id) for delivery_id in ids]
        if all(row["state"] in _SETTLED for row in rows) or time.monotonic() >= deadline:
            return rows
        await asyncio.sleep(0.05)


def checked(text: str, what: str = "delivery") -> str:
    """The id, if it can be one; NotFound otherwise."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(f"there is no {what} `{text[:80]}`") from None
