"""SQL by name: `statement("outbox.claim")` is the one named `claim` in sql/outbox.sql."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, LiteralString, cast

_FOLDER: Final = Path(__file__).parent / "sql"
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statement(name: str) -> LiteralString:
    """The text of a named statement; KeyError when there is none."""
    file, _, wanted = name.partition(".")
    return _read(file)[wanted]


@cache
def _read(file: str) -> dict[str, LiteralString]:
    parts = _NAME.split((_FOLDER / f"{file}.sql").read_text())
    return {
        key: cast("LiteralString", text.strip()) for key, text in zip(parts[1::2], parts[2::2], strict=True)
    }
