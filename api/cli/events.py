"""`im events`: lifecycle events from a file or stdin."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

import click

from api.cli.errors import CliError, Refused
from api.cli.groups import Group
from api.cli.output import json_option, note, print_json
from api.cli.session import Api, api

if TYPE_CHECKING:
    from api.cli.lines import Document, Failed, Row

SEND_SECONDS: Final = 60.0
"""How long a command sends what its events caused, where no worker does."""

IDLE_ROUNDS: Final = 5
"""Drains in a row that send nothing: a full rate window is over by then, a switched-off provider is not."""


class Advance(Protocol):
    """Called with the number of events that were done."""

    def __call__(self, count: int) -> None: ...


@click.group(cls=Group)
def events() -> None:
    """Lifecycle events: what happened to an incident."""


@events.command()
@click.argument("file", type=click.File("rb"))
@json_option
def post(file: BinaryIO, as_json: bool) -> None:
    """Post the events in FILE (- is stdin): a JSON object, an array, or JSON lines.

    Events with an `id` may be posted again: they are taken once. Lines are taken one by one, and it is said
    which were not and why; an array of up to 1000 is taken as a whole or not at all.

    \b
    Examples:
      im events post incident.json
      im events post --json - < events.jsonl
    """
    from api.cli.lines import parse  # noqa: PLC0415

    document = parse(file.read(), file.name)
    with api() as server:
        taken, failed = _post(server, document)
        sent = _send(server) if any(result["deliveries"] for _, result in taken) else True
    _tell(taken, [*document.failed, *failed], as_json, sent=sent)


def _post(server: Api, document: Document) -> tuple[list[tuple[Row, dict[str, Any]]], list[Failed]]:
    from api.cli.lines import batches, post_batch  # noqa: PLC0415

    taken: list[tuple[Row, dict[str, Any]]] = []
    failed: list[Failed] = []
    with _progress(len(document.rows)) as advance:
        for batch in batches(document.rows):
            try:
                more, wrong = post_batch(
                    batch,
                    lambda body: list(server.post("events", body=body)["results"]),
                    together=document.together,
                )
            except Refused as refused:
                place = (
                    "" if batch[0] is document.rows[0] else f" (from {batch[0].place} on nothing is certain)"
                )
                raise CliError(f"{refused}{place}") from None
            taken += more
            failed += wrong
            advance(len(batch))
    return taken, failed


def _send(server: Api) -> bool:
    """Where no worker does, send what the events caused; whether that is all on its way."""
    if not server.alone or server.sender is None:
        return True
    deadline = time.monotonic() + SEND_SECONDS
    before, idle = -1, 0
    while time.monotonic() < deadline and idle < IDLE_ROUNDS and not server.sender.broken:
        server.sender.start()
        server.sender.wait(deadline - time.monotonic())
        waiting = len(server.get("deliveries", state="pending", limit=1000))
        if not waiting:
            return True
        before, idle = waiting, idle + 1 if waiting == before else 0
    return False


def _tell(
    taken: Sequence[tuple[Row, dict[str, Any]]], failed: Sequence[Failed], as_json: bool, *, sent: bool
) -> None:
    if as_json:
        results = [{"place": row.place, **result} for row, result in taken]
        wrong = [{"place": one.place, "detail": one.detail} for one in failed]
        print_json({"results": results, "failed": wrong})
    else:
        click.echo(summary([result for _, result in taken]))
        for one in failed:
            note(f"{one.place}: {one.detail}")
    if not sent:
        note("some deliveries still wait; they are sent when `im serve` or `im worker` runs")
    if failed:
        total = len(taken) + len(failed)
        raise CliError(f"{len(failed)} of {total} failed; mend and post them again")


def summary(results: Sequence[dict[str, Any]]) -> str:
    """What became of the events, in a sentence."""
    known = sum(bool(result["duplicate"]) for result in results)
    caused = sum(len(result["deliveries"]) for result in results if not result["duplicate"])
    before = f" ({known} known already)" if known else ""
    return f"{_counted(len(results), 'event')} accepted{before}, {_counted(caused, 'delivery', 'deliveries')}"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """A bar on a terminal, where the work takes more than one request."""
    from api.cli.lines import MAX_EVENTS  # noqa: PLC0415

    if total <= MAX_EVENTS or not sys.stderr.isatty():
        yield lambda count: None  # noqa: ARG005
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import MofNCompleteColumn, Progress  # noqa: PLC0415

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("posting", total=total)
        yield lambda count: bar.advance(task, count)
