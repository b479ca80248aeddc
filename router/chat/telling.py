"""Chat events through the rules: what people do in chat can be told to others, like anything else.

The messages that follow are ordinary deliveries and no input of anybody's, so they never come back as events.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from adapters.contract import Message
from router import compose, ids
from router.batch import EXPIRES_AFTER, URGENT, Delivery
from router.chat.asked import Asked
from router.chat.turn import Turn
from router.store import statement
from router.store.database import Connection
from router.targets import Context, Placed, Provider, place
from rules.decide import decide
from rules.decision import Decision
from rules.facts import Facts
from rules.live import Current

TYPES: Final = {
    "command": "chat.command",
    "action": "chat.interaction",
    "form": "chat.interaction",
    "mention": "chat.mention",
}
_HEADLINES: Final = {
    "chat.command": "💬 Command in chat",
    "chat.interaction": "🖱️ Button pressed in chat",
    "chat.mention": "💬 The bot was mentioned",
}


def facts_of(made: Turn, asked: Asked) -> Facts:
    """What rules can ask about an input: nothing of an incident, or routes for a severity would fire too."""
    return Facts(
        event=TYPES[asked.given.kind],
        at=asked.at,
        command=made.command or None,
        outcome=made.answer.outcome,
        channel=asked.given.channel,
        user=asked.name,
        actor=asked.name,
        source=f"{asked.provider.platform}:{asked.provider.name}",
        note=asked.call.said or None,
    )


def message_of(made: Turn, asked: Asked) -> Message:
    """What others are told of an input."""
    incident = made.answer.incident
    channel = asked.given.channel_name or asked.given.channel
    return Message(
        event=TYPES[asked.given.kind],
        headline=_HEADLINES[TYPES[asked.given.kind]],
        text=asked.call.said,
        incident=compose.card(incident) if incident else None,
        actor=asked.name,
        facts=(("Channel", channel), ("Outcome", made.answer.outcome)),
    )


async def tell(
    connection: Connection, made: Turn, asked: Asked, rules: Current, providers: dict[str, Provider]
) -> frozenset[str]:
    """Decide a chat event and write it with its decision and deliveries; the lanes that got something."""
    rule_set, engine = rules
    facts = facts_of(made, asked)
    decision = decide(rule_set, engine.matching(facts), facts)
    context = Context(providers, made.answer.incident, ())
    placed = place(decision, context, event_type=facts.event, priority=1)
    event_id, message = ids.new(), message_of(made, asked)
    deliveries = [_delivery(asked, event_id, one, message) for one in placed]
    rows = _event(made, asked, facts, decision) | {
        "event": event_id,
        "deliveries": [d.id for d in deliveries],
    }
    cursor = await connection.execute(statement("chat.tell"), rows)
    if await cursor.fetchone() is None:
        return frozenset()
    if deliveries:
        new = [msgspec.structs.asdict(each) | {"fallback_of": None} for each in deliveries]
        await connection.execute(statement("outbox.add"), {"deliveries": msgspec.json.encode(new).decode()})
    return frozenset(each.provider for each in deliveries)


def _delivery(asked: Asked, event_id: str, placed: Placed, message: Message) -> Delivery:
    return Delivery(
        id=ids.new(),
        event_id=event_id,
        incident_id=None,
        provider=placed.provider,
        channel=placed.channel,
        mode="post",
        priority=placed.priority,
        step="",
        message=msgspec.structs.replace(message, template=placed.template),
        routes=placed.routes,
        accepted_at=asked.at,
        expires_at=None if placed.priority == URGENT else asked.at + EXPIRES_AFTER,
    )


def _event(made: Turn, asked: Asked, facts: Facts, decision: Decision) -> dict[str, Any]:
    incident = made.answer.incident
    outcome = {"fired": decision.fired, "stopped_by": decision.stopped_by, "skipped": decision.skipped}
    return {
        "key": asked.id,
        "type": facts.event,
        "at": asked.at,
        "incident": incident.id if incident else None,
        "decision": ids.new(),
        "body": msgspec.json.encode(facts).decode(),
        "rule_set": decision.rule_set,
        "facts": msgspec.json.encode(facts).decode(),
        "outcome": msgspec.json.encode(outcome).decode(),
    }
