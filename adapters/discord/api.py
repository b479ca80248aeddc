"""Discord's REST calls as this adapter needs them: paths, headers, answers into types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from adapters.config import current
from adapters.contract import Answer, DeliveryError, Outbound, Reason
from adapters.discord.config import DiscordConfig, is_snowflake
from adapters.discord.errors import UNKNOWN_MEMBER, UNKNOWN_USER, DiscordError, error_of
from adapters.discord.limits import MAX_MEMBERS_PER_SEARCH, MAX_MESSAGES_PER_PAGE
from adapters.discord.permissions import THREADS, Guild, GuildChannel, Member, Standing
from adapters.discord.render import Payload
from adapters.http import decode, encode

T = TypeVar("T")

# Discord refuses clients without one of this form:
# https://discord.com/developers/docs/reference#user-agent
_USER_AGENT: Final = "DiscordBot (im-router, 0.1)"


class Account(msgspec.Struct, frozen=True):
    """A user of Discord, people and bots alike."""

    id: str
    username: str = ""
    global_name: str | None = None


class Person(msgspec.Struct, frozen=True):
    """A member of a server."""

    user: Account
    nick: str | None = None


class Application(msgspec.Struct, frozen=True):
    """The application that the bot belongs to."""

    id: str
    verify_key: str


class Command(msgspec.Struct, frozen=True):
    """A registered application command; of type 1 if it is typed with a slash."""

    name: str
    type: int = 1


class FooterText(msgspec.Struct, frozen=True):
    """An embed's footer, as it is read back."""

    text: str = ""


class SentEmbed(msgspec.Struct, frozen=True):
    """An embed, as it is read back."""

    footer: FooterText | None = None


class Sent(msgspec.Struct, frozen=True):
    """A message in a channel."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}$")]
    author: Account | None = None
    embeds: tuple[SentEmbed, ...] = ()


class Api:
    """Calls as the configured bot. Every method raises only DeliveryError."""

    def __init__(self, config: DiscordConfig, http: Outbound) -> None:
        self._http = http
        self._base = config.api_base.rstrip("/")
        self._guild = config.guild_id
        self._application = config.application_id
        self._headers = {
            "authorization": f"Bot {current(config.bot_token)}",
            "content-type": "application/json",
            "user-agent": _USER_AGENT,
        }

    async def create(self, channel: str, payload: Payload) -> str:
        """Post a message; its id."""
        return await self._send("POST", f"{_channel(channel)}/messages", payload)

    async def replace(self, channel: str, message_id: str, payload: Payload) -> str:
        """Edit a message in place; its id."""
        if not is_snowflake(message_id):
            raise DeliveryError(Reason.MESSAGE_GONE, "this is not the id of a Discord message")
        return await self._send("PATCH", f"{_channel(channel)}/messages/{message_id}", payload)

    async def messages(self, channel: str, *, after: int) -> Sequence[Sent]:
        """The oldest hundred messages with an id above `after`, newest first."""
        query = urlencode({"after": after, "limit": MAX_MESSAGES_PER_PAGE})
        return await self._get(f"{_channel(channel)}/messages?{query}", tuple[Sent, ...])

    async def me(self) -> Account:
        """The bot's own account."""
        return await self._get("/users/@me", Account)

    async def application(self) -> Application:
        """The application whose token this is."""
        return await self._get("/applications/@me", Application)

    async def commands(self) -> Sequence[Command]:
        """The application's commands: those of all servers and those of this one."""
        path = f"/applications/{self._application}"
        everywhere = await self._get(f"{path}/commands", tuple[Command, ...])
        here = await self._get(f"{path}/guilds/{self._guild}/commands", tuple[Command, ...])
        return everywhere + here

    async def standing(self) -> Standing:
        """What the bot is and may be in the server."""
        user = await self.me()
        guild = await self._get(f"/guilds/{self._guild}", Guild)
        member = await self._get(f"/guilds/{self._guild}/members/{user.id}", Member)
        return Standing(user.id, guild, member)

    async def channel(self, channel: str) -> GuildChannel:
        """A channel; a thread comes with its parent's overwrites."""
        found = await self._get(_channel(channel), GuildChannel)
        if found.type in THREADS and found.parent_id:
            parent = await self._get(_channel(found.parent_id), GuildChannel)
            found = msgspec.structs.replace(found, permission_overwrites=parent.permission_overwrites)
        return found

    async def channels(self) -> Sequence[GuildChannel]:
        """All channels of the server, without threads. Discord does not page these."""
        return await self._get(f"/guilds/{self._guild}/channels", tuple[GuildChannel, ...])

    async def member(self, user_id: str) -> Person | None:
        """A member by id; None when nobody has it."""
        try:
            return await self._get(f"/guilds/{self._guild}/members/{user_id}", Person)
        except DiscordError as error:
            if error.code in (UNKNOWN_MEMBER, UNKNOWN_USER):
                return None
            raise

    async def members(self, prefix: str) -> Sequence[Person]:
        """The members whose user name or nickname begins with `prefix`."""
        query = urlencode({"query": prefix, "limit": MAX_MEMBERS_PER_SEARCH})
        return await self._get(f"/guilds/{self._guild}/members/search?{query}", tuple[Person, ...])

    async def _send(self, method: str, path: str, payload: Payload) -> str:
        answer = await self._call(method, path, encode(payload))
        return decode(answer, Sent, "Discord").id

    async def _get(self, path: str, kind: type[T]) -> T:
        return decode(await self._call("GET", path), kind, "Discord")

    async def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        answer = await self._http.request(method, self._base + path, headers=self._headers, body=body)
        if 200 <= answer.status < 300:
            return answer
        raise error_of(answer)


def _channel(channel: str) -> str:
    """The path of a channel. Anything but an id is refused here: it could name another call."""
    if not is_snowflake(channel):
        raise DeliveryError(
            Reason.CHANNEL_NOT_FOUND,
            "a Discord channel is given by its numeric id (Developer Mode, Copy Channel ID)",
        )
    return f"/channels/{channel}"
