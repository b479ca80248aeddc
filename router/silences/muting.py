"""What a silence mutes: whom it covers, and which messages of an event it holds back.

A process keeps no view of the silences. Reading the active ones takes the same one statement within the
look-up of a batch as asking whether they have changed would, and what is committed holds for the next event.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from router import ids
from router.targets import Address
from rules.facts import Facts

if TYPE_CHECKING:
    from router.batch import Delivery

UPDATE: Final = 2
"""The priority of an edit that a silence lets through. An urgent one would be sent to a fallback as well,
where it would be a new message."""
EDITS_LIVE: Final = timedelta(hours=24)
"""As other updates do; urgent messages have no date."""


class Matchers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a silence covers: all that is given must fit; of a list, any one."""

    service: tuple[str, ...] = ()
    incident: str | None = None
    """The id that people see."""
    severity: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    labels: dict[str, str] = {}


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence, as it is kept and shown. Times are aware UTC."""

    id: str
    created_by: str
    created_at: datetime
    reason: str
    starts_at: datetime
    ends_at: datetime
    matchers: Matchers
    expired_at: datetime | None = None
    """When somebody ended it before its time."""
    expired_by: str | None = None

    @property
    def over_at(self) -> datetime:
        """When it ends or was ended."""
        return min(self.ends_at, self.expired_at) if self.expired_at else self.ends_at

    def active(self, at: datetime) -> bool:
        """Whether it mutes at a time."""
        return self.starts_at <= at < self.over_at

    @property
    def words(self) -> str:
        """`silenced until 10:30 by dana: maintenance`; hours are UTC, as in every step."""
        because = f": {self.reason}" if self.reason else ""
        return f"silenced until {self.over_at.astimezone(UTC):%H:%M} by {self.created_by}{because}"


_decode_active = msgspec.json.Decoder(tuple[Silence, ...]).decode


def covers(matchers: Matchers, facts: Facts, incident: str) -> bool:
    """Whether an incident, with its facts and the id that people see, is meant."""
    return (
        (not matchers.service or facts.service in matchers.service)
        and (not matchers.severity or facts.severity in matchers.severity)
        and (not matchers.incident or matchers.incident == incident)
        and (not matchers.team or facts.team in matchers.team)
        and (not matchers.source or facts.source in matchers.source)
        and (not matchers.labels or matchers.labels.items() <= facts.labels.items())
    )


def covering(silences: Sequence[Silence], facts: Facts, incident: str, at: datetime) -> tuple[Silence, ...]:
    """The silences that mute an incident at a time."""
    return tuple(each for each in silences if covers(each.matchers, facts, incident) and each.active(at))


def decode_active(row: Mapping[str, Any] | None) -> tuple[Silence, ...]:
    """The row of the statement `silences.active`."""
    return _decode_active(row["silences"]) if row else ()


def held_back(
    deliveries: Sequence[Delivery], there: Container[Address]
) -> tuple[tuple[Delivery, ...], tuple[Delivery, ...]]:
    """What a silence lets through, and what it holds back.

    An edit in place notifies nobody and keeps what people see right, so it is sent; new messages and
    replies are not. `there` is where the announcement stands, or is on its way: elsewhere an edit would post.
    """
    sent: list[Delivery] = []
    held: list[Delivery] = []
    for delivery in deliveries:
        if delivery.mode not in ("edit", "edit_reply") or (delivery.provider, delivery.channel) not in there:
            held.append(delivery)
            continue
        sent.append(_quiet(delivery))
        if delivery.mode == "edit_reply":
            held.append(msgspec.structs.replace(delivery, id=ids.new(), mode="reply"))
    return tuple(sent), tuple(held)


def _quiet(delivery: Delivery) -> Delivery:
    return msgspec.structs.replace(
        delivery,
        mode="edit",
        priority=max(delivery.priority, UPDATE),
        expires_at=delivery.accepted_at + EDITS_LIVE,
    )
