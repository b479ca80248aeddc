"""Sandbox messages: rendered as plain text and kept on the router's own shelf."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from adapters import look, templates
from adapters.config import ProviderConfig
from adapters.contract import (
    Action,
    Channel,
    Check,
    DeliveryError,
    IncidentCard,
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

MAX_TEXT: Final = 16_000
MAX_FIELD: Final = 4_000
"""Of each text that somebody typed, so that a giant one leaves room for the others."""
MAX_ROWS: Final = 100


class SandboxConfig(ProviderConfig, frozen=True, kw_only=True):
    """A sandbox has no secrets; without a default channel it uses `#incidents`."""

    default_channel: str = "#incidents"


class SandboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the sandbox shows: text, colour, buttons."""

    text: str
    event: str
    colour: str
    incident: str | None = None
    actions: tuple[Action, ...] = ()


def render(message: Message) -> SandboxMessage:
    """The message as text; nothing in it is markup, so only characters that hide others are replaced."""
    lines = _from_template(message) if message.template else _lines(message)
    return SandboxMessage(
        text=look.cut("\n".join(lines), MAX_TEXT),
        event=message.event,
        colour=look.colour(message),
        incident=message.incident.id if message.incident else None,
        actions=tuple(_safe(action) for action in message.actions),
    )


def _from_template(message: Message) -> Iterator[str]:
    if message.badges:
        yield " ".join(f"[{badge}]" for badge in message.badges)
    yield templates.fill(message.template or "", message, _shown)


def _lines(message: Message) -> Iterator[str]:
    yield look.headline(message)
    if message.incident:
        yield from _incident_lines(message.incident)
    yield from (f"{label}: {_shown(value)}" for label, value in message.facts[:MAX_ROWS])
    if message.text:
        yield _shown(message.text)
    yield from _note(message)
    yield from (f"· {_shown(step)}" for step in message.steps[-MAX_ROWS:])


def _incident_lines(incident: IncidentCard) -> Iterator[str]:
    yield f"{_shown(incident.id)}: {_shown(incident.title)}"
    yield " | ".join(f"{label}: {_shown(value)}" for label, value in look.facts(incident))
    yield f"Started: {incident.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if incident.description:
        yield _shown(incident.description)


def _note(message: Message) -> Iterator[str]:
    actor = _shown(message.actor or "")
    if message.note:
        yield f"Note from {actor}: {_shown(message.note)}" if actor else f"Note: {_shown(message.note)}"
    elif actor:
        yield f"By {actor}"


def _shown(text: str) -> str:
    return look.visible(look.cut(text, MAX_FIELD))


def _safe(action: Action) -> Action:
    return msgspec.structs.replace(action, label=_shown(action.label), url=look.link(action.url))


class Sandbox:
    """See adapters.contract.Adapter and LooksBack."""

    def __init__(self, config: SandboxConfig, shelf: Shelf) -> None:
        self._config = config
        self._shelf = shelf

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        return await self._put(channel, message, nonce, parent=None)

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        if not await self._shelf.replace(ref.channel, ref.message_id, encode(render(message))):
            raise DeliveryError(Reason.MESSAGE_GONE, "the sandbox message no longer exists")
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        return await self._put(ref.channel, message, nonce, parent=ref.message_id)

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
        name = query.strip().removeprefix("@").strip()
        return User(id=name, name=name) if name else None

    async def _put(self, channel: str, message: Message, nonce: str, *, parent: str | None) -> Receipt:
        if not channel.strip():
            raise DeliveryError(Reason.CHANNEL_NOT_FOUND, "a sandbox channel needs a name")
        message_id = await self._shelf.put(channel, encode(render(message)), nonce=nonce, parent=parent)
        return Receipt(ref=MessageRef(channel=channel, message_id=message_id))


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
    nonce_window_seconds=float("inf"),
)
