"""What the Gateway brings: messages to the bot and reactions on its own, as what a person did.

https://docs.discord.com/developers/events/gateway-events#message-create and #message-reaction-add
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from adapters.discord.direct import channel_of, message_of
from adapters.discord.interactions import Account, Id
from adapters.discord.permissions import THREADS
from adapters.inbound import ChatInput, Person

T = TypeVar("T")

# https://docs.discord.com/developers/resources/message#message-object-message-types
_TYPED: Final = frozenset({0, 19})
"""A message, and one that answers another; the others are Discord's own notices."""
_THUMBS: Final = {"👍": "+1", "👎": "-1"}
_SKIN_TONES: Final = dict.fromkeys(range(0x1F3FB, 0x1F400))
_MENTION: Final = re.compile(r"<@!?([0-9]{15,20})>")


class Nick(msgspec.Struct, frozen=True):
    """What a message says of its author as a member."""

    nick: str | None = None


class Reference(msgspec.Struct, frozen=True):
    """The message that is answered."""

    message_id: Id | None = None


class Said(msgspec.Struct, frozen=True):
    """A new message."""

    id: Id
    channel_id: Id
    author: Account
    content: str = ""
    type: int = 0
    guild_id: Id | None = None
    channel_type: int | None = None
    member: Nick | None = None
    mentions: tuple[Account, ...] = ()
    message_reference: Reference | None = None
    webhook_id: str | None = None


class Reactor(msgspec.Struct, frozen=True):
    """Who reacted, in a server."""

    user: Account | None = None
    nick: str | None = None


class Emoji(msgspec.Struct, frozen=True):
    """A standard emoji has no id."""

    name: str | None = None
    id: str | None = None


class Reacted(msgspec.Struct, frozen=True):
    """A new reaction."""

    user_id: Id
    channel_id: Id
    message_id: Id
    emoji: Emoji
    guild_id: Id | None = None
    member: Reactor | None = None
    message_author_id: Id | None = None


def heard(name: str, payload: Mapping[str, Any], *, guild: str, me: str) -> ChatInput | None:
    """What somebody in the server `guild` said or showed to the bot `me`; None for everything else."""
    read = _READERS.get(name)
    try:
        return read(payload, guild, me) if read else None
    except msgspec.ValidationError:
        return None


def _said(payload: Mapping[str, Any], guild: str, me: str) -> ChatInput | None:
    said = msgspec.convert(payload, Said)
    direct = said.guild_id is None
    to_bot = direct or any(person.id == me for person in said.mentions)
    by_program = said.author.bot or said.webhook_id is not None or said.author.id == me
    if not to_bot or by_program or said.type not in _TYPED or said.guild_id not in (None, guild):
        return None
    author = said.author
    nick = said.member.nick if said.member else None
    return ChatInput(
        key=said.id,
        kind="mention",
        user=Person(id=author.id, name=nick or author.global_name or author.username),
        workspace=guild,
        channel=channel_of(said.channel_id, author.id, direct=direct),
        channel_kind="direct" if direct else "channel",
        thread=_thread(said, direct=direct),
        text=_text(said.content, me),
        reply={"channel": said.channel_id, "message": said.id},
    )


def _thread(said: Said, *, direct: bool) -> str | None:
    """The message that is answered, or that the thread was started from, whose id the thread has."""
    answered = said.message_reference.message_id if said.message_reference else None
    if answered:
        return message_of(said.channel_id, answered, direct=direct)
    return said.channel_id if said.channel_type in THREADS else None


def _text(content: str, me: str) -> str:
    """Without the mention of the bot; the others as `<@id>`."""
    named = _MENTION.sub(lambda m: "" if m.group(1) == me else f"<@{m.group(1)}>", content)
    return re.sub(r"[ \t]{2,}", " ", named).strip()


def _reacted(payload: Mapping[str, Any], guild: str, me: str) -> ChatInput | None:
    given = msgspec.convert(payload, Reacted)
    thumb = _THUMBS.get((given.emoji.name or "").translate(_SKIN_TONES)) if given.emoji.id is None else None
    account = given.member.user if given.member and given.member.user else Account(given.user_id)
    by_program = account.bot or given.user_id == me
    if not thumb or by_program or given.message_author_id != me or given.guild_id not in (None, guild):
        return None
    direct = given.guild_id is None
    nick = given.member.nick if given.member else None
    return ChatInput(
        key=f"{given.message_id}:{given.user_id}:{thumb}",
        kind="reaction",
        user=Person(id=given.user_id, name=nick or account.global_name or account.username),
        workspace=guild,
        channel=channel_of(given.channel_id, given.user_id, direct=direct),
        channel_kind="direct" if direct else "channel",
        message=message_of(given.channel_id, given.message_id, direct=direct),
        action=thumb,
        reply={"channel": given.channel_id, "message": given.message_id},
    )


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], str, str], ChatInput | None]]] = {
    "MESSAGE_CREATE": _said,
    "MESSAGE_REACTION_ADD": _reacted,
}
