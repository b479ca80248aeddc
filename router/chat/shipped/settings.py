"""What admins configure of the shipped commands: typed, checked with a mend, secrets sealed and masked."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from adapters.config import mask
from router import audit
from router.problems import Invalid, NotFound
from router.store import Store, statement
from router.vault import Vault, VaultError

SECRET: Final = "token"  # noqa: S105  its name
"""The one secret that any of them has."""
_MAX_TEXT: Final = 2_000


class GithubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where workflows are started; see docs/commands.md."""

    repository: str
    """`owner/name`, for every service without one of its own."""
    token: str
    repositories: dict[str, str] = {}
    """By service."""
    events: tuple[str, ...] = ("deploy",)
    """What people may start: `deploy` is sent as the event type `chatops-deploy`."""
    api_base: str = "https://api.github.com"

    def __post_init__(self) -> None:
        for name in (self.repository, *self.repositories.values()):
            owner, slash, repo = name.partition("/")
            if not (slash and _plain(owner) and _plain(repo)):
                raise Invalid.at("repository", f"`{name[:80]}` is not owner/name")
        for event in self.events:
            if not _plain(event) or len(event) > 80:
                raise Invalid.at("events", f"`{event[:80]}` is no event; use letters, digits, `-` and `_`")
        _require_address("api_base", self.api_base)


class MetricSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which Prometheus is asked, and what; see docs/commands.md."""

    prometheus: str
    """Its base address, with the path in front of `/api/v1` where there is one."""
    token: str = ""
    queries: dict[str, str] = {}
    """PromQL by the names that people say."""
    free: bool = False
    """Whether people may ask in PromQL of their own."""

    def __post_init__(self) -> None:
        _require_address("prometheus", self.prometheus)
        for name, query in self.queries.items():
            if not name.strip() or not query.strip() or max(len(name), len(query)) > _MAX_TEXT:
                raise Invalid.at("queries", f"name and query need 1 to {_MAX_TEXT} characters each")


class Kind(msgspec.Struct, frozen=True):
    """A shipped command's settings: their type, and the address that its secret is sent to."""

    type: type[Any]
    base: str


KINDS: Final[Mapping[str, Kind]] = {
    "github": Kind(GithubSettings, "api_base"),
    "metric": Kind(MetricSettings, "prometheus"),
}
"""By the name that `im commands set` takes."""

T = TypeVar("T", GithubSettings, MetricSettings)


class CommandSettings:
    """The statements of sql/commands.sql around settings; every change is checked and audited."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def of(self, name: str, kind: type[T]) -> T | None:
        """What a command is configured with; None where it is not. Invalid when that is of no use."""
        row = await self._store.row("commands.settings_of", {"name": name})
        if row is None:
            return None
        try:
            return checked(name, {**row["config"], **self._vault.open(row["sealed"])}, kind)
        except VaultError:
            mend = f"give its token again with `im commands set {name}`"
            raise Invalid(f"the token of `{name}` cannot be opened with this key; {mend}") from None

    async def listed(self) -> dict[str, dict[str, Any]]:
        """What is configured, by name, secrets masked."""
        rows = await self._store.rows("commands.settings")
        return {row["name"]: self._shown(row) for row in rows if row["name"] in KINDS}

    async def put(self, name: str, given: Mapping[str, Any], *, actor: str) -> dict[str, Any]:
        """Configure a command; the token stays where it is not given again. Invalid names the field.

        As `listed` shows it.
        """
        kind = kind_of(name)
        async with self._store.transaction() as connection:
            cursor = await connection.execute(statement("commands.lock_settings"), {"name": name})
            raw = self._with_token(kind, given, await cursor.fetchone())
            config = msgspec.to_builtins(checked(name, raw, kind.type))
            secrets = {SECRET: config.pop(SECRET)}
            values = {
                "name": name,
                "config": msgspec.json.encode(config).decode(),
                "sealed": self._vault.seal(secrets),
                "actor": actor,
            }
            await connection.execute(statement("commands.put"), values)
            await audit.record(connection, actor, "command.set", name, data={"keys": sorted(raw)})
        return (await self.listed())[name]

    async def remove(self, name: str, *, actor: str) -> None:
        """Switch a command off by forgetting its settings. NotFound where there are none."""
        kind_of(name)
        async with self._store.transaction() as connection:
            cursor = await connection.execute(statement("commands.remove"), {"name": name})
            if not cursor.rowcount:
                raise NotFound(f"`{name}` is not configured; `im commands list` shows what is")
            await audit.record(connection, actor, "command.unset", name)

    def _with_token(
        self, kind: Kind, given: Mapping[str, Any], row: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """What is given with the token that is there; it is not sent to another address unasked."""
        raw = dict(given)
        known = self._token(row) if row else ""
        if SECRET in raw or row is None or not known:
            return raw
        fields = {field.name: field.default for field in msgspec.structs.fields(kind.type)}
        if raw.get(kind.base, fields[kind.base]) != row["config"].get(kind.base):
            detail = (
                f"give it again: `{kind.base}` changes, and a secret is not sent to a new address unasked"
            )
            raise Invalid.at(SECRET, detail)
        return raw | {SECRET: known}

    def _token(self, row: Mapping[str, Any]) -> str:
        """The token; none where it cannot be opened, so that it can be given again."""
        try:
            return str(self._vault.open(row["sealed"]).get(SECRET, ""))
        except VaultError:
            return ""

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        about = {"changed_at": row["changed_at"], "changed_by": row["changed_by"]}
        return {"config": row["config"] | {SECRET: mask(self._token(row))}, **about}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A command as interfaces list it."""

    name: str
    usage: str
    help: str
    role: str
    group: str
    configured: bool | None = None
    """None for a command that needs no settings."""
    config: dict[str, Any] | None = None
    changed_at: datetime | None = None
    changed_by: str | None = None


def kind_of(name: str) -> Kind:
    """What the settings of a command look like; NotFound names those that have some."""
    if name not in KINDS:
        raise NotFound(f"`{name[:60]}` has no settings; there are those of {', '.join(KINDS)}")
    return KINDS[name]


def checked(name: str, raw: Mapping[str, Any], kind: type[T]) -> T:
    """The settings as their type. Invalid names the field and the mend."""
    for key in raw:
        if key not in kind.__struct_fields__:
            near = difflib.get_close_matches(key, kind.__struct_fields__, n=1)
            known = f"known are {', '.join(kind.__struct_fields__)}"
            raise Invalid.at(
                key[:60], f"unknown for `{name}`; {f'did you mean `{near[0]}`?' if near else known}"
            )
    _require_token(raw.get(SECRET, ""))
    try:
        return msgspec.convert(dict(raw), type=kind)
    except msgspec.ValidationError as error:
        detail, _, place = str(error).partition(" - at `$.")
        raise Invalid.at(place.rstrip("`"), detail) from None


def _require_token(token: object) -> None:
    if not isinstance(token, str) or not token.isascii() or any(c.isspace() or c < "!" for c in token):
        raise Invalid.at(SECRET, "holds characters that no token has; paste it whole, not the masked one")


def _require_address(field: str, url: str) -> None:
    """https, or http on loopback; nothing that would end up in a log or before the path that is added."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid.at(field, "is not an address; give one like https://example.com") from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise Invalid.at(field, "is not an address; give one like https://example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Invalid.at(field, "must hold no user name, password, `?` or `#`")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Invalid.at(field, "must be https (http is only for loopback)")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _plain(text: str) -> bool:
    """Whether a text may be a part of a path as it is."""
    return (
        bool(text)
        and text.strip(".") != ""
        and all(c.isascii() and (c.isalnum() or c in "-_.") for c in text)
    )
