"""Answering people where they spoke: in private, in the thread, in the channel, or with a form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from adapters.config import current
from adapters.contract import DeliveryError, Message, MessageRef, Reason
from adapters.inbound import ChatInput, Form
from adapters.mattermost import dialogs
from adapters.mattermost.api import Api
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.limits import TRIGGER_SECONDS
from adapters.mattermost.posts import Posts
from adapters.mattermost.render import Attachment, Props

Way = Literal["response", "ephemeral", "direct", "thread", "channel", "in_channel"]

_PUBLIC: Final[tuple[Way, ...]] = ("thread", "channel", "in_channel")
_PRIVATE: Final[Mapping[str, tuple[Way, ...]]] = {
    "command": ("response", "ephemeral", "direct"),
    "mention": ("ephemeral", "thread", "channel"),
}
_WHISPER: Final[tuple[Way, ...]] = ("ephemeral", "direct")

# The next way is taken where this one is closed for good; what may pass is tried again as it is.
_CLOSED: Final = frozenset(
    {Reason.FORBIDDEN, Reason.CHANNEL_NOT_FOUND, Reason.MESSAGE_GONE, Reason.REJECTED, Reason.EXPIRED}
)


class _Response(msgspec.Struct, frozen=True, kw_only=True):
    """See https://docs.mattermost.com/developers/integrate/slash-commands/custom, "Response parameters"."""

    response_type: Literal["ephemeral", "in_channel"]
    text: str
    attachments: tuple[Attachment, ...]
    skip_slack_parsing: bool = True
    """Or the server would take `<!channel>` and `<@…>` in the text for Slack's mentions."""


class _Whispered(msgspec.Struct, frozen=True, kw_only=True):
    channel_id: str
    message: str
    props: Props
    root_id: str = ""


class _Ephemeral(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    post: _Whispered


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    trigger_id: str
    url: str
    dialog: dialogs.Dialog


class Answers:
    """See `answer` and `open_form` of adapters.inbound.Receives."""

    def __init__(
        self, config: MattermostConfig, api: Api, posts: Posts, clock: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._api = api
        self._posts = posts
        self._clock = clock
        self._ways: Mapping[Way, Callable[[ChatInput, Message, str], Awaitable[None]]] = {
            "response": self._respond,
            "ephemeral": self._whisper,
            "direct": self._direct,
            "thread": self._in_thread,
            "channel": self._in_channel,
            "in_channel": self._respond_openly,
        }

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        """Tell the person or the channel by the first way that is open; raises DeliveryError."""
        if not given.reply:
            return
        failed: DeliveryError | None = None
        for way in ways(given, private=private):
            try:
                await self._ways[way](given, message, nonce)
            except DeliveryError as error:
                if error.reason not in _CLOSED:
                    raise
                # The last way is a substitute: the first one's refusal is what is to be mended.
                failed = failed or error
            else:
                return
        if failed:
            raise failed

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        """Open the dialog; False where there is no trigger, or no address for what is filled in."""
        trigger = given.reply.get("trigger")
        if not trigger or not self._config.callback_url:
            return False
        told = dialogs.opened(given, form, at=self._clock())
        dialog = dialogs.dialog(form, dialogs.sealed(told, current(self._config.bot_token)))
        opening = _Open(trigger_id=trigger, url=self._config.callback_url, dialog=dialog)
        await self._api.call("POST", "/actions/dialogs/open", Any, opening, seconds=TRIGGER_SECONDS)
        return True

    async def _respond(self, given: ChatInput, message: Message, nonce: str) -> None:
        await self._send_response(given, message, nonce, "ephemeral")

    async def _respond_openly(self, given: ChatInput, message: Message, nonce: str) -> None:
        await self._send_response(given, message, nonce, "in_channel")

    async def _send_response(
        self, given: ChatInput, message: Message, nonce: str, kind: Literal["ephemeral", "in_channel"]
    ) -> None:
        post = await self._posts.composed(message, mark=nonce)
        response = _Response(response_type=kind, text=post.message, attachments=post.props.attachments)
        await self._api.respond(given.reply["response_url"], response)

    async def _whisper(self, given: ChatInput, message: Message, nonce: str) -> None:
        post = await self._posts.composed(message, mark=nonce)
        root = given.thread or ""
        if given.kind == "mention" and not root:
            root = await self._posts.thread_of(given.reply["root"])
        whispered = _Whispered(channel_id=given.channel, message=post.message, props=post.props, root_id=root)
        await self._api.call(
            "POST", "/posts/ephemeral", Any, _Ephemeral(user_id=given.user.id, post=whispered)
        )

    async def _direct(self, given: ChatInput, message: Message, nonce: str) -> None:
        await self._posts.post(f"@{given.user.id}", message, nonce=nonce)

    async def _in_thread(self, given: ChatInput, message: Message, nonce: str) -> None:
        ref = MessageRef(channel=given.channel, message_id=given.reply["root"])
        await self._posts.reply(ref, message, nonce=nonce)

    async def _in_channel(self, given: ChatInput, message: Message, nonce: str) -> None:
        await self._posts.post(given.channel, message, nonce=nonce)


def ways(given: ChatInput, *, private: bool) -> tuple[Way, ...]:
    """How to answer, best first; those left out for which the input has no address."""
    wanted = _PRIVATE.get(given.kind, _WHISPER) if private else _PUBLIC
    needs: Mapping[Way, str] = {"response": "response_url", "in_channel": "response_url", "thread": "root"}
    return tuple(way for way in wanted if way not in needs or given.reply.get(needs[way]))
