"""Who and what there is in Teams: the channels of the team, its people, and their names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlencode

import msgspec

from adapters.config import channel_uses
from adapters.contract import Channel, DeliveryError, Reason, User
from adapters.http import decode
from adapters.teams import limits
from adapters.teams.config import TeamsConfig
from adapters.teams.connector import Connector, quoted
from adapters.teams.errors import WHO

_NOT_A_MEMBER = frozenset({Reason.CHANNEL_NOT_FOUND, Reason.MESSAGE_GONE, Reason.REJECTED, Reason.FORBIDDEN})


class _Named(msgspec.Struct, frozen=True):
    id: str
    name: str | None = None


class _Channels(msgspec.Struct, frozen=True):
    conversations: list[_Named]


class _Member(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    name: str | None = None
    email: str | None = None
    user_principal_name: str | None = None
    aad_object_id: str | None = None
    object_id: str | None = None
    tenant_id: str | None = None
    user_role: str | None = None


class _Roster(msgspec.Struct, frozen=True, rename="camel"):
    members: list[_Member] = []
    continuation_token: str | None = None


class Directory:
    """Look-ups in the team, or in the default channel where no team is configured."""

    def __init__(self, config: TeamsConfig, connector: Connector) -> None:
        self._config = config
        self._connector = connector
        self._home = config.team_id or config.default_channel
        self._names: dict[str, str] = {}

    async def channels(self) -> tuple[Channel, ...]:
        """The channels of `team_id`; without one the configured ones, as a bot cannot list its teams."""
        if not self._config.team_id:
            return tuple(Channel(id=channel, name=channel) for channel in sorted(channel_uses(self._config)))
        path = f"/v3/teams/{quoted(self._config.team_id)}/conversations"
        listed = decode(await self._connector.call("GET", path), _Channels, WHO).conversations
        # The General channel comes without a name, because clients translate it.
        found = (Channel(id=entry.id, name=entry.name or "General") for entry in listed)
        return tuple(sorted(found, key=lambda channel: (channel.name, channel.id)))

    async def find(self, query: str) -> User | None:
        """A person by id, address or exact name; None too where two persons have that name."""
        wanted = query.strip().removeprefix("@").casefold()
        if not wanted:
            return None
        namesakes: list[_Member] = []
        async for member in self._members():
            if wanted in _identities(member):
                return _user(member)
            if (member.name or "").casefold() == wanted:
                namesakes.append(member)
        return _user(namesakes[0]) if len(namesakes) == 1 else None

    async def see(self, conversation: str) -> None:
        """Raise DeliveryError where the bot cannot see who is in the conversation."""
        await self._roster(conversation, limits.ROSTER_PAGE_SMALLEST)

    async def name_of(self, person: str) -> str | None:
        """A member's name, asked for once; None where the person is no member.

        https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context#get-single-member-details
        """
        if person not in self._names:
            path = f"/v3/conversations/{quoted(self._home)}/members/{quoted(person)}"
            try:
                member = decode(await self._connector.call("GET", path), _Member, WHO)
            except DeliveryError as error:
                if error.reason in _NOT_A_MEMBER:
                    return None
                error.may_have_arrived = False  # only a look; nothing was to arrive
                raise
            self._names[person] = member.name or member.id
        return self._names[person]

    async def email_of(self, person: str) -> str | None:
        """See adapters.inbound.Vouches: of the tenant's own people; a guest's address is his own to give.

        https://learn.microsoft.com/javascript/api/botframework-schema/teamschannelaccount
        """
        path = f"/v3/conversations/{quoted(self._home)}/members/{quoted(person)}"
        member = decode(await self._connector.call("GET", path), _Member, WHO)
        ours = member.tenant_id == self._config.tenant_id and member.user_role == "user"
        return member.email or member.user_principal_name if ours else None

    async def _members(self) -> AsyncIterator[_Member]:
        after: str | None = None
        for _ in range(limits.MAX_ROSTER_PAGES):
            page = await self._roster(self._home, limits.ROSTER_PAGE, after)
            for member in page.members:
                yield member
            after = page.continuation_token
            if not after:
                return

    async def _roster(self, conversation: str, size: int, after: str | None = None) -> _Roster:
        query = {"pageSize": str(size)} | ({"continuationToken": after} if after else {})
        path = f"/v3/conversations/{quoted(conversation)}/pagedmembers?{urlencode(query)}"
        return decode(await self._connector.call("GET", path), _Roster, WHO)


def _identities(member: _Member) -> set[str]:
    known: Iterable[str | None] = (
        member.id,
        member.aad_object_id,
        member.object_id,
        member.email,
        member.user_principal_name,
    )
    return {identity.casefold() for identity in known if identity}


def _user(member: _Member) -> User:
    return User(id=member.id, name=member.name or member.id, email=member.email or member.user_principal_name)
