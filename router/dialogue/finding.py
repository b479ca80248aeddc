"""Finding the incident that a sentence is about: by id, in what was said, by description, else asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from adapters.contract import Choice
from router.chat.asked import Asked, World
from router.chat.which import here
from router.dialogue.intents import Doing
from router.dialogue.meaning import Meaning
from router.dialogue.referring import Candidate, Reference, candidate, matching, reference
from router.dialogue.talk import Talk

_OPEN: Final = ("open", "acknowledged")
_ANY: Final = ("open", "acknowledged", "resolved")
_LONGEST: Final = 70
MAX_CHOICES: Final = 10


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The incident that is meant; `described` where only what was said of it tells so."""

    display_id: str
    described: bool = False


class Several(msgspec.Struct, frozen=True, kw_only=True):
    """It is not clear which: the question, and what there is to choose from."""

    question: str
    choices: tuple[Choice, ...]


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence about an incident, and what it is for."""

    world: World
    asked: Asked
    talk: Talk
    meant: Meaning
    doing: Doing
    text: str


async def found(sought: Sought) -> Found | Several | None:
    """The incident, the question which one, or None where nothing was said of any."""
    if sought.meant.incidents:
        return _named(sought.meant.incidents)
    wanted = _wanted(sought.meant, sought.doing, sought.text)
    if wanted.kind == "ordinal" and sought.talk.listed:
        return _placed(sought.talk, wanted)
    states = _states(sought.world, sought.doing)
    rows = await _candidates(sought.world, states)
    if wanted.kind in ("newer", "oldest"):
        return _compared(sought.talk, wanted, rows)
    if wanted.kind in ("ordinal", "newest"):
        return Found(display_id=rows[0].display_id, described=True) if _end(wanted) and rows else None
    if wanted.kind == "described":
        return await _described(sought.world, wanted, rows, states)
    return await _unsaid(sought, wanted, rows, states)


def _named(ids: Sequence[str]) -> Found | Several:
    if len(ids) == 1:
        return Found(display_id=ids[0])
    choices = tuple(Choice(each, each) for each in ids)
    return Several(question="One at a time, please: which one?", choices=choices)


async def _unsaid(
    sought: Sought, wanted: Reference, rows: Sequence[Candidate], states: tuple[str, ...]
) -> Found | None:
    """The one just talked about, the one of this place, or the only one that the words can mean."""
    if sought.talk.subject:
        return Found(display_id=sought.talk.subject)
    if of_this_place := await here(sought.world, sought.asked, states):
        return Found(display_id=of_this_place)
    fitting = matching(wanted, rows, sought.world.roster.live.current) if wanted.words else ()
    if not fitting and wanted.kind == "pronoun":
        fitting = tuple(rows)
    return Found(display_id=fitting[0].display_id, described=True) if len(fitting) == 1 else None


def _wanted(meant: Meaning, doing: Doing, text: str) -> Reference:
    """What was said of the incident: a severity only where it is not what the incident is to become."""
    severity = meant.slots.get("severity") if "severity" not in doing.takes else None
    return reference(text, meant.entities, service=meant.slots.get("service"), severity=severity)


def _states(world: World, doing: Doing) -> tuple[str, ...]:
    command = world.commands.find(doing.command)
    return (command.states if command else ()) or _ANY


def _end(wanted: Reference) -> bool:
    return wanted.kind == "newest" or wanted.place == -1


def _placed(talk: Talk, wanted: Reference) -> Found | Several | None:
    if -1 <= wanted.place < len(talk.listed):
        return Found(display_id=talk.listed[wanted.place])
    choices = tuple(Choice(each, each) for each in talk.listed)
    return Several(question=f"There are only {len(talk.listed)}. Which one?", choices=choices)


def _compared(talk: Talk, wanted: Reference, rows: Sequence[Candidate]) -> Found | None:
    """The newer or the oldest of those that were shown, else of all."""
    shown = [each for each in rows if each.display_id in talk.listed] or rows
    return Found(display_id=_by_age(wanted, shown).display_id, described=True) if shown else None


def _by_age(wanted: Reference, rows: Sequence[Candidate]) -> Candidate:
    return rows[0 if wanted.kind == "newer" else -1]


async def _described(
    world: World, wanted: Reference, rows: Sequence[Candidate], states: tuple[str, ...]
) -> Found | Several:
    catalogue = world.roster.live.current
    fitting = matching(wanted, rows, catalogue)
    if not fitting:
        # One in another state: the lifecycle says why it cannot be done to that one.
        others = [each for each in await _candidates(world, _ANY) if each.status not in states]
        fitting = matching(wanted, others, catalogue)
        if len(fitting) > 1:
            fitting = ()
    if len(fitting) == 1:
        return Found(display_id=fitting[0].display_id, described=True)
    if fitting:
        return Several(question="Which one do you mean?", choices=_choices(fitting))
    about = " ".join(wanted.words) or wanted.service or wanted.severity or ""
    if not rows:
        return Several(
            question=f"I find no incident about “{about}”, and none that is {_either(states)}.", choices=()
        )
    question = f"I find no {_either(states)} incident about “{about}”. Which one do you mean?"
    return Several(question=question, choices=_choices(rows))


def _either(states: Sequence[str]) -> str:
    return "open" if tuple(states) in (_OPEN, _ANY) else " or ".join(states)


def _choices(rows: Sequence[Candidate]) -> tuple[Choice, ...]:
    return tuple(
        Choice(each.display_id, f"{each.display_id} {each.severity} {each.title}"[:_LONGEST])
        for each in rows[:MAX_CHOICES]
    )


async def _candidates(world: World, states: Sequence[str]) -> list[Candidate]:
    """Incidents in these states, the newest first."""
    rows = await world.parts.store.rows("dialogue.candidates", {"statuses": list(states)})
    return [candidate(row) for row in rows]


async def among(world: World, text: str, meant: Meaning, choices: Sequence[str]) -> str | None:
    """The one of some incidents that a text describes; None where it is none, or several."""
    wanted = reference(
        text, meant.entities, service=meant.slots.get("service"), severity=meant.slots.get("severity")
    )
    rows = [each for each in await _candidates(world, _ANY) if each.display_id in choices]
    if rows and wanted.kind in ("newer", "oldest"):
        return _by_age(wanted, rows).display_id
    fitting = matching(wanted, rows, world.roster.live.current)
    return fitting[0].display_id if len(fitting) == 1 else None


async def instead(sought: Sought, other_than: str) -> str | None:
    """The one incident that a sentence describes, where that is another one than was asked about."""
    wanted = _wanted(sought.meant, sought.doing, sought.text)
    if wanted.kind != "described":
        return None
    rows = await _candidates(sought.world, _states(sought.world, sought.doing))
    fitting = matching(wanted, rows, sought.world.roster.live.current)
    only = fitting[0].display_id if len(fitting) == 1 else None
    return None if only == other_than else only


async def quietly(sought: Sought) -> Found | None:
    """The incident where it is clear, for a question that is about something else."""
    result = await found(sought)
    return result if isinstance(result, Found) else None
