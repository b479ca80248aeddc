"""`im rules`: check rule files, show those in force, explain decisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from api.cli.errors import CliError, Refused
from api.cli.groups import Group
from api.cli.output import cell, json_option, note, print_fields, print_json, print_table, tick
from api.cli.session import Api, api, settings_or_fail


@click.group(cls=Group)
def rules() -> None:
    """Routing rules: check the files, show what is in force, explain a decision.

    \b
    Examples:
      im rules validate
      im rules explain 01890a5d-ac96-774b-bcce-b302099a8057
    """


@rules.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def validate(folder: Path | None, as_json: bool) -> None:
    """Check the rule files in FOLDER (IM_RULES_DIR without it), as a start would; needs no server.

    \b
    Example:
      im rules validate rules/default
    """
    from rules.engine import probe  # noqa: PLC0415
    from rules.load import RuleFilesError, load  # noqa: PLC0415

    settings = settings_or_fail()
    chosen = folder or settings.rules_dir
    try:
        rule_set = load(chosen, default_timezone=settings.timezone)
        probe(rule_set)
    except RuleFilesError as error:
        _tell_problems([str(problem) for problem in error.problems], as_json, detailed=error.problems)
        count = len(error.problems)
        raise CliError(
            f"{count} problem{'' if count == 1 else 's'} in {chosen}; mend and run it again"
        ) from None
    if as_json:
        files = sorted(rule_set.sources)
        print_json({"ok": True, "hash": rule_set.hash, "files": files, "routes": len(rule_set.routes)})
        return
    tick(True, f"{len(rule_set.routes)} routes in {', '.join(sorted(rule_set.sources))}")


@rules.command()
@json_option
def show(as_json: bool) -> None:
    """Show the routes in force, and what keeps changed files out of force.

    \b
    Example:
      im rules show
    """
    with api() as server:
        found = server.get("rules")
    if as_json:
        print_json(found)
        return
    rows = [(route["id"], f"{route['file']}:{route['line']}") for route in found["routes"]]
    print_table(("Route", "Where"), rows)
    for problem in found["problems"]:
        note(f"not in force: {problem}")


@rules.command()
@click.argument("decision", metavar="DECISION|EVENT")
@json_option
def explain(decision: str, as_json: bool) -> None:
    """Why each route fired or not, by the rules of then; takes a decision's id, or an event's.

    \b
    Example:
      im rules explain evt-1
    """
    with api() as server:
        found = _decision(server, decision)
    if as_json:
        print_json(found)
        return
    facts = {name: value for name, value in found["facts"].items() if value not in (None, "", {}, [])}
    print_fields([("Decision", found["decision_id"]), ("Rules", found["rule_set"][:12]), *facts.items()])
    click.echo()
    for route in found["reasons"]:
        _show_route(route)


def _decision(server: Api, text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = server.get("decisions", text)
    except Refused as refused:
        if refused.status != 404:
            raise
        try:
            event = server.get("events", text)
        except Refused as again:
            if again.status != 404:
                raise
            raise CliError(f"there is no decision or event `{text[:80]}`") from None
        found = server.get("decisions", event["decision_id"])
    return found


@rules.command()
@json_option
def reload(as_json: bool) -> None:
    """Take the rule files into force now; a running server does so by itself within a second.

    \b
    Example:
      im rules reload
    """
    with api() as server:
        found = server.post("rules", "reload")
    if found["problems"]:
        _tell_problems(found["problems"], as_json)
        raise CliError("the rules in force stay as they were; mend the files and run it again")
    if as_json:
        print_json(found)
        return
    tick(True, f"{len(found['routes'])} routes in force (rules {found['hash'][:12]})")


def _tell_problems(problems: list[str], as_json: bool, *, detailed: Sequence[object] = ()) -> None:
    if as_json:
        print_json({"ok": False, "problems": detailed or problems})
        return
    for problem in problems:
        tick(False, problem)


def _show_route(route: dict[str, Any]) -> None:
    shadow = " (shadow)" if route["shadow"] else ""
    if route["fired"]:
        tick(True, f"{route['route']}{shadow} ({route['file']}:{route['line']})")
    else:
        hidden = f"hidden by the stop of {route['hidden_by']}" if route["hidden_by"] else ""
        tick(False, f"{route['route']}{shadow} ({route['file']}:{route['line']})", hidden)
    for leaf in route["leaves"]:
        saw = "is missing" if leaf["value"] is None else f"is {leaf['value']}"
        text = leaf["wanted"] if leaf["holds"] else f"not: {leaf['wanted']} ({leaf['field']} {saw})"
        click.echo(f"    {cell(text)}")
