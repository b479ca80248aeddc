"""The question who is on call."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from router.catalogue.oncall import OnCall
from router.chat import services
from router.chat.asked import Answer, Asked, World, done, refused
from router.chat.periods import moment_shown
from router.dialogue.zones import zone_of
from router.incidents import Incident

_SHOWN: Final = 25
_ALL: Final = frozenset({"all", "all services", "all teams", "everything", "everybody", "everyone", "*"})


async def oncall(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Who is on call for a service, or for all of them; until when is in the speaker's time zone."""
    catalogue = world.roster.live.current
    zone = zone_of(world, asked)
    text = (asked.argument("service") or "").strip()
    if text and (catalogue.service(text) or text.lower() not in _ALL):
        service = services.named(catalogue, text)
        found = world.roster.on_call(service, asked.at)
        return done(f"{line(service, found, asked.at, zone)}{_zone(found, zone)}")
    names = catalogue.names()
    if not names:
        return refused("the catalogue has no services yet")
    lines = [line(name, world.roster.on_call(name, asked.at), asked.at, zone) for name in names[:_SHOWN]]
    more = [f"… and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return done(f"On call now (times in {zone.key})", text="\n".join(lines + more))


def line(service: str, found: OnCall, now: datetime, zone: ZoneInfo) -> str:
    """`payments: tomek until Tue 24 Nov 09:00`, and what is wrong with the schedule."""
    note = f" ({found.note})" if found.note else ""
    if not found.people:
        return f"{service}: nobody{note}"
    until = f" until {moment_shown(found.until, now, zone)}" if found.until else ""
    return f"{service}: {', '.join(found.people)}{until}{note}"


def _zone(found: OnCall, zone: ZoneInfo) -> str:
    return f" ({zone.key})" if found.people and found.until else ""
