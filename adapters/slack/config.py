"""What an admin configures of a Slack workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from adapters.config import ProviderConfig, Secret


class SlackConfig(ProviderConfig, frozen=True, kw_only=True):
    """A bot's token for sending, the signing secret for what Slack sends, and where the API is."""

    SECRETS: ClassVar[tuple[str, ...]] = ("bot_token", "signing_secret")
    REQUIRED: ClassVar[tuple[str, ...]] = ("bot_token", "default_channel")
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {"api_base": ("bot_token",)}

    bot_token: Secret = ""
    """`xoxb-…`, from the app's page OAuth & Permissions."""
    signing_secret: Secret = ""
    """From the app's page Basic Information; inbound only."""
    team_id: str = ""
    """`T…`; when set, the token must belong to this workspace."""
    api_base: str = "https://slack.com/api"
