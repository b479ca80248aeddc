"""Why a command was refused, and what would help: a sentence for the person who asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from router.events import SEVERITIES
from router.policy.file import KINDS, RANKS, UNLINKED

Outcome = Literal["allow", "confirm", "refuse"]
Kind = Literal["direct", "room", "incident", "management", "other", "external"]


class Place(msgspec.Struct, frozen=True):
    """Where a command is given. `external`: shared with another organisation, whatever else it is;
    `incident`: where incidents are announced; `room`: opened for one incident."""

    kind: Kind
    provider: str = ""
    channel: str = ""


class Question(msgspec.Struct, frozen=True):
    """Who wants what, where. `severity` is the incident's; None where none is concerned.

    `default_role` is what a command that the policy does not name was registered with.
    """

    role: str
    command: str
    place: Place
    severity: str | None = None
    default_role: str | None = None


Judge = Callable[[Question], Outcome]

_PLACES: Final[Mapping[str, str]] = {
    "direct": "a direct message",
    "room": "an incident's room",
    "incident": "an incident channel",
    "management": "a management channel",
    "other": "another channel",
    "external": "a channel shared with another organisation",
}


def confirmation(asked: Question) -> str:
    """What a confirmation is asked for."""
    return f"`{asked.command}` is done once you have confirmed it"


def refusal(asked: Question, judge: Judge, file: str) -> str:
    """The sentence for a question that `judge` refuses; `file` is where an admin would change that."""
    needed = next((role for role in RANKS if _may(judge, asked, role=role)), None)
    if needed:
        return _role_needed(asked, needed, judge, file)
    for role in dict.fromkeys((asked.role, RANKS[-1])):
        kinds = _kinds(asked, judge, role)
        if kinds:
            return _elsewhere(asked, kinds, file)
        severities = _severities(asked, judge, role)
        if severities:
            return _milder(asked, severities, file)
    return f"`{asked.command}` may not be used here; an admin can change that in {file}"


def _role_needed(asked: Question, needed: str, judge: Judge, file: str) -> str:
    what = f"`{asked.command}`"
    if _severities(asked, judge, asked.role):
        what += f" on a {asked.severity}" if asked.severity else " without a severity"
    elif _kinds(asked, judge, asked.role):
        what += " here"
    if asked.role == UNLINKED:
        who = "an account here" if needed == RANKS[0] else f"an account with the role {needed}"
        return f"{what} needs {who}, and yours is not linked to any; `link` tells how, or ask an admin"
    if needed == RANKS[-1]:
        return f"{what} needs the role {needed}; ask one, who can also change {file}"
    return f"{what} needs the role {needed}; ask one, or an admin to change {file}"


def _elsewhere(asked: Question, kinds: tuple[str, ...], file: str) -> str:
    this = asked.place.kind in (*kinds, "other")
    where = "this channel" if this else _PLACES[asked.place.kind]
    use = _PLACES[kinds[0]]
    return f"`{asked.command}` may not be used in {where}; use it in {use}, or ask an admin to change {file}"


def _milder(asked: Question, severities: tuple[str, ...], file: str) -> str:
    this = f"not on a {asked.severity}" if asked.severity else "not where none is known"
    on = ", ".join(severities)
    return f"`{asked.command}` may be used on {on} only, {this}; ask an admin to change {file}"


def _kinds(asked: Question, judge: Judge, role: str) -> tuple[str, ...]:
    """The kinds of places where the role may."""
    provider = asked.place.provider
    return tuple(kind for kind in KINDS if _may(judge, asked, role=role, place=Place(kind, provider)))


def _severities(asked: Question, judge: Judge, role: str) -> tuple[str, ...]:
    """The severities on which the role may, here."""
    return tuple(each for each in SEVERITIES if _may(judge, asked, role=role, severity=each))


def _may(judge: Judge, asked: Question, **changes: object) -> bool:
    return judge(msgspec.structs.replace(asked, **changes)) != "refuse"
