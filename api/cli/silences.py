"""`im silences`: mute messages for a while; what they held back is told when they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from api.cli.groups import Group
from api.cli.output import json_option, print_json, print_table, visible, when
from api.cli.session import api


@click.group(cls=Group)
def silences() -> None:
    """Silences: mute the messages about some incidents for a while.

    \b
    Example:
      im silences add --service checkout --for 2h --reason "deploy"
    """


@silences.command()
@click.option("--service", "services", multiple=True, help="A service; may be given several times.")
@click.option("--incident", help="One incident, by the id that people see.")
@click.option("--severity", "severities", multiple=True, help="A severity; may be given several times.")
@click.option("--at-least", metavar="SEVERITY", help="A severity and all that are worse.")
@click.option("--team", "teams", multiple=True, help="The incidents of a team's services.")
@click.option("--source", "sources", multiple=True, help="The incidents of a source.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="All given labels must fit.")
@click.option("--for", "lasts", required=True, metavar="TIME", help="2h, 1h30m, 90 minutes or until 18:00.")
@click.option("--starts", metavar="TIME", help="An ISO time; now without it.")
@click.option("--reason", default="", help="Why; shown wherever the silence is.")
@json_option
def add(
    *,
    services: tuple[str, ...],
    incident: str | None,
    severities: tuple[str, ...],
    at_least: str | None,
    teams: tuple[str, ...],
    sources: tuple[str, ...],
    labels: tuple[str, ...],
    lasts: str,
    starts: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Mute what fits all that is given; of an option given several times, any one.

    \b
    Examples:
      im silences add --service checkout --for 2h --reason "deploy"
      im silences add --incident INC-2024-001 --for "until 18:00"
      im silences add --at-least SEV-3 --label region=eu --for 30m
    """
    if severities and at_least:
        raise click.UsageError("give --severity or --at-least, one of the two")
    matchers = {
        "service": services,
        "incident": incident,
        "severity": {"at_least": at_least} if at_least else severities,
        "team": teams,
        "source": sources,
        "labels": pairs(labels),
    }
    body = {
        "matchers": {name: value for name, value in matchers.items() if value},
        "for": lasts,
        "reason": reason,
        **({"starts_at": starts} if starts else {}),
    }
    with api() as server:
        made = server.post("silences", body=body)
    if as_json:
        print_json(made)
    else:
        click.echo(visible(f"silenced {covered(made)} until {when(made['ends_at'])} UTC: {made['id']}"))


@silences.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@json_option
def list_silences(everything: bool, as_json: bool) -> None:
    """List the silences that are not over.

    \b
    Example:
      im silences list --all
    """
    with api() as server:
        rows = server.get("silences", all="true" if everything else "", limit=1000)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Id", "Covers", "From (UTC)", "Until (UTC)", "By", "Reason", "Ended by"),
        [
            (
                row["id"],
                covered(row),
                when(row["starts_at"]),
                when(row["expired_at"] or row["ends_at"]),
                row["created_by"],
                row["reason"],
                row["expired_by"],
            )
            for row in rows
        ],
        empty="nothing is silenced; `im silences add` mutes what a deploy would set off",
    )


@silences.command()
@click.argument("silence", metavar="ID")
@json_option
def expire(silence: str, as_json: bool) -> None:
    """End a silence now; open incidents that it muted are told of within seconds.

    \b
    Example:
      im silences expire 0198c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f
    """
    with api() as server:
        ended = server.call("DELETE", ("silences", silence))
    if as_json:
        print_json(ended)
    else:
        click.echo(visible(f"ended {ended['id']}, which silenced {covered(ended)}"))


def pairs(given: tuple[str, ...]) -> dict[str, str]:
    """`region=eu` and so on as a mapping."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"`{text}` is not NAME=VALUE; give one like region=eu")
        found[name] = value
    return found


def covered(row: Mapping[str, Any]) -> str:
    """What a silence covers, in a line: `service checkout, labels region=eu`."""
    return ", ".join(f"{name} {_words(value)}" for name, value in row["matchers"].items())


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items())
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
