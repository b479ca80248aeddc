"""The connection test: what is wrong with a Mattermost provider, and what to do about it."""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.config import accepted
from adapters.contract import Check, DeliveryError, Reason
from adapters.mattermost import features
from adapters.mattermost.api import Api
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import ChannelInfo, Directory, TeamInfo, UserInfo

TRIGGER: Final = "im"

# Roles with which an account posts where it is no member: server/public/model/role.go.
_POSTS_ANYWHERE: Final = frozenset({"system_admin", "system_post_all"})
_POSTS_IN_PUBLIC: Final = "system_post_all_public"


class _Command(msgspec.Struct):
    trigger: str = ""
    token: str = ""


class _Member(msgspec.Struct):
    user_id: str = ""


async def examine(api: Api, directory: Directory, config: MattermostConfig) -> tuple[Check, ...]:
    """The four lines, in the document's order, then the features that are off; never an exception."""
    try:
        me = await api.get("/users/me", UserInfo)
    except DeliveryError as error:
        return _unconnected(*_why_unconnected(error))
    try:
        team = await directory.team()
    except DeliveryError as error:
        return _unconnected(*_why_no_team(error, config))
    channel = await _channel(directory, config)
    return (
        Check(name="connection", ok=True, text="Connected to Mattermost team"),
        await _permissions(api, me, channel),
        _default_channel(channel, config),
        await _commands(api, config, team, channel),
        *await features.switched_off(api, me, team, config),
    )


def _unconnected(text: str, mend: str) -> tuple[Check, ...]:
    rest = "Not checked: there is no connection"
    return (
        Check(name="connection", ok=False, text=text, mend=mend),
        Check(name="permissions", ok=False, text=rest, mend=mend),
        Check(name="default_channel", ok=False, text=rest, mend=mend),
        Check(name="slash_commands", ok=False, text=rest, mend=mend),
    )


def _why_unconnected(error: DeliveryError) -> tuple[str, str]:
    if error.reason is Reason.UNAUTHORIZED:
        return (
            "Mattermost does not accept the bot token",
            "Create a token in Integrations → Bot Accounts and set it as bot_token",
        )
    return f"No connection to Mattermost: {error.detail}", "Check base_url and that the server can be reached"


def _why_no_team(error: DeliveryError, config: MattermostConfig) -> tuple[str, str]:
    if error.reason in (Reason.CHANNEL_NOT_FOUND, Reason.FORBIDDEN):
        return (
            f"The bot sees no team `{config.team}`",
            "Set team to the name in the team's address, and invite the bot to that team",
        )
    return _why_unconnected(error)


async def _channel(directory: Directory, config: MattermostConfig) -> ChannelInfo | DeliveryError:
    try:
        return await directory.channel(await directory.channel_id(config.default_channel))
    except DeliveryError as error:
        directory.forget(config.default_channel)
        return error


def _default_channel(channel: ChannelInfo | DeliveryError, config: MattermostConfig) -> Check:
    if isinstance(channel, DeliveryError):
        text = f"Default channel `{config.default_channel}` cannot be read: {channel.detail}"
        mend = "Set default_channel to the channel's id or name, and invite the bot to it"
    elif channel.delete_at:
        text = f"Default channel `{config.default_channel}` is archived"
        mend = "Unarchive it, or set another default_channel"
    else:
        return Check(name="default_channel", ok=True, text="Default channel accessible")
    return Check(name="default_channel", ok=False, text=text, mend=mend)


async def _permissions(api: Api, me: UserInfo, channel: ChannelInfo | DeliveryError) -> Check:
    if isinstance(channel, DeliveryError):
        return _permitted("Bot permissions were not checked, as the default channel cannot be read")
    roles = set(me.roles.split())
    if roles & _POSTS_ANYWHERE or (channel.type == "O" and _POSTS_IN_PUBLIC in roles):
        return _permitted()
    try:
        await api.get(f"/channels/{channel.id}/members/me", _Member)
    except DeliveryError as error:
        if error.reason is Reason.FORBIDDEN:
            return _no_permission("The bot is no member of its default channel and may not post there")
        return _no_permission(f"Bot permissions cannot be checked: {error.detail}")
    return _permitted()


def _permitted(text: str = "Bot permissions verified") -> Check:
    return Check(name="permissions", ok=True, text=text)


def _no_permission(text: str) -> Check:
    mend = "Invite the bot to its channels, or give it `post:all` in Integrations → Bot Accounts"
    return Check(name="permissions", ok=False, text=text, mend=mend)


async def _commands(
    api: Api, config: MattermostConfig, team: TeamInfo | None, channel: ChannelInfo | DeliveryError
) -> Check:
    if not config.enable_slash_commands:
        return _command_line(ok=True, text="Slash commands are switched off")
    if not accepted(config.command_token):
        mend = f"Create /{TRIGGER} in Integrations → Slash Commands and set its token as command_token"
        return _command_line(ok=False, text="No token of a slash command is configured", mend=mend)
    team_id = team.id if team else "" if isinstance(channel, DeliveryError) else channel.team_id
    if not team_id:
        return _command_line(
            ok=True,
            text=f"A command token is set; whether /{TRIGGER} exists was not checked, as no team is known",
        )
    try:
        listed = await api.get(f"/commands?team_id={team_id}&custom_only=true", list[_Command])
    except DeliveryError as error:
        return _unlisted(error)
    return _listed([command for command in listed if command.trigger == TRIGGER], config)


def _unlisted(error: DeliveryError) -> Check:
    if error.reason is Reason.FORBIDDEN:
        return _command_line(
            ok=True, text=f"A command token is set; the bot may not see whether /{TRIGGER} exists"
        )
    mend = "See that custom slash commands are enabled in System Console → Integrations, and try again"
    return _command_line(ok=False, text=f"Slash commands cannot be listed: {error.detail}", mend=mend)


def _listed(commands: list[_Command], config: MattermostConfig) -> Check:
    if not commands:
        mend = f"Create it in Integrations → Slash Commands with the trigger word {TRIGGER}"
        return _command_line(ok=False, text=f"The team has no slash command /{TRIGGER}", mend=mend)
    shown = {command.token for command in commands if command.token}
    if shown and not shown & set(accepted(config.command_token)):
        mend = "Copy the token of the command in Integrations → Slash Commands to command_token"
        return _command_line(ok=False, text=f"/{TRIGGER} has another token than command_token", mend=mend)
    return _command_line(ok=True, text="Slash commands configured")


def _command_line(*, ok: bool, text: str, mend: str = "") -> Check:
    return Check(name="slash_commands", ok=ok, text=text, mend=mend)
