"""A merged message of unknown outcome is tried again as the very same message, or it would be doubled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from adapters.contract import Limits, Message
from router import ids
from router.batch import Delivery
from router.buckets import Ask, Grant
from router.outbox import Group, Outbox, Outcome
from router.servers import Servers
from router.store import Store, migrate

pytestmark = pytest.mark.chaos

INCIDENT = ids.new()
GRANT = Grant(Ask("slack", "C1", 1, False, Limits()), 1, 0.0, 0)
LEASES = {"slack": 30.0}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with Servers(tmp_path / "var", valkey=False) as servers:
        migrate(servers.database_url)
        async with Store(servers.database_url, size=1) as opened:
            yield opened


async def add(store: Store, step: str) -> str:
    now = datetime.now(UTC)
    row = Delivery(
        id=ids.new(),
        event_id=None,
        incident_id=INCIDENT,
        provider="slack",
        channel="C1",
        mode="edit_reply",
        priority=2,
        step=step,
        message=Message(event="incident.updated", headline=step),
        routes=(),
        accepted_at=now,
        expires_at=None,
    )
    rows = [msgspec.structs.asdict(row) | {"fallback_of": None}]
    await store.run("outbox.add", {"deliveries": msgspec.json.encode(rows).decode()})
    return row.id


async def claimed(store: Store, owner: str) -> list[Group]:
    return await Outbox(store, owner).claim([GRANT], LEASES)


async def lose_leases(store: Store) -> None:
    """As if the worker had been killed a lease ago."""
    async with store.connection() as connection:
        await connection.execute("UPDATE deliveries SET lease_until = now() - interval '1 second'")
    await store.rows("outbox.sweep_leases")


def outcome(group: Group, index: int, state: str, *, uncertain: bool) -> Outcome:
    each, now = group.all[index], datetime.now(UTC)
    return Outcome(
        id=each.id,
        number=each.attempts,
        state=state,
        outcome="unknown" if uncertain else "sent" if state == "sent" else "retry",
        started_at=now,
        finished_at=now,
        merged_into=group.head.id if index else None,
        uncertain=uncertain,
        wait=0.0 if uncertain else None,
    )


async def test_after_a_crash_the_group_is_claimed_as_it_was_and_what_came_since_waits(store: Store) -> None:
    first = [await add(store, "one"), await add(store, "two")]
    (lost,) = await claimed(store, "killed")
    assert [each.id for each in lost.all] == first
    await lose_leases(store)
    later = await add(store, "three")
    (again,) = await claimed(store, "next")
    assert [each.id for each in again.all] == first
    assert again.head.uncertain
    assert again.message == lost.message
    assert await claimed(store, "third") == []
    sent = [outcome(again, index, "sent", uncertain=False) for index in (0, 1)]
    await Outbox(store, "next").finish(sent, [])
    (rest,) = await claimed(store, "next")
    assert [each.id for each in rest.all] == [later]


async def test_after_an_answer_that_was_lost_the_group_is_claimed_as_it_was(store: Store) -> None:
    first = [await add(store, "one"), await add(store, "two")]
    (tried,) = await claimed(store, "worker")
    unknown = [outcome(tried, index, "retrying", uncertain=True) for index in (0, 1)]
    await Outbox(store, "worker").finish(unknown, [])
    await add(store, "three")
    (again,) = await claimed(store, "worker")
    assert [each.id for each in again.all] == first


async def test_after_a_failure_that_is_certain_what_came_since_is_merged_too(store: Store) -> None:
    first = [await add(store, "one"), await add(store, "two")]
    (tried,) = await claimed(store, "worker")
    refused = [outcome(tried, index, "retrying", uncertain=False) for index in (0, 1)]
    await Outbox(store, "worker").finish(refused, [])
    later = await add(store, "three")
    (again,) = await claimed(store, "worker")
    assert [each.id for each in again.all] == [*first, later]


async def test_what_was_given_back_unsent_is_merged_with_what_came_since(store: Store) -> None:
    first = [await add(store, "one"), await add(store, "two")]
    (unsent,) = await claimed(store, "worker")
    await Outbox(store, "worker").release([unsent])
    later = await add(store, "three")
    (again,) = await claimed(store, "worker")
    assert [each.id for each in again.all] == [*first, later]
