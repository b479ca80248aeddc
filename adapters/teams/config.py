"""What an admin configures of a Teams provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from adapters.config import ProviderConfig, Secret


class TeamsConfig(ProviderConfig, frozen=True, kw_only=True):
    """A bot registered at Azure Bot Service with the Teams channel, and where its services are.

    A channel is a Teams id: `19:…@thread.tacv2` (a channel), `19:…@thread.v2` (a group chat), `a:…` (a
    conversation with one person) or a person's own id (`29:…` or a directory object id).
    """

    SECRETS: ClassVar[tuple[str, ...]] = ("app_password",)
    REQUIRED: ClassVar[tuple[str, ...]] = ("app_id", "app_password", "default_channel")
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "service_url": ("app_password",),
        "login_base": ("app_password",),
        "openid_metadata_url": ("app_password",),
    }

    app_id: str = ""
    app_password: Secret = ""
    tenant_id: str = ""
    """The directory of the organisation; empty only for an old multi-tenant bot."""
    team_id: str = ""
    """`19:…`, optional: the team whose channels and members are listed (its General channel's id)."""
    # https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference#base-uri
    service_url: str = "https://smba.trafficmanager.net/teams"
    login_base: str = "https://login.microsoftonline.com"
    openid_metadata_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
