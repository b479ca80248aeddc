"""The Slack adapter: the Web API for what goes out, signed requests for what comes in."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final, Literal

from adapters.config import accepted, current
from adapters.contract import (
    Channel,
    Check,
    DeliveryError,
    Message,
    MessageRef,
    Platform,
    Reason,
    Receipt,
    Resources,
    User,
)
from adapters.inbound import ChatInput, Form, HttpAnswer, Incoming, Received, Refusal, Refused, Room
from adapters.slack import checks, history, inbound, limits, people, place, rehearsal, verify
from adapters.slack.answers import Answers
from adapters.slack.api import MAX_PAGES, Conversations, WebApi
from adapters.slack.belonging import REHEARSAL_TEAM, Home
from adapters.slack.config import SlackConfig
from adapters.slack.manifest import app_file
from adapters.slack.posting import Posting
from adapters.slack.render import render
from adapters.slack.rooms import WarRooms


class Slack:
    """See adapters.contract.Adapter and LooksBack, and adapters.inbound.Receives, Rehearses and Rooms."""

    def __init__(self, config: SlackConfig, resources: Resources) -> None:
        self._config = config
        self._api = WebApi(config, resources.http)
        self._posting = Posting(self._api)
        self._answers = Answers(self._api, self._posting, resources.http)
        self._rooms = WarRooms(self._api)
        self._team = config.team_id

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        return await self._posting.post(channel, message, nonce=nonce)

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        return await self._posting.edit(ref, message)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        return await self._posting.post(ref.channel, message, nonce=nonce, thread=place.located(ref))

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        return await history.find(self._api, channel, nonce, since)

    async def check(self) -> tuple[Check, ...]:
        return await checks.check(self._api, self._config)

    async def channels(self) -> tuple[Channel, ...]:
        try:
            found = await self._conversations("public_channel,private_channel")
        except DeliveryError as error:
            if error.reason is not Reason.FORBIDDEN:
                raise
            # Private channels need groups:read, which is not among the scopes that the bot must have.
            found = await self._conversations("public_channel")
        return tuple(sorted(found, key=lambda channel: (channel.name, channel.id)))

    async def email_of(self, user: str) -> str | None:
        return await people.email_of(self._api, user)

    async def find_user(self, query: str) -> User | None:
        return await people.find(self._api, query)

    # What comes in.

    async def receive(self, incoming: Incoming) -> Received:
        verify.verify(accepted(self._config.signing_secret), incoming)
        request = inbound.read(incoming)
        if isinstance(request, Received):
            return request
        return inbound.understood(request, await self._home())

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:  # noqa: ARG002  forms open by API
        # An empty 200 says nothing in the channel, and closes a form that was sent off:
        # https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
        return HttpAnswer()

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        return await self._answers.open_form(given, form)

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        await self._answers.answer(given, message, private=private, nonce=nonce)

    async def workspace(self) -> str:
        if not self._team:
            self._team = (await self._api.identity())[0].team_id
        return self._team

    def rehearsal(self, kind: Literal["command", "action"], *, key: str, text: str, at: datetime) -> Incoming:
        secret = current(self._config.signing_secret)
        team = self._team or REHEARSAL_TEAM
        return rehearsal.request(kind, secret=secret, team=team, key=key, text=text, at=at)

    # War rooms.

    async def open_room(self, name: str, topic: str) -> Room:
        return await self._rooms.open_room(name, topic)

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        return await self._rooms.invite(channel, users)

    async def close_room(self, channel: str, name: str) -> None:
        await self._rooms.close_room(channel, name)

    async def _home(self) -> Home:
        try:
            async with asyncio.timeout(limits.LOOK_UP_SECONDS):
                team = await self.workspace()
        except (DeliveryError, TimeoutError) as error:
            why = error.detail if isinstance(error, DeliveryError) else "Slack took too long"
            raise Refused(
                Refusal.KEYS_UNAVAILABLE,
                f"which workspace this is could not be asked ({why}); set team_id",
            ) from None
        return Home(team, lambda url: verify.may_answer(url, self._config.api_base))

    async def _conversations(self, types: str) -> list[Channel]:
        pages = self._api.pages(
            "conversations.list", Conversations, MAX_PAGES, types=types, exclude_archived="true"
        )
        return [
            Channel(id=found.id, name=found.name or found.id, member=found.is_member)
            async for page in pages
            for found in page.channels
        ]


PLATFORM: Final = Platform(
    name="slack",
    title="Slack",
    config=SlackConfig,
    build=Slack,
    render=render,
    limits=limits.RATES,
    app_file=app_file,
    lease_seconds=30.0,
)
