"""What an admin configures of a Mattermost provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from adapters.config import ProviderConfig, Secret


class MattermostConfig(ProviderConfig, frozen=True, kw_only=True):
    """A bot account on one Mattermost server.

    Channels are ids (26 characters), names in `team` (`town-square` or `~town-square`), or `@user` for a
    direct message.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ("bot_token", "command_token", "webhook_token")
    REQUIRED: ClassVar[tuple[str, ...]] = ("bot_token", "base_url", "default_channel")
    # Buttons carry secrets made of the bot's token to callback_url.
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "base_url": ("bot_token",),
        "callback_url": ("bot_token",),
    }

    bot_token: Secret = ""
    command_token: Secret = ""
    """The token of the slash command `/im`, which Mattermost shows when the command is created."""
    webhook_token: Secret = ""
    """The token of the outgoing webhook that brings mentions."""
    base_url: str = ""
    """The server's address as browsers use it, e.g. `https://chat.example.com`."""
    team: str = ""
    """The team's name in addresses (not its display name) or its id; needed for channels given by name."""
    callback_url: str = ""
    """Where pressed buttons go: the router's public `https://…/chatops/mattermost/<instance>`. Without it
    messages have no buttons, only links. An address in a private network must be listed in the server's
    AllowedUntrustedInternalConnections."""
