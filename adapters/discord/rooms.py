"""War rooms: text channels that the bot makes, invites people to, and closes."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from adapters.contract import DeliveryError, Reason
from adapters.discord.api import Api
from adapters.discord.config import DiscordConfig, is_snowflake
from adapters.discord.escape import one_line
from adapters.discord.limits import MAX_CHANNEL_NAME, MAX_MENTIONS, MAX_NONCE, MAX_TOPIC
from adapters.discord.permissions import (
    EMBED_LINKS,
    EVERYTHING,
    MANAGE_CHANNELS,
    MANAGE_ROLES,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
    VIEW_CHANNEL,
    GuildChannel,
    Overwrite,
    Standing,
)
from adapters.discord.render import Mentions, Payload
from adapters.inbound import Room

CLOSED: Final = "archived-"
_TEXT: Final = 0
_MEMBER: Final = 1
_ROLE: Final = 0
_BOT_NEEDS: Final = VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | READ_MESSAGE_HISTORY | MANAGE_CHANNELS
_GUEST_NEEDS: Final = VIEW_CHANNEL | SEND_MESSAGES | READ_MESSAGE_HISTORY
_LINK: Final = "https://discord.com/channels"


class WarRooms:
    """See adapters.inbound.Rooms. A room is as visible as the default channel, and stands beside it."""

    def __init__(self, api: Api, config: DiscordConfig) -> None:
        self._api = api
        self._config = config

    async def open_room(self, name: str, topic: str) -> Room:
        """Make the channel, or find the one of that name with the bot's own permissions in it.

        Discord lets two channels have one name, so that a stranger's of this name is no obstacle.
        """
        standing = await self._api.standing()
        existing = _own_room(await self._api.channels(), name, standing.user_id)
        room = existing or await self._make(name, topic, standing)
        return Room(channel=room.id, name=name, url=f"{_LINK}/{self._config.guild_id}/{room.id}")

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        """Mention people in the room, which is what notifies them; who cannot see it is let in first.

        Returned are those who are not in the server, and those whom the bot may not let in (Manage Roles).
        """
        room = await self._api.channel(channel)
        standing = await self._api.standing()
        inside = [user for user in dict.fromkeys(users) if await self._let_in(user, room, standing)]
        for start in range(0, len(inside), MAX_MENTIONS):
            await self._api.create(channel, _calling(channel, inside[start : start + MAX_MENTIONS]))
        return tuple(user for user in users if user not in inside)

    async def close_room(self, channel: str, name: str) -> None:
        """Rename the channel to `archived-…` and lock it: Discord archives threads, but no channels.

        Without Manage Roles it is renamed and stays open for writing; a channel that is gone is closed.
        """
        try:
            room = await self._api.channel(channel)
            wanted = (name if name.startswith(CLOSED) else CLOSED + name)[:MAX_CHANNEL_NAME]
            if room.name != wanted:
                await self._api.rename(channel, wanted)
            await self._lock(room)
        except DeliveryError as error:
            if error.reason is not Reason.CHANNEL_NOT_FOUND:
                raise

    async def _make(self, name: str, topic: str, standing: Standing) -> GuildChannel:
        beside = await self._beside()
        return await self._api.make_channel(
            {
                "name": name[:MAX_CHANNEL_NAME],
                "type": _TEXT,
                "topic": one_line(topic)[:MAX_TOPIC],
                "permission_overwrites": _overwrites(beside, standing),
                **({"parent_id": beside.parent_id} if beside and beside.parent_id else {}),
            }
        )

    async def _beside(self) -> GuildChannel | None:
        """The default channel, or the one that it is a thread of; None where that is of another server."""
        found = await self._api.channel(self._config.default_channel)
        if found.is_thread and found.parent_id:
            found = await self._api.channel(found.parent_id)
        return found if found.guild_id == self._config.guild_id else None

    async def _let_in(self, user: str, room: GuildChannel, standing: Standing) -> bool:
        member = await self._api.roles_of(user) if is_snowflake(user) else None
        if member is None:
            return False
        if Standing(user, standing.guild, member).in_channel(room) & VIEW_CHANNEL:
            return True
        return await self._allowed(room.id, user)

    async def _allowed(self, channel: str, user: str) -> bool:
        try:
            await self._api.overwrite(channel, Overwrite(user, allow=str(_GUEST_NEEDS), type=_MEMBER))
        except DeliveryError as error:
            if error.reason is Reason.FORBIDDEN:
                return False
            raise
        return True

    async def _lock(self, room: GuildChannel) -> None:
        """Nobody writes any more; what everybody's overwrite says besides stays."""
        everybody = self._config.guild_id
        before = next((o for o in room.permission_overwrites if o.id == everybody), Overwrite(everybody))
        silent = SEND_MESSAGES | SEND_MESSAGES_IN_THREADS
        deny, allow = int(before.deny) | silent, int(before.allow) & ~silent
        if deny == int(before.deny) and allow == int(before.allow):
            return
        try:
            await self._api.overwrite(room.id, Overwrite(everybody, str(allow), str(deny), type=_ROLE))
        except DeliveryError as error:
            if error.reason is not Reason.FORBIDDEN:
                raise


def _own_room(channels: Iterable[GuildChannel], name: str, bot: str) -> GuildChannel | None:
    for channel in channels:
        made = any(o.id == bot and int(o.allow) & _BOT_NEEDS for o in channel.permission_overwrites)
        if channel.type == _TEXT and channel.name == name and made:
            return channel
    return None


def _overwrites(beside: GuildChannel | None, standing: Standing) -> list[Overwrite]:
    """Those of the channel beside, and the bot's own.

    A bot may only hand on permissions that it has itself, and Manage Roles only as an administrator.
    FORBIDDEN where a room could for that reason be seen by people who do not see the channel beside.
    """
    has = standing.in_channel(None)
    may = has if has == EVERYTHING else has & ~MANAGE_ROLES
    hidden = any(int(o.deny) & VIEW_CHANNEL for o in (beside.permission_overwrites if beside else ()))
    if hidden and not may & VIEW_CHANNEL:
        raise DeliveryError(
            Reason.FORBIDDEN,
            "the bot cannot hide a room as the default channel is hidden; "
            "grant its role View Channels in the server's settings",
        )
    copied = [
        Overwrite(o.id, str(int(o.allow) & may), str(int(o.deny) & may), o.type)
        for o in (beside.permission_overwrites if beside else ())
        if o.id != standing.user_id
    ]
    return [*copied, Overwrite(standing.user_id, allow=str(_BOT_NEEDS & may), type=_MEMBER)]


def _calling(channel: str, users: list[str]) -> Payload:
    """A message that mentions people; the same people are called once, however often it is tried."""
    digest = sha256(f"{channel} {sorted(users)}".encode()).digest()
    return Payload(
        content=" ".join(f"<@{user}>" for user in users),
        embeds=(),
        components=(),
        allowed_mentions=Mentions(users=tuple(users)),
        nonce=b32encode(digest).decode()[:MAX_NONCE],
        enforce_nonce=True,
    )
