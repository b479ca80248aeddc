"""The commands of `im incidents` that change one."""

from __future__ import annotations

from typing import Any, Final

import click

from api.cli.output import json_option, print_json
from api.cli.session import api
from router.chat.words import severity as understood

_NOTED: Final = {
    "ack": ("acknowledge", "Acknowledge an incident: somebody takes it."),
    "resolve": ("resolve", "Mark an incident as fixed."),
    "close": ("close", "Close a resolved incident."),
    "reopen": ("reopen", "Reopen an incident that is not over."),
}


@click.command()
@click.argument("title")
@click.option("--sev", "--severity", "severity", default="SEV-3", show_default=True, help="SEV-1 to SEV-4.")
@click.option("--service", default=None, help="The service that is concerned.")
@click.option("--description", default=None, help="What is known so far.")
@json_option
def declare(
    *, title: str, severity: str, service: str | None, description: str | None, as_json: bool
) -> None:
    """Declare an incident.

    \b
    Example:
      im incidents declare --sev SEV-2 --service checkout "Payment processing down"
    """
    told = {"service": service, "description": description}
    body = {"title": title, "severity": understood(severity) or severity, **told}
    with api() as server:
        row = server.post("incidents", body={key: value for key, value in body.items() if value is not None})
    _tell(row, as_json, f"declared {row['id']}: {row['severity']}, {row['status']}")


def _noted(name: str, path: str, text: str) -> click.Command:
    @click.argument("incident")
    @click.argument("note", required=False)
    @json_option
    def run(incident: str, note: str | None, as_json: bool) -> None:
        with api() as server:
            row = server.post("incidents", incident, path, body={"note": note} if note else {})
        _tell(row, as_json, f"{row['id']} is {row['status']}")

    example = f'\n\n    \b\n    Example:\n      im incidents {name} INC-2024-001 "a note"\n    '
    run.__doc__ = text + example
    return click.command(name)(run)


@click.command()
@click.argument("incident")
@click.argument("severity")
@json_option
def escalate(incident: str, severity: str, as_json: bool) -> None:
    """Change an incident's severity, up or down.

    \b
    Example:
      im incidents escalate INC-2024-001 SEV-1
    """
    with api() as server:
        body = {"severity": understood(severity) or severity}
        row = server.post("incidents", incident, "escalate", body=body)
    _tell(row, as_json, f"{row['id']} is {row['severity']} now")


@click.command()
@click.argument("incident")
@click.argument("assignee")
@json_option
def assign(incident: str, assignee: str, as_json: bool) -> None:
    """Give an incident to somebody.

    \b
    Example:
      im incidents assign INC-2024-001 dana
    """
    with api() as server:
        row = server.post("incidents", incident, "assign", body={"assignee": assignee.removeprefix("@")})
    _tell(row, as_json, f"{row['id']} is assigned to {row['assignee']}")


@click.command()
@click.argument("incident")
@click.argument("note")
@json_option
def update(incident: str, note: str, as_json: bool) -> None:
    """Add a note to an incident's timeline.

    \b
    Example:
      im incidents update INC-2024-001 "Failing over to the replica"
    """
    with api() as server:
        row = server.post("incidents", incident, "notes", body={"note": note})
    _tell(row, as_json, f"noted on {row['id']}")


def _tell(row: dict[str, Any], as_json: bool, text: str) -> None:
    if as_json:
        print_json(row)
    else:
        click.echo(text)


COMMANDS: Final = (
    declare,
    *(_noted(name, path, text) for name, (path, text) in _NOTED.items()),
    escalate,
    assign,
    update,
)
