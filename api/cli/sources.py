"""`im sources`: how the events of each source are read, and where what people do goes back to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from api.cli.errors import CliError
from api.cli.groups import Group
from api.cli.output import json_option, print_json, print_table
from api.cli.session import Api, api

_F = TypeVar("_F", bound=Callable[..., Any])
_KINDS: Final = ("webhook", "pagerduty")


@click.group(cls=Group)
def sources() -> None:
    """Sources: how events that speak another format are read, and the callbacks to those who sent them.

    \b
    Examples:
      im sources add alertmanager --severity critical=SEV-1 --severity warning=SEV-3
      im sources add pagerduty --callback pagerduty
    """


def _callback_options(command: _F) -> _F:
    options = (
        click.option("--callback", type=click.Choice(_KINDS), help="Tell it what people do here."),
        click.option("--callback-url", help="Where to; https. PagerDuty's own where left out."),
        click.option("--secret", help="The signing secret or integration key; `-` reads it from stdin."),
    )
    for option in reversed(options):
        command = option(command)
    return command


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
        ("Source", "Severities", "Otherwise", "An incident per", "Callback"),
        [
            (
                row["name"],
                dict(sorted(row["severity_map"].items())),
                row["default_severity"],
                row["per"],
                _callback(row),
            )
            for row in rows
        ],
        empty="no source has settings of its own; `im sources add` gives it some",
    )


@sources.command()
@click.argument("name")
@click.option("--severity", "pairs", multiple=True, metavar="THEIRS=OURS", help="Such as critical=SEV-1.")
@click.option("--default-severity", default="SEV-3", show_default=True, help="Where theirs is not known.")
@click.option("--per", type=click.Choice(("group", "alert")), default="group", show_default=True)
@_callback_options
@json_option
def add(
    name: str, pairs: tuple[str, ...], default_severity: str, per: str, as_json: bool, **callback: str | None
) -> None:
    """Say how a source is read and what it is told; NAME is the --source of its token.

    \b
    Examples:
      im sources add alertmanager --severity critical=SEV-1 --per alert
      im sources add tickets --callback webhook --callback-url https://tickets.example.com/hooks
    """
    body = {"name": name, "severity_map": mapped(pairs), "default_severity": default_severity, "per": per}
    with api() as server:
        if _known(server, name):
            raise CliError(f"there is a source `{name}` already; change it with `im sources update`")
        _put(server, body | told(callback), as_json)


@sources.command()
@click.argument("name")
@click.option("--severity", "pairs", multiple=True, metavar="THEIRS=OURS", help="Adds to those it has.")
@click.option("--default-severity", help="Where theirs is not known.")
@click.option("--per", type=click.Choice(("group", "alert")))
@_callback_options
@click.option("--no-callback", is_flag=True, help="Tell it nothing any more.")
@json_option
def update(
    *,
    name: str,
    pairs: tuple[str, ...],
    default_severity: str | None,
    per: str | None,
    no_callback: bool,
    as_json: bool,
    **callback: str | None,
) -> None:
    """Change how a source is read and what it is told. Another address needs the secret again.

    \b
    Examples:
      im sources update alertmanager --default-severity SEV-4
      im sources update tickets --callback-url https://new.example.com/hooks --secret -
    """
    if no_callback and any(callback.values()):
        raise click.UsageError("--no-callback goes with no other option of the callback")
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
        _put(server, body | ({"callback": None} if no_callback else told(callback)), as_json)


def told(callback: dict[str, str | None]) -> dict[str, str]:
    """What was said of the callback. A secret that a new one lacks is asked for, without echo."""
    said = {name: value for name, value in callback.items() if value}
    if said.get("secret") == "-":
        said["secret"] = sys.stdin.readline().strip()
    elif ("callback" in said or "callback_url" in said) and "secret" not in said and sys.stdin.isatty():
        said["secret"] = click.prompt("Secret", hide_input=True)
    return said


def mapped(pairs: tuple[str, ...]) -> dict[str, str]:
    """`critical=SEV-1` and so on as a mapping."""
    found = {}
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not equals or not theirs or not ours:
            raise click.UsageError(f"`{pair}` is not THEIRS=OURS; give one like critical=SEV-1")
        found[theirs] = ours
    return found


def _callback(row: dict[str, Any]) -> str:
    if "callback" not in row:
        return ""
    return f"{row['callback']}: {row.get('problem') or row['callback_url']}"


def _known(server: Api, name: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = server.get("sources")
    return next((row for row in rows if row["name"] == name), None)


def _put(server: Api, body: dict[str, Any], as_json: bool) -> None:
    kept = server.post("sources", body=body)
    if as_json:
        print_json(kept)
        return
    click.echo(f"{kept['name']} is read so from now on")
    if "callback" in kept:
        click.echo(f"{kept['name']} is told what people do here: {kept['callback_url']}")
