"""Platforms that list commands themselves are told them: when a provider was added or changed, or we were."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec
import structlog

from adapters.contract import DeliveryError
from adapters.inbound import Registers
from router.chat.asked import World
from router.targets import Provider

LEASE_SECONDS: Final = 60.0
_LONGEST_WAIT: Final = 3600.0
_log = structlog.get_logger()


async def register(world: World) -> None:
    """Tell every platform that wants to know and does not yet; one that is away is told later."""
    wanting = {
        provider.name: provider
        for provider in (await world.parts.directory.fresh(world.parts.store)).values()
        if provider.active and isinstance(world.parts.adapters.connected(provider).adapter, Registers)
    }
    if not wanting:
        return
    known = {row["provider"]: row for row in await world.parts.store.rows("chat.registered")}
    for name, provider in wanting.items():
        digest = _digest(world, provider)
        row = known.get(name)
        if row is None or row["digest"] != digest or not row["done"]:
            await _register(world, provider, digest)


def _digest(world: World, provider: Provider) -> str:
    told = msgspec.json.encode(
        (provider.version, provider.config.enable_slash_commands, world.commands.specs())
    )
    return blake2b(told, digest_size=16).hexdigest()


async def _register(world: World, provider: Provider, digest: str) -> None:
    about = {"provider": provider.name, "digest": digest}
    row = await world.parts.store.row("chat.register", {**about, "lease": LEASE_SECONDS})
    if row is None:
        return  # somebody else is at it, or it is not time yet
    adapter = world.parts.adapters.connected(provider).adapter
    assert isinstance(adapter, Registers)
    specs = world.commands.specs() if provider.config.enable_slash_commands else ()
    try:
        await adapter.register_commands(specs)
    except DeliveryError as error:
        wait = error.retry_after or min(_LONGEST_WAIT, 5.0 * 2 ** row["attempts"])
        _log.warning("commands_not_registered", provider=provider.name, detail=error.detail)
        await world.parts.store.run(
            "chat.registration_failed", {**about, "detail": error.detail, "wait": wait}
        )
    else:
        _log.info("commands_registered", provider=provider.name, commands=len(specs))
        await world.parts.store.run("chat.registration_done", about)
