"""Migrations: numbered SQL files, applied forward and in order, by one process at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg

from router.store.database import StoreError

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x696D_0001
"""The advisory lock that a migrating process holds; any constant will do."""


def migrate(database_url: str) -> tuple[str, ...]:
    """Apply what is missing, each file in a transaction of its own; returns the names applied.

    Safe to run from several processes at once: the others wait and then find nothing to do. A database
    that was migrated by a newer release is refused.
    """
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            return _apply(connection)
    except psycopg.OperationalError as error:
        raise StoreError(f"the database cannot be reached: {first_line(error)}") from None


def _apply(connection: psycopg.Connection) -> tuple[str, ...]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations "
        "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    done = {row[0] for row in connection.execute("SELECT name FROM migrations")}
    files = {file.stem: file for file in sorted(_FOLDER.glob("*.sql"))}
    unknown = done - files.keys()
    if unknown:
        raise StoreError(
            f"the database was migrated by a newer release ({', '.join(sorted(unknown))}); "
            "run that release or restore a backup"
        )
    missing = tuple(name for name in files if name not in done)
    for name in missing:
        with connection.transaction():
            connection.execute(files[name].read_text().encode())
            connection.execute("INSERT INTO migrations (name) VALUES (%s)", (name,))
    return missing


def first_line(error: BaseException) -> str:
    """An error's first line, for one-sentence messages."""
    return str(error).strip().partition("\n")[0]
