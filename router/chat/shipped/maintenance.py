"""`maintenance`: the catalogue's coming windows, and the silences that they become."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from router.catalogue.oncall import MaintenanceWindow
from router.chat.asked import Answer, Asked, World, done
from router.chat.commands import Command, command
from router.incidents import Incident
from router.silences import silences
from router.silences.muting import Silence

AHEAD: Final = timedelta(days=30)
SHOWN: Final = 15
_MAX_NAME: Final = 80


async def maintenance(world: World, asked: Asked, _: Incident | None) -> Answer:
    """The windows of the next 30 days, and whether each is a silence."""
    named = (asked.argument("name") or "").casefold()
    found = world.roster.windows(asked.at, asked.at + AHEAD)
    windows = [each for each in found if named in f"{each.name} {' '.join(each.services)}".casefold()]
    if not windows:
        about = f" of `{named[:_MAX_NAME]}`" if named else ""
        return done(f"No maintenance{about} is planned for the next {AHEAD.days} days.")
    known = await _silences(world, windows, asked.at)
    zone = ZoneInfo(world.parts.settings.timezone)
    lines = [described(each, known, asked.at, zone) for each in windows[:SHOWN]]
    more = [f"… and {len(windows) - SHOWN} more"] if len(windows) > SHOWN else []
    return done("Planned maintenance", text="\n".join(lines + more))


def described(window: MaintenanceWindow, known: Mapping[str, Silence], now: datetime, zone: ZoneInfo) -> str:
    """A line for a window: when, what, and what its silence does."""
    starts, ends = window.starts.astimezone(zone), window.ends.astimezone(zone)
    until = f"{ends:%H:%M}" if starts.date() == ends.date() else f"{ends:%a %Y-%m-%d %H:%M}"
    about = ", ".join(window.services) or "no service"
    when = f"{starts:%a %Y-%m-%d %H:%M} to {until} {ends:%Z}"
    return f"{when} · {window.name[:_MAX_NAME]} · {about} · {_state(window, known, now)}"


def _state(window: MaintenanceWindow, known: Mapping[str, Silence], now: datetime) -> str:
    wanted = silences.of_window(window, now)
    if wanted is None:
        return "silences nothing: it names no service"
    silence = known.get(wanted.id)
    if silence is None:
        return "not a silence yet"
    if silence.expired_at:
        return f"its silence was ended by {silence.expired_by}"
    return "silenced now" if window.starts <= now else "will be silenced"


async def _silences(world: World, windows: list[MaintenanceWindow], now: datetime) -> dict[str, Silence]:
    ids = [silence.id for each in windows if (silence := silences.of_window(each, now))]
    rows = await world.parts.store.rows("silences.named", {"ids": ids})
    return {row["id"]: silences.from_row(row) for row in rows}


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "maintenance",
        "[name...]",
        "Show the planned maintenance, and what it silences.",
        maintenance,
        example="/im maintenance database",
        role="commander",
        group="More",
    ),
)
