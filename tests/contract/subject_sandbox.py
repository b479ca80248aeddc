"""The sandbox for the adapters' common suite, its shelf in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adapters.sandbox import PLATFORM
from tests.contract.subject import Subject
from tests.fakes.base import Posted


class MemoryShelf:
    """See adapters.contract.Shelf."""

    def __init__(self, messages: dict[str, Posted]) -> None:
        self._messages = messages

    async def put(self, channel: str, payload: bytes, *, nonce: str, parent: str | None) -> str:
        known = await self.find(channel, nonce)
        if known:
            return known
        posted = Posted(
            id=f"m{len(self._messages) + 1}",
            channel=channel,
            payload=json.loads(payload),
            nonce=nonce,
            parent=parent,
            at=time.time(),
        )
        self._messages[posted.id] = posted
        return posted.id

    async def replace(self, channel: str, message_id: str, payload: bytes) -> bool:
        posted = self._messages.get(message_id)
        if posted is None or posted.channel != channel:
            return False
        posted.edits.append(json.loads(payload))
        return True

    async def find(self, channel: str, nonce: str) -> str | None:
        for posted in self._messages.values():
            if posted.channel == channel and posted.nonce == nonce:
                return posted.id
        return None

    async def channels(self) -> tuple[str, ...]:
        return tuple({posted.channel for posted in self._messages.values()})


def visible(posted: Posted) -> str:
    return str(posted.shown["text"])


def buttons(posted: Posted) -> list[str]:
    return [action["label"] for action in posted.shown["actions"]]


def pings(posted: Posted) -> list[str]:
    """Nothing is markup in the sandbox; what is left to do harm are characters that hide others."""
    return [repr(c) for c in posted.shown["text"] if c in "\x00\x1b\u202e\u2066"]


@contextmanager
def subject(**_: Any) -> Iterator[Subject]:
    kept: dict[str, Posted] = {}
    config = PLATFORM.config()
    yield Subject(
        platform=PLATFORM,
        config=config,
        bad_config=config,
        fake=None,
        channel="#incidents",
        missing_channel="",
        user_query="@dana",
        user_id="dana",
        visible=visible,
        buttons=buttons,
        pings=pings,
        unknown_user=" @ ",
        shelf=MemoryShelf(kept),
        kept=kept,
    )
