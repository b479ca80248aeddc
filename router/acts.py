"""What a person does with an incident, as the event that goes through the same pipeline as a source's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, cast

import msgspec

from router.events import Event, EventIn, EventType, Hand, IncidentIn, Verb, check, refuse_nul
from router.incidents import Incident
from router.lifecycle import EVENTS

SOURCE: Final = "chatops"
"""The source of incidents that people declare here."""

RESPONSES: Final[Mapping[Verb, str]] = {
    "declare": "Incident declared",
    "acknowledge": "Incident acknowledged",
    "unacknowledge": "Acknowledgement taken back",
    "resolve": "Incident resolved",
    "close": "Incident closed",
    "reopen": "Incident reopened",
    "escalate": "Severity changed",
    "assign": "Incident assigned",
    "update": "Timeline updated",
}


def act(
    hand: Hand,
    incident: Incident | None,
    *,
    key: str,
    at: datetime,
    who: str,
    note: str | None = None,
    changes: Mapping[str, str] | None = None,
) -> Event:
    """The event of an act; `incident` is None for a declaration, whose `changes` are the new incident.

    `key` makes doing it twice the same as once. The event belongs to the incident's source, whose incident
    it stays.
    """
    given = msgspec.convert(
        {"id": incident.external_id if incident else key, **(changes or {})}, type=IncidentIn
    )
    check(EventIn(type=EVENTS[hand.verb], incident=given, actor=who, note=note))
    source = incident.source if incident else SOURCE
    told = _body(hand, given, who, note)
    refuse_nul(told)
    body = msgspec.json.encode(told)
    return Event(
        source=source,
        key=hand_key(key),
        digest=blake2b(body, digest_size=16).digest(),
        type=cast("EventType", EVENTS[hand.verb]),
        at=at,
        received_at=at,
        incident=given,
        actor=who,
        note=note or None,
        body=body,
        hand=hand,
    )


def hand_key(key: str) -> str:
    """The idempotency key of an act's event, apart from those that sources choose."""
    return f"hand:{key}"


def _body(hand: Hand, given: IncidentIn, who: str, note: str | None) -> dict[str, Any]:
    told = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not None}
    body = {"type": EVENTS[hand.verb], "incident": told, "actor": who, "via": hand.via}
    return body | ({"note": note} if note else {})
