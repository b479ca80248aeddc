"""Which incident is meant: the one that is named, the one of this thread or channel, else a choice."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from adapters.contract import Choice
from router import ids
from router.acts import hand_key
from router.chat import questions
from router.chat.asked import Answer, Asked, World, refused
from router.chat.places import rooms_here
from router.chat.usage import INCIDENT
from router.incidents import Incident
from router.problems import NotFound

_LONGEST: Final = 70
_SKEW: Final = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""
_VERBS: Final = {
    "ack": "acknowledge",
    "resolve": "resolve",
    "close": "close",
    "reopen": "reopen",
    "escalate": "escalate",
    "assign": "assign",
    "update": "write on",
}
_ANY: Final = ("open", "acknowledged")
"""What a person means who does not say which, where the command does not tell."""


async def incident(world: World, asked: Asked, states: tuple[str, ...]) -> Incident | Answer:
    """The incident, or the question which one; `states` are those in which the command makes sense."""
    named = await _begun(world, asked) or asked.argument(INCIDENT) or await here(world, asked, states)
    if named:
        return await by_id(world, named)
    return await _choice(world, asked, states or _ANY)


async def by_id(world: World, display_id: str) -> Incident:
    """The incident that people see under this id; NotFound when there is none."""
    row = await world.parts.store.row("incidents.by_display", {"id": display_id})
    if row is None:
        raise NotFound(f"there is no incident {display_id[:60]}; `/im list` shows the open ones")
    return Incident(**row)


async def _begun(world: World, asked: Asked) -> str | None:
    """The incident that this very input has changed already, before a process died: now the channel's
    open one may be another."""
    if asked.begun is None:
        return None
    since = ids.first_at(asked.begun - _SKEW)
    row = await world.parts.store.row("chat.begun", {"since": since, "key": hand_key(asked.id)})
    return str(row["display_id"]) if row else None


async def here(world: World, asked: Asked, states: tuple[str, ...]) -> str | None:
    """The incident of this thread, message or war room; else the only one that is open in this channel."""
    given = asked.given
    place = {"provider": asked.provider.name, "channel": given.channel}
    rows = await world.parts.store.rows(
        "chat.incident_of_message",
        {
            **place,
            "messages": [each for each in (given.thread, given.message) if each],
            "rooms": rooms_here(given),
        },
    )
    if not rows:
        rows = await world.parts.store.rows(
            "chat.open_in_channel", {**place, "statuses": list(states or _ANY)}
        )
    return rows[0]["display_id"] if len(rows) == 1 else None


async def _choice(world: World, asked: Asked, states: tuple[str, ...]) -> Answer:
    rows = await world.parts.store.rows(
        "chat.candidates",
        {"provider": asked.provider.name, "channel": asked.given.channel, "statuses": list(states)},
    )
    if not rows:
        words = " or ".join(states)
        return refused(f"there is no incident that is {words}; name one, such as INC-2024-001")
    choices = [
        Choice(row["display_id"], f"{row['display_id']} {row['severity']} {row['title']}"[:_LONGEST])
        for row in rows
    ]
    verb = _VERBS.get(asked.call.command)
    question = f"Which incident do you want to {verb}?" if verb else "Which incident?"
    return await questions.choose(world, asked, INCIDENT, question, choices)
