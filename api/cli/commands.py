"""`im commands`: the commands that people have in chat, and the settings of those that come with im."""

from __future__ import annotations

from typing import Any

import click

from api.cli.configuration import given
from api.cli.groups import Group
from api.cli.output import json_option, print_json, print_table, visible
from api.cli.session import api


@click.group(cls=Group)
def commands() -> None:
    """Commands of chat: which there are, and what the shipped ones are configured with.

    \b
    Example:
      im commands set metric --config '{"prometheus": "http://127.0.0.1:9090", "queries": {"up": "sum(up)"}}'
    """


@commands.command("list")
@json_option
def list_commands(as_json: bool) -> None:
    """List the commands of chat, those of your own too.

    \b
    Example:
      im commands list
    """
    with api() as server:
        rows = server.get("chatops", "commands")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Usage", "Help", "Role", "Configured"),
        [(row["usage"], row["help"], row["role"], _configured(row)) for row in rows],
        empty="there are no commands",
    )


@commands.command("set")
@click.argument("name")
@click.option(
    "--config", required=True, metavar="JSON|@FILE|-", help="All settings; `-` reads them from stdin."
)
@json_option
def set_command(name: str, config: str, as_json: bool) -> None:
    """Configure a shipped command: github (deploy has the same settings) or metric.

    A token that is left out stays, unless the address changes. docs/commands.md lists the settings.

    \b
    Examples:
      im commands set github --config @github.json
      im commands set metric --config -
    """
    with api() as server:
        kept = server.call("PUT", ("chatops", "commands", name), body=given(config))
    if as_json:
        print_json(kept)
    else:
        click.echo(visible(f"{name} is configured: {_pairs(kept['config'])}"))


@commands.command()
@click.argument("name")
def unset(name: str) -> None:
    """Switch a shipped command off by forgetting its settings.

    \b
    Example:
      im commands unset github
    """
    with api() as server:
        server.call("DELETE", ("chatops", "commands", name))
    click.echo(visible(f"{name} is not configured any more"))


def _configured(row: dict[str, Any]) -> str:
    return {True: "yes", False: "no", None: ""}[row.get("configured")]


def _pairs(config: dict[str, Any]) -> str:
    shown = {key: _words(value) for key, value in sorted(config.items())}
    return "; ".join(f"{key} {text}" for key, text in shown.items() if text)


def _words(value: object) -> str:
    """A setting in a line; of a map its keys, as what they hold may be long."""
    return ", ".join(map(str, value)) if isinstance(value, list | dict) else str(value)
