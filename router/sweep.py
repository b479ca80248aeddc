"""The sweep: what wake-ups missed, what workers left behind, what is too old, and fallbacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from adapters.contract import Message
from router import audit, ids
from router.batch import Delivery
from router.providers import Directory
from router.store import Store, statement
from router.store.database import Connection
from router.targets import Address, Provider

KEYS_LIVE: Final = timedelta(days=7)
_CLOCKS_DIFFER: Final = timedelta(hours=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Swept(msgspec.Struct, frozen=True):
    """What a sweep found; `lanes` have something to send."""

    lanes: frozenset[str]
    leases: int
    expired: int
    fallbacks: int


async def sweep(store: Store, directory: Directory, *, expire: bool = True) -> Swept:
    """One sweep; safe to run from several processes.

    Without `expire` what is too old stays: looking for it reads everything that waits.
    """
    await directory.refresh(store)
    leases = await store.rows("outbox.sweep_leases")
    expired = await store.run("outbox.sweep_expired") if expire else 0
    fallbacks = await fall_back(store, directory)
    overdue = await store.rows("outbox.sweep_overdue")
    idle = {provider.name for provider in directory.providers.values() if not provider.active}
    return Swept(
        frozenset(row["provider"] for row in overdue) - idle,
        sum(row["rows"] for row in leases),
        expired,
        fallbacks,
    )


async def fall_back(store: Store, directory: Directory) -> int:
    """Send urgent messages that failed, or wait for a minute, another way too; how many were sent so."""
    async with store.transaction() as connection:
        rows = await (await connection.execute(statement("outbox.needs_fallback"))).fetchall()
        if not rows:
            return 0
        copies = [copy for row in rows for copy in copies_of(row, directory.providers)]
        await _write(connection, copies, [row["id"] for row in rows])
    return len(copies)


def copies_of(row: Mapping[str, Any], providers: Mapping[str, Provider]) -> list[dict[str, Any]]:
    """The deliveries that replace one that does not get through: its provider's fallbacks."""
    message = msgspec.convert(row["message"], type=Message)
    why = f"FALLBACK: {row['provider']} {row['reason'] or 'has not answered for a minute'}"
    marked = msgspec.structs.replace(message, badges=(*message.badges, why))
    return [
        msgspec.structs.asdict(_copy(row, address, marked)) | {"fallback_of": row["id"]}
        for address in _fallbacks(row["provider"], providers)
    ]


def _fallbacks(provider: str, providers: Mapping[str, Provider]) -> Iterable[Address]:
    known = providers.get(provider)
    for target in known.config.fallback if known else []:
        other = providers.get(target.provider)
        if other is not None and other.active:
            yield target.provider, target.channel


def _copy(row: Mapping[str, Any], address: Address, message: Message) -> Delivery:
    return Delivery(
        id=ids.new(),
        event_id=row["event_id"],
        incident_id=row["incident_id"],
        provider=address[0],
        channel=address[1],
        mode="post",
        priority=0,
        step=row["step"],
        message=message,
        routes=("fallback",),
        accepted_at=row["accepted_at"],
        expires_at=None,
    )


async def _write(connection: Connection, copies: list[dict[str, Any]], done: list[str]) -> None:
    await connection.execute(statement("outbox.add"), {"deliveries": msgspec.json.encode(copies).decode()})
    await connection.execute(statement("outbox.fell_back"), {"ids": done})
    outcome = f"{len(copies)} sent another way" if copies else "no fallback is configured"
    await audit.record(connection, "sweep", "delivery.fallback", ", ".join(done), outcome=outcome)


async def forget_keys(store: Store) -> int:
    """Let go of idempotency keys older than a week, and of count marks older than a month; how many keys."""
    await store.run("retention.marks")
    row = await store.row("retention.keys_until")
    done = datetime.fromtimestamp(row["value"], UTC) - _CLOCKS_DIFFER if row else _LONG_AGO
    until = datetime.now(UTC) - KEYS_LIVE
    bounds = {"since": ids.first_at(done), "until": ids.first_at(until)}
    forgotten = await store.run("retention.keys", bounds)
    await store.run("retention.keep_keys_until", {"seconds": int(until.timestamp())})
    return forgotten


async def forget_chat(store: Store) -> int:
    """Let go of chat inputs answered or given up a week ago, and of old questions; how many inputs."""
    await store.run("chat.forget_questions")
    return await store.run("chat.forget")
