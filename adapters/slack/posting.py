"""Messages on their way to Slack: posted, edited, or shown to one person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from adapters.contract import DeliveryError, Message, MessageRef, Reason, Receipt
from adapters.slack import place
from adapters.slack.api import Said, WebApi
from adapters.slack.render import Payload, render

METADATA_EVENT: Final = "im_delivery"

T = TypeVar("T")


class _Sent(Said):
    channel: str = ""
    ts: str = ""


class Posting:
    """The chat.* methods. Everything raises only DeliveryError."""

    def __init__(self, api: WebApi) -> None:
        self._api = api

    async def post(
        self, channel: str, message: Message, *, nonce: str, thread: tuple[str, str] | None = None
    ) -> Receipt:
        """Post to a channel, or in a `thread` (Slack's conversation and ts) of it."""
        target = place.conversation(channel) if thread is None else thread[0]
        to: dict[str, object] = {"channel": target, "metadata": _metadata(nonce)}
        if thread is not None:
            to["thread_ts"] = thread[1]
        return await self._send("chat.postMessage", channel, message, to)

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        """Replace a message in place; without `metadata` it keeps the one it has."""
        channel, ts = place.located(ref)
        return await self._send("chat.update", ref.channel, message, {"channel": channel, "ts": ts})

    async def whisper(self, channel: str, user: str, message: Message, *, thread: str | None) -> None:
        """Show a message to one person of a channel: https://docs.slack.dev/reference/methods/chat.postEphemeral

        Slack shows it in a thread only where there is one already.
        """
        to: dict[str, object] = {"channel": channel, "user": user}
        if thread:
            to["thread_ts"] = thread

        async def send(payload: Payload) -> Said:
            return await self._api.tell("chat.postEphemeral", msgspec.structs.asdict(payload) | to, Said)

        await rendered(message, send)

    async def _send(self, method: str, channel: str, message: Message, to: dict[str, object]) -> Receipt:
        async def send(payload: Payload) -> _Sent:
            return await self._api.tell(method, msgspec.structs.asdict(payload) | to, _Sent)

        sent = await rendered(message, send)
        if not sent.ts or not sent.channel:
            raise DeliveryError(
                Reason.BAD_ANSWER, "Slack answered without a message id", may_have_arrived=True
            )
        return Receipt(ref=place.message_ref(channel, sent.channel, sent.ts))


async def rendered(message: Message, send: Callable[[Payload], Awaitable[T]]) -> T:
    """Send a message, and again without its picture where Slack refuses it.

    Slack fetches a picture before it answers, and refuses the whole message where it cannot.
    """
    try:
        return await send(render(message))
    except DeliveryError as error:
        if message.picture is None or error.reason is not Reason.REJECTED:
            raise
    return await send(render(msgspec.structs.replace(message, picture=None)))


def _metadata(nonce: str) -> dict[str, object]:
    # https://docs.slack.dev/messaging/message-metadata
    return {"event_type": METADATA_EVENT, "event_payload": {"nonce": nonce}}
