"""Discord's REST calls as this adapter needs them: paths, headers, answers into types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from adapters.config import current
from adapters.contract import Answer, DeliveryError, Outbound, Reason
from adapters.discord.commands import Option, Registration
from adapters.discord.config import DiscordConfig, is_snowflake
from adapters.discord.errors import UNKNOWN_MEMBER, UNKNOWN_MESSAGE, UNKNOWN_USER, DiscordError, error_of
from adapters.discord.limits import MAX_MEMBERS_PER_SEARCH, MAX_MESSAGES_PER_PAGE
from adapters.discord.permissions import Guild, GuildChannel, Member, Overwrite, Standing
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
    interactions_endpoint_url: str | None = None
    """Where Discord sends commands and presses; without it they go to the Gateway."""


class Command(msgspec.Struct, frozen=True):
    """A registered application command; of type 1 if it is typed with a slash."""

    name: str
    type: int = 1
    options: tuple[Option, ...] = ()


class Gateway(msgspec.Struct, frozen=True):
    """Where the Gateway is, and how often one may still begin a session there."""

    url: str
    session_start_limit: SessionLimit


class SessionLimit(msgspec.Struct, frozen=True):
    """See https://docs.discord.com/developers/events/gateway#session-start-limit-object."""

    remaining: int = 1
    reset_after: int = 0
    """Milliseconds."""


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
        self._guild_commands = f"/applications/{config.application_id}/guilds/{config.guild_id}/commands"
        self._plain = {"content-type": "application/json", "user-agent": _USER_AGENT}
        self._headers = {"authorization": f"Bot {current(config.bot_token)}", **self._plain}

    async def create(self, channel: str, payload: Payload) -> str:
        """Post a message; its id."""
        return await self._send("POST", f"{_channel(channel)}/messages", payload)

    async def replace(self, channel: str, message_id: str, payload: Payload) -> str:
        """Edit a message in place; its id."""
        if not is_snowflake(message_id):
            raise DeliveryError(Reason.MESSAGE_GONE, "this is not the id of a Discord message")
        return await self._send("PATCH", f"{_channel(channel)}/messages/{message_id}", payload)

    async def answer(self, token: str, payload: Payload) -> None:
        """Fill in the answer that was promised to an interaction; the same again changes nothing."""
        await self._interact("PATCH", f"{self._webhook(token)}/messages/@original", payload)

    async def follow_up(self, token: str, payload: Payload) -> None:
        """Add an answer to an interaction."""
        await self._interact("POST", self._webhook(token), payload)

    async def withdraw(self, token: str) -> None:
        """Take back the answer that was promised to an interaction; nothing to do if it is gone."""
        try:
            await self._interact("DELETE", f"{self._webhook(token)}/messages/@original", None)
        except DiscordError as error:
            if error.code != UNKNOWN_MESSAGE:
                raise

    async def direct_channel(self, user: str) -> str:
        """The number of the channel for direct messages with a person."""
        body = encode({"recipient_id": user})
        answer = await self._call("POST", "/users/@me/channels", body)
        return decode(answer, Sent, "Discord").id

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
        everywhere = await self._get(f"/applications/{self._application}/commands", tuple[Command, ...])
        return (*everywhere, *await self.commands_here())

    async def commands_here(self) -> Sequence[Command]:
        """The application's commands of this server."""
        return await self._get(self._guild_commands, tuple[Command, ...])

    async def register(self, registered: Sequence[Registration]) -> None:
        """Make these all the commands that the application has in the server."""
        await self._call("PUT", self._guild_commands, encode(registered))

    async def gateway(self) -> Gateway:
        """Where to listen."""
        return await self._get("/gateway/bot", Gateway)

    async def standing(self) -> Standing:
        """What the bot is and may be in the server."""
        user = await self.me()
        guild = await self._get(f"/guilds/{self._guild}", Guild)
        member = await self._get(f"/guilds/{self._guild}/members/{user.id}", Member)
        return Standing(user.id, guild, member)

    async def channel(self, channel: str) -> GuildChannel:
        """A channel; a thread comes with its parent's overwrites."""
        found = await self._get(_channel(channel), GuildChannel)
        if found.is_thread and found.parent_id:
            parent = await self._get(_channel(found.parent_id), GuildChannel)
            found = msgspec.structs.replace(found, permission_overwrites=parent.permission_overwrites)
        return found

    async def channels(self) -> Sequence[GuildChannel]:
        """All channels of the server, without threads. Discord does not page these."""
        return await self._get(f"/guilds/{self._guild}/channels", tuple[GuildChannel, ...])

    async def make_channel(self, body: Mapping[str, Any]) -> GuildChannel:
        """Make a channel in the server; it needs Manage Channels."""
        answer = await self._call("POST", f"/guilds/{self._guild}/channels", encode(body))
        return decode(answer, GuildChannel, "Discord")

    async def rename(self, channel: str, name: str) -> None:
        """Give a channel another name; it needs Manage Channels."""
        await self._call("PATCH", _channel(channel), encode({"name": name}))

    async def overwrite(self, channel: str, given: Overwrite) -> None:
        """Say what a role or a member may do in a channel; it needs Manage Roles."""
        body = {"type": given.type, "allow": given.allow, "deny": given.deny}
        await self._call("PUT", f"{_channel(channel)}/permissions/{given.id}", encode(body))

    async def member(self, user_id: str) -> Person | None:
        """A member by id; None when nobody has it."""
        return await self._member(user_id, Person)

    async def roles_of(self, user_id: str) -> Member | None:
        """A member's roles; None when nobody has the id."""
        return await self._member(user_id, Member)

    async def _member(self, user_id: str, kind: type[T]) -> T | None:
        try:
            return await self._get(f"/guilds/{self._guild}/members/{user_id}", kind)
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

    def _webhook(self, token: str) -> str:
        return f"/webhooks/{self._application}/{quote(token, safe='')}"

    async def _interact(self, method: str, path: str, payload: Payload | None) -> None:
        """Calls that the interaction's token authorizes; the bot's is left out."""
        body = None if payload is None else encode(payload)
        answer = await self._http.request(method, self._base + path, headers=self._plain, body=body)
        if not 200 <= answer.status < 300:
            raise error_of(answer)

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
