"""The commands of `im chatops` that write to people, and show what the sandbox got."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from api.cli.errors import CliError
from api.cli.output import json_option, print_json, print_table, visible, when
from api.cli.receipts import report, settled, tell
from api.cli.session import api

_SEVERITIES: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")


@click.command()
@click.argument("name")
@click.argument("incident")
@click.option("--type", "kind", default="incident_created", show_default=True, help="What happened to it.")
@click.option("--severity", default="", help="For an incident that is not known: SEV-1 to SEV-4.")
@click.option("--title", default="", help="For an incident that is not known.")
@click.option("--message", "text", default="", help="A text to go with it.")
@json_option
def notify(
    *, name: str, incident: str, kind: str, severity: str, title: str, text: str, as_json: bool
) -> None:
    """Send a notification of INCIDENT through the provider NAME; of an unknown one, marked TEST.

    Waits up to 10 seconds for the outcome.

    \b
    Example:
      im chatops notify company-slack INC-12345
    """
    data = {"severity": severity, "title": title, "message": text}
    body = {
        "type": kind,
        "incident_id": incident,
        "data": {key: value for key, value in data.items() if value},
    }
    with api() as server:
        answer = server.post("chatops", "providers", name, "notify", body=body)
        report(server, answer, as_json)


@click.command()
@click.argument("name")
@click.argument("text")
@click.option("--channel", default="", help="Another channel than the default one.")
@json_option
def message(name: str, text: str, channel: str, as_json: bool) -> None:
    """Send TEXT through the provider NAME; waits up to 10 seconds for the outcome.

    \b
    Example:
      im chatops message production-slack "System maintenance starting in 10 minutes"
    """
    with api() as server:
        body = {"text": text, "channel": channel}
        answer = server.post("chatops", "providers", name, "message", body=body)
        report(server, answer, as_json)


@click.command()
@click.argument("text")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def broadcast(text: str, yes: bool, as_json: bool) -> None:
    """Send TEXT to the default channel of every active provider.

    \b
    Example:
      im chatops broadcast "Planned maintenance window: 2AM-4AM EST"
    """
    if not yes and sys.stdin.isatty():
        click.confirm("Send this through all active providers?", abort=True)
    with api() as server:
        report(server, server.post("chatops", "broadcast", body={"text": text}), as_json)


@click.command("test-notifications")
@click.option("--provider", required=True, metavar="NAME", help="The provider's name.")
@json_option
def test_notifications(provider: str, as_json: bool) -> None:
    """Send one notification marked TEST for each severity, and say what became of each.

    \b
    Example:
      im chatops test-notifications --provider company-slack
    """
    with api() as server:
        ids = []
        for severity in _SEVERITIES:
            data = {"severity": severity, "title": f"Test of the {severity} channel"}
            body = {"type": "incident_created", "incident_id": f"TEST-{severity}", "data": data}
            answer = server.post("chatops", "providers", provider, "notify", body=body)
            ids += [row["id"] for row in answer["deliveries"]]
        tell(settled(server, ids), as_json, labels=_SEVERITIES)


@click.command()
@click.argument("provider")
@click.option("--channel", default="", help="Only this channel.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def messages(provider: str, channel: str, limit: int, as_json: bool) -> None:
    """What a sandbox provider shows, oldest first.

    \b
    Example:
      im chatops messages sandbox --channel "#incidents"
    """
    with api() as server:
        rows = server.get("chatops", "providers", provider, "messages", channel=channel, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        print_table((), (), empty=f"{provider} shows no messages yet")
    for row in rows:
        _show(row)


def _show(row: dict[str, Any]) -> None:
    seen_by = f" (only {visible(row['payload']['to'])} sees it)" if row["payload"].get("to") else ""
    marks = seen_by + (" (edited)" if row["edited_at"] else "") + (" (in a thread)" if row["parent"] else "")
    click.echo(f"{when(row['posted_at'])}  {visible(row['channel'])}{marks}")
    for line in visible(_text_of(row["payload"])).splitlines():
        click.echo(f"    {line}")
    labels = [action["label"] for action in row["payload"].get("actions", ())]
    if labels:
        click.echo("    " + " ".join(f"[{visible(label)}]" for label in labels))
    for line in _choices(row["payload"]):
        click.echo(f"    {visible(line)}")
    click.echo()


def _choices(payload: dict[str, Any]) -> list[str]:
    """A menu as `Change the severity: SEV-1 / SEV-2`, a form by its title and fields."""
    lines = []
    for menu in payload.get("menus") or ():
        options = [choice["label"] for choice in menu["choices"]] + (["anybody"] if menu["people"] else [])
        lines.append(f"{menu['label']}: {' / '.join(options)}")
    if form := payload.get("form"):
        lines.append(f"{form['title']}: {', '.join(field['label'] for field in form['fields'])}")
    return lines


def _text_of(payload: dict[str, Any]) -> str:
    text = payload.get("text")
    if not isinstance(text, str):
        raise CliError("the sandbox's messages are of another release; update this one")
    return text
