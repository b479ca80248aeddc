"""What an intent does: its command, and the slots that it takes, named as the command's arguments are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from router.chat.usage import INCIDENT

OUT_OF_SCOPE: Final = "out_of_scope"
FREE_TEXT: Final = ("title", "note", "description")
"""Entities that hold a person's own words: what stands in them asks for nothing."""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """An intent that is carried out by a command."""

    command: str
    takes: tuple[str, ...] = ()
    """Slots, as design and training data name them."""
    needs: tuple[str, ...] = ()
    """Slots beside the incident that are asked for here; a command asks itself where it has the choices."""
    incident: bool = False
    acts: bool = False
    """Whether it changes something, so that a misunderstanding costs something."""
    offer: str = ""
    """How one would say it."""


INTENTS: Final[Mapping[str, Doing]] = {
    "declare_incident": Doing(
        command="declare",
        takes=("title", "severity", "service", "description"),
        needs=("title",),
        acts=True,
        offer="declare a SEV-2: checkout is slow",
    ),
    "acknowledge_incident": Doing(
        command="ack", takes=("note",), incident=True, acts=True, offer="acknowledge INC-2024-001"
    ),
    "resolve_incident": Doing(
        command="resolve", takes=("note",), incident=True, acts=True, offer="resolve INC-2024-001"
    ),
    "close_incident": Doing(
        command="close", takes=("note",), incident=True, acts=True, offer="close INC-2024-001"
    ),
    "escalate_incident": Doing(
        command="escalate",
        takes=("severity", "note"),
        incident=True,
        acts=True,
        offer="escalate INC-2024-001 to SEV-1",
    ),
    "assign_incident": Doing(
        command="assign", takes=("user",), incident=True, acts=True, offer="assign INC-2024-001 to dana"
    ),
    "update_incident": Doing(
        command="update",
        takes=("note",),
        needs=("note",),
        incident=True,
        acts=True,
        offer="note on INC-2024-001: failing over",
    ),
    "incident_status": Doing(command="status", incident=True, offer="what is the status of INC-2024-001?"),
    "incident_timeline": Doing(
        command="timeline", takes=("period",), incident=True, offer="what happened in INC-2024-001?"
    ),
    "list_incidents": Doing(
        command="list",
        takes=("severity", "service", "status", "user", "period"),
        offer="which incidents are open?",
    ),
    "count_incidents": Doing(
        command="count",
        takes=("severity", "service", "status", "period"),
        offer="how many SEV-1 incidents this week?",
    ),
    "incident_metrics": Doing(
        command="metrics",
        takes=("severity", "service", "period"),
        offer="how long did acknowledging take last month?",
    ),
    "who_is_on_call": Doing(
        command="oncall", takes=("service",), needs=("service",), offer="who is on call for payments?"
    ),
    "join_war_room": Doing(command="room", incident=True, acts=True, offer="war room for INC-2024-001"),
    "silence_notifications": Doing(
        command="silence",
        takes=("service", "severity", "duration"),
        needs=("service", "duration"),
        incident=True,
        acts=True,
        offer="silence checkout for 2 hours",
    ),
    "help": Doing(command="help", offer="help"),
}
"""By intent. Conversational ones (affirm, greet, …) are not here."""

BY_COMMAND: Final[Mapping[str, str]] = {doing.command: intent for intent, doing in INTENTS.items()}
"""The intent that a command carries out; commands without one are not meant to be said in sentences."""

_SLOTS: Final[Mapping[str, str]] = {INCIDENT: "incident_id"}


def slot_of(argument: str) -> str:
    """The name of an argument as design and `im chat` name slots."""
    return _SLOTS.get(argument, argument)
