"""A Mattermost server's posts: made, changed, hung in threads and found again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import msgspec

from adapters.config import current
from adapters.contract import DeliveryError, Message, MessageRef, Reason, Receipt
from adapters.mattermost import buttons
from adapters.mattermost.api import NOT_A_ROOT, PERMISSIONS, Api, Refusal
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import Directory, is_id
from adapters.mattermost.render import Post, Props, render

# An unknown channel is refused like one the bot may not post in (server/channels/api4/post_utils.go), and a
# wrong parameter does not say which one; only a look at the channel tells.
_UNCLEAR: Final = frozenset({PERMISSIONS, "api.context.invalid_param.app_error"})
# Of the clocks of two machines, in milliseconds.
_CLOCK_SKEW: Final = 60_000
_POSTS_A_PAGE: Final = 100


class _NewPost(msgspec.Struct, frozen=True, kw_only=True):
    channel_id: str
    message: str
    props: Props
    pending_post_id: str
    root_id: str = ""


class _Created(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    channel_id: str
    root_id: str = ""


class _FoundProps(msgspec.Struct, frozen=True):
    im_nonce: Any = ""


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    create_at: int = 0
    delete_at: int = 0
    props: _FoundProps | None = None


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    order: list[str]
    posts: dict[str, _Found]


class Posts:
    """The bot's posts. Every method raises only DeliveryError."""

    def __init__(self, config: MattermostConfig, api: Api, directory: Directory) -> None:
        self._callback_url = config.callback_url
        self._token = current(config.bot_token)
        self._api = api
        self._directory = directory

    async def composed(self, message: Message, *, mark: str) -> Post:
        """The message with the people's names, its buttons connected under `mark`."""
        names = await self._directory.names(message.mentions)
        return buttons.connect(
            render(message, names), message, callback_url=self._callback_url, token=self._token, mark=mark
        )

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        """See adapters.contract.Adapter."""
        try:
            return await self._create(await self._directory.channel_id(channel), message, nonce=nonce)
        except DeliveryError as error:
            if error.reason is Reason.CHANNEL_NOT_FOUND:
                self._directory.forget(channel)
            raise

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        """See adapters.contract.Adapter."""
        if not is_id(ref.message_id):
            raise DeliveryError(Reason.MESSAGE_GONE, "no Mattermost message can have this id")
        post = await self.composed(message, mark=ref.message_id)
        try:
            await self._api.call("PUT", f"/posts/{ref.message_id}/patch", _Created, post)
        except Refusal as refused:
            if refused.code == PERMISSIONS:
                # A deleted message is refused like one the bot may not edit; reading it tells.
                await self._api.get(f"/posts/{ref.message_id}", _Created)
            raise
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        """See adapters.contract.Adapter; an answer to an answer hangs on the thread's first message."""
        channel = await self._directory.channel_id(ref.channel)
        try:
            return await self._create(channel, message, nonce=nonce, root=ref.message_id)
        except Refusal as refused:
            root = await self._root_of(ref.message_id) if refused.code == NOT_A_ROOT else ""
            if not root:
                raise
        return await self._create(channel, message, nonce=nonce, root=root)

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        """See adapters.contract.LooksBack."""
        channel_id = await self._directory.channel_id(channel)
        async for found in self._posts_since(channel_id, int(since.timestamp() * 1000) - _CLOCK_SKEW):
            if found.props and found.props.im_nonce == nonce and not found.delete_at:
                return MessageRef(channel=channel_id, message_id=found.id)
        return None

    async def thread_of(self, message_id: str) -> str:
        """The first message of the thread that a message is in, or would begin."""
        return await self._root_of(message_id) or message_id

    async def _create(self, channel_id: str, message: Message, *, nonce: str, root: str = "") -> Receipt:
        post = await self.composed(message, mark=nonce)
        props = msgspec.structs.replace(post.props, im_nonce=nonce)
        payload = _NewPost(
            channel_id=channel_id, message=post.message, props=props, pending_post_id=nonce, root_id=root
        )
        try:
            created = await self._api.call("POST", "/posts", _Created, payload)
        except Refusal as refused:
            if refused.code in _UNCLEAR:
                await self._look_at(channel_id)
            raise
        return Receipt(ref=MessageRef(channel=created.channel_id, message_id=created.id))

    async def _look_at(self, channel_id: str) -> None:
        """Raise the better reason when the channel is missing or archived; else do nothing."""
        try:
            channel = await self._directory.channel(channel_id)
        except DeliveryError as error:
            if error.reason is Reason.CHANNEL_NOT_FOUND:
                raise
            return
        if channel.delete_at:
            raise DeliveryError(Reason.FORBIDDEN, "the Mattermost channel is archived")

    async def _root_of(self, message_id: str) -> str:
        """The thread's first message when this one is an answer itself; replies hang on that alone."""
        return (await self._api.get(f"/posts/{message_id}", _Created)).root_id if is_id(message_id) else ""

    async def _posts_since(self, channel_id: str, since: int) -> AsyncIterator[_Found]:
        """The channel's posts from the newest back to `since` (milliseconds).

        By pages, because `?since=` answers at most a thousand posts in one piece.
        """
        page = 0
        while True:
            query = f"page={page}&per_page={_POSTS_A_PAGE}"
            listed = await self._api.get(f"/channels/{channel_id}/posts?{query}", _Page)
            for post_id in listed.order:
                if listed.posts[post_id].create_at < since:
                    return
                yield listed.posts[post_id]
            if len(listed.order) < _POSTS_A_PAGE:
                return
            page += 1
