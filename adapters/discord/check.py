"""The lines of a connection test, decided from what Discord answered: four, and one a feature that is off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from adapters.contract import Check, DeliveryError, Reason
from adapters.discord.api import Api, Application
from adapters.discord.config import DiscordConfig
from adapters.discord.permissions import (
    MANAGE_CHANNELS,
    MANAGE_ROLES,
    TAKES_MESSAGES,
    GuildChannel,
    Standing,
    missing,
)

_MENDS: Final = {
    Reason.UNAUTHORIZED: "Copy a new token: Discord Developer Portal, Bot, Reset Token",
    Reason.FORBIDDEN: "Invite the bot to the server (OAuth2, URL Generator: bot, applications.commands), "
    "and check guild_id",
    Reason.CHANNEL_NOT_FOUND: "Copy the id with Developer Mode switched on, and let the bot see the channel",
    Reason.RATE_LIMITED: "Wait a little and test again",
}
_FEATURES: Final = (
    (MANAGE_CHANNELS, "Manage Channels", "War rooms are"),
    (MANAGE_ROLES, "Manage Roles", "Invitations to hidden war rooms and locking closed ones are"),
)
_ENDPOINT: Final = (
    "Set it in the Developer Portal, General Information, to https://<your host>/chatops/discord/<provider>"
)
_LATER: Final = "Check the network and api_base, or test again later"


async def check(api: Api, config: DiscordConfig) -> tuple[Check, ...]:
    """Ask Discord for all that a delivery needs; failures become lines, never exceptions."""
    try:
        standing = await api.standing()
    except DeliveryError as error:
        return (_failed("connection", error), *_not_checked())
    connected = Check(name="connection", ok=True, text="Connected to Discord server")
    channel, accessible = await _default_channel(api, config)
    commands, application = await _commands(api, config)
    lines = (connected, _permissions(standing, channel), accessible, commands)
    return (*lines, *_switched_off(standing, application))


def _switched_off(standing: Standing, application: Application | None) -> Iterable[Check]:
    """A line for each optional feature that lacks something."""
    bits = standing.in_channel(None)
    for bit, name, feature in _FEATURES:
        if not bits & bit:
            mend = f"Grant the bot's role {name} in the server's settings"
            yield _off(f"{feature} off: the permission {name} is missing", mend)
    if application and not application.interactions_endpoint_url:
        yield _off(
            "Slash commands, buttons and forms are off: no Interactions Endpoint URL is set", _ENDPOINT
        )


def _off(text: str, mend: str) -> Check:
    return Check(name="features", ok=True, off=True, text=text, mend=mend)


def _failed(name: Literal["connection", "default_channel", "slash_commands"], error: DeliveryError) -> Check:
    mend = _MENDS.get(error.reason, _LATER)
    return Check(name=name, ok=False, text=error.detail, mend=mend)


def _not_checked() -> tuple[Check, ...]:
    text, mend = "Not checked without a connection", "Mend the connection first"
    return (
        Check(name="permissions", ok=False, text=text, mend=mend),
        Check(name="default_channel", ok=False, text=text, mend=mend),
        Check(name="slash_commands", ok=False, text=text, mend=mend),
    )


def _permissions(standing: Standing, channel: GuildChannel | None) -> Check:
    lacking = missing(standing.in_channel(channel), channel)
    if not lacking:
        return Check(name="permissions", ok=True, text="Bot permissions verified")
    where = "the default channel" if channel else "the server"
    names = ", ".join(lacking)
    return Check(
        name="permissions",
        ok=False,
        text=f"The bot lacks in {where}: {names}",
        mend=f"Grant the bot's role {names} in {where}'s settings",
    )


async def _default_channel(api: Api, config: DiscordConfig) -> tuple[GuildChannel | None, Check]:
    try:
        channel = await api.channel(config.default_channel)
    except DeliveryError as error:
        return None, _failed("default_channel", error)
    if channel.guild_id != config.guild_id:
        return None, _unfit("The default channel is in another server", "Choose a channel of guild_id")
    if channel.type not in TAKES_MESSAGES:
        return None, _unfit("The default channel takes no messages", "Choose a text channel")
    return channel, Check(name="default_channel", ok=True, text="Default channel accessible")


def _unfit(text: str, mend: str) -> Check:
    return Check(name="default_channel", ok=False, text=text, mend=mend)


async def _commands(api: Api, config: DiscordConfig) -> tuple[Check, Application | None]:
    """The fourth line, and the application if it was asked for."""
    if not config.enable_slash_commands:
        return Check(name="slash_commands", ok=True, text="Slash commands are switched off"), None
    try:
        application = await api.application()
        return await _registered(api, application, config), application
    except DeliveryError as error:
        return _failed("slash_commands", error), None


async def _registered(api: Api, application: Application, config: DiscordConfig) -> Check:
    if application.id != config.application_id:
        return _wrong("application_id is not that of the bot's token", "application_id")
    if application.verify_key.lower() != config.public_key.lower():
        return _wrong("public_key is not that of the application", "public_key")
    if "im" in {command.name for command in await api.commands() if command.type == 1}:
        return Check(name="slash_commands", ok=True, text="Slash commands configured")
    return Check(
        name="slash_commands",
        ok=False,
        text="The command /im is not registered with Discord",
        mend="Register the application command `im`, or set enable_slash_commands to false",
    )


def _wrong(text: str, field: str) -> Check:
    mend = f"Copy {field} from the Developer Portal, General Information"
    return Check(name="slash_commands", ok=False, text=text, mend=mend)
