"""Microsoft Teams outbound: threads in channels, chats with groups and persons, and what surrounds them.

How a message is addressed (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
and Microsoft's measurements in microsoft/teams.net, `core/docs/CreateConversation-API-Behavior.md`):

- A new post in a channel is a new conversation: `POST /v3/conversations` with the channel and the activity.
  It answers with the thread's conversation, `19:…@thread.tacv2;messageid=<root>`, and the root's activity id.
- An answer in the thread is `POST /v3/conversations/<the thread's>/activities`.
- A group chat or a conversation with one person has no threads: every message goes to `…/activities`, and an
  answer names the message that it answers in `replyToId`.
- A person (`29:…` or a directory object id) is reached through the conversation that the same
  `POST /v3/conversations` opens, or finds again.

`MessageRef.message_id` is `<conversation>|<activity>`, the two that an edit needs. The button of a card that
is pressed brings the same two, as `conversation.id` and `replyToId`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from adapters.config import channel_uses
from adapters.contract import (
    Answer,
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
from adapters.http import decode, encode, failure
from adapters.teams import limits
from adapters.teams.card import Activity, Id, MessageData, NewChat, NewThread, Notification, ThreadData
from adapters.teams.check import checks
from adapters.teams.config import TeamsConfig
from adapters.teams.errors import CODES, WHO, refused
from adapters.teams.render import render
from adapters.teams.token import Token

SEPARATOR: Final = "|"

_CHANNEL: Final = re.compile(r"19:[^;]+@thread\.(tacv2|skype)")
_PERSON: Final = re.compile(r"29:.+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CHAT: Final = re.compile(r"(19|a):.+")
_ALERT: Final = Notification(alert=True)


class _Posted(msgspec.Struct, frozen=True):
    id: str


class _Opened(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    activity_id: str = ""


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


class _Roster(msgspec.Struct, frozen=True, rename="camel"):
    members: list[_Member] = []
    continuation_token: str | None = None


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class Teams:
    """See adapters.contract.Adapter. There is no LooksBack: a bot cannot read a conversation's messages.

    Teams has no idempotency key either, so a second try after an unknown outcome may show a message twice.
    The nonce goes along in `channelData`, for whoever compares records.
    """

    def __init__(self, config: TeamsConfig, http: Outbound, token: Token | None = None) -> None:
        self._config = config
        self._http = http
        self._token = token or Token(config, http)
        self._base = config.service_url.rstrip("/")
        self._tenant = Id(config.tenant_id) if config.tenant_id else None
        self._chats: dict[str, str] = {}

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        activity = _with(render(message), MessageData(nonce=nonce, notification=_ALERT))
        if _CHANNEL.fullmatch(channel):
            return await self._start_thread(channel, activity)
        return await self._send(channel, await self._conversation(channel), activity)

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        conversation, activity_id = _split(ref)
        path = f"/v3/conversations/{_quoted(conversation)}/activities/{_quoted(activity_id)}"
        answer = await self._about_message("PUT", path, render(message))
        if answer.body.strip():  # an empty answer says all there is to say
            decode(answer, _Posted, WHO)
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        conversation, activity_id = _split(ref)
        activity = _with(render(message), MessageData(nonce=nonce), reply_to=activity_id)
        path = f"/v3/conversations/{_quoted(conversation)}/activities"
        posted = decode(await self._about_message("POST", path, activity), _Posted, WHO)
        return _receipt(ref.channel, conversation, posted.id)

    async def check(self) -> tuple[Check, ...]:
        """The four lines.

        Teams tells a bot neither its permissions nor the commands in its manifest. So the roster of the
        default channel stands for both permission and access, and for commands what can be seen from here
        is checked: that the keys are within reach by which Teams' requests are verified.
        """
        return await checks(
            enabled=self._config.enable_slash_commands,
            login=self._token.headers,
            channel=self._see_default_channel,
            keys=self._see_keys,
        )

    async def channels(self) -> tuple[Channel, ...]:
        """The channels of `team_id`; without one the configured ones, as a bot cannot list its teams."""
        if not self._config.team_id:
            return tuple(Channel(id=channel, name=channel) for channel in sorted(channel_uses(self._config)))
        answer = await self._call("GET", f"/v3/teams/{_quoted(self._config.team_id)}/conversations")
        listed = decode(answer, _Channels, WHO).conversations
        # The General channel comes without a name, because clients translate it.
        found = (Channel(id=entry.id, name=entry.name or "General") for entry in listed)
        return tuple(sorted(found, key=lambda channel: (channel.name, channel.id)))

    async def find_user(self, query: str) -> User | None:
        """A member of `team_id`, or of the default channel; None too where two persons have that name."""
        wanted = query.strip().removeprefix("@").casefold()
        if not wanted:
            return None
        namesakes: list[_Member] = []
        async for member in self._members(self._config.team_id or self._config.default_channel):
            if wanted in _identities(member):
                return _user(member)
            if (member.name or "").casefold() == wanted:
                namesakes.append(member)
        return _user(namesakes[0]) if len(namesakes) == 1 else None

    # Sending.

    async def _start_thread(self, channel: str, activity: Activity) -> Receipt:
        body = NewThread(
            is_group=True,
            activity=activity,
            channel_data=ThreadData(Id(channel), self._tenant),
            tenant_id=self._config.tenant_id,
        )
        opened = decode(await self._call("POST", "/v3/conversations", body), _Opened, WHO)
        root = opened.activity_id or opened.id.rpartition(";messageid=")[2]
        return _receipt(channel, opened.id, root)

    async def _send(self, channel: str, conversation: str, activity: Activity) -> Receipt:
        answer = await self._call("POST", f"/v3/conversations/{_quoted(conversation)}/activities", activity)
        return _receipt(channel, conversation, decode(answer, _Posted, WHO).id)

    async def _conversation(self, channel: str) -> str:
        """The conversation behind a channel that is not a team's: a chat's own id, or a person's chat."""
        if _PERSON.fullmatch(channel):
            return self._chats.get(channel) or await self._open_chat(channel)
        if _CHAT.fullmatch(channel):
            return channel
        raise DeliveryError(
            Reason.CHANNEL_NOT_FOUND, "that is no Teams id; they look like 19:…@thread.tacv2 or 29:…"
        )

    async def _open_chat(self, person: str) -> str:
        body = NewChat(is_group=False, members=(Id(person),), tenant_id=self._config.tenant_id)
        try:
            opened = decode(await self._call("POST", "/v3/conversations", body), _Opened, WHO)
        except DeliveryError as error:
            error.may_have_arrived = False  # opening a chat shows nothing and may be done twice
            raise
        self._chats[person] = opened.id
        return opened.id

    async def _about_message(self, method: str, path: str, body: Activity) -> Answer:
        """A call about an existing message: a thread that is gone is the message that is gone."""
        try:
            return await self._call(method, path, body)
        except DeliveryError as error:
            if error.reason is Reason.CHANNEL_NOT_FOUND:
                hint = CODES["ActivityNotFoundInConversation"][1]
                raise DeliveryError(Reason.MESSAGE_GONE, f"{WHO} answered 404: {hint}") from None
            raise

    async def _call(self, method: str, path: str, body: Any = None) -> Answer:
        """One call of the connector; with a new token once more if it refuses the one we have."""
        content = None if body is None else encode(body)
        headers = await self._token.headers()
        answer = await self._http.request(method, self._base + path, headers=headers, body=content)
        if answer.status == 401:
            headers = await self._token.headers(instead_of=headers)
            answer = await self._http.request(method, self._base + path, headers=headers, body=content)
        if not 200 <= answer.status < 300:
            raise refused(answer)
        return answer

    # Looking up.

    async def _members(self, conversation: str) -> AsyncIterator[_Member]:
        after: str | None = None
        for _ in range(limits.MAX_ROSTER_PAGES):
            page = await self._roster(conversation, limits.ROSTER_PAGE, after)
            for member in page.members:
                yield member
            after = page.continuation_token
            if not after:
                return

    async def _roster(self, conversation: str, size: int, after: str | None = None) -> _Roster:
        query = {"pageSize": str(size)} | ({"continuationToken": after} if after else {})
        path = f"/v3/conversations/{_quoted(conversation)}/pagedmembers?{urlencode(query)}"
        return decode(await self._call("GET", path), _Roster, WHO)

    async def _see_default_channel(self) -> None:
        channel = self._config.default_channel
        if self._config.team_id and channel in {listed.id for listed in await self.channels()}:
            return
        conversation = channel if _CHANNEL.fullmatch(channel) else await self._conversation(channel)
        await self._roster(conversation, limits.ROSTER_PAGE_SMALLEST)

    async def _see_keys(self) -> None:
        what = "the Bot Framework's key service"
        url = self._config.openid_metadata_url
        answer = await self._http.request("GET", url, headers={"accept": "application/json"})
        if answer.status != 200:
            raise failure(answer, what)
        decode(answer, _Metadata, what)


def _with(activity: Activity, data: MessageData, *, reply_to: str | None = None) -> Activity:
    return msgspec.structs.replace(activity, channel_data=data, reply_to_id=reply_to)


def _split(ref: MessageRef) -> tuple[str, str]:
    conversation, _, activity_id = ref.message_id.rpartition(SEPARATOR)
    return conversation or ref.channel, activity_id


def _receipt(channel: str, conversation: str, activity_id: str) -> Receipt:
    message_id = f"{conversation}{SEPARATOR}{activity_id}"
    return Receipt(ref=MessageRef(channel=channel, message_id=message_id))


def _quoted(part: str) -> str:
    return quote(part, safe="", errors="replace")


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


PLATFORM: Final = Platform(
    name="teams",
    title="Microsoft Teams",
    config=TeamsConfig,
    build=lambda config, resources: Teams(config, resources.http),
    render=render,
    limits=limits.LIMITS,
    lease_seconds=60.0,  # a token, a message, and both once more after a 401, at 10 s each; and some rest
)
