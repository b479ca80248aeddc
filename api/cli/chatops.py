"""`im chatops`: the configured chat platforms."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from api.cli.configuration import asked, given
from api.cli.errors import CliError
from api.cli.groups import Group
from api.cli.inputs import interact_test, show, test_commands, webhooks
from api.cli.manifest import manifest
from api.cli.output import json_option, note, print_fields, print_json, print_table, when
from api.cli.session import api
from api.cli.writing import broadcast, message, messages, notify, test_notifications

_SEVERITIES: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4", "default")
_ESCALATIONS: Final = (("sla_breach", "SLA breaches"), ("management", "Management"))
provider_option = click.option("--provider", required=True, metavar="NAME", help="The provider's name.")


@click.group(cls=Group)
def chatops() -> None:
    """Chat providers: configure them, test them, write to them.

    \b
    Examples:
      im chatops add slack company-slack
      im chatops test company-slack
      im chatops notify company-slack INC-12345
    """


@chatops.command("list")
@json_option
def list_providers(as_json: bool) -> None:
    """List the providers.

    \b
    Example:
      im chatops list
    """
    with api() as server:
        rows = server.get("chatops", "providers")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Provider", "Platform", "Status", "Channels"),
        [(row["name"], row["platform"], row["status"], row["channels"]) for row in rows],
        empty="there are no providers; `im chatops add` adds one",
    )


@chatops.command()
@click.argument("platform")
@click.argument("name")
@click.option("--config", "text", metavar="JSON|@FILE|-", help="The configuration; asked for without it.")
@json_option
def add(platform: str, name: str, text: str | None, as_json: bool) -> None:
    """Add a provider: PLATFORM is slack, teams, discord, mattermost or sandbox, NAME is yours to choose.

    Without --config, everything is asked for, and secrets are not echoed. What is in an argument can be seen
    by other users of this machine: prefer @FILE or - for secrets.

    \b
    Examples:
      im chatops add slack company-slack
      im chatops add slack company-slack --config @slack.json
    """
    body = {"name": name, "type": platform, "config": _configuration(platform, text)}
    with api() as server:
        added = server.post("chatops", "providers", body=body)
    if as_json:
        print_json(added)
        return
    click.echo(f"added {_named(added)}")
    note(f"test it with: im chatops test {name}")


def _configuration(platform: str, text: str | None) -> dict[str, Any]:
    if text is not None:
        return given(text)
    from adapters import registry  # noqa: PLC0415
    from adapters.config import ConfigError  # noqa: PLC0415

    try:
        found = registry.platform(platform)
    except ConfigError as error:
        raise click.UsageError(error.detail) from None
    if sys.stdin.isatty():
        return asked(found)
    if found.config.REQUIRED:
        raise click.UsageError(
            "nobody is here to answer; give the configuration with `--config @file` or `-`"
        )
    return {}


def _named(row: dict[str, Any]) -> str:
    count = row["channels"]
    return f"{row['name']} ({row['platform']}, {row['status']}, {count} channel{'' if count == 1 else 's'})"


@chatops.command()
@click.argument("name")
@click.option("--config", "text", metavar="JSON|@FILE|-", help="Keys to change; null removes one.")
@click.option("--enable/--disable", "active", default=None, help="Switch the provider on or off.")
@json_option
def update(name: str, text: str | None, active: bool | None, as_json: bool) -> None:
    """Change a provider: the keys of --config replace those it has, also in maps of channels.

    \b
    Examples:
      im chatops update company-slack --config '{"default_channel": "C1234567890"}'
      im chatops update company-slack --config '{"notification_channels": {"SEV-1": "C1234567890"}}'
      im chatops update company-slack --disable
    """
    if text is None and active is None:
        raise click.UsageError("say what to change with `--config`, `--enable` or `--disable`")
    body: dict[str, Any] = {"config": given(text) if text is not None else {}}
    if active is not None:
        body["active"] = active
    with api() as server:
        changed = server.call("PATCH", ("chatops", "providers", name), body=body)
    if as_json:
        print_json(changed)
        return
    click.echo(f"changed {_named(changed)}")


@chatops.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove a provider; what still waits for it fails.

    \b
    Example:
      im chatops remove production-slack
    """
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove {name}? What waits for it will not be sent", abort=True)
    with api() as server:
        server.call("DELETE", ("chatops", "providers", name))
    click.echo(f"removed {name}")


@chatops.command()
@click.argument("name")
@json_option
def test(name: str, as_json: bool) -> None:
    """Test a provider's connection; sends no message.

    \b
    Example:
      im chatops test company-slack
    """
    with api() as server:
        tested = server.post("chatops", "providers", name, "test")
    if as_json:
        print_json(tested)
    else:
        show(tested["checks"])
    if not tested["ok"]:
        failed = sum(not check["ok"] for check in tested["checks"])
        raise CliError(f"{failed} of {len(tested['checks'])} checks of {name} failed")


@chatops.command()
@provider_option
@json_option
def health(provider: str, as_json: bool) -> None:
    """How a provider did in the last hour, by its deliveries.

    \b
    Example:
      im chatops health --provider company-slack
    """
    with api() as server:
        row = server.get("chatops", "providers", provider, "health")
    if as_json:
        print_json(row)
        return
    print_fields(
        [
            ("Provider", row["provider"]),
            ("Platform", row["platform"]),
            ("Health", row["state"]),
            ("Sent in the last hour", row["sent"]),
            ("Failed tries in the last hour", row["failed"]),
            ("Waiting", row["waiting"]),
            ("Oldest waiting", f"{row['oldest_waiting_seconds']} s" if row["waiting"] else None),
            ("Last sent (UTC)", when(row["last_sent_at"])),
            ("Last failure (UTC)", when(row["last_failure_at"])),
            ("Last failure", row["last_failure"]),
        ]
    )


@chatops.command()
@provider_option
@json_option
def channels(provider: str, as_json: bool) -> None:
    """The channels that the bot sees, whether it can post there, and what they are used for.

    \b
    Example:
      im chatops channels --provider company-slack
    """
    with api() as server:
        rows = server.get("chatops", "providers", provider, "channels")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Channel", "Name", "Can post", "Used for"),
        [(row["id"], row["name"], row["member"], row["uses"]) for row in rows],
        empty=f"the bot of {provider} sees no channels; invite it to some",
    )


@chatops.command()
@provider_option
@json_option
def config(provider: str, as_json: bool) -> None:
    """A provider's configuration: which severity goes to which channel; secrets are masked.

    \b
    Example:
      im chatops config --provider company-slack
    """
    with api() as server:
        row = server.get("chatops", "providers", provider)
    if as_json:
        print_json(row)
        return
    shown = row["config"]
    print_table(("Message", "Channel"), routing(shown))
    click.echo()
    told = ("notification_channels", "escalation_channels", "service_channels", "team_channels")
    print_fields(
        [("provider", row["name"]), ("platform", row["platform"]), ("status", row["status"])]
        + [(name, value) for name, value in shown.items() if name not in told]
    )


def routing(shown: dict[str, Any]) -> list[tuple[str, str]]:
    """Which message goes to which channel, as a provider is configured; "—" where it goes nowhere."""
    own = shown["notification_channels"]
    general = own.get("default") or shown["default_channel"]
    rows = [(severity, own.get(severity) or general or "—") for severity in _SEVERITIES]
    rows += [(words, shown["escalation_channels"].get(key) or "—") for key, words in _ESCALATIONS]
    rows += [(f"service {service}", channel) for service, channel in shown["service_channels"].items()]
    rows += [("reports to teams", channel) for channel in shown["team_channels"]]
    return [*rows, ("archive", shown["archive_channel"])] if shown["archive_channel"] else rows


@chatops.command()
@json_option
def status(as_json: bool) -> None:
    """The status of all providers, by their deliveries of the last hour.

    \b
    Example:
      im chatops status
    """
    with api() as server:
        providers = server.get("chatops", "providers")
        rows = [server.get("chatops", "providers", row["name"], "health") for row in providers]
    rows = [row | {"status": known["status"]} for row, known in zip(rows, providers, strict=True)]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Provider", "Platform", "Status", "Health", "Sent", "Failed", "Waiting", "Last failure"),
        [
            (
                row["provider"],
                row["platform"],
                row["status"],
                row["state"],
                row["sent"],
                row["failed"],
                row["waiting"],
                row["last_failure"],
            )
            for row in rows
        ],
        empty="there are no providers; `im chatops add` adds one",
    )


for more in (
    notify,
    message,
    broadcast,
    messages,
    test_notifications,
    webhooks,
    interact_test,
    test_commands,
    manifest,
):
    chatops.add_command(more)
