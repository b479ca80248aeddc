"""The outbox: deliveries claimed under a lease, sent by whoever claimed them, finished with a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from adapters.contract import Message
from router import compose
from router.buckets import Grant
from router.store import Store

SUMMARY_SIZE: Final = 25
"""Incidents that one summary names: their lines fit every platform's limits."""

CALL: Final = "call"
"""The mode of what goes back to a source: sent by itself, in order, and it announces nothing."""

_decode_message = msgspec.json.Decoder(Message).decode


class Ready(msgspec.Struct, frozen=True):
    """A channel that has something due."""

    provider: str
    channel: str
    priority: int
    waiting: int
    """How many are due, counted to 32."""


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that this worker holds."""

    id: str
    seq: int
    incident_id: str | None
    provider: str
    channel: str
    mode: str
    priority: int
    step: str
    message: Message
    attempts: int
    uncertain: bool
    tried_at: datetime
    """The first try whose outcome is not known; this one, where all others are."""
    accepted_at: datetime
    announced: str | None
    """The platform's id of the message that announced the incident in this channel."""
    shown: tuple[str, ...] = ()
    """The steps that this message lists already."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent at once: the head of a stream and what waited behind it."""

    head: Claimed
    behind: tuple[Claimed, ...] = ()
    summed_up: tuple[Group, ...] = ()
    """The groups of other incidents that this one's message names too."""

    @property
    def all(self) -> tuple[Claimed, ...]:
        """Head first, in order."""
        return (self.head, *self.behind, *(each for group in self.summed_up for each in group.all))

    @property
    def message(self) -> Message:
        """The one message that shows them all."""
        if self.summed_up:
            return compose.summary([self.news, *(group.news for group in self.summed_up)])
        return self._merged(self.head.shown if self.mode.startswith("edit") else ())

    @property
    def news(self) -> Message:
        """The same without the steps that the announcement lists already."""
        return self._merged(())

    def _merged(self, shown: tuple[str, ...]) -> Message:
        return compose.merged([(each.message, each.step) for each in (self.head, *self.behind)], shown)

    @property
    def mode(self) -> str:
        """How to send it: without an announcement there is nothing to edit or answer."""
        if self.head.mode == CALL:
            return CALL
        if self.head.announced is None:
            return "post"
        modes = {each.mode for each in (self.head, *self.behind)}
        if modes <= {"edit"}:
            return "edit"
        if modes <= {"reply"}:
            return "reply"
        return "edit_reply" if modes - {"post"} else "post"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a claimed delivery, as it is written back."""

    id: str
    number: int
    state: str
    outcome: str
    started_at: datetime
    finished_at: datetime
    reason: str | None = None
    detail: str | None = None
    message_id: str | None = None
    merged_into: str | None = None
    uncertain: bool = False
    wait: float | None = None


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """The message that now stands for an incident in a channel; None when it has gone."""

    incident_id: str
    provider: str
    channel: str
    message_id: str | None
    steps: tuple[str, ...] = ()
    """The steps that it lists."""


class Outbox:
    """The statements of sql/outbox.sql as a worker uses them."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner

    async def ready(self) -> list[Ready]:
        """The channels that have something due, urgent ones first."""
        return [Ready(**row) for row in await self._store.rows("outbox.ready")]

    async def claim(self, grants: Sequence[Grant], leases: Mapping[str, float]) -> list[Group]:
        """Claim what was granted; `leases` is seconds by provider.

        A grant that is to be summed up may bring more groups than it allows messages: see `summed_up`.
        """
        wanted = [row for grant in grants for row in _wanted(grant)]
        if not wanted:
            return []
        rows = await self._store.rows(
            "outbox.claim",
            {
                "providers": [row[0] for row in wanted],
                "channels": [row[1] for row in wanted],
                "most": [row[2] for row in wanted],
                "oldest": [row[3] for row in wanted],
                "owner": self._owner,
                "leases": msgspec.json.encode(leases).decode(),
            },
        )
        return _groups(rows)

    async def finish(self, outcomes: Sequence[Outcome], announced: Sequence[Announced]) -> None:
        """Write back what became of claimed deliveries."""
        await self._store.run(
            "outbox.finish",
            {
                "outcomes": msgspec.json.encode(outcomes).decode(),
                "announced": msgspec.json.encode(announced).decode(),
                "owner": self._owner,
            },
        )

    async def release(self, groups: Sequence[Group]) -> None:
        """Give back what was claimed and not begun."""
        given = [each.id for group in groups for each in group.all]
        if given:
            await self._store.run("outbox.release", {"ids": given, "owner": self._owner})


def summed_up(groups: Sequence[Group], allowed: int) -> tuple[list[Group], list[Group]]:
    """What to send of one channel's groups with `allowed` messages, and what to give back.

    Announcements that are not urgent and were never tried become one message that names them all.
    """
    chosen, rest = list(groups[:allowed]), groups[allowed:]
    if not rest or not chosen or not _can_be_summed_up(chosen[-1]):
        return chosen, list(rest)
    others = tuple(group for group in rest if _can_be_summed_up(group))
    chosen[-1] = msgspec.structs.replace(chosen[-1], summed_up=others)
    return chosen, [group for group in rest if not _can_be_summed_up(group)]


def _can_be_summed_up(group: Group) -> bool:
    head = group.head
    if head.mode == CALL:
        return False
    fresh = head.announced is None and not head.uncertain and head.incident_id is not None
    return fresh and all(each.priority > 0 for each in group.all)


def _wanted(grant: Grant) -> list[tuple[str, str, int, bool]]:
    if grant.sum_up:
        return [(grant.ask.provider, grant.ask.channel, grant.allowed + SUMMARY_SIZE, False)]
    first = grant.allowed - grant.oldest
    rows = [(grant.ask.provider, grant.ask.channel, first, False)] if first > 0 else []
    if grant.oldest:
        rows.append((grant.ask.provider, grant.ask.channel, grant.oldest, True))
    return rows


def _groups(rows: Sequence[dict[str, Any]]) -> list[Group]:
    members: dict[str, list[Claimed]] = {}
    for row in rows:
        members.setdefault(row.pop("head"), []).append(_claimed(row))
    groups = []
    for each in members.values():
        each.sort(key=lambda claimed: claimed.seq)
        groups.append(Group(head=each[0], behind=tuple(each[1:])))
    groups.sort(key=lambda group: (group.head.priority, group.head.seq))
    return groups


def _claimed(row: dict[str, Any]) -> Claimed:
    message = _decode_message(row.pop("message"))
    announced, shown = row.pop("stream") or (None, ())
    return Claimed(message=message, announced=announced, shown=tuple(shown), **row)
