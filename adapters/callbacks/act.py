"""A person's act on its way back to a source: what a message holds of it, and an adapter that only sends."""

from __future__ import annotations

from typing import Final

from adapters.contract import Channel, Check, DeliveryError, Message, MessageRef, Reason, Receipt, User

TIME: Final = "time"
"""The label of the fact that says when the person acted, in ISO 8601."""


def time_of(message: Message) -> str:
    """When the person acted; empty where the message does not say."""
    return dict(message.facts).get(TIME, "")


class OneWay:
    """What chat platforms can do and a callback cannot; see adapters.contract.Adapter."""

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:  # noqa: ARG002
        """REJECTED: what a source was told cannot be taken back."""
        raise DeliveryError(Reason.REJECTED, "a callback cannot be edited; it is sent once for each act")

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:  # noqa: ARG002
        """REJECTED: nothing was posted that could be answered."""
        raise DeliveryError(Reason.REJECTED, "a callback has no thread; it is sent once for each act")

    async def check(self) -> tuple[Check, ...]:
        """Nothing: only a real act may reach a source."""
        return ()

    async def channels(self) -> tuple[Channel, ...]:
        return ()

    async def find_user(self, query: str) -> User | None:  # noqa: ARG002
        return None
