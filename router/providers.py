"""Providers: the configured chat platforms, kept in the store with their secrets sealed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from adapters import registry
from adapters.config import (
    ConfigError,
    ProviderConfig,
    changed_bases,
    channel_uses,
    masked,
    split_secrets,
    validate,
)
from router import audit, ids
from router.problems import Conflict, Invalid, NotFound
from router.source_providers import SOURCE_PREFIX, callback_of
from router.store import Store, statement
from router.store.database import Connection
from router.targets import Provider
from router.vault import Vault, VaultError

FRESH_SECONDS: Final = 1.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_REVIVE_FROM: Final = timedelta(hours=2)
"""The hour that the statement asks for, and another one for clocks that differ."""


class Directory:
    """This process's view of the providers, refreshed whenever their version in the store has moved."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._version = -1
        self._refreshed = float("-inf")
        self.providers: dict[str, Provider] = {}
        """The chat providers: what rules, fallbacks and people can mean."""
        self.callbacks: dict[str, str] = {}
        """The kind of each source's callback, by the name that it has as a provider (`source:monitoring`)."""
        self.deliverable: dict[str, Provider] = {}
        """All that deliveries go to: the chat providers, and the callbacks of sources."""
        self.broken: dict[str, str] = {}
        """Providers and callbacks that cannot be used, and why."""

    async def follow(self, connection: Connection, version: Mapping[str, Any] | None) -> None:
        """Read the providers again if `version` (a row with `value`) is not the one that is known."""
        value = int(version["value"]) if version else 0
        if value == self._version:
            return
        cursor = await connection.execute(statement("providers.all"))
        callbacks = await connection.execute(statement("callbacks.sources"))
        self.read(await cursor.fetchall(), await callbacks.fetchall())
        self._version = value

    async def refresh(self, store: Store) -> None:
        """Follow the store now."""
        async with store.connection() as connection:
            cursor = await connection.execute(statement("ingest.provider_version"))
            await self.follow(connection, await cursor.fetchone())

    async def fresh(self, store: Store) -> Mapping[str, Provider]:
        """The chat providers, at most a second old."""
        if time.monotonic() > self._refreshed + FRESH_SECONDS:
            self._refreshed = time.monotonic()
            await self.refresh(store)
        return self.providers

    def read(self, rows: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]] = ()) -> None:
        """Take over the rows of the providers table, and those of the sources that have a callback."""
        self.broken = {}
        self.providers = self._usable({row["name"]: row for row in rows}, from_row)
        by_name = {SOURCE_PREFIX + row["name"]: row for row in sources}
        self.callbacks = {name: row["callback"] for name, row in by_name.items()}
        self.deliverable = self.providers | self._usable(by_name, callback_of)

    def _usable(
        self,
        rows: Mapping[str, Mapping[str, Any]],
        build: Callable[[Mapping[str, Any], Vault], Provider],
    ) -> dict[str, Provider]:
        usable = {}
        for name, row in rows.items():
            try:
                usable[name] = build(row, self._vault)
            except (ConfigError, VaultError) as error:
                self.broken[name] = str(error)
        return usable


def from_row(row: Mapping[str, Any], vault: Vault) -> Provider:
    """A provider from its row; ConfigError or VaultError when it cannot be used."""
    platform = registry.platform(row["platform"])
    config = validate(platform.config, platform.name, row["config"] | vault.open(row["sealed"]))
    return Provider(
        name=row["name"], platform=platform.name, active=row["active"], config=config, version=row["version"]
    )


class Providers:
    """What admins do with providers; every change is checked, sealed and audited."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def usable(self) -> list[Provider]:
        """The providers by name, without those whose configuration or secrets cannot be read."""
        directory = Directory(self._vault)
        directory.read(await self._store.rows("providers.all"))
        return list(directory.providers.values())

    async def listed(self) -> list[dict[str, Any]]:
        """All providers by name as interfaces show them; a broken one with what is wrong."""
        return [self._described(row) for row in await self._store.rows("providers.all")]

    async def get(self, name: str) -> Provider:
        """One provider; NotFound names those there are."""
        return self._from(await self._row(name))

    async def _row(self, name: str) -> dict[str, Any]:
        row = await self._store.row("providers.one", {"name": name})
        if row is None:
            names = [row["name"] for row in await self._store.rows("providers.all")]
            raise NotFound(f"there is no provider `{name}`; there are {', '.join(names) or 'none yet'}")
        return row

    async def add(self, name: str, platform_name: str, config: Mapping[str, Any], *, actor: str) -> Provider:
        """Add a provider; Invalid names the field, Conflict when the name is taken."""
        if not _NAME.fullmatch(name):
            raise Invalid.at("name", "use lower case letters, digits, `-`, `_` and `.` (at most 63)")
        checked, platform = _checked(platform_name, config)
        clear, secrets = split_secrets(checked)
        async with self._store.transaction() as connection:
            cursor = await connection.execute(
                statement("providers.add"),
                {
                    "name": name,
                    "platform": platform,
                    "config": msgspec.json.encode(clear).decode(),
                    "sealed": self._vault.seal(secrets),
                },
            )
            if await cursor.fetchone() is None:
                raise Conflict(f"there is a provider `{name}` already; change it with `im chatops update`")
            about = {"platform": platform, "keys": sorted(config)}
            await audit.record(connection, actor, "provider.add", name, data=about)
        return await self.get(name)

    async def update(
        self, name: str, config: Mapping[str, Any], *, active: bool | None, actor: str
    ) -> Provider:
        """Merge `config` into a provider's as RFC 7396 has it: maps key by key, null removes one.

        A changed address needs its secret again.

        What failed within the last hour for want of a valid token or a reachable channel is tried again.
        """
        row = await self._row(name)
        old = {**row["config"], **self._secrets_of(row)}
        self._require_secrets_with_bases(row["platform"], old, config)
        checked, _ = _checked(row["platform"], merged(old, config))
        clear, secrets = split_secrets(checked)
        async with self._store.transaction() as connection:
            cursor = await connection.execute(
                statement("providers.update"),
                {
                    "name": name,
                    "config": msgspec.json.encode(clear).decode(),
                    "sealed": self._vault.seal(secrets),
                    "active": active,
                    "version": row["version"],
                },
            )
            if await cursor.fetchone() is None:
                raise Conflict(f"`{name}` was changed by somebody else meanwhile; look at it and try again")
            revived = await revive(connection, name)
            about = {"keys": sorted(config), "active": active, "tried_again": revived}
            await audit.record(connection, actor, "provider.update", name, data=about)
        return await self.get(name)

    async def remove(self, name: str, *, actor: str) -> None:
        """Remove a provider; what still waited for it fails with the reason no_provider."""
        await self._row(name)
        async with self._store.transaction() as connection:
            await connection.execute(statement("providers.remove"), {"name": name})
            await connection.execute(statement("providers.abandon"), {"name": name})
            await audit.record(connection, actor, "provider.remove", name)

    async def reseal(self, *, actor: str) -> int:
        """Seal all secrets with a new key (or the first of IM_SECRET_KEY); the number of providers."""
        if not self._vault.from_environment:
            self._vault.add_key()
        async with self._store.transaction() as connection:
            cursor = await connection.execute(statement("providers.lock_all"))
            rows = await cursor.fetchall()
            await self._reseal(connection, "providers.reseal", rows)
            sources = await connection.execute(statement("callbacks.lock_all"))
            await self._reseal(connection, "callbacks.reseal", await sources.fetchall())
            settings = await connection.execute(statement("commands.lock_all"))
            await self._reseal(connection, "commands.reseal", await settings.fetchall())
            await audit.record(connection, actor, "secrets.rotate", "providers", data={"count": len(rows)})
        if not self._vault.from_environment:
            self._vault.drop_old_keys()
        return len(rows)

    async def _reseal(self, connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            sealed = self._vault.seal(self._vault.open(row["sealed"]))
            await connection.execute(statement(name), {"name": row["name"], "sealed": sealed})

    def _from(self, row: Mapping[str, Any]) -> Provider:
        try:
            return from_row(row, self._vault)
        except ConfigError as error:
            raise Invalid.at(error.field, f"{error.detail} (provider `{row['name']}`)") from None
        except VaultError as error:
            raise Invalid.at(str(row["name"]), str(error)) from None

    def _secrets_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The secrets; none where they cannot be opened, so that they can be given again."""
        try:
            return dict(self._vault.open(row["sealed"]))
        except VaultError:
            return {}

    def _described(self, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return describe(from_row(row, self._vault))
        except (ConfigError, VaultError) as error:
            return {
                "name": row["name"],
                "platform": row["platform"],
                "type": row["platform"],
                "status": "broken",
                "channels": 0,
                "config": row["config"],
                "problem": str(error),
            }

    @staticmethod
    def _require_secrets_with_bases(platform: str, old: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        kind = registry.platform(platform).config
        for base, needs in changed_bases(kind, old, config).items():
            for secret in needs:
                if not config.get(secret):
                    raise Invalid.at(
                        secret,
                        f"give it again: `{base}` changes, and a secret is not sent to a new address unasked",
                    )


def merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): one severity's channel can change without losing the others'."""
    result = dict(old)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            known = result.get(key)
            result[key] = merged(known if isinstance(known, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def describe(provider: Provider) -> dict[str, Any]:
    """A provider as interfaces show it: secrets masked."""
    return {
        "name": provider.name,
        "platform": provider.platform,
        "type": provider.platform,
        "status": "active" if provider.active else "inactive",
        "channels": len(channel_uses(provider.config)),
        "config": masked(provider.config),
    }


def _checked(platform_name: str, config: Mapping[str, Any]) -> tuple[ProviderConfig, str]:
    try:
        platform = registry.platform(platform_name)
        return validate(platform.config, platform.name, config), platform.name
    except ConfigError as error:
        raise Invalid.at(error.field, error.detail) from None


async def revive(connection: Connection, name: str) -> int:
    """Let what failed for want of a token, a permission or a channel be tried again; how many deliveries."""
    since = ids.first_at(datetime.now(UTC) - _REVIVE_FROM)
    cursor = await connection.execute(statement("providers.revive"), {"name": name, "since": since})
    return cursor.rowcount
