"""Messages that admins ask for: a test notification, a plain text, a broadcast; through the same outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from adapters.config import template_for
from adapters.contract import IncidentCard, Message, Severity
from router import compose, ids
from router.batch import EXPIRES_AFTER, Delivery
from router.events import SEVERITIES, TYPES
from router.incidents import Incident
from router.problems import Invalid
from router.store import Store
from router.targets import Provider

MAX_TEXT: Final = 10_000
_ALIASES: Final = {kind.replace(".", "_"): kind for kind in TYPES}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The document's body of `…/notify`."""

    incident_id: str
    type: str = "incident_created"
    data: dict[str, Any] = {}


def plain(text: str) -> Message:
    """A message of an admin's own words; Invalid when there are none or too many."""
    if not text.strip():
        raise Invalid.at("text", "missing; say something")
    if len(text) > MAX_TEXT:
        raise Invalid.at("text", f"has {len(text)} characters; at most {MAX_TEXT} are taken")
    return Message(event="text", headline="📣 Announcement", text=text)


def notice(given: Notice, incident: Incident | None, provider: Provider) -> Message:
    """The message for a notification by hand; one of an unknown incident is marked TEST."""
    kind = _ALIASES.get(given.type, given.type)
    if kind not in TYPES:
        raise Invalid.at("type", f"unknown type `{given.type[:60]}`; known are {', '.join(_ALIASES)}")
    card = compose.card(incident) if incident else _made_up(given)
    return Message(
        event=kind,
        headline=compose.HEADLINES[kind],
        text=_text(given.data, "message"),
        incident=card,
        badges=() if incident else ("TEST",),
        actions=compose.actions(incident) if incident else (),
        template=template_for(provider.config, provider.platform, kind.replace(".", "_")),
    )


def require_active(provider: Provider) -> None:
    """Invalid when a provider is switched off: what is sent to it would wait for a day."""
    if not provider.active:
        raise Invalid(f"`{provider.name}` is switched off; switch it on before sending to it")


def channel_for(provider: Provider, severity: str | None) -> str:
    """Where a notice goes: the severity's channel, else the default one; Invalid when there is none."""
    require_active(provider)
    given = provider.config.notification_channels
    channel = (severity and given.get(severity)) or given.get("default") or provider.config.default_channel
    if not channel:
        raise Invalid.at("default_channel", f"`{provider.name}` has none; set one with `im chatops update`")
    return channel


async def enqueue(
    store: Store, placed: Sequence[tuple[str, str]], message: Message, *, urgent: bool, key: str = ""
) -> list[str]:
    """Put a message into the outbox for each (provider, channel); the ids of the deliveries.

    Where there is a `key`, the same key and place again is the same delivery.
    """
    now = datetime.now(UTC)
    deliveries = [
        Delivery(
            id=ids.named(f"{key}\n{provider}\n{channel}") if key else ids.new(),
            event_id=None,
            incident_id=None,
            provider=provider,
            channel=channel,
            mode="post",
            priority=0 if urgent else 1,
            step="",
            message=message,
            routes=(),
            accepted_at=now,
            expires_at=None if urgent else now + EXPIRES_AFTER,
        )
        for provider, channel in placed
    ]
    rows: list[Mapping[str, Any]] = [msgspec.structs.asdict(d) | {"fallback_of": None} for d in deliveries]
    await store.run("outbox.add", {"deliveries": msgspec.json.encode(rows).decode()})
    return [delivery.id for delivery in deliveries]


def _made_up(given: Notice) -> IncidentCard:
    severity = _text(given.data, "severity") or "SEV-3"
    if severity not in SEVERITIES:
        raise Invalid.at("data.severity", f"must be one of {', '.join(SEVERITIES)}")
    return IncidentCard(
        id=given.incident_id[:200],
        title=_text(given.data, "title") or "Test notification",
        severity=cast("Severity", severity),
        status="open",
        started_at=datetime.now(UTC),
        service=_text(given.data, "service") or None,
        description=_text(given.data, "description") or None,
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise Invalid.at(f"data.{name}", "must be a text")
    if len(value) > MAX_TEXT or "\0" in value:
        raise Invalid.at(f"data.{name}", f"must have at most {MAX_TEXT} characters and no U+0000")
    return value
