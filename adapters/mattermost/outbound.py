"""The Mattermost adapter: what a bot account posts and hears, put together from its parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

from adapters.config import current
from adapters.contract import (
    Channel,
    Check,
    Message,
    MessageRef,
    Outbound,
    Platform,
    Reason,
    Receipt,
    User,
)
from adapters.inbound import ChatInput, Form, HttpAnswer, Incoming, Received, Room
from adapters.mattermost import acknowledge, checks, rehearsal
from adapters.mattermost.answers import Answers
from adapters.mattermost.api import Api, Refusal
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import ChannelInfo, Directory
from adapters.mattermost.inbound import Inbound
from adapters.mattermost.limits import LEASE_SECONDS, LIMITS, MAX_PAGE, NONCE_WINDOW_SECONDS
from adapters.mattermost.posts import Posts
from adapters.mattermost.render import render
from adapters.mattermost.rooms import WarRooms
from adapters.mattermost.workspace import Workspace


def _now() -> datetime:
    return datetime.now(UTC)


class Mattermost:
    """See adapters.contract.Adapter and LooksBack, adapters.inbound.Receives, Rehearses and Rooms.

    `clock` dates the dialogs that are opened.
    """

    def __init__(
        self, config: MattermostConfig, outbound: Outbound, clock: Callable[[], datetime] = _now
    ) -> None:
        self._config = config
        self._api = Api(config.base_url, current(config.bot_token), outbound)
        self._directory = Directory(self._api, config.team)
        self._posts = Posts(config, self._api, self._directory)
        self._workspace = Workspace(config, self._directory)
        self._inbound = Inbound(config, self._directory, self._workspace)
        self._answers = Answers(config, self._api, self._posts, clock)
        self._rooms = WarRooms(config, self._api, self._directory)

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        return await self._posts.post(channel, message, nonce=nonce)

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        return await self._posts.edit(ref, message)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        return await self._posts.reply(ref, message, nonce=nonce)

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        return await self._posts.find(channel, nonce=nonce, since=since)

    async def receive(self, incoming: Incoming) -> Received:
        return await self._inbound.receive(incoming)

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:
        return acknowledge.acknowledgement(given, form)

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        return await self._answers.open_form(given, form)

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        await self._answers.answer(given, message, private=private, nonce=nonce)

    async def workspace(self) -> str:
        return await self._workspace.id()

    def rehearsal(self, kind: Literal["command", "action"], *, key: str, text: str, at: datetime) -> Incoming:
        return rehearsal.rehearse(self._config, kind, key=key, text=text, at=at)

    async def open_room(self, name: str, topic: str) -> Room:
        return await self._rooms.open_room(name, topic)

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        return await self._rooms.invite(channel, users)

    async def close_room(self, channel: str, name: str) -> None:
        await self._rooms.close_room(channel, name)

    async def check(self) -> tuple[Check, ...]:
        return await checks.examine(self._api, self._directory, self._config)

    async def channels(self) -> tuple[Channel, ...]:
        team = await self._directory.team()
        joined = await self._joined(team.id if team else "")
        public = await self._public(team.id) if team else []
        seen = {channel.id: channel for channel in (*public, *joined) if channel.type in "OP"}
        mine = {channel.id for channel in joined}
        listed = (
            Channel(id=channel.id, name=channel.name, member=channel.id in mine)
            for channel in seen.values()
            if not channel.delete_at
        )
        return tuple(sorted(listed, key=lambda channel: channel.name))

    async def email_of(self, user: str) -> str | None:
        found = await self._directory.find_user(user)
        if found is None or found.id != user or not found.email_verified or "guest" in found.roles:
            return None
        return found.email or None

    async def find_user(self, query: str) -> User | None:
        found = await self._directory.find_user(query)
        return User(id=found.id, name=found.username, email=found.email or None) if found else None

    async def _joined(self, team_id: str) -> list[ChannelInfo]:
        path = f"/users/me/teams/{team_id}/channels" if team_id else "/users/me/channels"
        return await self._api.get(path, list[ChannelInfo])

    async def _public(self, team_id: str) -> list[ChannelInfo]:
        """The team's public channels; none where the bot may not list them."""
        found: list[ChannelInfo] = []
        while len(found) % MAX_PAGE == 0:
            query = f"page={len(found) // MAX_PAGE}&per_page={MAX_PAGE}"
            try:
                page = await self._api.get(f"/teams/{team_id}/channels?{query}", list[ChannelInfo])
            except Refusal as refused:
                if refused.reason is Reason.FORBIDDEN:
                    return found
                raise
            if not page:
                return found
            found += page
        return found


PLATFORM: Final = Platform(
    name="mattermost",
    title="Mattermost",
    config=MattermostConfig,
    build=lambda config, resources: Mattermost(config, resources.http),
    render=render,
    limits=LIMITS,
    lease_seconds=LEASE_SECONDS,
    listener="adapters.mattermost.websocket",
    nonce_window_seconds=NONCE_WINDOW_SECONDS,
)
