"""The lines of the connection test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from adapters.contract import Check, DeliveryError, Reason
from adapters.slack.api import Conversation, Said, WebApi
from adapters.slack.config import SlackConfig
from adapters.slack.manifest import FEATURES, SCOPES

Scopes = frozenset[str] | None
"""What a token may do; None where Slack did not say."""

_MENDS: Final[Mapping[Reason, str]] = {
    Reason.UNAUTHORIZED: "copy the Bot User OAuth Token (xoxb-…) again from OAuth & Permissions",
    Reason.CHANNEL_NOT_FOUND: "set default_channel to the channel's id (C…); invite the bot if it is private",
    Reason.FORBIDDEN: "look at the app's OAuth & Permissions page and reinstall the app",
}
_MEND_NETWORK: Final = "check the network and api_base, then test again"


class _Info(Said):
    channel: Conversation | None = None


async def check(api: WebApi, config: SlackConfig) -> tuple[Check, ...]:
    """The four lines, then one for each feature that is off; failures are lines, never exceptions."""
    try:
        identity, scopes = await api.identity()
    except DeliveryError as error:
        return _not_connected(f"Not connected to Slack: {error.detail}", _mend(error))
    if config.team_id and config.team_id not in (identity.team_id, identity.enterprise_id):
        return _not_connected(
            "The bot token belongs to another Slack workspace",
            f"use a token of {config.team_id}, or change team_id",
        )
    return (
        Check(name="connection", ok=True, text="Connected to Slack workspace"),
        _permissions(scopes),
        await _default_channel(api, config, scopes),
        _slash_commands(config, scopes),
        *_features_off(scopes),
    )


async def _default_channel(api: WebApi, config: SlackConfig, scopes: Scopes) -> Check:
    try:
        channel = (await api.ask("conversations.info", _Info, channel=config.default_channel)).channel
    except DeliveryError as error:
        return _bad("default_channel", f"Default channel not accessible: {error.detail}", _mend(error))
    if channel is None:
        return _bad("default_channel", "Default channel not accessible: no answer", _MEND_NETWORK)
    if channel.is_archived:
        return _bad("default_channel", "Default channel is archived", "unarchive it or choose another")
    if not channel.is_member and "chat:write.public" not in (scopes or ()):
        return _bad(
            "default_channel",
            "The bot is not a member of the default channel",
            "write `/invite @` and the bot's name in that channel",
        )
    return Check(name="default_channel", ok=True, text="Default channel accessible")


def _permissions(scopes: Scopes) -> Check:
    if scopes is None:
        return _bad(
            "permissions",
            "Slack did not say which permissions the token has",
            "let the header x-oauth-scopes through where api_base leads",
        )
    missing = [scope for scope in SCOPES if scope not in scopes]
    if missing:
        return _bad(
            "permissions",
            f"Bot permissions missing: {', '.join(missing)}",
            "add these under OAuth & Permissions, Bot Token Scopes, and reinstall the app",
        )
    return Check(name="permissions", ok=True, text="Bot permissions verified")


def _slash_commands(config: SlackConfig, scopes: Scopes) -> Check:
    """Slack lets a bot see that it may have commands, not which it has or where they lead."""
    if not config.enable_slash_commands:
        return Check(name="slash_commands", ok=True, text="Slash commands are switched off")
    if "commands" not in (scopes or ()):
        return _bad(
            "slash_commands",
            "Slash commands not configured: the scope commands is missing",
            "create /im under Slash Commands and reinstall the app, or set enable_slash_commands to false",
        )
    mend = "" if config.signing_secret else "set signing_secret: without it, what Slack sends is refused"
    return Check(name="slash_commands", ok=True, text="Slash commands configured", mend=mend)


def _features_off(scopes: Scopes) -> Iterator[Check]:
    """Slack tells of scopes, not of subscriptions, so a feature whose event is missing looks on."""
    if scopes is None:
        return
    for feature in FEATURES.values():
        missing = [scope for scope in feature.scopes if scope not in scopes]
        if not missing:
            continue
        events = f" and the bot event {', '.join(feature.events)}" if feature.events else ""
        yield Check(
            name="features",
            ok=True,
            off=True,
            text=f"{feature.title} off: the scope {', '.join(missing)} is missing",
            mend=f"add {', '.join(missing)}{events} to the app and reinstall it",
        )


def _bad(
    name: Literal["connection", "permissions", "default_channel", "slash_commands"], text: str, mend: str
) -> Check:
    return Check(name=name, ok=False, text=text, mend=mend)


def _mend(error: DeliveryError) -> str:
    return _MENDS.get(error.reason, _MEND_NETWORK)


def _not_connected(text: str, mend: str) -> tuple[Check, ...]:
    first = "mend the connection first"
    return (
        _bad("connection", text, mend),
        _bad("permissions", "Bot permissions not checked", first),
        _bad("default_channel", "Default channel not checked", first),
        _bad("slash_commands", "Slash commands not checked", first),
    )
