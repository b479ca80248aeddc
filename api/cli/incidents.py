"""`im incidents` and `im timeline`: what is going on, and what happened."""

from __future__ import annotations

from typing import Any, Final

import click

from api.cli.acting import COMMANDS
from api.cli.groups import Group
from api.cli.output import json_option, print_fields, print_json, print_table, when
from api.cli.session import api

_TOLD: Final = ("note", "command", "response", "text")
"""What of a timeline entry is its text, the first that is there."""


@click.group(cls=Group)
def incidents() -> None:
    """Incidents: list them, show them, work them.

    \b
    Examples:
      im incidents list
      im incidents show INC-2024-001
      im incidents declare --sev SEV-2 --service checkout "Payment processing down"
      im incidents ack INC-2024-001
    """


for changing in COMMANDS:
    incidents.add_command(changing)


@incidents.command("list")
@click.option("--status", default="open,acknowledged", show_default=True, help="One or more, by commas.")
@click.option("--all", "everything", is_flag=True, help="Whatever their status.")
@click.option("--severity", default="", help="Only these: SEV-1 to SEV-4.")
@click.option("--service", default="", help="Only of this service.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
def list_incidents(
    *, status: str, everything: bool, severity: str, service: str, limit: int, as_json: bool
) -> None:
    """List incidents, the newest first: open and acknowledged ones unless said otherwise.

    \b
    Example:
      im incidents list --severity SEV-1 --all
    """
    wanted = "open,acknowledged,resolved,closed" if everything else status
    with api() as server:
        rows = server.get("incidents", status=wanted, severity=severity, service=service, limit=limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Incident", "Severity", "Status", "Service", "Assignee", "Started (UTC)", "Title"),
        [
            (
                row["id"],
                row["severity"],
                row["status"],
                row["service"],
                row["assignee"],
                when(row["started_at"]),
                row["title"],
            )
            for row in rows
        ],
        empty="there are no such incidents",
    )


@incidents.command()
@click.argument("incident")
@json_option
def show(incident: str, as_json: bool) -> None:
    """Show an incident and where it is announced.

    \b
    Example:
      im incidents show INC-2024-001
    """
    with api() as server:
        row = server.get("incidents", incident)
    if as_json:
        print_json(row)
        return
    print_fields(
        [
            ("Incident", row["id"]),
            ("Title", row["title"]),
            ("Severity", row["severity"]),
            ("Status", row["status"]),
            ("Service", row["service"]),
            ("Assignee", row["assignee"]),
            ("Source", f"{row['source']} ({row['external_id']})"),
            ("Link", row["url"]),
            ("Labels", row["labels"]),
            ("Started (UTC)", when(row["started_at"])),
            ("Acknowledged (UTC)", when(row["acknowledged_at"])),
            ("Resolved (UTC)", when(row["resolved_at"])),
            ("Closed (UTC)", when(row["closed_at"])),
            ("Announced", [f"{one['channel']} on {one['provider']}" for one in row["announced"]]),
            ("Told its source", [_call(one) for one in row["callbacks"]]),
            ("Description", row["description"]),
        ]
    )


def _call(row: dict[str, Any]) -> str:
    """`incident.acknowledged confirmed`; with the reason where it failed or is tried again."""
    why = f": {row['detail']}" if row["detail"] and row["outcome"] != "confirmed" else ""
    return f"{row['event']} {row['outcome']}{why}"


@click.command()
@click.argument("incident", required=False)
@click.option("--source", default="", help="Only entries from here: chatops, a platform or a source.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def timeline(incident: str | None, source: str, limit: int, as_json: bool) -> None:
    """What happened, the newest last; of one incident, or of all.

    \b
    Examples:
      im timeline --source chatops --limit 20
      im timeline INC-2024-001
    """
    with api() as server:
        if incident:
            rows = server.get("incidents", incident, "timeline", source=source, limit=limit)
        else:
            rows = server.get("timeline", source=source, limit=limit)[::-1]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Time (UTC)", "Incident", "What", "Who", "Source", "Text"),
        [
            (
                when(row["timestamp"]),
                row["incident"],
                row["event_type"],
                row["actor"],
                row["source"],
                _told(row),
            )
            for row in rows
        ],
        empty="there are no such entries",
    )


def _told(row: dict[str, Any]) -> str:
    data = row["data"]
    return next((str(data[key]) for key in _TOLD if data.get(key)), "")
