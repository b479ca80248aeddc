"""War rooms: channels that the bot makes for incidents, and archives."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from adapters.contract import DeliveryError, Reason
from adapters.inbound import Room
from adapters.mattermost.api import Api, Refusal
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import ChannelInfo, Directory, TeamInfo, is_id
from adapters.mattermost.escape import fit, inline
from adapters.mattermost.limits import MAX_CHANNEL_HEADER, MAX_CHANNEL_TITLE

# server/channels/app/channel.go and its store; the second is what servers before 5.22 say of an archived one.
_TAKEN: Final = frozenset(
    {
        "store.sql_channel.save_channel.exists.app_error",
        "store.sql_channel.save_channel.previously.app_error",
    }
)
_MISSING_CHANNEL: Final = frozenset(
    {"app.channel.get.existing.app_error", "store.sql_channel.get.existing.app_error"}
)
_ARCHIVED: Final = "api.channel.delete_channel.deleted.app_error"
_LET_IN_NOBODY: Final = frozenset({Reason.FORBIDDEN, Reason.CHANNEL_NOT_FOUND, Reason.REJECTED})


class _NewChannel(msgspec.Struct, frozen=True, kw_only=True):
    team_id: str
    name: str
    display_name: str
    header: str
    type: str = "O"


class WarRooms:
    """See adapters.inbound.Rooms. The bot needs create_public_channel; to reopen one, manage_team."""

    def __init__(self, config: MattermostConfig, api: Api, directory: Directory) -> None:
        self._base_url = config.base_url.rstrip("/")
        self._api = api
        self._directory = directory

    async def open_room(self, name: str, topic: str) -> Room:
        """Make the public channel, or find the bot's own of that name and bring it back."""
        team = await self._directory.known_team()
        if team is None:
            raise DeliveryError(Reason.REJECTED, "war rooms need `team`; set it to the team they belong to")
        new = _NewChannel(
            team_id=team.id,
            name=name,
            display_name=name[:MAX_CHANNEL_TITLE],
            header=fit(topic, MAX_CHANNEL_HEADER, inline),
        )
        try:
            channel = await self._api.call("POST", "/channels", ChannelInfo, new)
        except Refusal as refused:
            if refused.code not in _TAKEN:
                raise
            channel = await self._existing(team, name)
        return Room(
            channel=channel.id,
            name=channel.name,
            url=f"{self._base_url}/{team.name}/channels/{channel.name}",
        )

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        """Add people one by one, as the server refuses a list for its first stranger."""
        return tuple([user for user in users if not await self._add(channel, user)])

    async def close_room(self, channel: str, name: str) -> None:
        """Archive the channel; rename it where the bot may not."""
        try:
            await self._api.call("DELETE", f"/channels/{channel}", Any)
        except Refusal as refused:
            if refused.code == _ARCHIVED:
                return
            if refused.reason is not Reason.FORBIDDEN:
                raise
            renamed = {"name": name, "display_name": name[:MAX_CHANNEL_TITLE]}
            await self._api.call("PUT", f"/channels/{channel}/patch", Any, renamed)

    async def _existing(self, team: TeamInfo, name: str) -> ChannelInfo:
        path = f"/teams/{team.id}/channels/name/{name}?include_deleted=true"
        channel = await self._api.get(path, ChannelInfo)
        if channel.creator_id != (await self._directory.me()).id:
            detail = "a channel of the war room's name exists and is not the bot's; rename or delete it"
            raise DeliveryError(Reason.REJECTED, detail)
        if channel.delete_at:
            await self._api.call("POST", f"/channels/{channel.id}/restore", Any)
        return channel

    async def _add(self, channel: str, user: str) -> bool:
        user_id = user.removeprefix("@")
        if not is_id(user_id):
            return False
        try:
            await self._api.call("POST", f"/channels/{channel}/members", Any, {"user_id": user_id})
        except Refusal as refused:
            if refused.reason not in _LET_IN_NOBODY or refused.code in _MISSING_CHANNEL:
                raise
            return False
        return True
