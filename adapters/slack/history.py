"""Looking back: whether a message with a nonce is in a channel already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from adapters.contract import DeliveryError, MessageRef, Reason
from adapters.slack.api import Page, WebApi
from adapters.slack.posting import METADATA_EVENT

LOOK_BACK_THREADS: Final = timedelta(days=1)
"""How old a thread may be in which `find` still looks for a reply."""
MAX_HISTORY_PAGES: Final = 10
_CLOCK_SKEW: Final = timedelta(seconds=30)


class _Metadata(msgspec.Struct):
    event_type: str = ""
    event_payload: dict[str, Any] = {}


class _Post(msgspec.Struct):
    ts: str
    metadata: _Metadata | None = None
    latest_reply: str = ""


class _History(Page):
    messages: tuple[_Post, ...] = ()


async def find(api: WebApi, channel: str, nonce: str, since: datetime) -> MessageRef | None:
    """See LooksBack; FORBIDDEN without channels:history, OUTCOME_UNKNOWN when too much was said since."""
    if channel.startswith("@"):
        raise DeliveryError(Reason.FORBIDDEN, "the bot cannot look through direct messages it may not read")
    start = since - _CLOCK_SKEW
    async for post in _read(api, "conversations.history", start - LOOK_BACK_THREADS, channel=channel):
        if _carries(post, nonce):
            return MessageRef(channel=channel, message_id=post.ts)
        if post.latest_reply < _ts(start):
            continue
        async for reply in _read(api, "conversations.replies", start, channel=channel, ts=post.ts):
            if _carries(reply, nonce):
                return MessageRef(channel=channel, message_id=reply.ts)
    return None


async def _read(api: WebApi, method: str, start: datetime, **where: str) -> AsyncIterator[_Post]:
    asked = {"oldest": _ts(start), "include_all_metadata": "true", **where}
    async for page in api.pages(method, _History, MAX_HISTORY_PAGES, **asked):
        for post in page.messages:
            yield post


def _ts(at: datetime) -> str:
    """A time as Slack writes it; these texts sort like the times."""
    return f"{at.timestamp():.6f}"


def _carries(post: _Post, nonce: str) -> bool:
    metadata = post.metadata
    return (
        metadata is not None
        and metadata.event_type == METADATA_EVENT
        and metadata.event_payload.get("nonce") == nonce
    )
