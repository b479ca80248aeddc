"""What commands print: JSON, aligned tables, ticked lines; plain without a terminal, rich on one."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

GAP = "  "
_COLOURS = {True: "green", False: "red"}


def json_option(command: F) -> F:
    """The option `--json` that every command has which prints data."""
    option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout, and nothing else there.")
    return option(command)


def print_json(value: Any) -> None:
    """A value as indented JSON."""
    import msgspec  # noqa: PLC0415

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> None:
    """Rows under titles; where there are none, `empty` goes to stderr."""
    texts = [[cell(value) for value in row] for row in rows]
    if not texts and empty:
        note(empty)
    elif sys.stdout.isatty():
        from api.cli.rich_table import print_rich  # noqa: PLC0415

        print_rich(titles, texts)
    else:
        for line in aligned([list(titles), *texts]):
            click.echo(line)


def print_fields(rows: Sequence[tuple[str, object]]) -> None:
    """Names and values, one a line; those without a value are left out."""
    texts = [(name, visible(_text(value))) for name, value in rows]
    for line in aligned([[f"{name}:", text] for name, text in texts if text]):
        click.echo(line)


def tick(ok: bool | None, text: str, mend: str = "") -> None:
    """A line that begins with ✓, with ✗, or with ○ for what is off (None); the last two end with the mend."""
    mark = {True: "✓", False: "✗", None: "○"}[ok]
    shown = visible(f"{text}: {mend}" if mend and not ok else text)
    click.echo(f"{_styled(mark, _COLOURS[ok]) if ok is not None else mark} {' '.join(shown.split())}")


def note(text: str) -> None:
    """A remark for a person, on stderr, so that stdout holds data only."""
    click.echo(visible(text), err=True)


def when(value: object) -> str:
    """A timestamp of the API as `2026-01-05 10:00:00` (UTC)."""
    return str(value)[:19].replace("T", " ") if value else ""


def visible(text: str) -> str:
    """The text with control characters, which could drive the terminal, made visible as `�`."""
    return "".join("�" if _controls(character) else character for character in text)


def cell(value: object) -> str:
    """A value as one line of a table."""
    return visible(" ".join(_text(value).split()))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, every column as wide as its widest cell."""
    if not rows:
        return []
    widths = [max(_width(text) for text in column) for column in zip(*rows, strict=True)]
    return [
        GAP.join(text + " " * (wide - _width(text)) for text, wide in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items() if item is not None)
    return str(value)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _controls(character: str) -> bool:
    # Cc moves the cursor or worse, Cs cannot be written; of Cf those that turn the direction of writing.
    kind = unicodedata.category(character)
    return (kind in ("Cc", "Cs") and character not in "\n\t") or (
        kind == "Cf" and unicodedata.bidirectional(character) != "BN"
    )


def _styled(text: str, colour: str) -> str:
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        return click.style(text, fg=colour)
    return text
