"""`im doctor`: what is wrong with this installation, and the mend."""

from __future__ import annotations

import click

from api.cli.errors import CliError
from api.cli.output import json_option, print_json, tick
from api.cli.session import settings_or_fail


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this installation, part by part; says what is wrong and how to mend it.

    With IM_URL set, checks that server from here.

    \b
    Example:
      im doctor
    """
    from api.cli import checkup  # noqa: PLC0415

    settings = settings_or_fail()
    found = []
    for finding in checkup.elsewhere() if settings.url else checkup.here(settings):
        found.append(finding)
        if not as_json:
            tick(finding.ok, finding.text, finding.mend)
    wrong = sum(not finding.ok for finding in found)
    if as_json:
        print_json({"ok": not wrong, "checks": found})
    if wrong:
        raise CliError(f"{wrong} of {len(found)} checks failed; mend them and run it again")
