"""The commands of `im chatops` about what platforms send: webhooks, interact-test, test-commands."""

from __future__ import annotations

from typing import Any

import click

from api.cli.errors import CliError
from api.cli.output import json_option, print_json, print_table, tick, when
from api.cli.session import api


@click.command()
@click.option("--recent", type=click.IntRange(1, 200), default=10, show_default=True, help="How many.")
@click.option("--provider", default="", metavar="NAME", help="Only of this provider.")
@json_option
def webhooks(recent: int, provider: str, as_json: bool) -> None:
    """What chat platforms sent lately, and how it was judged; never the bodies.

    \b
    Example:
      im chatops webhooks --recent 10
    """
    with api() as server:
        if provider:
            rows = server.get("chatops", "providers", provider, "webhooks", limit=recent)
        else:
            rows = server.get("chatops", "webhooks", limit=recent)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Time (UTC)", "Provider", "Kind", "Judged", "About", "Bytes", "ms"),
        [
            (
                when(row["at"]),
                row["provider"],
                row["kind"],
                row["judgement"],
                row["about"],
                row["size"],
                round(row["seconds"] * 1000),
            )
            for row in rows
        ],
        empty="no chat platform has sent anything yet",
    )


@click.command("interact-test")
@click.argument("name")
@json_option
def interact_test(name: str, as_json: bool) -> None:
    """Press a button that does nothing, signed as the platform does, through the front door.

    \b
    Example:
      im chatops interact-test company-slack
    """
    _run(name, "interact-test", as_json)


@click.command("test-commands")
@click.option("--provider", "name", required=True, metavar="NAME", help="The provider's name.")
@json_option
def test_commands(name: str, as_json: bool) -> None:
    """Give commands that change nothing, signed as the platform does, through the front door.

    \b
    Example:
      im chatops test-commands --provider company-slack
    """
    _run(name, "test-commands", as_json)


def _run(name: str, test: str, as_json: bool) -> None:
    with api() as server:
        tested = server.post("chatops", "providers", name, test)
    if as_json:
        print_json(tested)
    else:
        show(tested["checks"])
    failed = sum(not check["ok"] for check in tested["checks"])
    if failed:
        raise CliError(f"{failed} of {len(tested['checks'])} checks of {name} failed")


def show(checks: list[dict[str, Any]]) -> None:
    """A line for each check; what is off and not wrong is marked otherwise."""
    for check in checks:
        tick(None if check["off"] else check["ok"], check["text"], check["mend"])
