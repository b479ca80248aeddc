"""The sandbox's shelf: its messages in the store."""

from __future__ import annotations

import msgspec

from router import ids
from router.store import Store


class StoreShelf:
    """See adapters.contract.Shelf; one for each sandbox provider."""

    def __init__(self, store: Store, provider: str) -> None:
        self._store = store
        self._provider = provider

    async def put(self, channel: str, payload: bytes, *, nonce: str, parent: str | None) -> str:
        row = await self._store.row(
            "sandbox.put",
            {
                "id": ids.new(),
                "provider": self._provider,
                "channel": channel,
                "nonce": nonce,
                "parent": parent,
                "payload": payload.decode(),
            },
        )
        assert row is not None
        return str(row["id"])

    async def replace(self, channel: str, message_id: str, payload: bytes) -> bool:
        changed = await self._store.run(
            "sandbox.replace",
            {
                "id": message_id,
                "provider": self._provider,
                "channel": channel,
                "payload": payload.decode(),
            },
        )
        return changed == 1

    async def find(self, channel: str, nonce: str) -> str | None:
        row = await self._store.row(
            "sandbox.find", {"provider": self._provider, "channel": channel, "nonce": nonce}
        )
        return str(row["id"]) if row else None

    async def channels(self) -> tuple[str, ...]:
        rows = await self._store.rows("sandbox.channels", {"provider": self._provider})
        return tuple(row["channel"] for row in rows)


async def messages(store: Store, provider: str, channel: str | None, limit: int) -> list[dict[str, object]]:
    """What the sandbox shows, oldest first."""
    rows = await store.rows("sandbox.list", {"provider": provider, "channel": channel, "limit": limit})
    return [msgspec.to_builtins(row) for row in reversed(rows)]
