"""Connections: a pool that heals, and the translation of the database's failures into problems."""

from __future__ import annotations

import asyncio
import contextlib
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

from router.problems import Invalid, Unavailable
from router.store.statements import statement

Connection = psycopg.AsyncConnection[DictRow]
Cursor = psycopg.AsyncCursor[DictRow]
Parameters = Mapping[str, Any] | Sequence[Any]

CHECK_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.01
FULL: Final = "the database's disk is full, nothing was stored; free some space there and send it again"
AWAY: Final = "the database does not answer; nothing was confirmed, send it again with the same id"


set_json_loads(msgspec.json.decode)


_checked: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()


class StoreError(Exception):
    """The store cannot be used; one sentence with the mend."""


_GUARDS: Final = "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000 -c jit=off"
_BY_INDEX: Final = (
    " -c plan_cache_mode=force_generic_plan"
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
)
"""The hot statements touch a handful of rows by index. On a young table the planner, which has no statistics
yet, reads the whole of it instead, and plans anew each time."""


def connect_options(*, hot: bool = False) -> dict[str, Any]:
    """How every connection is opened; `hot` is for those that run only the statements of the hot path."""
    return {
        "row_factory": dict_row,
        "autocommit": True,
        "connect_timeout": 5,
        "options": _GUARDS + _BY_INDEX if hot else _GUARDS,
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

    def __init__(self, database_url: str, *, size: int = 4, hot: bool = False) -> None:
        self.database_url = database_url
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=size,
            timeout=5,
            kwargs=connect_options(hot=hot),
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

    @property
    def connecting(self) -> bool:
        """Whether a connection is being made (or all are in use)."""
        now = self._pool.get_stats()
        return now["pool_available"] < now["pool_size"]

    async def settled(self, seconds: float) -> None:
        """Wait until no connection is being made, at most `seconds`; for a loop that then stands still."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.connecting:  # noqa: ASYNC110  the pool has no event for it
                    await asyncio.sleep(_LOOK_SECONDS)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection from the pool, in autocommit; Unavailable when the database is away.

        A value that PostgreSQL cannot keep (U+0000, a number too large) is Invalid.
        """
        try:
            async with self._pool.connection() as connection:
                yield connection
        except psycopg.DataError as error:
            raise Invalid.at("", "holds a character or number that the database cannot keep") from error
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
