"""Connections: a pool that heals, and the translation of the database's failures into problems."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import msgspec
import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from router.problems import Unavailable
from router.store.statements import statement

Connection = psycopg.AsyncConnection[DictRow]
Parameters = Mapping[str, Any] | Sequence[Any]

CHECK_SECONDS: Final = 1.0
FULL: Final = "the database's disk is full, nothing was stored; free some space there and send it again"
AWAY: Final = "the database does not answer; nothing was confirmed, send it again with the same id"


set_json_loads(msgspec.json.decode)


_checked: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()


class StoreError(Exception):
    """The store cannot be used; one sentence with the mend."""


def connect_options() -> dict[str, Any]:
    """How every connection is opened."""
    return {
        "row_factory": dict_row,
        "autocommit": True,
        "connect_timeout": 5,
        "options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000",
    }


def as_unavailable(error: psycopg.Error | PoolTimeout) -> Unavailable:
    """The problem to report for a failure that is the database's, not the request's."""
    if isinstance(error, psycopg.errors.DiskFull | psycopg.errors.OutOfMemory):
        return Unavailable(FULL)
    return Unavailable(AWAY)


async def _check_now_and_then(connection: Connection) -> None:
    """Check a connection that was not checked within the last second: a check costs a round trip."""
    if time.monotonic() - _checked.get(connection, 0.0) > CHECK_SECONDS:
        await AsyncConnectionPool.check_connection(connection)
        _checked[connection] = time.monotonic()


class Store:
    """The database of one process."""

    def __init__(self, database_url: str, *, size: int = 4) -> None:
        self.database_url = database_url
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=size,
            timeout=5,
            kwargs=connect_options(),
            check=_check_now_and_then,
            open=False,
            reconnect_timeout=3600,
        )

    async def open(self) -> None:
        """Start the pool without waiting for the database."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close(timeout=5)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection from the pool, in autocommit; Unavailable when the database is away."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise as_unavailable(error) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def rows(self, name: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """All rows of a named statement."""
        async with self.connection() as connection:
            cursor = await connection.execute(statement(name), parameters)
            return await cursor.fetchall()

    async def row(self, name: str, parameters: Parameters = ()) -> dict[str, Any] | None:
        """The first row of a named statement, or None."""
        async with self.connection() as connection:
            cursor = await connection.execute(statement(name), parameters)
            return await cursor.fetchone()

    async def run(self, name: str, parameters: Parameters = ()) -> int:
        """Run a named statement; the number of rows it changed."""
        async with self.connection() as connection:
            return (await connection.execute(statement(name), parameters)).rowcount
