"""The settings of this process, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import msgspec

ROOT: Final = Path(__file__).resolve().parent.parent
NLU_OFF: Final = "off"
_MOST_DAYS: Final = 36_500


class SettingsError(ValueError):
    """A variable of the environment cannot be used; the text names it and the mend."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says, with defaults for a laptop."""

    database_url: str = ""
    """Empty: PostgreSQL is embedded."""
    redis_url: str = ""
    """Empty: Valkey is embedded."""
    secret_key: str = ""
    data_dir: Path = ROOT / "var"
    rules_dir: Path = ROOT / "rules" / "default"
    catalogue: Path = ROOT / "data" / "catalogue.yaml"
    access_dir: Path = ROOT / "data" / "access"
    """Who may what: model.conf and policy.csv."""
    commands_dir: Path | None = None
    """A folder of custom commands."""
    bind: str = "127.0.0.1"
    port: int = 8000
    nlu_url: str = ""
    """Where the language service is; empty: `im serve` runs one; `off`: there shall be none."""
    nlu_bind: str = ""
    """Where `im nlu serve` listens; empty: 127.0.0.1:5005, or any free port where that is taken."""
    nlu_env: Path = ROOT / ".nlu"
    """The environment that the language service runs in, made there when it is missing."""
    utterance_days: int = 90
    """How long what was said to the bot is kept; 0: not at all."""
    public_url: str = ""
    timezone: str = "UTC"
    heartbeat_url: str = ""
    debug: bool = False
    url: str = ""
    """IM_URL: commands speak to that server instead of the local store."""
    token: str = ""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.bind in ("127.0.0.1", "::1", "localhost") and not self.public_url

    @property
    def address(self) -> str:
        """Where the API answers, for people."""
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return self.public_url or f"http://{host}:{self.port}"


_TEXTS: Final = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "IM_SECRET_KEY": "secret_key",
    "IM_BIND": "bind",
    "IM_NLU_URL": "nlu_url",
    "IM_NLU_BIND": "nlu_bind",
    "IM_PUBLIC_URL": "public_url",
    "IM_TIMEZONE": "timezone",
    "IM_HEARTBEAT_URL": "heartbeat_url",
    "IM_URL": "url",
    "IM_TOKEN": "token",
}
_PATHS: Final = {
    "IM_DATA_DIR": "data_dir",
    "IM_RULES_DIR": "rules_dir",
    "IM_CATALOGUE": "catalogue",
    "IM_ACCESS_DIR": "access_dir",
    "IM_COMMANDS_DIR": "commands_dir",
    "IM_NLU_ENV": "nlu_env",
}


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings; SettingsError names a variable that cannot be used."""
    given: dict[str, Any] = {field: environ[name] for name, field in _TEXTS.items() if environ.get(name)}
    given |= {
        field: Path(environ[name]).expanduser().absolute()
        for name, field in _PATHS.items()
        if environ.get(name)
    }
    given["port"] = _port(environ.get("PORT", ""))
    given["utterance_days"] = _days(environ.get("IM_UTTERANCE_DAYS", ""))
    given["debug"] = environ.get("CHATOPS_DEBUG", "").lower() in ("1", "true", "yes", "on")
    _check_zone(given.get("timezone", "UTC"))
    _check_url("IM_PUBLIC_URL", given.get("public_url", ""))
    _check_url("IM_URL", given.get("url", ""))
    if given.get("nlu_url") != NLU_OFF:
        _check_url("IM_NLU_URL", given.get("nlu_url", ""))
    _check_bind("IM_NLU_BIND", given.get("nlu_bind", ""))
    return Settings(**given)


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make another process read the same settings."""
    shown = {name: str(getattr(settings, field) or "") for name, field in {**_TEXTS, **_PATHS}.items()}
    numbers = {"PORT": str(settings.port), "IM_UTTERANCE_DAYS": str(settings.utterance_days)}
    return {name: value for name, value in shown.items() if value} | numbers


def shown(settings: Settings) -> dict[str, str]:
    """The effective settings as `im config show` prints them: secrets masked, URLs without passwords."""
    rows = environment(settings) | {"CHATOPS_DEBUG": str(settings.debug).lower()}
    for name in ("IM_SECRET_KEY", "IM_TOKEN"):
        if name in rows:
            rows[name] = "…"
    return {name: without_password(value) for name, value in rows.items()}


def without_password(url: str) -> str:
    """An address with its password, if any, replaced by an ellipsis."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    netloc = parts.netloc.replace(f":{parts.password}@", ":…@")
    return urlunsplit(parts._replace(netloc=netloc))


def _port(text: str) -> int:
    if not text:
        return 8000
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise SettingsError(f"PORT: {text!r} is not a port; give a number from 1 to 65535")
    return int(text)


def _days(text: str) -> int:
    if not text:
        return 90
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > _MOST_DAYS:
        raise SettingsError(
            f"IM_UTTERANCE_DAYS: {text!r} is not a number of days; give one from 0 to {_MOST_DAYS}"
        )
    return int(text)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"IM_TIMEZONE: {name!r} is not a time zone; give one like Europe/Berlin"
        ) from None


def _check_bind(name: str, bind: str) -> None:
    host, _, port = bind.rpartition(":")
    if bind and not (host and port.isascii() and port.isdigit() and 0 <= int(port) < 65536):
        raise SettingsError(f"{name}: {bind!r} is not an address and a port; give one like 127.0.0.1:5005")


def _check_url(name: str, url: str) -> None:
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise SettingsError(f"{name}: is not an address; give one like https://im.example.com")
