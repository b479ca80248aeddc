"""What Mattermost's WebSocket tells, as what somebody did: mentions, direct messages and thumbs.

https://developers.mattermost.com/api-documentation/#/#websocket; the parts of an event that are JSON in a
string are the server's own doing (server/channels/app/notification.go, server/channels/app/reaction.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.contract import DeliveryError, Reason
from adapters.http import UNREADABLE
from adapters.inbound import ChatInput, Person, Refusal, Refused
from adapters.mattermost import api, mentions
from adapters.mattermost.directory import Directory, is_id
from adapters.mattermost.workspace import Workspace

THUMBS: Final[Mapping[str, str]] = {"+1": "+1", "thumbsup": "+1", "-1": "-1", "thumbsdown": "-1"}
"""Emoji as the server names them, without their skin tones; anything else is not reported."""
_DIRECT: Final = ("D", "G")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A frame: an event with its number, or (with `seq_reply`) the answer to something that was sent."""

    event: str = ""
    data: Mapping[str, Any] = {}
    seq: int = -1
    seq_reply: int = 0
    status: str = ""


class _Post(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    user_id: str
    channel_id: str
    root_id: str = ""
    message: str = ""
    type: str = ""
    props: Mapping[str, Any] | None = None


class _Posted(msgspec.Struct, frozen=True, kw_only=True):
    post: str
    channel_type: str = ""
    channel_name: str = ""
    team_id: str = ""
    sender_name: str = ""


class _Reaction(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    post_id: str
    emoji_name: str
    create_at: int = 0


class _Reacted(msgspec.Struct, frozen=True, kw_only=True):
    reaction: str


def decoded(frame: str | bytes) -> Event | None:
    """The event in a frame; None when it is none."""
    try:
        return msgspec.json.decode(frame, type=Event)
    except UNREADABLE:
        return None


class Events:
    """Turns events into inputs; what does not concern the bot becomes None. Raises only DeliveryError."""

    def __init__(self, server: api.Api, directory: Directory, workspace: Workspace) -> None:
        self._api = server
        self._directory = directory
        self._workspace = workspace

    async def understood(self, event: Event) -> ChatInput | None:
        """What somebody did, if the event tells of something."""
        read = {"posted": self._posted, "reaction_added": self._reacted}.get(event.event)
        if read is None:
            return None
        try:
            return await read(event)
        except UNREADABLE:
            return None
        except Refused as refused:
            if refused.refusal is Refusal.KEYS_UNAVAILABLE:
                raise DeliveryError(Reason.SERVER_ERROR, refused.detail) from None
            return None

    async def _posted(self, event: Event) -> ChatInput | None:
        told = msgspec.convert(event.data, _Posted)
        post = msgspec.json.decode(told.post, type=_Post)
        if post.type or _automatic(post.props) or post.user_id == (await self._directory.me()).id:
            return None
        workspace = await self._workspace.of(told.team_id)
        text = mentions.without_bot(post.message, (await self._directory.me()).username)
        if text is None and told.channel_type != "D":
            return None
        return ChatInput(
            key=post.id,
            kind="mention",
            user=Person(id=post.user_id, name=told.sender_name.removeprefix("@")),
            workspace=workspace,
            channel=post.channel_id,
            channel_name=told.channel_name,
            channel_kind="direct" if told.channel_type in _DIRECT else "channel",
            thread=post.root_id or None,
            message=post.id,
            text=await mentions.with_ids(
                mentions.cleaned(post.message.strip() if text is None else text), self._directory
            ),
            reply={"root": post.root_id or post.id, "user": post.user_id},
        )

    async def _reacted(self, event: Event) -> ChatInput | None:
        told = msgspec.convert(event.data, _Reacted)
        reaction = msgspec.json.decode(told.reaction, type=_Reaction)
        thumb = THUMBS.get(reaction.emoji_name.partition("_")[0])
        me = await self._directory.me()
        post = await self._post(reaction.post_id) if thumb and reaction.user_id != me.id else None
        if thumb is None or post is None or post.user_id != me.id:
            return None
        channel = await self._directory.channel(post.channel_id)
        return ChatInput(
            key=f"{reaction.post_id}:{reaction.user_id}:{thumb}:{reaction.create_at}",
            kind="reaction",
            user=Person(id=reaction.user_id),
            workspace=await self._workspace.of(channel.team_id),
            channel=post.channel_id,
            channel_name=channel.name,
            channel_kind="direct" if channel.type in _DIRECT else "channel",
            thread=post.root_id or None,
            message=post.id,
            action=thumb,
            reply={"root": post.root_id or post.id, "user": reaction.user_id},
        )

    async def _post(self, post_id: str) -> _Post | None:
        """The post; None when it is gone or the bot may not read it."""
        if not is_id(post_id):
            return None
        try:
            return await self._api.get(f"/posts/{post_id}", _Post)
        except api.Refusal as refused:
            if refused.reason in (Reason.MESSAGE_GONE, Reason.FORBIDDEN):
                return None
            raise


def _automatic(props: Mapping[str, Any] | None) -> bool:
    """Whether a bot or a webhook wrote it: two bots must not talk to each other."""
    return any(str((props or {}).get(mark)) == "true" for mark in ("from_bot", "from_webhook"))
