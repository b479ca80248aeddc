"""`im chatops manifest`: what to upload to a platform, so that its app is made by paste and go."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from api.cli.errors import CliError
from api.cli.output import json_option, note, print_json
from api.cli.session import api


@click.command()
@click.argument("name")
@click.option(
    "--with", "features", default="", metavar="A,B", help="war-rooms, email-link, dedupe and others."
)
@click.option("--url", default="", help="This server's public https address; else IM_PUBLIC_URL.")
@click.option("--platform", default="", help="For a provider that is not added yet: slack or teams.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@json_option
def manifest(
    *, name: str, features: str, url: str, platform: str, output: Path | None, as_json: bool
) -> None:
    """The Slack app manifest, or the Teams app package, of the provider NAME; its addresses filled in.

    \b
    Examples:
      im chatops manifest company-slack --platform slack --url https://im.example.com
      im chatops manifest company-slack --with war-rooms,email-link,dedupe
      im chatops manifest corp-teams --output corp-teams.zip
    """
    with api() as server:
        made = server.get(
            "chatops", "providers", name, "manifest", features=features, url=url, platform=platform
        )
    if as_json:
        print_json(made)
        return
    content = base64.b64decode(made["content"])
    if output is None and made["media_type"] == "application/json":
        click.echo(content.decode())
        return
    target = output or Path(made["name"])
    try:
        target.write_bytes(content)
    except OSError as error:
        raise CliError(f"{target} cannot be written ({error.strerror}); give another `--output`") from None
    note(f"wrote {target}")
