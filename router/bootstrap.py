"""The wiring of a process: its parts, built in one place from the settings."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from redis.asyncio import Redis

from adapters.http import Http
from router.access import Access
from router.adapting import Adapters
from router.providers import Directory, Providers
from router.settings import Settings
from router.store import Store
from router.vault import Vault
from router.wake import Waker


class Parts(msgspec.Struct, frozen=True):
    """What every role is made of."""

    settings: Settings
    store: Store
    redis: Redis
    http: Http
    vault: Vault
    directory: Directory
    providers: Providers
    adapters: Adapters
    access: Access
    waker: Waker


def vault_of(settings: Settings) -> Vault:
    """The vault with the keys that the settings name."""
    return Vault(given=settings.secret_key, file=settings.data_dir / "secret-key")


@asynccontextmanager
async def parts(settings: Settings, *, connections: int = 4, hot: bool = False) -> AsyncIterator[Parts]:
    """The parts of a process whose settings name a database and a Redis; closed at the end."""
    vault = vault_of(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(settings.database_url, size=connections, hot=hot))
        redis = Redis.from_url(settings.redis_url, socket_connect_timeout=5)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(Http())
        yield Parts(
            settings,
            store,
            redis,
            http,
            vault,
            Directory(vault),
            Providers(store, vault),
            Adapters(store, http),
            Access(store),
            Waker(redis, settings.redis_url),
        )


def owner() -> str:
    """A name for this process in leases and attempts, not used again by another."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"
