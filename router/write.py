"""A decided batch, written in one statement: each table's rows travel as one JSON parameter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from router import compose
from router.batch import URGENT, Batch, Delivery, Step
from router.events import Hand
from router.store import statement
from router.store.database import Connection

_encode = msgspec.json.Encoder().encode


async def write(connection: Connection, batch: Batch) -> None:
    """Write events, incidents, timeline, decisions, streams and deliveries."""
    if not batch.steps:
        return
    await connection.execute(statement("ingest.write"), rows(batch))
    if batch.marks:
        await connection.execute(statement("ingest.write_marks"), _marks(batch))
    urgent = [d for step in batch.steps for d in step.deliveries if d.priority == URGENT and d.mode != "post"]
    if urgent:
        await connection.execute(statement("ingest.promote"), _streams(urgent))
    await _write_silenced(connection, batch)


async def _write_silenced(connection: Connection, batch: Batch) -> None:
    """Keep what silences held back, and what is owed again because its incident goes on."""
    muted = [step for step in batch.steps if step.silences]
    if muted:
        await connection.execute(
            statement("silences.hold_back"),
            {
                "events": _json(_held(step) for step in muted),
                "deliveries": _json(row for step in muted for row in _suppressed(step)),
            },
        )
    reopened = [s.change.after.id for s in batch.steps if s.change and s.event.type == "incident.reopened"]
    if reopened:
        await connection.execute(statement("silences.reopened"), {"incidents": reopened})


def rows(batch: Batch) -> dict[str, str]:
    """The parameters of the statement, by table."""
    deliveries = [delivery for step in batch.steps for delivery in step.deliveries]
    return {
        "events": _json(_event(step) for step in batch.steps),
        "incidents": _json(batch.incidents()),
        "timeline": _json(_timeline(step) for step in batch.steps),
        "decisions": _json(_decision(step) for step in batch.steps),
        "streams": _json(
            {"incident_id": d.incident_id, "provider": d.provider, "channel": d.channel}
            for d in deliveries
            if d.mode == "post"
        ),
        "deliveries": _json(deliveries),
    }


def _json(items: Iterable[Any]) -> str:
    return _encode(list(items)).decode()


def _event(step: Step) -> dict[str, Any]:
    event = step.event
    assert step.change is not None
    return {
        "id": step.earlier.event_id,
        "source": event.source,
        "key": event.key,
        "digest": event.digest.hex(),
        "type": event.type,
        "at": event.at,
        "received_at": event.received_at,
        "incident_id": step.change.after.id,
        "decision_id": step.earlier.decision_id,
        "deliveries": step.earlier.deliveries,
        "body": msgspec.Raw(event.body),
    }


def _timeline(step: Step) -> dict[str, Any]:
    event, change = step.event, step.change
    assert change is not None
    data: dict[str, Any] = {"event_id": step.earlier.event_id, "status": change.after.status}
    if event.note:
        data["note"] = event.note
    if change.late:
        data["late"] = True
    if change.before is not None and change.before.severity != change.after.severity:
        data["severity"] = [change.before.severity, change.after.severity]
    entry = {
        "incident_id": change.after.id,
        "event_type": event.type,
        "at": event.at,
        "actor": event.actor,
        "source": event.source,
        "data": data,
    }
    return entry | _by_hand(event.hand, data) if event.hand is not None else entry


def _by_hand(hand: Hand, data: dict[str, Any]) -> dict[str, Any]:
    """What a person's entry says otherwise: the document's `chatops.acknowledge` of `chatops:user123`."""
    kind, _, _ = hand.actor.partition(":")
    return {
        "event_type": f"{kind}.{hand.verb}",
        "actor": hand.actor,
        "source": hand.via,
        "data": {**hand.data, **data},
    }


def _decision(step: Step) -> dict[str, Any]:
    assert step.decision is not None
    assert step.change is not None
    return {
        "id": step.earlier.decision_id,
        "event_id": step.earlier.event_id,
        "rule_set": step.decision.rule_set,
        "facts": step.facts,
        "outcome": {
            "fired": step.decision.fired,
            "stopped_by": step.decision.stopped_by,
            "skipped": step.decision.skipped,
            "late": step.change.late,
            "unrouted": step.unrouted,
            "placed": step.placed,
            "suppressed_by": [each.id for each in step.silences],
        },
    }


def _held(step: Step) -> dict[str, Any]:
    event = step.event
    assert step.change is not None
    return {
        "event_id": step.earlier.event_id,
        "incident_id": step.change.after.id,
        "type": event.type,
        "at": event.at,
        "actor": event.actor,
        "note": event.note,
        "step": compose.step(event, step.change.after),
        "silences": [each.id for each in step.silences],
        "withheld": step.withheld,
    }


def _suppressed(step: Step) -> Iterable[dict[str, Any]]:
    why = ", ".join(f"{each.words} ({each.id})" for each in step.silences)
    return ({**msgspec.structs.asdict(each), "detail": why} for each in step.suppressed)


def _marks(batch: Batch) -> dict[str, Any]:
    return {
        "counts": [count.name for count, _, _ in batch.marks],
        "keys": [key for _, key, _ in batch.marks],
        "at": [at for _, _, at in batch.marks],
    }


def _streams(deliveries: Iterable[Delivery]) -> dict[str, Any]:
    chosen = list(deliveries)
    return {
        "incidents": [d.incident_id for d in chosen],
        "providers": [d.provider for d in chosen],
        "channels": [d.channel for d in chosen],
    }
