"""The audit: what admins, and the router by itself, did to providers, keys and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from router.store import statement
from router.store.database import Connection


async def record(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    *,
    outcome: str = "done",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry in the transaction of what it tells; `data` holds no secret."""
    await connection.execute(
        statement("audit.add"),
        {
            "actor": actor,
            "action": action,
            "subject": subject,
            "outcome": outcome,
            "data": msgspec.json.encode(data or {}).decode(),
        },
    )
