"""Feedback: 👍 and 👎 on the bot's messages, one vote for each person and message."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from adapters.inbound import ChatInput
from router.store import Store
from router.targets import Provider

_VOTES: Final = {"+1": 1, "-1": -1}


async def keep(store: Store, provider: Provider, given: ChatInput, at: datetime) -> None:
    """Keep a vote; the newest one counts."""
    vote = _VOTES.get(given.action)
    if vote is None or given.message is None:
        return
    await store.run(
        "chat.vote",
        {
            "provider": provider.name,
            "message": given.message,
            "workspace": given.workspace,
            "user": given.user.id,
            "channel": given.channel,
            "vote": vote,
            "at": at,
        },
    )
