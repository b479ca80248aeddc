"""`im templates`: what providers' templates say, and how they look when filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli.groups import Group
from api.cli.output import json_option, note, print_json, print_table, visible
from api.cli.session import api


@click.group(cls=Group)
def templates() -> None:
    """Message templates: list those of the providers, preview one with a made-up incident."""


@templates.command("list")
@click.option("--provider", default="", help="Only of this provider.")
@json_option
def list_templates(provider: str, as_json: bool) -> None:
    """List the templates of the providers, and the placeholders that they may use.

    \b
    Example:
      im templates list --provider company-slack
    """
    from adapters.templates import PLACEHOLDERS  # noqa: PLC0415

    with api() as server:
        if provider:
            found = [server.get("chatops", "providers", provider)]
        else:
            found = server.get("chatops", "providers")
    rows = [
        {"provider": one["name"], "event": event, "platform": platform, "template": text}
        for one in found
        for event, chosen in sorted(one["config"]["templates"].items())
        for platform, text in _by_platform(chosen, one["platform"])
    ]
    if as_json:
        print_json({"templates": rows, "placeholders": PLACEHOLDERS})
        return
    print_table(
        ("Provider", "Event", "Platform", "Template"),
        [(row["provider"], row["event"], row["platform"], row["template"]) for row in rows],
        empty="no provider has templates of its own; all use the default look",
    )
    note("placeholders: " + " ".join(f"{{{{.{name}}}}}" for name in PLACEHOLDERS))


@templates.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--provider", default="", help="Preview this provider's own template.")
@click.option("--platform", default="", help="Of a file: slack, teams, discord, mattermost or sandbox.")
@click.option("--event", default="incident_created", show_default=True, help="What happened.")
@json_option
def preview(file: Path | None, provider: str, platform: str, event: str, as_json: bool) -> None:
    """Show a template filled with a made-up incident, as the platform gets it.

    FILE holds a template's text, or YAML with `templates:` by event and platform.

    \b
    Examples:
      im templates preview --provider company-slack --event incident_resolved
      im templates preview new-look.txt --platform slack
    """
    from api.cli import previewing  # noqa: PLC0415

    if bool(file) == bool(provider):
        raise click.UsageError("give a file or `--provider`, one of the two")
    if provider:
        with api() as server:
            found = server.get("chatops", "providers", provider)
        chosen = found["config"]["templates"].get(event)
        own = dict(_by_platform(chosen, found["platform"])) if chosen is not None else {}
        texts: dict[str, str | None] = {found["platform"]: own.get(found["platform"])}
    else:
        assert file is not None
        texts = dict(previewing.texts_of(file, platform, event))
    shown = {name: previewing.rendered(name, event, text) for name, text in texts.items()}
    if as_json:
        print_json(shown)
        return
    for name, payload in shown.items():
        _show(name, payload, titled=len(shown) > 1)


def _show(platform: str, payload: Any, *, titled: bool) -> None:
    if titled:
        click.echo(f"{platform}:")
    if platform == "sandbox":
        click.echo(visible(payload["text"]))
    else:
        print_json(payload)


def _by_platform(chosen: str | dict[str, str], platform: str) -> list[tuple[str, str]]:
    return sorted(chosen.items()) if isinstance(chosen, dict) else [(platform, chosen)]
