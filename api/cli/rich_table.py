"""Tables on a terminal, in colour; imported only there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES: Final = {
    "active": "green",
    "sent": "green",
    "healthy": "green",
    "resolved": "green",
    "inactive": "dim",
    "idle": "dim",
    "closed": "dim",
    "pending": "yellow",
    "retrying": "yellow",
    "degraded": "yellow",
    "acknowledged": "yellow",
    "failed": "red",
    "failing": "red",
    "expired": "red",
    "open": "red",
    "SEV-1": "bold red",
    "SEV-2": "yellow",
}


def print_rich(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The table; cells are text, never markup."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
    Console().print(table)
