"""War rooms: an incident's own channel, wanted by a person or a rule, made, filled and put away by and by.

    wanted ► open (the summary is posted, guests are invited as they come) ► closing ► closed

A row of war_rooms is the task: whoever works on it holds its lease, every step may be done twice, and a
platform that is away is asked again later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg
import structlog

from adapters.contract import DeliveryError, Message
from adapters.inbound import Room, Rooms
from router import compose, ids
from router.adapting import Adapters
from router.batch import Batch, Delivery, Step
from router.incidents import OVER, Incident
from router.problems import Problem
from router.providers import Directory
from router.store import Store, statement
from router.store.database import Connection
from router.targets import Provider, asks_for_room

LEASE_SECONDS: Final = 60.0
MAX_ATTEMPTS: Final = 8
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 300.0
_TOPIC_TITLE: Final = 150
_log = structlog.get_logger()


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A room that something is to be done about."""

    incident_id: str
    provider: str
    state: str
    name: str
    channel: str | None
    url: str | None
    guests: tuple[str, ...]
    attempts: int
    display_id: str


def room_name(display_id: str) -> str:
    """The channel's name: `inc-2024-001`."""
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in display_id.lower())[:60]


async def want(
    store: Store, incident: Incident, providers: Sequence[str], guests: Sequence[str] = ()
) -> None:
    """Ask for the incident's room on these providers; `guests` are users of the (one) provider."""
    await store.run(
        "rooms.want",
        {
            "incident": incident.id,
            "providers": list(providers),
            "name": room_name(incident.display_id),
            "guests": list(guests),
        },
    )


async def follow_rooms(connection: Connection, batch: Batch) -> None:
    """In the transaction of its events: rooms that rules ask for are wanted, those of closed incidents go."""
    for step in batch.steps if batch.rule_set.opens_rooms else ():
        if wanted := _wanted(step, batch):
            await connection.execute(statement("rooms.want"), wanted)
    closed = [s.change.after.id for s in batch.steps if s.change and s.event.type == "incident.closed"]
    if closed:
        await connection.execute(statement("rooms.close"), {"incidents": closed})


def _wanted(step: Step, batch: Batch) -> dict[str, Any] | None:
    """The rooms that a step's routes ask for: on every provider that notifies; those that cannot say so."""
    assert step.change is not None
    incident = step.change.after
    if not step.decision or not asks_for_room(step.decision) or step.silences or incident.status in OVER:
        return None
    providers = [provider.name for provider in batch.providers.values() if provider.notifies]
    name = room_name(incident.display_id)
    return {"incident": incident.id, "providers": providers, "name": name, "guests": []}


Concerned = Callable[[Incident, Provider], Awaitable[tuple[str, ...]]]
"""Users of a provider whom an incident concerns."""


class Concierge:
    """Makes, fills and puts away the rooms that are due."""

    def __init__(self, store: Store, adapters: Adapters, directory: Directory, concerned: Concerned) -> None:
        """`concerned` says whom a room that is opened is for, whoever asked for it."""
        self._store = store
        self._adapters = adapters
        self._directory = directory
        self._concerned = concerned

    async def serve(self, *, incident: str | None = None, provider: str | None = None, limit: int = 8) -> int:
        """Do what is due, or what concerns one room now; how many rooms were worked on."""
        rows = await self._store.rows(
            "rooms.take",
            {"lease": LEASE_SECONDS, "incident": incident, "provider": provider, "limit": limit},
        )
        for row in rows:
            await self._serve(msgspec.convert(row, type=Task))
        return len(rows)

    async def _serve(self, task: Task) -> None:
        try:
            await self._do(task)
        except DeliveryError as error:
            failed = task.attempts >= MAX_ATTEMPTS or not error.reason.retryable
            wait = min(_LONGEST_WAIT, error.retry_after or _FIRST_WAIT * 2**task.attempts)
            _log.warning("room_failed", room=task.name, provider=task.provider, reason=error.reason.value)
            await self._store.run(
                "rooms.again",
                {**_of(task), "wait": wait, "failed": failed, "detail": error.detail},
            )
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError, Problem):
            raise  # the database is away; the lease brings the room back
        except Exception as error:
            _log.error("room_crashed", room=task.name, provider=task.provider, exc_info=error)
            detail = f"a defect ({type(error).__name__}); see the log"
            given_up = task.attempts >= MAX_ATTEMPTS
            await self._store.run(
                "rooms.again", {**_of(task), "wait": _LONGEST_WAIT, "failed": given_up, "detail": detail}
            )

    async def _do(self, task: Task) -> None:
        provider = await self._provider(task)
        adapter = self._rooms(provider)
        if adapter is None or provider is None:
            await self._store.run(
                "rooms.again",
                {**_of(task), "wait": 0.0, "failed": True, "detail": "this provider has no rooms"},
            )
            return
        if task.state == "closing":
            if task.channel:
                await adapter.close_room(task.channel, f"archived-{task.name}"[:60])
            await self._store.run("rooms.closed", _of(task))
            return
        channel, guests = task.channel, task.guests
        if task.state != "open":
            channel, concerned = await self._open(task, adapter, provider)
            guests = tuple(dict.fromkeys((*guests, *concerned)))
        if guests and channel:
            await adapter.invite(channel, guests)
        await self._store.run("rooms.invited", {**_of(task), "guests": list(guests)})

    async def _provider(self, task: Task) -> Provider | None:
        return (await self._directory.fresh(self._store)).get(task.provider)

    def _rooms(self, provider: Provider | None) -> Rooms | None:
        if provider is None or not provider.active:
            return None
        adapter = self._adapters.connected(provider).adapter
        return adapter if isinstance(adapter, Rooms) else None

    async def _open(self, task: Task, adapter: Rooms, provider: Provider) -> tuple[str, tuple[str, ...]]:
        """The room's channel, and whom to invite beside those who asked."""
        row = await self._store.row("incidents.by_display", {"id": task.display_id})
        assert row is not None
        incident = Incident(**row)
        room = await adapter.open_room(task.name, f"{incident.display_id}: {incident.title[:_TOPIC_TITLE]}")
        concerned = await self._concerned(incident, provider)
        await self._opened(task, incident, room, concerned)
        return room.channel, concerned

    async def _opened(self, task: Task, incident: Incident, room: Room, guests: Sequence[str]) -> None:
        """Keep the room and queue its summary together: the room is an incident channel from now on."""
        async with self._store.transaction() as connection:
            cursor = await connection.execute(
                statement("rooms.opened"),
                {
                    **_of(task),
                    "channel": room.channel,
                    "url": room.url or f"#{room.name}",
                    "guests": list(guests),
                },
            )
            kept = await cursor.fetchone()
            if kept is not None and kept["state"] == "open":
                row = msgspec.structs.asdict(summary_delivery(task, incident, room.channel)) | {
                    "fallback_of": None
                }
                await connection.execute(statement("rooms.announce"), _of(task) | {"channel": room.channel})
                await connection.execute(
                    statement("outbox.add"), {"deliveries": msgspec.json.encode([row]).decode()}
                )


def summary_delivery(task: Task, incident: Incident, channel: str) -> Delivery:
    """The first message of a room: what is known, with its buttons."""
    return Delivery(
        id=ids.new(),
        event_id=None,
        incident_id=incident.id,
        provider=task.provider,
        channel=channel,
        mode="post",
        priority=1,
        step="war room opened",
        message=summary(incident),
        routes=("war room",),
        accepted_at=datetime.now(UTC),
        expires_at=None,
    )


def summary(incident: Incident) -> Message:
    """The incident in its own channel; pressing "Join War Room" there would lead nowhere."""
    return Message(
        event="incident.updated",
        headline=f"🧯 War room of {incident.display_id}",
        incident=compose.card(incident),
        facts=compose.times(incident),
        actions=tuple(each for each in compose.actions(incident) if each.id != "war_room"),
    )


def _of(task: Task) -> dict[str, Any]:
    return {"incident": task.incident_id, "provider": task.provider}
