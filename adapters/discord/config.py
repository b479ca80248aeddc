"""What an admin configures of a Discord provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from adapters.config import ProviderConfig, Secret

_SNOWFLAKE: Final = re.compile(r"[0-9]{15,20}")
_PUBLIC_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")


def is_snowflake(text: str) -> bool:
    """Whether a text has the form of Discord's ids; nothing else may enter the path of a call."""
    return _SNOWFLAKE.fullmatch(text) is not None


class DiscordConfig(ProviderConfig, frozen=True, kw_only=True):
    """A bot in one Discord server. Ids are copied in Discord with Developer Mode switched on."""

    SECRETS: ClassVar[tuple[str, ...]] = ("bot_token",)
    REQUIRED: ClassVar[tuple[str, ...]] = (
        "bot_token",
        "application_id",
        "public_key",
        "guild_id",
        "default_channel",
    )
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "api_base": ("bot_token",),
        "gateway_url": ("bot_token",),
    }

    bot_token: Secret = ""
    application_id: str = ""
    public_key: str = ""
    """The application's Ed25519 key in 64 hexadecimal digits; no secret."""
    guild_id: str = ""
    """The server's id."""
    api_base: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg"

    def __post_init__(self) -> None:
        if self.public_key and not _PUBLIC_KEY.fullmatch(self.public_key):
            raise _wrong(
                "public_key", "must be the 64 hexadecimal digits of General Information → Public Key"
            )
        for name in ("application_id", "guild_id"):
            value = getattr(self, name)
            if value and not is_snowflake(value):
                raise _wrong(name, "must be Discord's numeric id; copy it with Developer Mode switched on")


def _wrong(field: str, detail: str) -> ValueError:
    # The form in which msgspec names the place, so that adapters.config finds the field.
    return ValueError(f"{detail} - at `$.{field}`")
