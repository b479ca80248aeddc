"""What a bot may do in a channel, computed from its roles and the channel's overwrites as Discord does.

https://discord.com/developers/docs/topics/permissions#permission-overwrites
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

ADMINISTRATOR: Final = 1 << 3
MANAGE_CHANNELS: Final = 1 << 4
VIEW_CHANNEL: Final = 1 << 10
SEND_MESSAGES: Final = 1 << 11
EMBED_LINKS: Final = 1 << 14
READ_MESSAGE_HISTORY: Final = 1 << 16
MANAGE_ROLES: Final = 1 << 28
SEND_MESSAGES_IN_THREADS: Final = 1 << 38
EVERYTHING: Final = (1 << 64) - 1

THREADS: Final = frozenset({10, 11, 12})
"""Channel types: https://discord.com/developers/docs/resources/channel#channel-object-channel-types."""
TEXT_CHANNELS: Final = frozenset({0, 5})
TAKES_MESSAGES: Final = TEXT_CHANNELS | THREADS | {2, 13}

_NAMES: Final[Mapping[int, str]] = {
    VIEW_CHANNEL: "View Channel",
    SEND_MESSAGES: "Send Messages",
    SEND_MESSAGES_IN_THREADS: "Send Messages in Threads",
    EMBED_LINKS: "Embed Links",
    READ_MESSAGE_HISTORY: "Read Message History",
}


Bits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}$")]
"""A set of permissions as Discord sends it: a decimal number in a string."""


class Role(msgspec.Struct, frozen=True):
    """A role of a server; the one with the server's own id is everybody's."""

    id: str
    permissions: Bits


class Guild(msgspec.Struct, frozen=True):
    """A server."""

    id: str
    owner_id: str
    roles: tuple[Role, ...]


class Member(msgspec.Struct, frozen=True):
    """The bot as a member: its roles' ids."""

    roles: tuple[str, ...]


class Overwrite(msgspec.Struct, frozen=True):
    """What a channel allows and denies a role or a member, as bits in decimal."""

    id: str
    allow: Bits = "0"
    deny: Bits = "0"
    type: int = 0
    """0 of a role, 1 of a member."""


class GuildChannel(msgspec.Struct, frozen=True):
    """A channel or thread of a server; a thread has its parent's overwrites."""

    id: str
    type: int
    name: str | None = None
    guild_id: str | None = None
    parent_id: str | None = None
    permission_overwrites: tuple[Overwrite, ...] = ()

    @property
    def is_thread(self) -> bool:
        """Whether it is a thread of a channel."""
        return self.type in THREADS


class Standing(msgspec.Struct, frozen=True):
    """Who the bot is in the server: all that its permissions depend on but the channel."""

    user_id: str
    guild: Guild
    member: Member

    def in_channel(self, channel: GuildChannel | None) -> int:
        """The bot's permissions in a channel, or over the server without one, as bits."""
        base = self._base()
        if base & ADMINISTRATOR or self.guild.owner_id == self.user_id:
            return EVERYTHING
        return self._overwritten(base, channel) if channel else base

    def _base(self) -> int:
        mine = {self.guild.id, *self.member.roles}
        return _union(role.permissions for role in self.guild.roles if role.id in mine)

    def _overwritten(self, bits: int, channel: GuildChannel) -> int:
        """Everybody's overwrite first, then those of all roles together, then the member's own."""
        by_id = {overwrite.id: overwrite for overwrite in channel.permission_overwrites}
        for ids in ((self.guild.id,), self.member.roles, (self.user_id,)):
            found = [by_id[key] for key in ids if key in by_id]
            bits &= ~_union(overwrite.deny for overwrite in found)
            bits |= _union(overwrite.allow for overwrite in found)
        return bits if bits & VIEW_CHANNEL else 0


def needed(channel: GuildChannel | None) -> tuple[int, ...]:
    """The permissions that posting, answering and looking back need in a channel."""
    thread = channel is not None and channel.type in THREADS
    send = SEND_MESSAGES_IN_THREADS if thread else SEND_MESSAGES
    return (VIEW_CHANNEL, send, EMBED_LINKS, READ_MESSAGE_HISTORY)


def missing(bits: int, channel: GuildChannel | None) -> tuple[str, ...]:
    """The names, as Discord shows them, of needed permissions that are not among `bits`."""
    return tuple(_NAMES[bit] for bit in needed(channel) if not bits & bit)


def _union(texts: Iterable[str]) -> int:
    bits = 0
    for text in texts:
        bits |= int(text)
    return bits
