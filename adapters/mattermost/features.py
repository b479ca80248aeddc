"""Which optional features of a Mattermost provider are off, and what would switch them on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from adapters.config import accepted
from adapters.contract import Check, DeliveryError
from adapters.mattermost.api import Api
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import TeamInfo, UserInfo

# server/public/model/permission.go.
_CREATE_CHANNELS: Final = "create_public_channel"
_WHISPER: Final = "create_post_ephemeral"
_EVERYTHING: Final = "system_admin"


class _Roles(msgspec.Struct, frozen=True):
    roles: str = ""


class _Role(msgspec.Struct, frozen=True):
    permissions: list[str] = []


async def switched_off(
    api: Api, me: UserInfo, team: TeamInfo | None, config: MattermostConfig
) -> tuple[Check, ...]:
    """A line for each feature that is off, as far as the settings and the bot's roles tell."""
    permitted = await _permitted(api, me, team)
    return (*_by_settings(config), *(_by_roles(permitted, team) if permitted is not None else ()))


async def _permitted(api: Api, me: UserInfo, team: TeamInfo | None) -> frozenset[str] | None:
    """What the bot's roles let it do; None where the server does not say, or it may do everything."""
    roles = set(me.roles.split())
    if _EVERYTHING in roles:
        return None
    try:
        if team:
            member = await api.get(f"/teams/{team.id}/members/me", _Roles)
            roles.update(member.roles.split())
        told = await api.call("POST", "/roles/names", list[_Role], sorted(roles))
    except DeliveryError:
        return None
    return frozenset(permission for role in told for permission in role.permissions)


def _by_settings(config: MattermostConfig) -> Iterator[Check]:
    if not config.callback_url:
        mend = "Set callback_url to https://<your host>/chatops/mattermost/<provider>"
        yield _off("Buttons, menus and forms are off: callback_url is not set", mend)
    if not config.team:
        yield _off("War rooms are off: team is not set", "Set team to the team that they are to belong to")
    if config.enable_slash_commands and not accepted(config.command_token):
        mend = "Create /im in Integrations → Slash Commands and set its token as command_token"
        yield _off("Slash commands are off: command_token is not set", mend)


def _by_roles(permitted: frozenset[str], team: TeamInfo | None) -> Iterator[Check]:
    if team and _CREATE_CHANNELS not in permitted:
        mend = "Let the bot create public channels in System Console → Permissions"
        yield _off(f"War rooms are off: the permission {_CREATE_CHANNELS} is missing", mend)
    if _WHISPER not in permitted:
        mend = "Nothing must be done; a system admin may give the bot a role with that permission"
        yield _off(
            f"Private answers to buttons come as direct messages: the permission {_WHISPER} is missing", mend
        )


def _off(text: str, mend: str) -> Check:
    return Check(name="features", ok=True, off=True, text=text, mend=mend)
