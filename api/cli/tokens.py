"""`im tokens` and `im secrets`."""

from __future__ import annotations

import click

from api.cli.groups import Group
from api.cli.output import json_option, note, print_json, print_table, when
from api.cli.session import api


@click.group(cls=Group)
def tokens() -> None:
    """Tokens of the API: create, list and revoke them.

    \b
    Example:
      im tokens create alertmanager --scope events:write
    """


@tokens.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("events:write",),
    show_default=True,
    help="events:write, incidents:write, analytics:read or admin; may be given several times.",
)
@click.option("--source", default="", help="Whose events they are; the name without it.")
@json_option
def create(name: str, scopes: tuple[str, ...], source: str, as_json: bool) -> None:
    """Create a token and print it, this once.

    \b
    Example:
      im tokens create alertmanager --scope events:write --source alertmanager
    """
    with api() as server:
        made = server.post("tokens", body={"name": name, "scopes": list(scopes), "source": source})
    if as_json:
        print_json(made)
        return
    click.echo(made["token"])
    note("keep it: it is not shown again")


@tokens.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens: names, scopes and dates.

    \b
    Example:
      im tokens list
    """
    with api() as server:
        rows = server.get("tokens")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Id", "Name", "Source", "Scopes", "Created (UTC)", "Revoked (UTC)"),
        [
            (
                row["id"],
                row["name"],
                row["source"],
                row["scopes"],
                when(row["created_at"]),
                when(row["revoked_at"]),
            )
            for row in rows
        ],
        empty="there are no tokens; `im tokens create` makes one",
    )


@tokens.command()
@click.argument("token", metavar="ID|NAME")
def revoke(token: str) -> None:
    """Revoke a token, by its id or its name; it may be accepted for two more seconds.

    \b
    Example:
      im tokens revoke alertmanager
    """
    with api() as server:
        server.call("DELETE", ("tokens", token))
    click.echo(f"revoked {token}")


@click.group(cls=Group)
def secrets() -> None:
    """The key that providers' secrets are sealed with."""


@secrets.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seal all providers' secrets with a new key (or with the first of IM_SECRET_KEY).

    \b
    Example:
      IM_SECRET_KEY=new,old im secrets rotate
    """
    with api() as server:
        done = server.post("secrets", "rotate")
    if as_json:
        print_json(done)
        return
    count = done["providers"]
    click.echo(f"sealed the secrets of {count} provider{'' if count == 1 else 's'} again")
