"""The API's application in this process, over the embedded servers or those that the environment names."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import httpx
import msgspec
import redis
from redis.exceptions import RedisError
from rq import Worker

from api.cli.errors import CliError
from api.cli.output import note
from api.http.app import create_app
from api.http.context import context
from router import log
from router.access import Principal
from router.installation import prepare
from router.servers import ServersError, borrowed, running
from router.servers.layout import layout_of
from router.servers.locks import owner_of
from router.settings import Settings
from router.store import StoreError
from router.vault import VaultError
from rules.load import RuleFilesError

CALLER: Final = Principal("command line", "api", frozenset({"admin"}))
"""Whoever may read the data folder; the same source as the admin token's, so that event ids agree."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what keeps the application from running into one sentence."""
    try:
        yield
    except RuleFilesError as error:
        first, more = error.problems[0], len(error.problems) - 1
        others = f" (and {more} more)" if more else ""
        raise CliError(f"the rules cannot be used: {first}{others}; `im rules validate` lists them") from None
    except (ServersError, StoreError, VaultError) as error:
        raise CliError(str(error)) from None


@contextmanager
def endpoints(settings: Settings) -> Iterator[tuple[Settings, bool]]:
    """The settings with a database and a Redis in them, and whether no worker is there to send.

    Embedded servers that do not run are started for the duration of the block.
    """
    log.configure(debug=settings.debug)
    if settings.database_url and settings.redis_url:
        yield settings, not _has_workers(settings.redis_url)
        return
    if running(settings.data_dir) is None and sys.stderr.isatty():
        note(f"nothing serves from {settings.data_dir}; starting its database for this command")
    need_database, need_redis = not settings.database_url, not settings.redis_url
    with borrowed(settings.data_dir, postgres=need_database, valkey=need_redis) as found:
        effective = msgspec.structs.replace(
            settings,
            database_url=settings.database_url or found.database_url,
            redis_url=settings.redis_url or found.redis_url,
        )
        yield effective, not served(settings)


def served(settings: Settings) -> bool:
    """Whether an `im serve` runs on the data folder."""
    owner = owner_of(layout_of(settings.data_dir).owner_lock)
    return owner is not None and owner.purpose == "serve"


async def prepared(settings: Settings, effective: Settings) -> None:
    """Migrate and make what a first start needs, where no `im serve` has."""
    if not served(settings):
        await prepare(effective)


@asynccontextmanager
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, recognised by a token that only this process knows."""
    async with context(settings, serving=False) as built:
        token = secrets.token_urlsafe(32)
        built.parts.access.trust(token, CALLER)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(cast("Any", create_app(built))),
            base_url="http://localhost",
            headers={"authorization": f"Bearer {token}"},
            timeout=None,  # noqa: S113  it calls functions, not a network
        ) as opened:
            yield opened


def _has_workers(redis_url: str) -> bool:
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=5) as connection:
            return bool(Worker.count(connection=connection))
    except (RedisError, OSError):
        return False
