"""Sandbox messages: rendered as plain text and kept on the router's own shelf."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from adapters import look, templates
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
    Shelf,
    User,
)

MAX_TEXT: Final = 16_000


class SandboxConfig(ProviderConfig, frozen=True, kw_only=True):
    """A sandbox has no secrets; without a default channel it uses `#incidents`."""

    default_channel: str = "#incidents"


class SandboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the sandbox shows: text, colour, buttons."""

    text: str
    event: str
    colour: str
    incident: str | None = None
    actions: tuple[str, ...] = ()


def render(message: Message) -> SandboxMessage:
    """The message as text; nothing in it is markup, so nothing has to be escaped but control characters."""
    body = (
        templates.fill(message.template, message, _visible)
        if message.template
        else "\n".join(_lines(message))
    )
    return SandboxMessage(
        text=look.cut(body, MAX_TEXT),
        event=message.event,
        colour=look.colour(message),
        incident=message.incident.id if message.incident else None,
        actions=tuple(action.label for action in message.actions),
    )


def _lines(message: Message) -> Sequence[str]:
    lines = [look.headline(message)]
    incident = message.incident
    if incident:
        lines.append(f"{incident.id}: {_visible(incident.title)}")
        lines.append(" | ".join(f"{label}: {_visible(value)}" for label, value in look.facts(incident)))
        if incident.description:
            lines.append(_visible(incident.description))
    lines += [f"{label}: {_visible(value)}" for label, value in message.facts]
    if message.text:
        lines.append(_visible(message.text))
    if message.note:
        lines.append(f"Note: {_visible(message.note)}")
    lines += [f"· {_visible(step)}" for step in message.steps]
    return lines


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


class Sandbox:
    """See adapters.contract.Adapter."""

    def __init__(self, config: SandboxConfig, shelf: Shelf) -> None:
        self._config = config
        self._shelf = shelf

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        payload = msgspec.json.encode(render(message))
        message_id = await self._shelf.put(channel, payload, nonce=nonce, parent=None)
        return Receipt(ref=MessageRef(channel=channel, message_id=message_id))

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        if not await self._shelf.replace(ref.channel, ref.message_id, msgspec.json.encode(render(message))):
            raise DeliveryError(Reason.MESSAGE_GONE, "the sandbox message no longer exists")
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        payload = msgspec.json.encode(render(message))
        message_id = await self._shelf.put(ref.channel, payload, nonce=nonce, parent=ref.message_id)
        return Receipt(ref=MessageRef(channel=ref.channel, message_id=message_id))

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:  # noqa: ARG002
        found = await self._shelf.find(channel, nonce)
        return MessageRef(channel=channel, message_id=found) if found else None

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
        name = query.strip().removeprefix("@")
        return User(id=name, name=name) if name else None


PLATFORM: Final = Platform(
    name="sandbox",
    title="Sandbox",
    config=SandboxConfig,
    build=lambda config, resources: Sandbox(config, resources.shelf),
    render=render,
    limits=Limits(),
    lease_seconds=20.0,
    nonce_window_seconds=float("inf"),
)
