"""The questions which incidents there are, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.chat.asked import Answer, Asked, World, done
from router.chat.periods import Period, in_full, shown
from router.chat.selection import ACTIVE, Selection, selection
from router.events import STATUSES
from router.incidents import Incident

SHOWN: Final = 15
_TITLE: Final = 80

Tally = Mapping[str, int]
"""How many incidents are in which status."""


async def list_incidents(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Those that were asked for, worst first, then newest; the open ones unless said otherwise."""
    wanted = await selection(world, asked)
    tally = await _tally(world, wanted)
    rows = await _rows(world, wanted)
    number = _number(tally, wanted)
    lines = [line(row, wanted.period) for row in rows]
    more = [f"… and {number - len(rows)} more"] if number > len(rows) else []
    answer = done(list_head(wanted, tally), text="\n".join((*lines, *more, *filter(None, [wanted.unknown]))))
    return msgspec.structs.replace(answer, listed=tuple(row["id"] for row in rows))


async def count(world: World, asked: Asked, _: Incident | None) -> Answer:
    """How many there are, and in which states."""
    wanted = await selection(world, asked)
    return done(count_head(wanted, await _tally(world, wanted)), text=wanted.unknown)


async def _rows(world: World, wanted: Selection) -> list[dict[str, Any]]:
    given = {**wanted.parameters(), "statuses": list(wanted.wanted), "limit": SHOWN}
    return await world.parts.store.rows("answers.listed", given)


async def _tally(world: World, wanted: Selection) -> Tally:
    """Of the wanted statuses; where it is the open ones of now, of the acknowledged ones too."""
    statuses = ACTIVE if _unacknowledged(wanted) else wanted.wanted
    given = {**wanted.parameters(), "statuses": list(statuses)}
    rows = await world.parts.store.rows("answers.by_status", given)
    return {row["status"]: row["incidents"] for row in rows}


def _unacknowledged(wanted: Selection) -> bool:
    """Whether it is asked what is open now: people may mean what is going on, acknowledged or not."""
    return wanted.statuses == ("open",) and wanted.period is None


def _number(tally: Tally, wanted: Selection) -> int:
    return sum(tally.get(status, 0) for status in wanted.wanted)


# In words.


def list_head(wanted: Selection, tally: Tally) -> str:
    """`3 open SEV-1 incidents of checkout since Mon 23 Nov (Europe/Berlin)`."""
    if wanted.period is None:
        return _now(wanted, tally)
    state = "" if wanted.wanted == STATUSES else _either(wanted.wanted)
    return f"{wanted.noun(_number(tally, wanted), state)} {in_full(wanted.period)}"


def count_head(wanted: Selection, tally: Tally) -> str:
    """`4 SEV-1 incidents this week (Mon 23 Nov 00:00 – now, Europe/Berlin): 1 open, 3 resolved`.

    With a status, those that were declared in the period and have that status now.
    """
    if wanted.period is None:
        return _now(wanted, tally)
    number = _number(tally, wanted)
    when = in_full(wanted.period)
    if wanted.wanted == STATUSES:
        return f"{wanted.noun(number)} {when}{_states(tally, wanted)}"
    verb = "is" if number == 1 else "are"
    states = _states(tally, wanted) if len(wanted.wanted) > 1 else ""
    return f"{wanted.noun(number)} declared {when} {verb} {_either(wanted.wanted)} now{states}"


def _now(wanted: Selection, tally: Tally) -> str:
    """What there is now, whenever it began."""
    number = _number(tally, wanted)
    if wanted.wanted == ACTIVE:
        return wanted.noun(number, "open") + _acknowledged(number, tally.get("acknowledged", 0))
    if wanted.wanted == STATUSES:
        return wanted.noun(number) + _states(tally, wanted)
    head = wanted.noun(number, _either(wanted.wanted))
    more = tally.get("acknowledged", 0)
    if _unacknowledged(wanted) and more:
        return f"{head}; {more} {'more ' if number else ''}{'is' if more == 1 else 'are'} acknowledged"
    return head + (_states(tally, wanted) if len(wanted.wanted) > 1 else "")


def _acknowledged(number: int, of_them: int) -> str:
    if not of_them:
        return ""
    if of_them == number:
        return ", acknowledged" if number == 1 else ", all acknowledged"
    return f", {of_them} of them acknowledged"


def _states(tally: Tally, wanted: Selection) -> str:
    found = [f"{tally[status]} {status}" for status in wanted.wanted if tally.get(status)]
    return f": {', '.join(found)}" if found else ""


def _either(statuses: tuple[str, ...]) -> str:
    return " or ".join((", ".join(statuses[:-1]), statuses[-1])) if len(statuses) > 1 else statuses[0]


def line(row: Mapping[str, Any], period: Period | None) -> str:
    """An incident in one line; with when it was declared, where a period was asked for."""
    when = shown(row["started_at"], period) if period else None
    parts = (row["id"], row["severity"], row["status"], row["service"], row["assignee"], when)
    return " · ".join([*filter(None, parts), row["title"][:_TITLE]])
