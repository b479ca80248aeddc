"""Finding channels and people by the names that admins write, and remembering the ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from adapters.contract import DeliveryError, Reason
from adapters.mattermost.api import Api, Refusal

# server/public/model/utils.go: IsValidId.
_ID: Final = re.compile(r"[a-z0-9]{26}")
# server/public/model/utils.go: IsValidChannelIdentifier; server/public/model/user.go: IsValidUsername.
_CHANNEL_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_USER_NAME: Final = re.compile(r"[a-z0-9._-]{1,64}")
_E_MAIL: Final = re.compile(r"[^@\s/]+@[^@\s/]+")

MAX_REMEMBERED: Final = 10_000


class ChannelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as the server describes it; `type` is O (public), P (private), D or G (direct)."""

    id: str
    name: str = ""
    type: str = "O"
    team_id: str = ""
    creator_id: str = ""
    delete_at: int = 0


class UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a bot as the server describes them; `email` only where its settings allow."""

    id: str
    username: str
    email: str = ""
    email_verified: bool = False
    is_bot: bool = False
    roles: str = ""
    delete_at: int = 0


class TeamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A team."""

    id: str
    name: str = ""


def is_id(text: str) -> bool:
    """Whether a text has the form of Mattermost's ids."""
    return _ID.fullmatch(text) is not None


class Directory:
    """Names to ids, each looked up once: ids never change, and a wrong one is forgotten."""

    def __init__(self, api: Api, team: str) -> None:
        self._api = api
        self._team = team
        self._channels: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._me: UserInfo | None = None
        self._known_team: TeamInfo | None = None

    async def channel_id(self, channel: str) -> str:
        """The id of a channel given by id, by name (`~town-square`) or as `@user`."""
        if _ID.fullmatch(channel):
            return channel
        known = self._channels.get(channel)
        if known is None:
            if len(self._channels) >= MAX_REMEMBERED:
                self._channels.clear()
            known = self._channels[channel] = await self._look_up(channel)
        return known

    def forget(self, channel: str) -> None:
        """Look the channel up again the next time."""
        self._channels.pop(channel, None)

    async def me(self) -> UserInfo:
        """The bot's own account."""
        if self._me is None:
            self._me = await self._api.get("/users/me", UserInfo)
        return self._me

    async def team(self) -> TeamInfo | None:
        """The configured team; None when there is none."""
        if not self._team:
            return None
        by = "" if is_id(self._team) else "name/"
        return await self._api.get(f"/teams/{by}{_part(self._team)}", TeamInfo)

    async def known_team(self) -> TeamInfo | None:
        """The same, asked for once; None when no team is configured."""
        if self._known_team is None:
            self._known_team = await self.team()
        return self._known_team

    async def channel(self, channel_id: str) -> ChannelInfo:
        """A channel by its id."""
        return await self._api.get(f"/channels/{_part(channel_id)}", ChannelInfo)

    async def find_user(self, query: str) -> UserInfo | None:
        """The account with this id, e-mail address or user name; None when there is none."""
        name = query.strip().lower()
        for path in _paths_to(name):
            user = await self._user(path)
            if user and not user.delete_at:
                return user
        return None

    async def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The user names of these people by their ids, without those whom the server does not know."""
        unknown = [one for one in ids if one not in self._names and is_id(one)]
        if unknown:
            self._remember(await self._listed("/users/ids", unknown))
        return {one: self._names[one] for one in ids if one in self._names}

    async def ids(self, names: Sequence[str]) -> Mapping[str, str]:
        """The ids of the people of these user names, without those whom the server does not know."""
        listed = await self._listed(
            "/users/usernames", [name for name in names if _USER_NAME.fullmatch(name)]
        )
        self._remember(listed)
        return {user.username: user.id for user in listed}

    async def _listed(self, path: str, wanted: list[str]) -> list[UserInfo]:
        if not wanted:
            return []
        try:
            return await self._api.call("POST", path, list[UserInfo], wanted)
        except DeliveryError as error:
            # A name is not worth the message: only what would stop that, too, is passed on.
            if error.reason.retryable or error.reason is Reason.UNAUTHORIZED:
                raise
            return []

    def _remember(self, users: list[UserInfo]) -> None:
        if len(self._names) >= MAX_REMEMBERED:
            self._names.clear()
        self._names.update((user.id, user.username) for user in users)

    async def _user(self, path: str) -> UserInfo | None:
        try:
            return await self._api.get(path, UserInfo)
        except Refusal as refused:
            # It does not know the name, or does not take it for one; a 404 of something else has no code.
            if refused.code and refused.reason in (Reason.CHANNEL_NOT_FOUND, Reason.REJECTED):
                return None
            raise

    async def _look_up(self, channel: str) -> str:
        if channel.startswith("@"):
            return await self._direct(channel)
        name = channel.removeprefix("~").lower()
        if not _CHANNEL_NAME.fullmatch(name):
            raise _unknown("what is configured is neither a channel's id nor its name nor @user")
        if not self._team:
            raise _unknown("channels given by name need `team`; set it, or use the channel's id")
        by = (
            f"/teams/{_part(self._team)}/channels"
            if is_id(self._team)
            else f"/teams/name/{_part(self._team)}/channels"
        )
        return (await self._api.get(f"{by}/name/{name}", ChannelInfo)).id

    async def _direct(self, channel: str) -> str:
        user = await self.find_user(channel)
        if user is None:
            raise _unknown("there is nobody of that name for a direct message")
        pair = [(await self.me()).id, user.id]
        return (await self._api.call("POST", "/channels/direct", ChannelInfo, pair)).id


def _paths_to(name: str) -> list[str]:
    if name.startswith("@"):
        name = name[1:]
    elif _E_MAIL.fullmatch(name):
        return [f"/users/email/{_part(name)}"]
    paths = [f"/users/{name}"] if is_id(name) else []
    return [*paths, f"/users/username/{name}"] if _USER_NAME.fullmatch(name) else paths


def _part(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="")


def _unknown(detail: str) -> DeliveryError:
    return DeliveryError(Reason.CHANNEL_NOT_FOUND, detail)
