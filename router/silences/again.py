"""A decision made again after a silence: what was held back becomes one message for each channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from router import compose, ids
from router.batch import EXPIRES_AFTER, URGENT, Delivery, base_priority, facts_of, mode, silenced, to_default
from router.catalogue.catalogue import Catalogue
from router.events import Event, EventType, IncidentIn
from router.incidents import Incident
from router.silences.muting import Silence
from router.targets import Address, Context, Placed, Provider, asks_for_room, place
from rules.decide import decide
from rules.decision import Decision
from rules.live import Current

BADGE: Final = "WAS SILENCED"
_CREATED: Final = "incident.created"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An event that came under a silence."""

    event_id: str
    type: EventType
    at: datetime
    actor: str | None
    note: str | None
    step: str
    silences: tuple[str, ...]
    withheld: bool
    """Whether something would have been sent; otherwise it only tells what happened meanwhile."""

    def event(self, incident: Incident, now: datetime) -> Event:
        """It, as if it happened now."""
        return Event(
            source=incident.source,
            key=None,
            digest=b"",
            type=self.type,
            at=now,
            received_at=now,
            incident=IncidentIn(id=incident.external_id),
            actor=self.actor,
            note=self.note,
            body=b"",
        )


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """What holds as the decision is made again."""

    incident: Incident
    providers: Mapping[str, Provider]
    announced: tuple[Address, ...]
    """Where the incident has a stream."""
    rooms: tuple[Address, ...]
    """Its war rooms that are open."""
    there: frozenset[Address]
    """Where its message also stands, or is on its way."""
    recent: dict[str, int]
    ended: tuple[Silence, ...]
    """The silences that held it back, the last to end last."""
    now: datetime
    catalogue: Catalogue


class Again(msgspec.Struct, frozen=True):
    """What came of it."""

    deliveries: tuple[Delivery, ...]
    decisions: tuple[Mapping[str, Any], ...]
    """Rows of the decisions table, without their ids."""
    silences: tuple[str, ...]
    steps: tuple[str, ...]
    wants_room: bool


class _Place(msgspec.Struct, frozen=True):
    """What an event that is decided again would send to one channel."""

    event: Event
    held: Held
    placed: Placed
    unrouted: bool


def decided_again(held: Sequence[Held], present: Present, rules: Current) -> Again:
    """Decide each kind of event that was held back anew, with the facts of now."""
    places: dict[Address, list[_Place]] = {}
    decisions = []
    wants_room = False
    for each in _newest_of_each_type(held):
        found, decision, row = _placed(each, present, rules)
        wants_room = wants_room or asks_for_room(decision)
        decisions.append(row)
        for one in found:
            places.setdefault((one.placed.provider, one.placed.channel), []).append(one)
    steps = _steps(held, present.ended)
    deliveries = tuple(_delivery(wanting, steps, present) for wanting in places.values())
    ended = tuple(each.id for each in present.ended)
    return Again(deliveries, tuple(decisions), ended, steps, wants_room)


def _newest_of_each_type(held: Sequence[Held]) -> list[Held]:
    return list({each.type: each for each in held if each.withheld}.values())


def _steps(held: Sequence[Held], ended: Sequence[Silence]) -> tuple[str, ...]:
    """What happened meanwhile, then which silence it was."""
    return (*(each.step for each in held), *(each.words for each in ended[-1:]))[-compose.MAX_STEPS :]


def _placed(held: Held, present: Present, rules: Current) -> tuple[list[_Place], Decision, dict[str, Any]]:
    """Where one event goes now, why, and the decision's row."""
    rule_set, engine = rules
    event = held.event(present.incident, present.now)
    facts = msgspec.structs.replace(
        facts_of(event, present.incident, present.catalogue), recent=present.recent
    )
    decision = decide(rule_set, engine.matching(facts), facts)
    context = Context(present.providers, present.incident, present.announced, present.rooms)
    priority = base_priority(event, present.incident)
    placed = place(decision, context, event_type=event.type, priority=priority)
    unrouted = not placed and event.type == _CREATED and not silenced(decision)
    if unrouted:
        placed = to_default(context)
    outcome = {
        "fired": decision.fired,
        "stopped_by": decision.stopped_by,
        "skipped": decision.skipped,
        "late": False,
        "unrouted": unrouted,
        "placed": placed,
        "suppressed_by": (),
        "after_silences": [each.id for each in present.ended],
    }
    row = {"event_id": held.event_id, "rule_set": decision.rule_set, "facts": facts, "outcome": outcome}
    return [_Place(event, held, each, unrouted) for each in placed], decision, row


def _delivery(wanting: Sequence[_Place], steps: tuple[str, ...], present: Present) -> Delivery:
    """The one message for a channel; where nothing stands yet, the declaration that it would have been."""
    placed = wanting[0].placed
    standing = (placed.provider, placed.channel) in present.there
    declared = next((each for each in wanting if each.event.type == _CREATED), None)
    shown = wanting[-1] if standing or declared is None else declared
    priority = min(each.placed.priority for each in wanting)
    badges = (BADGE, *(["UNROUTED"] if any(each.unrouted for each in wanting) else []))
    message = compose.message(shown.event, present.incident, template=shown.placed.template, badges=badges)
    return Delivery(
        id=ids.new(),
        event_id=shown.held.event_id,
        incident_id=present.incident.id,
        provider=placed.provider,
        channel=placed.channel,
        mode=_mode([each.event for each in wanting]) if standing else "post",
        priority=priority,
        step=_line(steps),
        message=msgspec.structs.replace(message, steps=steps),
        routes=tuple(dict.fromkeys(route for each in wanting for route in each.placed.routes)),
        accepted_at=present.now,
        expires_at=None if priority == URGENT else present.now + EXPIRES_AFTER,
    )


def _mode(events: Sequence[Event]) -> str:
    """As each would show by itself; an edit and a reply together are both."""
    modes = {mode(event) for event in events}
    return modes.pop() if len(modes) == 1 else "edit_reply"


def _line(steps: Sequence[str]) -> str:
    """All in one step, for a message that this one is merged with."""
    *meanwhile, last = steps
    return f"{last} (meanwhile: {'; '.join(meanwhile)})" if meanwhile else last
