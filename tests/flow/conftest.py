"""Servers for the flow tests: embedded ones, or those that DATABASE_URL and REDIS_URL name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psycopg
import pytest
import redis
from psycopg import sql

from router.installation import prepare
from router.servers import Servers
from router.settings import Settings
from tests.flow.stage import Im, Loop


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """0 without xdist, else which of its workers this is."""
    given = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(given.removeprefix("gw"))


@pytest.fixture(scope="session")
def endpoints(worker_number: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(database URL, Redis URL), both this test process's own."""
    database, queue = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if database and queue:
        with _own_database(database, worker_number) as own, _own_redis(queue, worker_number) as own_queue:
            yield own, own_queue
        return
    with Servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers.database_url, servers.redis_url


@contextmanager
def _own_database(url: str, number: int) -> Iterator[str]:
    name = f"im_flow_{os.getpid()}_{number}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _own_redis(url: str, number: int) -> Iterator[str]:
    own = urlunsplit(urlsplit(url)._replace(path=f"/{number + 1}"))
    with redis.Redis.from_url(own) as connection:
        connection.flushdb()
        yield own
        connection.flushdb()


@pytest.fixture(scope="session")
def settings(endpoints: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a prepared installation."""
    database, queue = endpoints
    chosen = Settings(database_url=database, redis_url=queue, data_dir=tmp_path_factory.mktemp("data"))
    asyncio.run(prepare(chosen))
    return chosen


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def running(settings: Settings, loop_thread: Loop) -> Iterator[Im]:
    """One API with the default rules for the whole session."""
    im = Im(loop_thread, settings)
    yield im
    im.close()


@pytest.fixture
def im(running: Im) -> Im:
    """The running API over an empty store."""
    running.wipe()
    return running


@pytest.fixture
def im_with(running: Im, loop_thread: Loop, tmp_path: Path) -> Iterator[Callable[..., Im]]:
    """Makes an API with other settings over the same, emptied, store."""
    running.wipe()
    made: list[Im] = []

    def make(**changes: object) -> Im:
        made.append(Im(loop_thread, msgspec.structs.replace(running.settings, **changes)))
        return made[-1]

    yield make
    for each in made:
        each.close()
