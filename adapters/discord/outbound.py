"""The Discord adapter: messages out, what the router asks about a server, and the abilities beside these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from adapters.contract import (
    Channel,
    Check,
    DeliveryError,
    Message,
    MessageRef,
    Outbound,
    Platform,
    Reason,
    Receipt,
    User,
)
from adapters.discord import check
from adapters.discord.api import Api, Person, Sent
from adapters.discord.config import DiscordConfig, is_snowflake
from adapters.discord.direct import located, message_of, person_of
from adapters.discord.inbound import Inbound
from adapters.discord.limits import (
    EPOCH_MS,
    LEASE_SECONDS,
    LIMITS,
    MAX_MESSAGES_PER_PAGE,
    NONCE_WINDOW_SECONDS,
)
from adapters.discord.permissions import READ_MESSAGE_HISTORY, TEXT_CHANNELS, missing
from adapters.discord.render import MARK, Payload, answering, marked, render
from adapters.discord.rooms import WarRooms
from adapters.inbound import ChatInput, CommandSpec, Form, HttpAnswer, Incoming, Received, Room

_CLOCK_SKEW: Final = timedelta(minutes=2)
"""How far this machine's clock may be ahead of Discord's, whose ids hold the time of a message."""
_MAX_PAGES: Final = 20
_MENTION: Final = re.compile(r"<@!?([0-9]+)>")


class Discord:
    """See adapters.contract.Adapter and LooksBack, adapters.inbound.Receives, Rooms and Registers.

    It cannot rehearse: Discord alone holds the key that it signs with.
    """

    def __init__(self, config: DiscordConfig, http: Outbound) -> None:
        self._config = config
        self._api = Api(config, http)
        self._inbound = Inbound(self._api, config)
        self._rooms = WarRooms(self._api, config)
        self._direct: dict[str, str] = {}
        """The numbers of the channels for direct messages, by user id; they never change."""

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        """Post a message.

        MESSAGE_GONE when an earlier try with the nonce arrived and somebody has deleted it since: Discord
        does not make it anew (https://github.com/discord/discord-api-docs/pull/6647).
        """
        return await self._create(channel, marked(render(message), nonce))

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        """Replace a message; its mark goes, which nobody looks for once the id is known."""
        number, message_id = located(ref)
        await self._api.replace(number, message_id, render(message))
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        """Answer a message in its channel; MESSAGE_GONE when it no longer exists."""
        number, message_id = located(ref)
        payload = answering(marked(render(message), nonce), message_id)
        return _receipt(ref.channel, number, await self._api.create(number, payload))

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        """The bot's own message with the nonce's mark.

        FORBIDDEN where the bot may not read the history: Discord then shows no messages at all, which
        must not be taken for "it did not arrive". OUTCOME_UNKNOWN when there is too much to look through.
        """
        me = await self._api.me()
        number = await self._number(channel)
        after = _snowflake(since - _CLOCK_SKEW)
        for _ in range(_MAX_PAGES):
            page = await self._api.messages(number, after=after)
            found = _with_mark(page, MARK + nonce, me.id)
            if found:
                return _receipt(channel, number, found).ref
            if len(page) < MAX_MESSAGES_PER_PAGE:
                if not page and channel == number:
                    await self._make_sure_of_history(channel)
                return None
            after = max(int(sent.id) for sent in page)
        raise DeliveryError(Reason.OUTCOME_UNKNOWN, "the channel holds too many messages to look through")

    async def check(self) -> tuple[Check, ...]:
        return await check.check(self._api, self._config)

    async def channels(self) -> tuple[Channel, ...]:
        """The server's text channels by name; `member` says whether the bot may post there."""
        standing = await self._api.standing()
        listed = [
            Channel(
                id=channel.id,
                name=channel.name or channel.id,
                member=not missing(standing.in_channel(channel), channel),
            )
            for channel in await self._api.channels()
            if channel.type in TEXT_CHANNELS
        ]
        return tuple(sorted(listed, key=lambda channel: (channel.name, channel.id)))

    async def find_user(self, query: str) -> User | None:
        """A member by id, mention, user name, or a display name that only one has.

        Discord shows bots no e-mail addresses, so that these find nobody.
        """
        mention = _MENTION.fullmatch(query.strip())
        wanted = mention.group(1) if mention else query.strip().removeprefix("@")
        if is_snowflake(wanted):
            person = await self._api.member(wanted)
        elif wanted:
            person = _named(await self._api.members(wanted), wanted)
        else:
            person = None
        return User(id=person.user.id, name=person.user.username) if person else None

    async def receive(self, incoming: Incoming) -> Received:
        return await self._inbound.receive(incoming)

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:
        return self._inbound.acknowledge(given, form)

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        return await self._inbound.open_form(given, form)

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        await self._inbound.answer(given, message, private=private, nonce=nonce)

    async def workspace(self) -> str:
        return self._config.guild_id

    async def register_commands(self, commands: tuple[CommandSpec, ...]) -> None:
        await self._inbound.register_commands(commands)

    async def open_room(self, name: str, topic: str) -> Room:
        return await self._rooms.open_room(name, topic)

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        return await self._rooms.invite(channel, users)

    async def close_room(self, channel: str, name: str) -> None:
        await self._rooms.close_room(channel, name)

    async def _create(self, channel: str, payload: Payload) -> Receipt:
        number = await self._number(channel)
        return _receipt(channel, number, await self._api.create(number, payload))

    async def _number(self, channel: str) -> str:
        """The number by which Discord knows a channel; a person's is asked for once."""
        user = person_of(channel)
        if user is None:
            return channel
        if user not in self._direct:
            self._direct[user] = await self._api.direct_channel(user)
        return self._direct[user]

    async def _make_sure_of_history(self, channel: str) -> None:
        """FORBIDDEN if an empty page was Discord's answer to a missing permission."""
        standing = await self._api.standing()
        if not standing.in_channel(await self._api.channel(channel)) & READ_MESSAGE_HISTORY:
            raise DeliveryError(Reason.FORBIDDEN, "the bot may not read the channel's message history")


def _receipt(channel: str, number: str, message_id: str) -> Receipt:
    named = message_of(number, message_id, direct=channel != number)
    return Receipt(ref=MessageRef(channel=channel, message_id=named))


def _with_mark(page: Iterable[Sent], mark: str, author: str) -> str | None:
    for sent in page:
        own = sent.author is not None and sent.author.id == author
        if own and any(embed.footer and embed.footer.text == mark for embed in sent.embeds):
            return sent.id
    return None


def _snowflake(time: datetime) -> int:
    """The smallest id that a message of this time can have."""
    return max(0, int(time.timestamp() * 1000) - EPOCH_MS) << 22


def _named(people: Sequence[Person], name: str) -> Person | None:
    """User names are unique; of those who chose the name for display there must be only one."""
    wanted = name.casefold()
    for person in people:
        if person.user.username.casefold() == wanted:
            return person
    shown = [
        p for p in people if wanted in ((p.nick or "").casefold(), (p.user.global_name or "").casefold())
    ]
    return shown[0] if len(shown) == 1 else None


PLATFORM: Final = Platform(
    name="discord",
    title="Discord",
    config=DiscordConfig,
    build=lambda config, resources: Discord(config, resources.http),
    render=render,
    limits=LIMITS,
    lease_seconds=LEASE_SECONDS,
    nonce_window_seconds=NONCE_WINDOW_SECONDS,
    listener="adapters.discord.gateway",
)
