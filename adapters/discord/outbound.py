"""The Discord adapter: messages out, and what the router asks about a server."""

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
from adapters.discord.limits import (
    EPOCH_MS,
    LEASE_SECONDS,
    LIMITS,
    MAX_MESSAGES_PER_PAGE,
    NONCE_WINDOW_SECONDS,
)
from adapters.discord.permissions import READ_MESSAGE_HISTORY, TEXT_CHANNELS, missing
from adapters.discord.render import MARK, Payload, answering, marked, render

_CLOCK_SKEW: Final = timedelta(minutes=2)
"""How far this machine's clock may be ahead of Discord's, whose ids hold the time of a message."""
_MAX_PAGES: Final = 20
_MENTION: Final = re.compile(r"<@!?([0-9]+)>")


class Discord:
    """See adapters.contract.Adapter and LooksBack."""

    def __init__(self, config: DiscordConfig, http: Outbound) -> None:
        self._config = config
        self._api = Api(config, http)

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        """Post a message.

        MESSAGE_GONE when an earlier try with the nonce arrived and somebody has deleted it since: Discord
        does not make it anew (https://github.com/discord/discord-api-docs/pull/6647).
        """
        return await self._create(channel, marked(render(message), nonce))

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        """Replace a message; its mark goes, which nobody looks for once the id is known."""
        return _receipt(ref.channel, await self._api.replace(ref.channel, ref.message_id, render(message)))

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        """Answer a message in its channel; MESSAGE_GONE when it no longer exists."""
        return await self._create(ref.channel, answering(marked(render(message), nonce), ref.message_id))

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        """The bot's own message with the nonce's mark.

        FORBIDDEN where the bot may not read the history: Discord then shows no messages at all, which
        must not be taken for "it did not arrive". OUTCOME_UNKNOWN when there is too much to look through.
        """
        me = await self._api.me()
        after = _snowflake(since - _CLOCK_SKEW)
        for _ in range(_MAX_PAGES):
            page = await self._api.messages(channel, after=after)
            found = _with_mark(page, MARK + nonce, me.id)
            if found:
                return MessageRef(channel=channel, message_id=found)
            if len(page) < MAX_MESSAGES_PER_PAGE:
                if not page:
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

    async def _create(self, channel: str, payload: Payload) -> Receipt:
        return _receipt(channel, await self._api.create(channel, payload))

    async def _make_sure_of_history(self, channel: str) -> None:
        """FORBIDDEN if an empty page was Discord's answer to a missing permission."""
        standing = await self._api.standing()
        if not standing.in_channel(await self._api.channel(channel)) & READ_MESSAGE_HISTORY:
            raise DeliveryError(Reason.FORBIDDEN, "the bot may not read the channel's message history")


def _receipt(channel: str, message_id: str) -> Receipt:
    return Receipt(ref=MessageRef(channel=channel, message_id=message_id))


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
)
