"""The sandbox adapter: messages kept on the router's own shelf, and what people do with them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Literal

from adapters.config import ProviderConfig
from adapters.contract import (
    Channel,
    Check,
    DeliveryError,
    Limits,
    Message,
    MessageRef,
    Platform,
    Reason,
    Receipt,
    Resources,
    Shelf,
    User,
)
from adapters.http import encode
from adapters.inbound import ChatInput, Form, HttpAnswer, Incoming, Received, Room
from adapters.sandbox import inbound
from adapters.sandbox.render import SandboxMessage, form_for, note, render

ROOM: Final = "room-"


class SandboxConfig(ProviderConfig, frozen=True, kw_only=True):
    """A sandbox has no secrets; without a default channel it uses `#incidents`."""

    default_channel: str = "#incidents"


class Sandbox:
    """See adapters.contract.Adapter and LooksBack, adapters.inbound.Receives, Rehearses and Rooms."""

    def __init__(self, config: SandboxConfig, shelf: Shelf) -> None:
        self._config = config
        self._shelf = shelf

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        return await self._put(channel, render(message), nonce, parent=None)

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        if not await self._shelf.replace(ref.channel, ref.message_id, encode(render(message))):
            raise DeliveryError(Reason.MESSAGE_GONE, "the sandbox message no longer exists")
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        return await self._put(ref.channel, render(message), nonce, parent=ref.message_id)

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:  # noqa: ARG002
        found = await self._shelf.find(channel, nonce)
        return MessageRef(channel=channel, message_id=found) if found else None

    async def receive(self, incoming: Incoming) -> Received:
        return Received(inputs=(inbound.received(incoming),))

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:  # noqa: ARG002
        return HttpAnswer(body=b"{}")

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        if not given.reply:
            return False
        asked = form_for(form, to=given.user.id)
        await self._put(given.channel, asked, f"form-{_digest(given.key, form.id)}", parent=given.thread)
        return True

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        if not given.reply:
            return
        parent = given.thread if private else given.thread or given.message
        to = given.user.id if private else None
        await self._put(given.channel, render(message, to=to), nonce, parent=parent)

    async def workspace(self) -> str:
        return inbound.WORKSPACE

    def rehearsal(self, kind: Literal["command", "action"], *, key: str, text: str, at: datetime) -> Incoming:
        action, _, value = text.partition(" ") if kind == "action" else ("", "", "")
        done = inbound.Done(
            kind=kind,
            user=inbound.NOBODY,
            channel=self._config.default_channel,
            key=key,
            text=text if kind == "command" else "",
            action=action,
            value=value,
            rehearsal=True,
        )
        return Incoming(
            headers={"content-type": "application/json"}, body=inbound.encoded(done), received_at=at
        )

    async def open_room(self, name: str, topic: str) -> Room:
        channel = name if name.startswith(ROOM) else ROOM + name
        await self._put(channel, note(f"War room: {topic}" if topic else "War room"), "room", parent=None)
        return Room(channel=channel, name=channel)

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        named = [user.strip().removeprefix("@") for user in users if user.strip()]
        if named:
            invited = note(f"Invited: {', '.join(named)}")
            await self._put(channel, invited, f"invite-{_digest(*named)}", parent=None)
        return tuple(user for user in users if not user.strip())

    async def close_room(self, channel: str, name: str) -> None:
        await self._put(channel, note(f"archived as {name}" if name else "archived"), "archived", parent=None)

    async def check(self) -> tuple[Check, ...]:
        return (
            Check(name="connection", ok=True, text="Connected to the sandbox"),
            Check(name="permissions", ok=True, text="Bot permissions verified"),
            Check(name="default_channel", ok=True, text="Default channel accessible"),
            Check(name="slash_commands", ok=True, text="Slash commands configured"),
        )

    async def channels(self) -> tuple[Channel, ...]:
        names = {self._config.default_channel, *await self._shelf.channels()}
        return tuple(Channel(id=name, name=name) for name in sorted(names))

    async def find_user(self, query: str) -> User | None:
        name = query.strip().removeprefix("@").strip()
        return User(id=name, name=name) if name else None

    async def _put(self, channel: str, shown: SandboxMessage, nonce: str, *, parent: str | None) -> Receipt:
        if not channel.strip():
            raise DeliveryError(Reason.CHANNEL_NOT_FOUND, "a sandbox channel needs a name")
        message_id = await self._shelf.put(channel, encode(shown), nonce=nonce, parent=parent)
        return Receipt(ref=MessageRef(channel=channel, message_id=message_id))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _build(config: SandboxConfig, resources: Resources) -> Sandbox:
    return Sandbox(config, resources.shelf)


PLATFORM: Final = Platform(
    name="sandbox",
    title="Sandbox",
    config=SandboxConfig,
    build=_build,
    render=render,
    limits=Limits(),
    lease_seconds=20.0,
    internal=True,
    nonce_window_seconds=float("inf"),
)
