"""The commands that only tell; those that many incidents are counted for have modules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from adapters.contract import Message
from router import compose, explain
from router.chat import services
from router.chat.asked import Answer, Asked, World, done, menu, refused, said
from router.chat.commands import Command, command
from router.chat.duty import oncall
from router.chat.figures import metrics
from router.chat.listing import count, list_incidents
from router.chat.periods import in_full, moment_shown, period_of
from router.dialogue.zones import zone_of
from router.events import SEVERITIES
from router.incidents import Incident
from router.lifecycle import possible

SHOWN: Final = 15
_NOTE: Final = 200
_VERBS: Final[Mapping[str, str]] = {
    "acknowledge": "Acknowledge",
    "resolve": "Resolve",
    "close": "Close",
    "reopen": "Reopen",
}
"""The changes of status that the menu offers."""


async def status(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """An incident with all that can be done about it."""
    assert incident is not None
    message = details(world, incident, asked.at, zone_of(world, asked))
    return Answer(message=message, outcome="done", incident=incident)


def details(world: World, incident: Incident, now: datetime, zone: ZoneInfo) -> Message:
    """An incident's card with its buttons and the four menus, and its times by the clock in `zone`."""
    about = incident.display_id
    severities = {each: each for each in SEVERITIES if each != incident.severity}
    services = {name: name for name in world.roster.live.current.names() if name != incident.service}
    moves = {str(verb): _VERBS[verb] for verb in possible(incident) if verb in _VERBS}
    over = incident.status in ("resolved", "closed")
    menus = [menu("set_status", "Change the status", about, moves)] if moves else []
    if not over:
        menus += [
            menu("set_severity", "Change the severity", about, severities),
            menu("assign_to", "Assign to", about, {"me": "Me"}, people=True),
        ]
    if services:
        menus.append(menu("set_service", "Change the service", about, services))
    return said(
        f"{incident.display_id} is {incident.status}.",
        incident=compose.card(incident),
        facts=(*compose.times(incident), *_clock_times(incident, now, zone)),
        actions=compose.actions(incident, details=False),
        menus=tuple(menus),
    )


def _clock_times(incident: Incident, now: datetime, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    """When it began and what became of it; cards tell the former in UTC on some platforms."""
    times = {
        "started": incident.started_at,
        "acknowledged": incident.acknowledged_at,
        "resolved": incident.resolved_at,
        "closed": incident.closed_at,
    }
    told = [f"{what} {moment_shown(at, now, zone)}" for what, at in times.items() if at]
    return ((f"Times in {zone.key}", ", ".join(told)),)


async def timeline(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """What happened, the newest last; of a period only, where one is named."""
    assert incident is not None
    period = period_of(world, asked)
    given = {
        "incident": incident.id,
        "since": period.since if period else None,
        "until": period.until if period else None,
        "limit": SHOWN + 1,
    }
    rows = await world.parts.store.rows("answers.timeline", given)
    zone = zone_of(world, asked)
    when = in_full(period) if period else f"(times in {zone.key})"
    if not rows:
        return done(f"Nothing happened to {incident.display_id} {when}", incident)
    lines = ["… and more before"] if len(rows) > SHOWN else []
    lines += [_entry(row, asked.at, zone) for row in reversed(rows[:SHOWN])]
    return done(f"Timeline of {incident.display_id} {when}", incident, "\n".join(lines))


def _entry(row: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> str:
    what = row["event_type"].partition(".")[2].replace("_", " ")
    who = f" by {row['actor'].removeprefix('chatops:')}" if row["actor"] else ""
    note = f": {row['data']['note'][:_NOTE]}" if row["data"].get("note") else ""
    return f"{moment_shown(row['at'], now, zone)} {what}{who}{note}"


async def why(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Why the incident's messages came to this channel: the routes, and the conditions that held."""
    assert incident is not None
    rows = await world.parts.store.rows(
        "chat.why",
        {"incident": incident.id, "provider": asked.provider.name, "channel": asked.given.channel},
    )
    if not rows:
        return done(f"Nothing about {incident.display_id} was sent to this channel.", incident)
    lines = [line for row in rows[:3] for line in await _reasons(world, row)]
    return done(f"Why {incident.display_id} came here", incident, "\n".join(lines))


async def _reasons(world: World, row: Mapping[str, Any]) -> list[str]:
    head = row["step"] or f"{row['accepted_at']:%H:%M}"
    if row["decision_id"] is None:
        return [f"{head}: {', '.join(row['routes']) or 'sent by hand'}"]
    decision = await explain.decision(world.parts.store, row["decision_id"])
    reasons = {each["route"]: each for each in decision["reasons"]}
    return [f"{head}: {explained(route, reasons.get(route))}" for route in row["routes"]]


def explained(route: str, reason: Mapping[str, Any] | None) -> str:
    """`route sev1-page, because severity is SEV-1`."""
    if route == "unrouted":
        return "no rule matched, and nobody should miss it"
    if reason is None:
        return f"route {route}"
    held = [each["wanted"] for each in reason["leaves"] if each["holds"]]
    return f"route {route}" + (f", because {' and '.join(held)}" if held else "")


async def runbook(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """The service's page from the catalogue."""
    named = asked.argument("service") or (incident.service if incident else None)
    catalogue = world.roster.live.current
    service = services.named(catalogue, named or "")
    page = catalogue.services[service].runbook
    return (
        done(f"Runbook of {service}: {page}")
        if page
        else refused(f"{service} has no runbook in the catalogue")
    )


async def help_(world: World, asked: Asked, _: Incident | None) -> Answer:
    """What the bot can do."""
    name = asked.argument("command")
    named = (name or "").split()
    return Answer(message=world.commands.help_for(named[0] if named else None), outcome="done")


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "status",
        "[incident-id]",
        "Show an incident.",
        status,
        example="/im status INC-2024-001",
        group="Information",
    ),
    command(
        "list",
        "[--sev|--severity severity] [--service service] [--status status] [--user user] [--period period]",
        "List incidents; the open ones unless you say otherwise.",
        list_incidents,
        example="/im list --sev SEV-1",
        group="Information",
    ),
    command(
        "count",
        "[--sev|--severity severity] [--service service] [--status status] [--period period]",
        "Count incidents; the open ones unless you say otherwise.",
        count,
        example='/im count --sev 1 --period "this week"',
        role="viewer",
        group="Information",
    ),
    command(
        "timeline",
        "[incident-id] [--period period]",
        "Show what happened.",
        timeline,
        example="/im timeline INC-2024-001",
        group="Information",
    ),
    command(
        "why",
        "[incident-id]",
        "Say why an incident's messages came to this channel.",
        why,
        example="/im why INC-2024-001",
        group="Information",
    ),
    command(
        "oncall",
        "[service...]",
        "Say who is on call, for a service or for all.",
        oncall,
        example="/im oncall payments",
        group="Information",
    ),
    command(
        "metrics",
        "[--sev|--severity severity] [--service service] [--period period] [service]",
        "Times to acknowledge and to resolve; of the last 7 days unless you say otherwise.",
        metrics,
        example='/im metrics --service payments --period "last month"',
        group="Information",
    ),
    command(
        "runbook",
        "<service>",
        "Show a service's runbook.",
        runbook,
        example="/im runbook checkout",
        group="Information",
    ),
    command(
        "help",
        "[command]",
        "Show this, or one command.",
        help_,
        example="/im help declare",
        group="Information",
    ),
)
