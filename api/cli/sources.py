"""`im sources`: how the events of each source are read."""

from __future__ import annotations

from typing import Any

import click

from api.cli.errors import CliError
from api.cli.groups import Group
from api.cli.output import json_option, print_json, print_table
from api.cli.session import Api, api


@click.group(cls=Group)
def sources() -> None:
    """Sources: how events that speak another format are read (Alertmanager, PagerDuty).

    \b
    Example:
      im sources add alertmanager --severity critical=SEV-1 --severity warning=SEV-3
    """


@sources.command("list")
@json_option
def list_sources(as_json: bool) -> None:
    """List the sources that have settings of their own.

    \b
    Example:
      im sources list
    """
    with api() as server:
        rows = server.get("sources")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Source", "Severities", "Otherwise", "An incident per"),
        [
            (row["name"], dict(sorted(row["severity_map"].items())), row["default_severity"], row["per"])
            for row in rows
        ],
        empty="no source has settings of its own; `im sources add` gives it some",
    )


@sources.command()
@click.argument("name")
@click.option("--severity", "pairs", multiple=True, metavar="THEIRS=OURS", help="Such as critical=SEV-1.")
@click.option("--default-severity", default="SEV-3", show_default=True, help="Where theirs is not known.")
@click.option("--per", type=click.Choice(("group", "alert")), default="group", show_default=True)
@json_option
def add(name: str, pairs: tuple[str, ...], default_severity: str, per: str, as_json: bool) -> None:
    """Say how a source is read; NAME is the --source of its token.

    \b
    Example:
      im sources add alertmanager --severity critical=SEV-1 --per alert
    """
    body = {"name": name, "severity_map": mapped(pairs), "default_severity": default_severity, "per": per}
    with api() as server:
        if _known(server, name):
            raise CliError(f"there is a source `{name}` already; change it with `im sources update`")
        _put(server, body, as_json)


@sources.command()
@click.argument("name")
@click.option("--severity", "pairs", multiple=True, metavar="THEIRS=OURS", help="Adds to those it has.")
@click.option("--default-severity", help="Where theirs is not known.")
@click.option("--per", type=click.Choice(("group", "alert")))
@json_option
def update(
    name: str, pairs: tuple[str, ...], default_severity: str | None, per: str | None, as_json: bool
) -> None:
    """Change how a source is read.

    \b
    Example:
      im sources update alertmanager --default-severity SEV-4
    """
    with api() as server:
        known = _known(server, name)
        if known is None:
            raise CliError(f"there is no source `{name}`; add it with `im sources add`")
        body = {
            "name": name,
            "severity_map": known["severity_map"] | mapped(pairs),
            "default_severity": default_severity or known["default_severity"],
            "per": per or known["per"],
        }
        _put(server, body, as_json)


def mapped(pairs: tuple[str, ...]) -> dict[str, str]:
    """`critical=SEV-1` and so on as a mapping."""
    found = {}
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not equals or not theirs or not ours:
            raise click.UsageError(f"`{pair}` is not THEIRS=OURS; give one like critical=SEV-1")
        found[theirs] = ours
    return found


def _known(server: Api, name: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = server.get("sources")
    return next((row for row in rows if row["name"] == name), None)


def _put(server: Api, body: dict[str, Any], as_json: bool) -> None:
    kept = server.post("sources", body=body)
    if as_json:
        print_json(kept)
    else:
        click.echo(f"{kept['name']} is read so from now on")
