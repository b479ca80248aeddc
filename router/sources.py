"""Sources: how each one's events are read, and where what people do to its incidents is sent back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET, UnsetType

from adapters.callbacks import CALLBACKS
from adapters.config import ConfigError, changed_bases, masked, split_secrets, validate
from adapters.contract import Platform
from router import audit, senders
from router.problems import Invalid
from router.providers import revive
from router.source_providers import SOURCE_PREFIX, callback_of
from router.store import Store, statement
from router.store.database import Connection
from router.targets import Provider
from router.vault import Vault, VaultError

_FIELDS: Final = ("callback_url", "secret")


class SourceIn(senders.Source, frozen=True, kw_only=True):
    """What an admin says of a source. What is not said of its callback stays; null removes the callback."""

    callback: str | UnsetType | None = UNSET
    """The kind: `webhook` or `pagerduty`."""
    callback_url: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET


class Sources:
    """What admins do with sources; a change of a callback is checked, sealed and audited."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def listed(self) -> list[dict[str, Any]]:
        """All sources that have settings, by name, secrets masked."""
        return [self._shown(row) for row in await self._store.rows("sources.list")]

    async def put(self, given: SourceIn, *, actor: str) -> dict[str, Any]:
        """Add a source or change how it is read; Invalid names the field. As `listed` shows it."""
        read_so = {field: getattr(given, field) for field in senders.Source.__struct_fields__}
        async with self._store.transaction() as connection:
            await senders.put_source(connection, senders.Source(**read_so))
            row = await _locked(connection, given.name)
            if given.callback is None:
                await self._remove_callback(connection, row, actor)
            elif (given.callback, given.callback_url, given.secret) != (UNSET, UNSET, UNSET):
                await self._put_callback(connection, row, given, actor)
            return self._shown(read_so | await _locked(connection, given.name))

    async def _put_callback(
        self, connection: Connection, row: Mapping[str, Any], given: SourceIn, actor: str
    ) -> None:
        """Set the callback. What failed within the last hour for want of the right one is tried again."""
        platform = _platform(given.callback or row["callback"] or "webhook")
        config = self._checked(platform, row, given)
        clear, secrets = split_secrets(config.config)
        values = {
            "name": given.name,
            "callback": platform.name,
            "callback_url": clear["callback_url"],
            "sealed": self._vault.seal(secrets),
        }
        await connection.execute(statement("callbacks.put"), values)
        revived = await revive(connection, config.name)
        about = {"callback": platform.name, "tried_again": revived}
        await audit.record(connection, actor, "source.callback", given.name, data=about)

    async def _remove_callback(self, connection: Connection, row: Mapping[str, Any], actor: str) -> None:
        if row["callback"] is None:
            return
        nothing = {"name": row["name"], "callback": None, "callback_url": None, "sealed": None}
        await connection.execute(statement("callbacks.put"), nothing)
        await connection.execute(statement("providers.abandon"), {"name": SOURCE_PREFIX + row["name"]})
        await audit.record(connection, actor, "source.callback", row["name"], outcome="removed")

    def _checked(self, platform: Platform, row: Mapping[str, Any], given: SourceIn) -> Provider:
        """The callback with what was said now; Invalid when something is missing or makes no sense."""
        old = self._known(row) if row["callback"] == platform.name else {}
        new = {name: value for name in _FIELDS if isinstance(value := getattr(given, name), str)}
        raw = {name: value for name, value in (old | new).items() if value}
        for name in platform.config.REQUIRED:
            if name not in raw:
                raise Invalid.at(name, f"missing; a callback to {platform.title} needs it")
        if changed_bases(platform.config, old, new) and old and not new.get("secret"):
            raise Invalid.at(
                "secret",
                "give it again: `callback_url` changes, and a secret is not used for a new address unasked",
            )
        try:
            config = validate(platform.config, platform.name, raw)
        except ConfigError as error:
            raise Invalid.at(error.field, error.detail) from None
        return Provider(
            name=SOURCE_PREFIX + given.name, platform=platform.name, active=True, config=config, version=0
        )

    def _known(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What is set now; without the secret where it cannot be opened, so that it can be given again."""
        try:
            secrets = self._vault.open(row["sealed"])
        except VaultError:
            secrets = {}
        return {"callback_url": row["callback_url"], **secrets}

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {field: row[field] for field in senders.Source.__struct_fields__}
        if row["callback"] is None:
            return shown
        shown |= {"callback": row["callback"], "callback_url": row["callback_url"]}
        try:
            config = callback_of({"version": 0, **row}, self._vault).config
        except (ConfigError, VaultError) as error:
            return shown | {"secret": "", "problem": str(error)}
        return shown | {"secret": masked(config)["secret"]}


async def _locked(connection: Connection, name: str) -> dict[str, Any]:
    cursor = await connection.execute(statement("callbacks.one"), {"name": name})
    row = await cursor.fetchone()
    assert row is not None
    return row


def _platform(kind: str | UnsetType) -> Platform:
    if not isinstance(kind, str) or kind not in CALLBACKS:
        raise Invalid.at("callback", f"must be one of {', '.join(CALLBACKS)}")
    return CALLBACKS[kind]
