"""Microsoft Teams: threads in channels, chats with groups and persons, and all that the adapter can do.

How a message is addressed (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
and Microsoft's measurements in microsoft/teams.net, `core/docs/CreateConversation-API-Behavior.md`):

- A new post in a channel is a new conversation: `POST /v3/conversations` with the channel and the activity.
  It answers with the thread's conversation, `19:…@thread.tacv2;messageid=<root>`, and the root's activity id.
- An answer in the thread is `POST /v3/conversations/<the thread's>/activities`.
- A group chat or a conversation with one person has no threads: every message goes to `…/activities`, and an
  answer names the message that it answers in `replyToId`.
- A person (`@29:…`, `29:…` or a directory object id) is reached through the conversation that the same
  `POST /v3/conversations` opens, or finds again.

`MessageRef.message_id` is `<conversation>|<activity>`, the two that an edit needs. The button of a card that
is pressed brings the same two, as `conversation.id` and `replyToId`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec

from adapters.contract import (
    AppFile,
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
from adapters.inbound import ChatInput, Form, HttpAnswer, Incoming, Received, Room
from adapters.teams import inbound, limits
from adapters.teams.answers import Answers, acknowledge
from adapters.teams.card import Activity, MessageData, Notification
from adapters.teams.check import checks
from adapters.teams.config import TeamsConfig
from adapters.teams.connector import Connector
from adapters.teams.directory import Directory
from adapters.teams.keys import Keys
from adapters.teams.place import is_channel, is_conversation, is_person, receipt, split, split_thread
from adapters.teams.render import render
from adapters.teams.rooms import Threads, new_thread
from adapters.teams.token import Token

_ALERT: Final = Notification(alert=True)
_NAMES_SECONDS: Final = 5.0
"""For the names of all who are mentioned: nobody should wait for a page because of them."""


class Teams:
    """See adapters.contract.Adapter, and Receives and Rooms in adapters.inbound.

    There is no LooksBack: a bot cannot read a conversation's messages. Teams has no idempotency key either,
    so a second try after an unknown outcome may show a message twice. The nonce goes along in `channelData`,
    for whoever compares records. There is no Rehearses: the keys that sign what Teams sends are Microsoft's.
    """

    def __init__(
        self, config: TeamsConfig, http: Outbound, token: Token | None = None, keys: Keys | None = None
    ) -> None:
        self._config = config
        self._http = http
        self._connector = Connector(config, http, token)
        self._directory = Directory(config, self._connector)
        self._keys = keys or Keys(config.openid_metadata_url, http)
        self._answers = Answers(self._connector, config.service_url)
        self._threads = Threads(config, self._connector, self._directory)

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        activity = _with(await self._rendered(message), MessageData(nonce=nonce, notification=_ALERT))
        if is_channel(channel):
            return await self._start_thread(channel, activity)
        conversation = await self._conversation(channel)
        return receipt(channel, conversation, await self._connector.send(conversation, activity))

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        conversation, activity_id = split(ref)
        await self._connector.replace(conversation, activity_id, await self._rendered(message))
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        conversation, activity_id = split(ref)
        activity = _with(await self._rendered(message), MessageData(nonce=nonce), reply_to=activity_id)
        return receipt(ref.channel, conversation, await self._connector.answer(conversation, activity))

    async def check(self) -> tuple[Check, ...]:
        """The four lines, and what is off.

        Teams tells a bot neither its permissions nor the commands in its manifest. So the roster of the
        default channel stands for both permission and access, and for commands what can be seen from here
        is checked: that the keys are within reach by which Teams' requests are verified.
        """
        return await checks(
            self._config,
            login=self._connector.token.headers,
            channel=self._see_default_channel,
            keys=self._keys.see,
        )

    async def channels(self) -> tuple[Channel, ...]:
        """The channels of `team_id`; without one the configured ones, as a bot cannot list its teams."""
        return await self._directory.channels()

    async def email_of(self, user: str) -> str | None:
        return await self._directory.email_of(user)

    async def find_user(self, query: str) -> User | None:
        """A member of `team_id`, or of the default channel; None too where two persons have that name."""
        return await self._directory.find(query)

    # Receives.

    async def receive(self, incoming: Incoming) -> Received:
        return await inbound.receive(incoming, self._config, self._keys)

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:
        return acknowledge(given, form)

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        return await self._answers.open_form(given, form)

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:  # noqa: ARG002  see adapters/teams/answers.py
        if given.reply:
            await self._answers.answer(given, await self._rendered(message), nonce=nonce)

    async def workspace(self) -> str:
        """The tenant, which must be configured."""
        if not self._config.tenant_id:
            raise DeliveryError(Reason.REJECTED, "set tenant_id to receive from Teams")
        return self._config.tenant_id

    # Rooms.

    async def open_room(self, name: str, topic: str) -> Room:
        return await self._threads.open_room(name, topic)

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        return await self._threads.invite(channel, users)

    async def close_room(self, channel: str, name: str) -> None:
        await self._threads.close_room(channel, name)

    # Sending.

    async def _rendered(self, message: Message) -> Activity:
        """The activity, with the names of those it mentions: the page must go out even without them."""
        names: dict[str, str] = {}
        with contextlib.suppress(DeliveryError, TimeoutError):
            async with asyncio.timeout(_NAMES_SECONDS):
                for person in message.mentions[: limits.MAX_MENTIONS]:
                    names[person] = await self._directory.name_of(person) or ""
        return render(message, names)

    async def _start_thread(self, channel: str, activity: Activity) -> Receipt:
        opened = await self._connector.create(new_thread(channel, self._config.tenant_id, activity))
        return receipt(channel, opened.id, opened.activity_id or split_thread(opened.id)[1])

    async def _conversation(self, channel: str) -> str:
        """The conversation behind a channel that is not a team's: a chat's own id, or a person's chat."""
        person = channel.removeprefix("@")
        if is_person(person):
            return await self._connector.chat_with(person)
        if is_conversation(channel):
            return channel
        raise DeliveryError(
            Reason.CHANNEL_NOT_FOUND, "that is no Teams id; they look like 19:…@thread.tacv2 or 29:…"
        )

    async def _see_default_channel(self) -> None:
        channel = self._config.default_channel
        if self._config.team_id and channel in {listed.id for listed in await self.channels()}:
            return
        await self._directory.see(channel if is_channel(channel) else await self._conversation(channel))


def _with(activity: Activity, data: MessageData, *, reply_to: str | None = None) -> Activity:
    return msgspec.structs.replace(activity, channel_data=data, reply_to_id=reply_to)


def _app_file(name: str, config: TeamsConfig, url: str, features: frozenset[str]) -> AppFile:
    from adapters.teams.package import app_file  # noqa: PLC0415  Pillow, which workers do without

    return app_file(name, config, url, features)


PLATFORM: Final = Platform(
    name="teams",
    title="Microsoft Teams",
    config=TeamsConfig,
    build=lambda config, resources: Teams(config, resources.http),
    render=render,
    limits=limits.LIMITS,
    app_file=_app_file,
    lease_seconds=60.0,  # a token, a message, and both once more after a 401, at 10 s each; and some rest
)
