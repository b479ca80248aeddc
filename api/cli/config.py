"""`im config`: the effective settings."""

from __future__ import annotations

import click

from api.cli.groups import Group
from api.cli.output import json_option, print_json, print_table
from api.cli.session import settings_or_fail


@click.group(cls=Group)
def config() -> None:
    """The effective settings."""


@config.command()
@json_option
def show(as_json: bool) -> None:
    """Print the effective settings, secrets masked.

    \b
    Example:
      im config show
    """
    from router.settings import shown  # noqa: PLC0415

    rows = shown(settings_or_fail())
    if as_json:
        print_json(rows)
        return
    print_table(("Setting", "Value"), sorted(rows.items()))
