"""What an admin configures of a provider: typed, validated with a likely mend, secrets apart and masked."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from adapters import templates
from adapters.contract import Limits, Window

SEVERITY_KEYS: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4", "default")
ESCALATION_KEYS: Final = ("sla_breach", "management")

Secret = str | list[str]
"""A secret, or `[new, old]` while it is rotated: outbound uses the first, inbound accepts both."""


class ConfigError(Exception):
    """A provider's configuration is not usable: `field` names where, the text says what and the mend."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.field = field
        self.detail = detail


class FallbackTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an urgent delivery goes that did not arrive."""

    provider: str
    channel: str


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Overrides the platform's windows: messages per second, in a channel and over the provider."""

    channel_per_second: float | None = None
    provider_per_second: float | None = None


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings that every platform has."""

    SECRETS: ClassVar[tuple[str, ...]] = ()
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Addresses that can be changed, and the secrets that must come again when they are."""

    default_channel: str = ""
    enable_slash_commands: bool = True
    enable_notifications: bool = True
    notification_channels: dict[str, str] = {}
    escalation_channels: dict[str, str] = {}
    service_channels: dict[str, str] = {}
    team_channels: list[str] = []
    archive_channel: str = ""
    fallback: list[FallbackTarget] = []
    rate_limit: RateLimit = RateLimit()
    templates: dict[str, str | dict[str, str]] = {}

    def __repr__(self) -> str:
        """With its secrets masked: a configuration may end up in a traceback or a log."""
        return f"{type(self).__name__}({masked(self)})"


def current(secret: Secret) -> str:
    """The secret to use outbound: the new one of a pair that is rotated."""
    if isinstance(secret, str):
        return secret
    return secret[0] if secret else ""


def accepted(secret: Secret) -> tuple[str, ...]:
    """All secrets accepted inbound, without empty ones."""
    values = [secret] if isinstance(secret, str) else secret
    return tuple(value for value in values if value)


def mask(secret: Secret) -> str:
    """A secret as it may be shown: `xoxb-…1234`; nothing of a short one."""
    value = current(secret)
    if not value:
        return ""
    if len(value) < 16:
        return "…"
    prefix = value.partition("-")[0] + "-" if "-" in value[:6] else ""
    return f"{prefix}…{value[-4:]}"


def masked(config: ProviderConfig) -> dict[str, Any]:
    """A configuration as it may be shown, secrets masked."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    for name in config.SECRETS:
        shown[name] = mask(getattr(config, name))
    return shown


def split_secrets(config: ProviderConfig) -> tuple[dict[str, Any], dict[str, Secret]]:
    """The configuration in two parts: what may be stored in the clear, and what must be sealed."""
    clear: dict[str, Any] = msgspec.to_builtins(config)
    sealed = {name: clear.pop(name) for name in config.SECRETS if clear.get(name)}
    return clear, sealed


def limits_for(config: ProviderConfig, platform: Limits) -> Limits:
    """The platform's limits with the configuration's overrides."""
    override = config.rate_limit
    channel, provider = platform.channel, platform.provider
    if override.channel_per_second:
        channel = (_per_second(override.channel_per_second),)
    if override.provider_per_second:
        provider = (_per_second(override.provider_per_second),)
    return Limits(channel=channel, provider=provider)


def _per_second(rate: float) -> Window:
    count = max(1, int(rate))
    return Window(count, count / rate)


def validate(kind: type[ProviderConfig], platform: str, raw: Mapping[str, Any]) -> ProviderConfig:
    """The typed configuration, or ConfigError with the field and the mend.

    Unknown keys are named with the nearest known one; missing ones with what they are for.
    """
    _refuse_unknown(kind, platform, raw)
    for name in kind.REQUIRED:
        if not raw.get(name):
            raise ConfigError(name, f"missing; a {platform} provider needs it")
    try:
        config = msgspec.convert(dict(raw), type=kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_path_of(error), _plain(error)) from None
    for name in kind.SECRETS:
        _check_secret(name, getattr(config, name))
    for name in kind.BASES:
        _check_base(name, getattr(config, name))
    _check_keys("notification_channels", config.notification_channels, SEVERITY_KEYS)
    _check_keys("escalation_channels", config.escalation_channels, ESCALATION_KEYS)
    _check_rates(config.rate_limit)
    _check_templates(config.templates, platform)
    return config


def channel_uses(config: ProviderConfig) -> dict[str, list[str]]:
    """The channels that a configuration names, each with its uses: `SEV-1`, `management`, `default`."""
    named = [("default", config.default_channel), ("archive", config.archive_channel)]
    named += [*config.notification_channels.items(), *config.escalation_channels.items()]
    named += [(f"service {service}", channel) for service, channel in config.service_channels.items()]
    named += [("team", channel) for channel in config.team_channels]
    found: dict[str, list[str]] = {}
    for use, channel in named:
        if channel:
            found.setdefault(channel, []).append(use)
    return found


def changed_bases(
    kind: type[ProviderConfig], old: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    """The addresses that an update changes, each with the secrets it must bring along."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(kind)}
    return {
        name: needs
        for name, needs in kind.BASES.items()
        if name in new and new[name] != old.get(name, defaults.get(name))
    }


def template_for(config: ProviderConfig, platform: str, name: str) -> str | None:
    """The configured template for an event (`incident_created`), or None for the default look."""
    chosen = config.templates.get(name)
    return chosen.get(platform) if isinstance(chosen, dict) else chosen


def _refuse_unknown(kind: type[ProviderConfig], platform: str, raw: Mapping[str, Any]) -> None:
    known = kind.__struct_fields__
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(str(key), f"unknown key for a {platform} provider; {hint}")


def _check_keys(field: str, given: Mapping[str, str], known: tuple[str, ...]) -> None:
    for key, channel in given.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"{field}.{key}", f"unknown; {hint}")
        if not channel:
            raise ConfigError(f"{field}.{key}", "the channel is empty")


def _check_secret(name: str, secret: Secret) -> None:
    values = [secret] if isinstance(secret, str) else secret
    if not isinstance(secret, str) and len(values) != 2:
        raise ConfigError(name, "a list must be exactly [new, old]")
    for value in values:
        if not value and not isinstance(secret, str):
            raise ConfigError(name, "holds an empty one; a list must be exactly [new, old]")
        if not value.isascii() or any(c.isspace() or not c.isprintable() for c in value):
            raise ConfigError(
                name, "holds white space or characters that no secret has; paste it whole, not the masked one"
            )


def _check_base(name: str, url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise ConfigError(name, "is not an address; give one like https://chat.example.com") from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not host or not url.isprintable() or " " in url:
        raise ConfigError(name, "is not an address; give one like https://chat.example.com")
    if parts.username or parts.password:
        raise ConfigError(name, "must not hold a user name or password")
    if parts.fragment or (parts.query and parts.scheme.startswith("http")):
        raise ConfigError(name, "must end with its path; leave out what follows `?` or `#`")
    if parts.scheme in ("http", "ws") and not _is_loopback(host):
        raise ConfigError(name, "must be https (http is only for loopback)")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_rates(rates: RateLimit) -> None:
    for name in rates.__struct_fields__:
        value = getattr(rates, name)
        if value is not None and not 0.001 <= value <= 1_000_000:
            raise ConfigError(f"rate_limit.{name}", "must be between 0.001 and 1000000 messages a second")


def _check_templates(given: Mapping[str, str | dict[str, str]], platform: str) -> None:
    for name, chosen in given.items():
        for key, text in chosen.items() if isinstance(chosen, dict) else [(platform, chosen)]:
            try:
                templates.parse(text)
            except templates.TemplateError as error:
                raise ConfigError(
                    f"templates.{name}.{key}" if isinstance(chosen, dict) else f"templates.{name}", str(error)
                ) from None


def _path_of(error: msgspec.ValidationError) -> str:
    text = str(error)
    return text.partition("`$.")[2].rstrip("`") if "`$." in text else ""


def _plain(error: msgspec.ValidationError) -> str:
    return str(error).partition(" - at `")[0]
