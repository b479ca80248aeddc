"""What the end of a silence owes: each open incident that it muted is decided again and told of once.

    due ► lock the incident ► read what was held back ► decide again by the rules in force ► write ► (commit)

It is no event of its own: no state moves and nothing is counted twice. The types of the events that were held
back are decided anew with the facts of now, and what they place is joined into one message for each channel.
The mark `settled_at` and the deliveries are committed together, under the lock that the incident's events
take, so that any number of processes may do this, and a crash loses and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from psycopg.types.json import Jsonb

from router import ids
from router.batch import facts_of
from router.catalogue.catalogue import EMPTY, Catalogue
from router.incidents import OVER, Incident
from router.problems import Unavailable
from router.providers import Directory
from router.rooms import room_name
from router.silences.again import Again, Held, Present, decided_again
from router.silences.muting import Silence, covering, decode_active
from router.silences.silences import from_row
from router.store import Store, statement
from router.store.database import Connection
from router.targets import Address
from rules.counts import looked_up
from rules.live import Current
from rules.model import RuleSet

AT_A_TIME: Final = 200
"""Incidents in one turn, which take about a second; the ticker has other things to do."""

_log = structlog.get_logger()


class Due(msgspec.Struct, frozen=True):
    """An incident whose silences have ended and that is owed a decision."""

    incident_id: str
    source: str
    external_id: str


class Grounds(msgspec.Struct, frozen=True):
    """What is decided by: the rules in force, the providers, the time."""

    rules: Current
    directory: Directory
    now: datetime
    catalogue: Catalogue = EMPTY


async def due(store: Store, now: datetime) -> list[Due]:
    """The incidents that are owed a decision now, at most AT_A_TIME."""
    rows = await store.rows("silences.due", {"now": now, "limit": AT_A_TIME})
    return [msgspec.convert(row, type=Due) for row in rows]


async def settle(store: Store, owed: Sequence[Due], grounds: Grounds) -> frozenset[str]:
    """Decide again what is owed; the providers that got something to send.

    An incident that cannot be decided stays owed and keeps no other one waiting.
    """
    await _keep_rule_set(store, grounds.rules[0])
    lanes: set[str] = set()
    for each in owed:
        try:
            lanes |= await settle_one(store, each, grounds)
        except (Unavailable, OSError):
            raise
        except Exception as error:
            _log.error("silence_not_settled", incident=each.incident_id, error=type(error).__name__)
    return frozenset(lanes)


async def settle_one(store: Store, owed: Due, grounds: Grounds) -> frozenset[str]:
    """Settle one incident in one transaction; the providers that got something to send."""
    async with store.transaction() as connection:
        locks = {"keys": [f"{owed.source}\n{owed.external_id}"]}
        await connection.execute(statement("ingest.lock"), locks)
        held = await _held(connection, owed.incident_id)
        if not any(each.withheld for each in held):
            return frozenset()  # another process was faster
        incident = await _incident(connection, owed)
        if incident.status in OVER:
            await _settled(connection, held, "over", grounds.now)
            return frozenset()
        if await _still_silenced(connection, held, incident, grounds):
            return frozenset()
        present = await _present(connection, held, incident, grounds)
        again = decided_again(held, present, grounds.rules)
        await _write(connection, again, incident, grounds.now)
        if again.wants_room:
            await _want_room(connection, present)
        await _settled(connection, held, "sent" if again.deliveries else "nobody", grounds.now)
        return frozenset(delivery.provider for delivery in again.deliveries)


async def _present(
    connection: Connection, held: Sequence[Held], incident: Incident, grounds: Grounds
) -> Present:
    version = await connection.execute(statement("ingest.provider_version"))
    await grounds.directory.follow(connection, await version.fetchone())
    cursor = await connection.execute(statement("silences.streams"), {"incident": incident.id})
    streams = [((row["provider"], row["channel"]), row["there"]) for row in await cursor.fetchall()]
    return Present(
        incident=incident,
        providers=grounds.directory.providers,
        announced=tuple(address for address, _ in streams),
        there=frozenset(address for address, there in streams if there),
        rooms=await _rooms(connection, incident, grounds.rules[0]),
        recent=await _recent(connection, held, incident, grounds),
        ended=await _ended(connection, held),
        now=grounds.now,
        catalogue=grounds.catalogue,
    )


async def _held(connection: Connection, incident_id: str) -> list[Held]:
    cursor = await connection.execute(statement("silences.held"), {"incident": incident_id})
    return [msgspec.convert(row, type=Held) for row in await cursor.fetchall()]


async def _incident(connection: Connection, owed: Due) -> Incident:
    cursor = await connection.execute(
        statement("ingest.incidents"), {"sources": [owed.source], "ids": [owed.external_id]}
    )
    row = await cursor.fetchone()
    assert row is not None
    return Incident(**row)


async def _still_silenced(
    connection: Connection, held: Sequence[Held], incident: Incident, grounds: Grounds
) -> bool:
    """Whether another silence covers the incident by now; then that one's end owes what this one's did."""
    cursor = await connection.execute(statement("silences.active"))
    active = decode_active(await cursor.fetchone())
    facts = facts_of(held[-1].event(incident, grounds.now), incident, grounds.catalogue)
    others = covering(active, facts, incident.display_id, grounds.now)
    if others:
        await connection.execute(
            statement("silences.pass_on"),
            {"silences": sorted(_named(held) | {each.id for each in others}), "events": _events(held)},
        )
    return bool(others)


async def _ended(connection: Connection, held: Sequence[Held]) -> tuple[Silence, ...]:
    cursor = await connection.execute(statement("silences.named"), {"ids": sorted(_named(held))})
    return tuple(from_row(row) for row in await cursor.fetchall())


async def _rooms(connection: Connection, incident: Incident, rule_set: RuleSet) -> tuple[Address, ...]:
    """The incident's war rooms that are open; read only where rules speak of them."""
    if not rule_set.opens_rooms:
        return ()
    pair = {"sources": [incident.source], "ids": [incident.external_id]}
    cursor = await connection.execute(statement("rooms.of_sources"), pair)
    return tuple((row["provider"], row["channel"]) for row in await cursor.fetchall())


async def _want_room(connection: Connection, present: Present) -> None:
    incident = present.incident
    providers = [provider.name for provider in present.providers.values() if provider.notifies]
    wanted = {"incident": incident.id, "providers": providers, "name": room_name(incident.display_id)}
    await connection.execute(statement("rooms.want"), {**wanted, "guests": []})


async def _recent(
    connection: Connection, held: Sequence[Held], incident: Incident, grounds: Grounds
) -> dict[str, int]:
    """The counts that the rules may ask for, as they stand now."""
    rule_set, now = grounds.rules[0], grounds.now
    wanted = {
        count.name: (count, key)
        for each in held
        for count, key in looked_up(
            rule_set, facts_of(each.event(incident, now), incident, grounds.catalogue)
        )
    }
    if not wanted:
        return {}
    cursor = await connection.execute(
        statement("ingest.counts"),
        {
            "counts": [count.name for count, _ in wanted.values()],
            "keys": [key for _, key in wanted.values()],
            "since": [now - timedelta(seconds=count.within) for count, _ in wanted.values()],
            "until": [now for _ in wanted],
        },
    )
    return dict(zip(wanted, [row["value"] for row in await cursor.fetchall()], strict=True))


async def _write(connection: Connection, again: Again, incident: Incident, now: datetime) -> None:
    rows = [msgspec.structs.asdict(delivery) | {"fallback_of": None} for delivery in again.deliveries]
    await connection.execute(statement("outbox.add"), {"deliveries": _json(rows)})
    decisions = [{"id": ids.new(), **row} for row in again.decisions]
    told = {
        "silences": again.silences,
        "steps": again.steps,
        "decisions": [row["id"] for row in decisions],
        "deliveries": [delivery.id for delivery in again.deliveries],
    }
    await connection.execute(
        statement("silences.write_again"),
        {
            "decisions": _json(decisions),
            "streams": _json([_stream(row) for row in rows if row["mode"] == "post"]),
            "incident": incident.id,
            "now": now,
            "data": _json(told),
        },
    )


async def _settled(connection: Connection, held: Sequence[Held], outcome: str, now: datetime) -> None:
    await connection.execute(
        statement("silences.settle"), {"now": now, "outcome": outcome, "events": _events(held)}
    )


async def _keep_rule_set(store: Store, rule_set: RuleSet) -> None:
    """Keep the text of the rules, so that the decision can be explained later."""
    await store.run(
        "ingest.keep_rule_set",
        {
            "hash": rule_set.hash,
            "timezone": rule_set.default_timezone,
            "sources": Jsonb(dict(rule_set.sources)),
        },
    )


def _stream(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("incident_id", "provider", "channel")}


def _named(held: Sequence[Held]) -> set[str]:
    return {name for each in held for name in each.silences}


def _events(held: Sequence[Held]) -> list[str]:
    return [each.event_id for each in held]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
