"""The inbox: verified chat input, kept before it is acknowledged, done once, answered at least once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from adapters.contract import Message
from adapters.inbound import ChatInput
from router import ids
from router.store import Store, statement
from router.store.database import Connection
from router.vault import Vault, VaultError

LEASE_SECONDS: Final = 60.0
"""How long a process may work on an input before another one takes it over."""

_log = structlog.get_logger()


def storable(given: ChatInput) -> ChatInput:
    """The input without U+0000, which PostgreSQL cannot keep; nobody types it on purpose."""
    told = msgspec.json.encode(given)
    if b"\\u0000" not in told:
        return given
    return msgspec.convert(_without_nul(msgspec.to_builtins(given)), type=ChatInput)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(each) for key, each in value.items()}
    return value


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row that this process holds."""

    id: str
    provider: str
    given: ChatInput
    received_at: datetime
    handled: bool = False
    """Done already; only the answer is left."""
    answer: Message | None = None
    attempts: int = 1


class Inbox:
    """The statements of sql/chat.sql around a row's life: received ► handled ► answered."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def receive(
        self, provider: str, given: ChatInput, at: datetime, *, mine: bool = True
    ) -> Item | None:
        """Keep an input; None when it was there already (a retry, a replay).

        It is this process's to do, unless it is not `mine`: then any desk takes it.
        """
        row_id, given = ids.new(), storable(given)
        row = await self._store.row(
            "chat.receive",
            {
                "id": row_id,
                "provider": provider,
                "key": given.key,
                "kind": given.kind,
                "input": msgspec.json.encode(msgspec.structs.replace(given, reply={})).decode(),
                "reply": self._vault.seal(given.reply),
                "lease": LEASE_SECONDS if mine else 0.0,
            },
        )
        return Item(id=row_id, provider=provider, given=given, received_at=at) if row else None

    async def claim(self, limit: int) -> list[Item]:
        """What nobody works on: left by a process that died, or brought by another role."""
        rows = await self._store.rows("chat.claim", {"lease": LEASE_SECONDS, "limit": limit})
        return [item for row in rows if (item := await self._opened(row)) is not None]

    async def _opened(self, row: Mapping[str, Any]) -> Item | None:
        """The item of a row; one that cannot be read any more keeps no other waiting."""
        try:
            return self._item(row)
        except msgspec.MsgspecError as error:
            _log.error("input_unreadable", input=row["id"], error=type(error).__name__)
            detail = f"cannot be read any more ({type(error).__name__})"
            await self._store.run("chat.unanswered", {"id": row["id"], "detail": detail})
            return None

    def _item(self, row: Mapping[str, Any]) -> Item:
        given = msgspec.convert(row["input"], type=ChatInput)
        return Item(
            id=row["id"],
            provider=row["provider"],
            given=msgspec.structs.replace(given, reply=self._reply(row["reply"])),
            received_at=row["received_at"],
            handled=row["state"] == "handled",
            answer=msgspec.convert(row["answer"], type=Message) if row["answer"] else None,
            attempts=row["attempts"],
        )

    def _reply(self, sealed: bytes) -> dict[str, str]:
        """What it takes to answer; nothing where the key it was sealed with was rotated away meanwhile."""
        try:
            return {name: value for name, value in self._vault.open(sealed).items() if isinstance(value, str)}
        except VaultError:
            return {}

    async def handled(
        self,
        connection: Connection,
        item: Item,
        *,
        command: str,
        outcome: str,
        answer: Message | None,
        detail: str | None = None,
    ) -> bool:
        """Write down that it is done and what is to be said; False when another process was quicker."""
        cursor = await connection.execute(
            statement("chat.handled"),
            {
                "id": item.id,
                "command": command,
                "outcome": outcome,
                "answer": msgspec.json.encode(answer).decode(),
                "detail": detail,
            },
        )
        return await cursor.fetchone() is not None

    async def answered(self, item: Item) -> None:
        """The person was told."""
        await self._store.run("chat.answered", {"id": item.id})

    async def again(self, item: Item, *, wait: float, detail: str) -> None:
        """Try again after `wait` seconds."""
        await self._store.run("chat.again", {"id": item.id, "wait": wait, "detail": detail})

    async def unanswered(self, item: Item, detail: str) -> None:
        """The person cannot be told any more."""
        await self._store.run("chat.unanswered", {"id": item.id, "detail": detail})
