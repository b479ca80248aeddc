"""One claimed group to its platform: which call, what to do where an earlier try may have arrived."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from adapters.contract import (
    Adapter,
    DeliveryError,
    LooksBack,
    Message,
    MessageRef,
    Platform,
    Reason,
)
from router import ids
from router.callbacks import without_calls
from router.outbox import CALL, Group

_LOOK_BACK_FROM: Final = timedelta(minutes=1)
"""Clocks differ: look this much further back than the first try."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The group arrived: the message that now stands for the incident there, if this made or moved it."""

    message_id: str
    announces: bool
    steps: tuple[str, ...] = ()
    """What the announcing message lists now."""
    may_be_double: bool = False


class Connected(msgspec.Struct, frozen=True):
    """An adapter together with its platform's registry line."""

    platform: Platform
    adapter: Adapter


async def send(connected: Connected, group: Group, clock: Callable[[], datetime]) -> Sent:
    """Send a group; DeliveryError when it did not arrive."""
    message, mode, ref = group.message, group.mode, _ref(group)
    if mode == CALL:
        return msgspec.structs.replace(await _post(connected, group, message, clock), announces=False)
    if mode == "post" or ref is None:
        return await _post(connected, group, message, clock)
    if mode in ("edit", "edit_reply"):
        receipt = await connected.adapter.edit(ref, message)
        if mode == "edit":
            return Sent(message_id=receipt.ref.message_id, announces=True, steps=message.steps)
    sent = await _reply(connected, group, ref, clock)
    if mode == "reply":
        return sent
    return msgspec.structs.replace(sent, message_id=ref.message_id, announces=True, steps=message.steps)


async def _post(connected: Connected, group: Group, message: Message, clock: Callable[[], datetime]) -> Sent:
    earlier, double = await _earlier_try(connected, group, clock)
    if earlier is None:
        nonce = ids.nonce(group.head.id)
        receipt = await connected.adapter.post(group.head.channel, message, nonce=nonce)
        earlier = receipt.ref
    return Sent(message_id=earlier.message_id, announces=True, steps=message.steps, may_be_double=double)


async def _reply(connected: Connected, group: Group, ref: MessageRef, clock: Callable[[], datetime]) -> Sent:
    earlier, double = await _earlier_try(connected, group, clock)
    if earlier is None:
        # Nobody edits an answer: nothing in it may have to change later.
        plain = without_calls(msgspec.structs.replace(group.news, actions=()))
        receipt = await connected.adapter.reply(ref, plain, nonce=ids.nonce(group.head.id))
        earlier = receipt.ref
    return Sent(message_id=earlier.message_id, announces=False, may_be_double=double)


async def _earlier_try(
    connected: Connected, group: Group, clock: Callable[[], datetime]
) -> tuple[MessageRef | None, bool]:
    """What an earlier try of unknown outcome left behind, and whether sending again may double it.

    Within the platform's nonce window a second post is harmless. Past it the adapter looks, where it can.
    """
    head = group.head
    if not head.uncertain:
        return None, False
    if (clock() - head.tried_at).total_seconds() < connected.platform.nonce_window_seconds:
        return None, False
    if not isinstance(connected.adapter, LooksBack):
        return None, True
    try:
        found = await connected.adapter.find(
            head.channel, nonce=ids.nonce(head.id), since=head.tried_at - _LOOK_BACK_FROM
        )
    except DeliveryError as error:
        if error.reason in (Reason.FORBIDDEN, Reason.UNAUTHORIZED):
            return None, True
        raise
    return found, False


def _ref(group: Group) -> MessageRef | None:
    announced = group.head.announced
    return MessageRef(channel=group.head.channel, message_id=announced) if announced else None
