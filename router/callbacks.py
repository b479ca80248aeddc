"""Back to the source: what a person does here to an incident, told to the system that the incident came from.

    a person's event ► a delivery of mode `call` ► pending ► sent: confirmed, or failed ► the messages say so

An event that a source sends is never told back: that would be a loop. If it says what a call was to say, it
confirms the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from adapters.callbacks import TIME, takes
from adapters.contract import Message
from router import compose, ids
from router.batch import EXPIRES_AFTER, Batch, Delivery, Step
from router.events import Event
from router.incidents import Incident
from router.outbox import CALL
from router.source_providers import SOURCE_PREFIX
from router.store import Store, statement
from router.store.database import Connection

LABEL: Final = "Source"
"""The label of the fact in an incident's messages that says how far its source knows."""
CONFIRMED: Final = "confirmed"

_NORMAL: Final = 1
_UPDATE: Final = 2
_OUTCOMES: Final[Mapping[str, str]] = {
    "pending": "pending",
    "sending": "pending",
    "retrying": "pending",
    "sent": CONFIRMED,
    "suppressed": CONFIRMED,
    "failed": "failed",
    "expired": "failed",
}
_WORDS: Final[Mapping[str, str]] = {
    "incident.created": "declared",
    "incident.acknowledged": "acknowledged",
    "incident.updated": "updated",
    "incident.severity_changed": "severity changed",
    "incident.assigned": "assigned",
    "incident.resolved": "resolved",
    "incident.closed": "closed",
    "incident.reopened": "reopened",
}
_SAYS: Final[Mapping[str, str]] = {
    "acknowledged": "incident.acknowledged",
    "resolved": "incident.resolved",
    "closed": "incident.closed",
}
"""By the status that a source sends: the call that this confirms."""

_decode_message = msgspec.json.Decoder(Message).decode


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The newest call of an incident, as it stands."""

    id: str
    incident_id: str
    provider: str
    event: str
    state: str
    reason: str | None = None

    @property
    def source(self) -> str:
        """The source's name."""
        return self.provider.removeprefix(SOURCE_PREFIX)

    @property
    def outcome(self) -> str:
        """`pending`, `confirmed` or `failed`."""
        return _OUTCOMES[self.state]

    @property
    def text(self) -> str:
        """`monitoring: acknowledged, failed (rejected)`."""
        why = f" ({self.reason})" if self.outcome == "failed" and self.reason else ""
        return f"{self.source}: {_WORDS.get(self.event, self.event)}, {self.outcome}{why}"


def callbacks_for(
    event: Event, incident: Incident, callbacks: Mapping[str, str], *, delivery_event_id: str
) -> tuple[Delivery, ...]:
    """The delivery that tells the incident's source of a person's act; none for anything else.

    `callbacks` is the kind of callback by provider name (Directory.callbacks).
    """
    provider = SOURCE_PREFIX + incident.source
    kind = callbacks.get(provider)
    if event.hand is None or kind is None or not takes(kind, event.type):
        return ()
    if event.hand.via == f"api:{incident.source}":
        return ()  # the source itself, with a token that may act
    call = Delivery(
        id=ids.new(),
        event_id=delivery_event_id,
        incident_id=incident.id,
        provider=provider,
        channel=incident.external_id,
        mode=CALL,
        priority=_NORMAL,
        step="",
        message=_told(event, incident),
        routes=(),
        accepted_at=event.received_at,
        expires_at=event.received_at + EXPIRES_AFTER,
    )
    return (call,)


def _told(event: Event, incident: Incident) -> Message:
    plain = compose.message(event, incident, template=None)
    when = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return msgspec.structs.replace(plain, facts=((TIME, when),), actions=())


def confirms(event: Event) -> str | None:
    """The type of call that an event confirms: its source says by itself what it was to be told."""
    if event.hand is not None:
        return None
    if event.type == "incident.reopened" or event.type in _SAYS.values():
        return event.type
    return _SAYS.get(event.incident.status or "")


# In the pipeline (router/handle.py).


async def call_back(connection: Connection, batch: Batch, callbacks: Mapping[str, str]) -> None:
    """Add what goes back to sources to a decided batch, and how far they know to its messages."""
    steps = [step for step in batch.steps if _is_of(step, callbacks)]
    if not steps:
        return
    known = await newest(connection, {_incident(step).id for step in steps})
    said = [confirmed for step in steps if (confirmed := follow(step, known, callbacks))]
    if said:
        values = {"incidents": [one[0] for one in said], "events": [one[1] for one in said]}
        await connection.execute(statement("callbacks.confirm"), values)


def follow(step: Step, known: dict[str, Call], callbacks: Mapping[str, str]) -> tuple[str, str] | None:
    """Add a step's call, keep `known` (the newest calls) up to date, and mark the step's messages.

    Returns (incident, type of call) if the step's event confirms a call.
    """
    incident = _incident(step)
    calls = callbacks_for(step.event, incident, callbacks, delivery_event_id=step.earlier.event_id)
    earlier, said = known.get(incident.id), confirms(step.event)
    for call in calls:
        known[incident.id] = _pending(call)
    if said and earlier and earlier.event == said:
        known[incident.id] = msgspec.structs.replace(earlier, state="suppressed")
    step.deliveries = (*(marked(each, known.get(incident.id)) for each in step.deliveries), *calls)
    step.earlier.deliveries += tuple(call.id for call in calls)
    return (incident.id, said) if said and earlier else None


def _is_of(step: Step, callbacks: Mapping[str, str]) -> bool:
    return step.change is not None and SOURCE_PREFIX + step.change.after.source in callbacks


def _incident(step: Step) -> Incident:
    assert step.change is not None
    return step.change.after


def _pending(call: Delivery) -> Call:
    assert call.incident_id is not None
    return Call(
        id=call.id,
        incident_id=call.incident_id,
        provider=call.provider,
        event=call.message.event,
        state="pending",
    )


async def newest(connection: Connection, incidents: Iterable[str]) -> dict[str, Call]:
    """The newest call of each incident that has one."""
    cursor = await connection.execute(statement("callbacks.newest"), {"incidents": sorted(incidents)})
    return {row["incident_id"]: Call(**row) for row in await cursor.fetchall()}


# In messages.


def marked(delivery: Delivery, call: Call | None) -> Delivery:
    """The delivery with the row that says how far the source knows; none once it has confirmed."""
    if call is None or call.outcome == CONFIRMED or delivery.mode == CALL:
        return delivery
    return msgspec.structs.replace(delivery, message=with_call(delivery.message, call))


def with_call(message: Message, call: Call) -> Message:
    """The message with this call's row in place of any other's."""
    facts = (*without_calls(message).facts, (LABEL, call.text))
    return msgspec.structs.replace(message, facts=facts)


def without_calls(message: Message) -> Message:
    """The message without such a row."""
    return msgspec.structs.replace(message, facts=tuple(fact for fact in message.facts if fact[0] != LABEL))


# Afterwards (worker/ticker.py).


async def settle(store: Store) -> int:
    """Let the messages that say `pending` say what became of it; how many are edited.

    Finding out, the edits and the mark that they were made are one transaction: a crash leaves all or none.
    """
    async with store.transaction() as connection:
        rows = await (await connection.execute(statement("callbacks.untold"))).fetchall()
        if not rows:
            return 0
        ended = {row["id"] for row in rows}
        calls = await newest(connection, {row["incident_id"] for row in rows})
        # Where a later call still waits, the messages say so already.
        edits = await _edits(connection, [call for call in calls.values() if call.id in ended])
        await connection.execute(statement("outbox.add"), {"deliveries": msgspec.json.encode(edits).decode()})
        await connection.execute(statement("callbacks.told"), {"ids": sorted(ended)})
    return len(edits)


async def _edits(connection: Connection, calls: Sequence[Call]) -> list[dict[str, Any]]:
    by_incident = {call.incident_id: call for call in calls}
    cursor = await connection.execute(
        statement("callbacks.announcements"), {"incidents": sorted(by_incident)}
    )
    places = await cursor.fetchall()
    cursor = await connection.execute(statement("callbacks.incidents"), {"ids": sorted(by_incident)})
    incidents = {row["id"]: Incident(**row) for row in await cursor.fetchall()}
    now = datetime.now(UTC)
    edits = (
        edit_of(place, by_incident[place["incident_id"]], incidents[place["incident_id"]], now)
        for place in places
    )
    return [edit for edit in edits if edit]


def edit_of(place: Mapping[str, Any], call: Call, incident: Incident, now: datetime) -> dict[str, Any] | None:
    """The outbox row that updates a place's newest message; None where that says nothing of a call."""
    message = _decode_message(place["message"])
    if message.facts == without_calls(message).facts:
        return None
    fresh = msgspec.structs.replace(
        with_call(message, call), incident=compose.card(incident), actions=compose.actions(incident)
    )
    edit = Delivery(
        id=ids.new(),
        event_id=place["event_id"],
        incident_id=incident.id,
        provider=place["provider"],
        channel=place["channel"],
        mode="edit",
        priority=_UPDATE,
        step=f"{now:%H:%M} {call.text}",
        message=fresh,
        routes=("callback",),
        accepted_at=now,
        expires_at=now + EXPIRES_AFTER,
    )
    return msgspec.structs.asdict(edit) | {"fallback_of": None}


async def of_incident(store: Store, incident_id: str) -> list[dict[str, Any]]:
    """All that was or is to be told to an incident's source, oldest first, for interfaces."""
    rows = await store.rows("callbacks.of_incident", {"id": incident_id})
    return [
        {
            "delivery": row["id"],
            "source": row["provider"].removeprefix(SOURCE_PREFIX),
            "event": row["event"],
            "outcome": _OUTCOMES[row["state"]],
            "detail": row["detail"],
            "attempts": row["attempts"],
            "at": row["accepted_at"],
        }
        for row in rows
    ]
