"""`im users`: accounts, their roles, and who in chat they are."""

from __future__ import annotations

from typing import Any, Final

import click

from api.cli.errors import WRONG_USAGE, CliError
from api.cli.groups import Group
from api.cli.output import json_option, print_json, print_table, when
from api.cli.session import api

_ROLE: Final = click.Choice(("viewer", "responder", "commander", "admin"))


@click.group(cls=Group)
def users() -> None:
    """Accounts of people: add them, link them with chat, give them roles.

    \b
    Example:
      im users add dana --role commander --email dana@example.com
      im users link dana --provider company-slack --user U024BE7LH
    """


@users.command("list")
@json_option
def list_users(as_json: bool) -> None:
    """List the accounts: roles, e-mails and links.

    \b
    Example:
      im users list
    """
    with api() as server:
        rows = server.get("users")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Name", "Role", "E-mail", "Time zone", "Links", "Created (UTC)"),
        [
            (
                row["name"],
                row["role"],
                row["email"],
                row["timezone"],
                [_shown(link) for link in row["links"]],
                when(row["created_at"]),
            )
            for row in rows
        ],
        empty="there are no accounts; `im users add` makes one",
    )


@users.command()
@click.argument("name")
@click.option("--role", type=_ROLE, default="responder", show_default=True, help="What the person may do.")
@click.option("--email", help="Links the person at once, where a platform vouches for the same one.")
@click.option("--timezone", help="Such as Europe/Berlin: for `today` and `until 6pm`.")
@json_option
def add(name: str, role: str, email: str | None, timezone: str | None, as_json: bool) -> None:
    """Add an account; NAME is what incidents are assigned to.

    \b
    Example:
      im users add dana --role commander --email dana@example.com --timezone Europe/Berlin
    """
    body = {"name": name, "role": role, "email": email, "timezone": timezone}
    with api() as server:
        added = server.post("users", body=body)
    _told(added, f"added {added['name']} ({added['role']})", as_json)


@users.command()
@click.argument("account")
@click.option("--provider", default="", help="The chat provider where the person is.")
@click.option("--user", default="", metavar="ID", help="The person's id there, such as U024BE7LH.")
@click.option("--code", default="", help="The code that the bot told the person, in place of the other two.")
@click.option("--force", is_flag=True, help="Move a person who is linked to another account.")
@json_option
def link(account: str, *, provider: str, user: str, code: str, force: bool, as_json: bool) -> None:
    """Link a person in chat to an account.

    \b
    Example:
      im users link dana --provider company-slack --user U024BE7LH
      im users link dana --code KX4T-9QWM
    """
    if bool(code) == bool(provider and user) or (code and (provider or user or force)):
        raise CliError("give --provider and --user, or --code alone", code=WRONG_USAGE)
    body = {"provider": provider, "user": user, "code": code, "force": force}
    with api() as server:
        linked = server.post("users", account, "link", body=body)
    _told(linked, f"linked {account}: {', '.join(_shown(each) for each in linked['links'])}", as_json)


@users.command()
@click.argument("account")
@click.argument("platform")
@click.argument("workspace")
@click.argument("user", metavar="ID")
@json_option
def unlink(account: str, platform: str, workspace: str, user: str, as_json: bool) -> None:
    """Undo a link, as `im users list` shows it (PLATFORM:WORKSPACE/ID).

    \b
    Example:
      im users unlink dana slack T024BE7LD U024BE7LH
    """
    with api() as server:
        left = server.call("DELETE", ("users", account, "links", platform, workspace, user))
    _told(left, f"unlinked {platform}:{workspace}/{user} from {account}", as_json)


@users.command()
@click.argument("account")
@click.argument("role", type=_ROLE)
@json_option
def role(account: str, role: str, as_json: bool) -> None:
    """Give an account another role; it holds from the person's next command on.

    \b
    Example:
      im users role dana commander
    """
    with api() as server:
        changed = server.post("users", account, "role", body={"role": role})
    _told(changed, f"{account} is {changed['role']} now", as_json)


def _told(account: dict[str, Any], text: str, as_json: bool) -> None:
    """The account as JSON, or a line about it."""
    if as_json:
        print_json(account)
    else:
        click.echo(text)


def _shown(link: dict[str, Any]) -> str:
    return f"{link['platform']}:{link['workspace']}/{link['user']} ({link['how']})"
