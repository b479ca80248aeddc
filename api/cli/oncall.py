"""`im oncall` and `im catalogue`: who is on call, and the file that says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.errors import CliError
from api.cli.groups import Group
from api.cli.output import json_option, note, print_json, print_table, tick, when
from api.cli.session import api, settings_or_fail

if TYPE_CHECKING:
    from router.catalogue.oncall import Roster
    from router.settings import Settings


@click.command()
@click.argument("service", required=False, default="")
@click.option(
    "--at", default="", metavar="TIME", help="Then instead of now: 2026-01-05T09:00, in IM_TIMEZONE."
)
@json_option
def oncall(service: str, at: str, as_json: bool) -> None:
    """Who is on call now and until when, for a SERVICE (its name or an alias) or for all.

    Needs no server: it reads the catalogue and its calendars, unless IM_URL names a server to ask.

    \b
    Examples:
      im oncall
      im oncall payments --at 2026-12-24T20:00
    """
    rows = _who(service, at)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Service", "On call", "Until (UTC)", "Via"),
        [(row["service"], row["people"] or "nobody", when(row["until"]), row["via"]) for row in rows],
        empty="the catalogue names no services; docs/catalogue.md shows how",
    )
    for row in rows:
        if row["note"]:
            note(f"{row['service']}: {row['note']}")


@click.group(cls=Group)
def catalogue() -> None:
    """Teams, services and schedules: check the file, show what is in force.

    \b
    Example:
      im catalogue validate
    """


@catalogue.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def validate(file: Path | None, as_json: bool) -> None:
    """Check the catalogue FILE (IM_CATALOGUE without it) and read its calendars; needs no server.

    \b
    Example:
      im catalogue validate data/catalogue.yaml
    """
    settings = settings_or_fail()
    path = file or settings.catalogue
    if not path.exists():
        raise CliError(f"there is no file {path}; set IM_CATALOGUE, or write it as docs/catalogue.md shows")
    roster = _local(path, settings)
    problems, found = roster.problems(), roster.live.current
    calendars = len({ref.source for ref in found.calendars()})
    if as_json:
        print_json({"ok": not problems, "services": found.names(), "problems": problems})
    else:
        for problem in problems:
            tick(False, problem)
    if problems:
        count = len(problems)
        raise CliError(f"{count} problem{'' if count == 1 else 's'} in {path}; mend and run it again")
    if not as_json:
        tick(
            True,
            f"{len(found.services)} services, {len(found.teams)} teams, {calendars} calendars",
        )


@catalogue.command()
@json_option
def show(as_json: bool) -> None:
    """Show the services, whose they are and how their people on call are found.

    \b
    Example:
      im catalogue show
    """
    found = _shown()
    if as_json:
        print_json(found)
        return
    rows = [
        (one["name"], one["aliases"], one["team"], one["on_call"], one["runbook"])
        for one in found["services"]
    ]
    print_table(("Service", "Aliases", "Team", "On call by", "Runbook"), rows, empty="the catalogue is empty")
    for problem in found["problems"]:
        note(f"not in force: {problem}")


def _who(service: str, at: str) -> list[dict[str, Any]]:
    settings = settings_or_fail()
    if settings.url:
        with api() as server:
            rows: list[dict[str, Any]] = server.get("on-call", service=service, at=at)
        return rows
    from api.http.catalogue import answered, moment  # noqa: PLC0415
    from router.problems import Problem  # noqa: PLC0415

    try:
        return answered(_sound(settings), service, moment(at, settings.timezone))
    except Problem as problem:
        raise CliError(problem.detail) from None


def _shown() -> dict[str, Any]:
    settings = settings_or_fail()
    if settings.url:
        with api() as server:
            found: dict[str, Any] = server.get("catalogue")
        return found
    from api.http.catalogue import described  # noqa: PLC0415

    return described(_local(settings.catalogue, settings))


def _sound(settings: Settings) -> Roster:
    """The roster of the configured file; CliError where the file is bad, for its answers would be empty."""
    roster = _local(settings.catalogue, settings)
    if roster.live.problems:
        raise CliError(
            f"the catalogue cannot be used: {roster.live.problems[0]}; `im catalogue validate` lists all"
        )
    return roster


def _local(path: Path, settings: Settings) -> Roster:
    """The file with its calendars, read now."""
    import asyncio  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from adapters.http import Http  # noqa: PLC0415
    from router.catalogue.calendars import Calendars  # noqa: PLC0415
    from router.catalogue.live import LiveCatalogue  # noqa: PLC0415
    from router.catalogue.oncall import Roster  # noqa: PLC0415

    async def read() -> Roster:
        async with Http() as http:
            live = LiveCatalogue(path, default_timezone=settings.timezone)
            roster = Roster(live, Calendars(http, lambda: datetime.now(UTC)))
            await roster.calendars.refresh(live.current.calendars())
            return roster

    return asyncio.run(read())
