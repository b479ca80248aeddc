"""What the store knows of a batch, read in as few round trips as possible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from router.batch import Batch, Earlier, Known, Request, showable
from router.incidents import Incident
from router.providers import Directory
from router.silences.muting import decode_active
from router.store import statement
from router.store.database import Connection, Cursor
from rules.model import RuleSet

_COUNTS = "counts"
"""Beside the incidents' locks, whose names have two lines."""


async def look_up(
    connection: Connection, requests: Sequence[Request], directory: Directory, rules: RuleSet
) -> Known:
    """Lock the batch's incidents, then read them, earlier events with the same keys, and streams."""
    events = [event for request in requests for event in request.events]
    incidents = list(dict.fromkeys((event.source, event.incident.id) for event in events))
    keyed = [(event.source, event.key) for event in events if event.key is not None]
    pairs = {"sources": [source for source, _ in incidents], "ids": [external for _, external in incidents]}
    wanted = list({external for _, external in incidents if showable(external)})
    async with connection.pipeline():
        locks = [f"{source}\n{external}" for source, external in incidents]
        if rules.counts:
            # A count must see what a group that commits at the same time adds to it.
            locks.append(_COUNTS)
        await connection.execute(statement("ingest.lock"), {"keys": locks})
        earlier = await connection.execute(
            statement("ingest.earlier"), {"sources": [s for s, _ in keyed], "keys": [k for _, k in keyed]}
        )
        states = await connection.execute(statement("ingest.incidents"), pairs)
        streams = await connection.execute(statement("silences.streams_of"), pairs)
        taken = await connection.execute(statement("ingest.taken"), {"wanted": wanted})
        rooms = await connection.execute(statement("rooms.of_sources"), pairs) if rules.opens_rooms else None
        silences = await connection.execute(statement("silences.active"))
        version = await connection.execute(statement("ingest.provider_version"))
    await directory.follow(connection, await version.fetchone())
    announced: dict[str, list[tuple[str, str]]] = {}
    gone: set[tuple[str, tuple[str, str]]] = set()
    for row in await streams.fetchall():
        address = (row["provider"], row["channel"])
        announced.setdefault(row["incident_id"], []).append(address)
        if not row["there"]:
            gone.add((row["incident_id"], address))
    return Known(
        earlier={
            (row["source"], row["key"]): Earlier(
                row["digest"], row["id"], row["decision_id"], tuple(row["deliveries"])
            )
            for row in await earlier.fetchall()
        },
        incidents={(row["source"], row["external_id"]): Incident(**row) for row in await states.fetchall()},
        announced=announced,
        rooms=await _rooms(rooms),
        taken={row["display_id"] for row in await taken.fetchall()},
        silences=decode_active(await silences.fetchone()),
        gone=frozenset(gone),
    )


async def _rooms(cursor: Cursor | None) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await cursor.fetchall() if cursor is not None else ():
        found.setdefault(row["incident_id"], []).append((row["provider"], row["channel"]))
    return found


async def reserve_numbers(connection: Connection, batch: Batch) -> None:
    """Give every new incident that needs one the next free INC-YYYY-NNN."""
    wanting = batch.wanting_numbers()
    year = datetime.now(UTC).year
    free: list[str] = []
    while len(free) < len(wanting):
        missing = len(wanting) - len(free)
        cursor = await connection.execute(
            statement("ingest.reserve"), {"name": f"incident-{year}", "count": missing}
        )
        row = await cursor.fetchone()
        assert row is not None
        last = int(row["value"])
        candidates = [f"INC-{year}-{number:03d}" for number in range(last - missing + 1, last + 1)]
        cursor = await connection.execute(statement("ingest.taken"), {"wanted": candidates})
        taken = {row["display_id"] for row in await cursor.fetchall()} | batch.shown()
        free += [candidate for candidate in candidates if candidate not in taken]
    batch.give_numbers(dict(zip(wanting, free, strict=True)))


async def look_up_counts(connection: Connection, batch: Batch) -> None:
    """Read the counts that the rules ask for; nothing where no rule does."""
    if not batch.rule_set.counts:
        return
    wanted = batch.wanted_counts()
    if not wanted:
        return
    cursor = await connection.execute(
        statement("ingest.counts"),
        {
            "counts": [count.name for count, _, _ in wanted],
            "keys": [key for _, key, _ in wanted],
            "since": [at - timedelta(seconds=count.within) for count, _, at in wanted],
            "until": [at for _, _, at in wanted],
        },
    )
    for (count, key, at), row in zip(wanted, await cursor.fetchall(), strict=True):
        batch.stored_counts[count.name, key, at] = row["value"]
