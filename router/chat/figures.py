"""The question how many incidents there were, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from router import compose
from router.chat.asked import Answer, Asked, World, done
from router.chat.periods import in_full, last_days
from router.chat.selection import Selection, selection
from router.dialogue.zones import zone_of
from router.incidents import Incident

_DAYS: Final = 7
"""What is looked at where no period is named."""


async def metrics(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Of the incidents that were declared in a period, the last seven days unless said otherwise."""
    wanted = await selection(world, asked)
    if wanted.period is None:
        days = last_days(_DAYS, asked.at, zone_of(world, asked))
        wanted = msgspec.structs.replace(wanted, period=days)
    row = await world.parts.store.row("answers.figures", wanted.parameters())
    assert row is not None
    told = [wanted.unknown] if wanted.unknown else lines(row)
    return done(head(wanted, row["declared"]), text="\n".join(told))


def head(wanted: Selection, declared: int) -> str:
    """`12 SEV-1 incidents of payments in the last 7 days (…)`."""
    assert wanted.period is not None
    return f"{wanted.noun(declared)} {in_full(wanted.period)}"


def lines(row: Mapping[str, Any]) -> list[str]:
    """The figures of a row of answers.figures, one a line.

    Deadlines are those that senders report: where there was none, nothing is said of them.
    """
    found = [f"{row['declared']} declared ({row['sev1']} SEV-1), {row['still_open']} still open"]
    if not row["declared"]:
        return found
    found += [_times(row, "acknowledge", "acknowledged"), _times(row, "resolve", "resolved")]
    if row["breached"] or row["warned"]:
        kept = round(100 * (row["declared"] - row["breached"]) / row["declared"])
        found.append(
            f"SLA: {row['breached']} of {row['declared']} breached ({kept} % kept), {row['warned']} warned of"
        )
    return found


def _times(row: Mapping[str, Any], verb: str, done: str) -> str:
    if not row[done]:
        return f"Time to {verb}: none was {done}"
    median, mean, most = (_length(row[f"{kind}_to_{verb}"]) for kind in ("median", "mean", "most"))
    number = f"{row[done]} of {row['declared']}"
    return f"Time to {verb}: median {median}, mean {mean}, 90 % within {most} ({number})"


def _length(seconds: float) -> str:
    return compose.duration(timedelta(seconds=seconds))
