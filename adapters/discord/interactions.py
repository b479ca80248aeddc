"""What Discord sends of a command, a press, a choice or a form, verified before, as what a person did.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, TypeVar

import msgspec

from adapters.discord.commands import NAME, Given
from adapters.discord.components import parse_custom_id
from adapters.discord.config import DiscordConfig
from adapters.discord.direct import channel_of, message_of
from adapters.discord.forms import FilledLabel, filled
from adapters.discord.permissions import THREADS
from adapters.http import UNREADABLE
from adapters.inbound import ChatInput, HttpAnswer, Incoming, Person, Received, Refusal, Refused

T = TypeVar("T")

PING: Final = 1
COMMAND: Final = 2
COMPONENT: Final = 3
AUTOCOMPLETE: Final = 4
MODAL: Final = 5

_BOT_DM: Final = 1
"""https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-interaction-context-types"""
_USER_SELECT: Final = 5
_SLASH: Final = 1
_MAX_TOKEN: Final = 2000

Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{15,20}\Z")]


class Account(msgspec.Struct, frozen=True):
    """A user of Discord."""

    id: Id
    username: str = ""
    global_name: str | None = None
    bot: bool = False


class Member(msgspec.Struct, frozen=True):
    """A user as a member of the server."""

    user: Account
    nick: str | None = None


class Channel(msgspec.Struct, frozen=True):
    """Where it happened, as far as Discord says."""

    type: int = 0
    name: str | None = None


class Pressed(msgspec.Struct, frozen=True):
    """The message that the component is on."""

    id: Id


class Interaction(msgspec.Struct, frozen=True):
    """An interaction without its data, whose form depends on the type."""

    id: Id
    application_id: Id
    type: int
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_TOKEN)] | None = None
    guild_id: Id | None = None
    channel_id: Id | None = None
    channel: Channel | None = None
    member: Member | None = None
    user: Account | None = None
    message: Pressed | None = None
    context: int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class CommandData(msgspec.Struct, frozen=True):
    """Which command, and what was filled in."""

    name: str
    type: int = _SLASH
    options: tuple[Given, ...] = ()


class ComponentData(msgspec.Struct, frozen=True):
    """Which button or menu, and what was chosen."""

    custom_id: str
    component_type: int
    values: tuple[str, ...] = ()


class ModalData(msgspec.Struct, frozen=True):
    """Which form, and what was filled in."""

    custom_id: str
    components: tuple[FilledLabel, ...]


Wording = Callable[[Sequence[Given]], str]
"""Turns a command's options into the text after `/im`; see adapters.discord.commands.text."""

_PONG: Final = HttpAnswer(body=b'{"type":1}')
_NO_CHOICES: Final = HttpAnswer(body=b'{"type":8,"data":{"choices":[]}}')
_UNCHANGED: Final = HttpAnswer(body=b'{"type":6}')
_NOT_OURS: Final = HttpAnswer(
    body=b'{"type":4,"data":{"flags":64,"content":"This bot knows no such command."}}'
)

_IGNORED: Final[Mapping[int, Received]] = {
    PING: Received(answer=_PONG, note="PING"),
    AUTOCOMPLETE: Received(answer=_NO_CHOICES, note="autocomplete"),
}


def parse(incoming: Incoming, config: DiscordConfig) -> Interaction:
    """The interaction of a verified request; Refused where it is no such thing, or another server's."""
    if incoming.media_type != "application/json":
        raise Refused(Refusal.MALFORMED, "the content type is not application/json, which Discord sends")
    found = _decoded(incoming.body, Interaction)
    if found.application_id != config.application_id:
        raise Refused(Refusal.WRONG_WORKSPACE, "sent for another application than application_id")
    if found.type != PING:
        _check_server(found, config.guild_id)
    return found


def command_of(found: Interaction) -> CommandData | None:
    """A command's name and options; None where it is no command."""
    return _decoded(found.data, CommandData) if found.type == COMMAND else None


def alone_with(found: Interaction) -> str | None:
    """Who acts in direct messages with the bot; None in the server, where Discord lets only members act."""
    account = _account(found)
    return account.id if account and found.guild_id is None and found.type in _READERS else None


def received(found: Interaction, config: DiscordConfig, wording: Wording) -> Received:
    """What a person did, or why nothing follows from it."""
    if found.type in _IGNORED:
        return _IGNORED[found.type]
    if found.type not in _READERS:
        return Received(note="an unknown type of interaction")
    account = _account(found)
    if account is None or found.channel_id is None or found.token is None:
        raise Refused(Refusal.MALFORMED, "an interaction without a person, a channel or a token")
    if account.bot:
        return Received(answer=_UNCHANGED, note="a bot's interaction")
    return _READERS[found.type](_common(found, account, config), found, wording)


def _account(found: Interaction) -> Account | None:
    return found.member.user if found.member else found.user


def _check_server(found: Interaction, guild: str) -> None:
    """A direct message with the bot has no server; in a group chat the bot is somebody's own installation."""
    direct = found.guild_id is None and found.context in (None, _BOT_DM)
    if found.guild_id != guild and not direct:
        raise Refused(Refusal.WRONG_WORKSPACE, "sent from another server than guild_id")


def _common(found: Interaction, account: Account, config: DiscordConfig) -> ChatInput:
    channel = found.channel or Channel()
    direct = found.guild_id is None
    place = found.channel_id or ""
    nick = found.member.nick if found.member else None
    return ChatInput(
        key=found.id,
        kind="action",
        user=Person(id=account.id, name=nick or account.global_name or account.username),
        workspace=config.guild_id,
        channel=channel_of(place, account.id, direct=direct),
        channel_name=channel.name or "",
        channel_kind="direct" if direct else "channel",
        # A thread has the id of the message that it was started from.
        thread=place if channel.type in THREADS else None,
        message=message_of(place, found.message.id, direct=direct) if found.message else None,
        reply=_reply(found),
    )


def _reply(found: Interaction) -> dict[str, str]:
    """What adapters.discord.inbound answers by: the token is a secret for 15 minutes."""
    on = {"message": found.message.id} if found.message else {}
    return {"token": found.token or "", "channel": found.channel_id or "", **on}


def _command(common: ChatInput, found: Interaction, wording: Wording) -> Received:
    data = _decoded(found.data, CommandData)
    if data.name != NAME or data.type != _SLASH:
        return Received(answer=_NOT_OURS, note="a command that is not /im")
    return _one(common, kind="command", text=wording(data.options))


def _component(common: ChatInput, found: Interaction, _: Wording) -> Received:
    data = _decoded(found.data, ComponentData)
    own = parse_custom_id(data.custom_id)
    if own is None:
        return Received(answer=_UNCHANGED, note="a button or menu that the router did not make")
    action, value = own
    if data.values:
        mark = "@" if data.component_type == _USER_SELECT else ""
        value = f"{value} {mark}{data.values[0]}"
    return _one(common, kind="action", action=action, value=value)


def _modal(common: ChatInput, found: Interaction, _: Wording) -> Received:
    data = _decoded(found.data, ModalData)
    own = parse_custom_id(data.custom_id)
    if own is None:
        return Received(answer=_UNCHANGED, note="a form that the router did not make")
    return _one(common, kind="form", action=own[0], value=own[1], fields=filled(data.components))


_READERS: Final[Mapping[int, Callable[[ChatInput, Interaction, Wording], Received]]] = {
    COMMAND: _command,
    COMPONENT: _component,
    MODAL: _modal,
}


def _one(common: ChatInput, **more: object) -> Received:
    return Received(inputs=(msgspec.structs.replace(common, **more),))


def _decoded(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE:
        raise Refused(Refusal.MALFORMED, "the body is not an interaction as Discord documents it") from None
