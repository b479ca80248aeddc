"""Calls of the Bot Framework's connector: the token, one retry after a 401, errors as reasons.

Its operations: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from adapters.contract import Answer, DeliveryError, Outbound, Reason
from adapters.http import decode, encode
from adapters.teams.card import Activity, Id, NewChat
from adapters.teams.config import TeamsConfig
from adapters.teams.errors import CODES, WHO, refused
from adapters.teams.token import Token


class _Posted(msgspec.Struct, frozen=True):
    id: str


class Opened(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation that was created, and the activity that started it."""

    id: str
    activity_id: str = ""


class Connector:
    """The connector at `service_url`; a call may go to another `base` that was verified."""

    def __init__(self, config: TeamsConfig, http: Outbound, token: Token | None = None) -> None:
        self.token = token or Token(config, http)
        self._http = http
        self._tenant_id = config.tenant_id
        self._base = config.service_url.rstrip("/")
        self._chats: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None, *, base: str = "") -> Answer:
        """One call; with a new token once more if the one we have is refused. Raises DeliveryError."""
        content = None if body is None else encode(body)
        url = (base.rstrip("/") or self._base) + path
        headers = await self.token.headers()
        answer = await self._http.request(method, url, headers=headers, body=content)
        if answer.status == 401:
            headers = await self.token.headers(instead_of=headers)
            answer = await self._http.request(method, url, headers=headers, body=content)
        if not 200 <= answer.status < 300:
            raise refused(answer)
        return answer

    async def create(self, body: Any) -> Opened:
        """Create a conversation, or find the one with a person again."""
        return decode(await self.call("POST", "/v3/conversations", body), Opened, WHO)

    async def send(self, conversation: str, activity: Activity, *, base: str = "") -> str:
        """Send an activity to a conversation; its id."""
        path = f"/v3/conversations/{quoted(conversation)}/activities"
        return decode(await self.call("POST", path, activity, base=base), _Posted, WHO).id

    async def answer(self, conversation: str, activity: Activity, *, base: str = "") -> str:
        """Send an activity about an existing one; MESSAGE_GONE when its thread is gone."""
        try:
            return await self.send(conversation, activity, base=base)
        except DeliveryError as error:
            raise _gone(error) from None

    async def replace(self, conversation: str, activity_id: str, activity: Activity) -> None:
        """Replace an activity in place; MESSAGE_GONE when it is gone."""
        path = f"/v3/conversations/{quoted(conversation)}/activities/{quoted(activity_id)}"
        try:
            answer = await self.call("PUT", path, activity)
        except DeliveryError as error:
            raise _gone(error) from None
        if answer.body.strip():  # an empty answer says all there is to say
            decode(answer, _Posted, WHO)

    async def chat_with(self, person: str) -> str:
        """The conversation with one person, opened once."""
        known = self._chats.get(person)
        if known:
            return known
        body = NewChat(is_group=False, members=(Id(person),), tenant_id=self._tenant_id)
        try:
            opened = await self.create(body)
        except DeliveryError as error:
            error.may_have_arrived = False  # opening a chat shows nothing and may be done twice
            raise
        self._chats[person] = opened.id
        return opened.id


def quoted(part: str) -> str:
    """An id as a part of a path."""
    return quote(part, safe="", errors="replace")


def _gone(error: DeliveryError) -> DeliveryError:
    """The same failure; a thread that is gone is the message that is gone."""
    if error.reason is not Reason.CHANNEL_NOT_FOUND:
        return error
    hint = CODES["ActivityNotFoundInConversation"][1]
    return DeliveryError(Reason.MESSAGE_GONE, f"{WHO} answered 404: {hint}")
