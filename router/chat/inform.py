"""The commands that only tell: status, list, timeline, why, metrics, oncall, runbook, help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from adapters.contract import Message
from router import compose, explain
from router.chat.asked import Answer, Asked, World, done, menu, refused, said
from router.chat.commands import Command, command
from router.chat.usage import Misused
from router.events import SEVERITIES
from router.incidents import Incident
from router.lifecycle import possible

SHOWN: Final = 15
_TITLE: Final = 80
_NOTE: Final = 200
_WEEK: Final = timedelta(days=7)
_VERBS: Final[Mapping[str, str]] = {
    "acknowledge": "Acknowledge",
    "resolve": "Resolve",
    "close": "Close",
    "reopen": "Reopen",
}
"""The changes of status that the menu offers."""


async def status(world: World, _: Asked, incident: Incident | None) -> Answer:
    """An incident with all that can be done about it."""
    assert incident is not None
    return Answer(message=details(world, incident), outcome="done", incident=incident)


def details(world: World, incident: Incident) -> Message:
    """An incident's card with its buttons and the four menus."""
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
        facts=compose.times(incident),
        actions=compose.actions(incident, details=False),
        menus=tuple(menus),
    )


async def list_incidents(world: World, asked: Asked, _: Incident | None) -> Answer:
    """The open ones, worst first, unless said otherwise."""
    status = asked.argument("status")
    rows = await world.parts.store.rows(
        "incidents.list",
        {
            "status": "open,acknowledged" if status is None else status or None,
            "severity": asked.argument("severity"),
            "service": _service(world, asked.argument("service")),
            "limit": 200,
        },
    )
    words = f"{status} " if status and "," not in status else "" if status == "" else "open "
    if not rows:
        return done(f"There are no {words}incidents.")
    rows.sort(key=lambda row: row["severity"])
    lines = [_line(row) for row in rows[:SHOWN]]
    more = [f"… and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    count = f"{len(rows)} {words}incident{'' if len(rows) == 1 else 's'}"
    return done(f"{count}", text="\n".join(lines + more))


def _line(row: Mapping[str, Any]) -> str:
    service = f" · {row['service']}" if row["service"] else ""
    owner = f" · {row['assignee']}" if row["assignee"] else ""
    return f"{row['id']} · {row['severity']} · {row['status']}{service}{owner} · {row['title'][:_TITLE]}"


def _service(world: World, text: str | None) -> str | None:
    return (world.roster.live.current.service(text) or text) if text else None


async def timeline(world: World, _: Asked, incident: Incident | None) -> Answer:
    """What happened, the newest last."""
    assert incident is not None
    rows = await world.parts.store.rows(
        "incidents.timeline", {"incident": incident.display_id, "prefix": None, "limit": SHOWN}
    )
    lines = [_entry(row) for row in reversed(rows)]
    return done(f"Timeline of {incident.display_id}", incident, "\n".join(lines))


def _entry(row: Mapping[str, Any]) -> str:
    what = row["event_type"].partition(".")[2].replace("_", " ")
    who = f" by {row['actor'].removeprefix('chatops:')}" if row["actor"] else ""
    note = f": {row['data']['note'][:_NOTE]}" if row["data"].get("note") else ""
    return f"{row['timestamp']:%m-%d %H:%M} {what}{who}{note}"


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


async def metrics(world: World, asked: Asked, _: Incident | None) -> Answer:
    """The last seven days: how many, and how long they took."""
    severity = asked.argument("severity")
    service = _service(world, asked.argument("service"))
    row = await world.parts.store.row(
        "chat.figures", {"since": asked.at - _WEEK, "severity": severity, "service": service}
    )
    assert row is not None
    about = " ".join(each for each in (severity, service) if each)
    return done(f"The last 7 days{': ' + about if about else ''}", text="\n".join(_figures(row)))


def _figures(row: Mapping[str, Any]) -> Sequence[str]:
    lines = [f"{row['declared']} declared ({row['sev1']} SEV-1), {row['still_open']} still open"]
    for name, count in (("acknowledge", row["acknowledged"]), ("resolve", row["resolved"])):
        mean, median = row[f"to_{name}"], row[f"median_to_{name}"]
        if count and mean is not None:
            lines.append(f"Time to {name}: median {_length(median)}, mean {_length(mean)} ({count})")
    return lines


def _length(seconds: float) -> str:
    return compose.duration(timedelta(seconds=seconds))


async def oncall(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Who is on call for a service, or for all of them."""
    catalogue = world.roster.live.current
    named = asked.argument("service")
    if named is None:
        names = catalogue.names()
        if not names:
            return refused("the catalogue has no services yet")
        return done("On call now", text="\n".join(_on_call_line(world, asked, name) for name in names[:25]))
    service = catalogue.service(named)
    if service is None:
        near = catalogue.near(named)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise Misused(f"I do not know the service `{named[:60]}`{hint}")
    return done(_on_call_line(world, asked, service))


def _on_call_line(world: World, asked: Asked, service: str) -> str:
    found = world.roster.on_call(service, asked.at)
    if not found.people:
        return f"{service}: nobody{f' ({found.note})' if found.note else ''}"
    until = f" until {found.until:%a %H:%M %Z}" if found.until else ""
    return f"{service}: {', '.join(found.people)}{until}"


async def runbook(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """The service's page from the catalogue."""
    named = asked.argument("service") or (incident.service if incident else None)
    catalogue = world.roster.live.current
    service = catalogue.service(named) if named else None
    if service is None:
        raise Misused(f"I do not know the service `{(named or '')[:60]}`")
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
        "[--sev|--severity severity] [--service service] [--status status]",
        "List incidents; the open ones unless you say otherwise.",
        list_incidents,
        example="/im list --sev SEV-1",
        group="Information",
    ),
    command(
        "timeline",
        "[incident-id]",
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
        "Say who is on call.",
        oncall,
        example="/im oncall payments",
        group="Information",
    ),
    command(
        "metrics",
        "[--sev|--severity severity] [service]",
        "Times to acknowledge and to resolve, of the last 7 days.",
        metrics,
        example="/im metrics --sev SEV-1",
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
