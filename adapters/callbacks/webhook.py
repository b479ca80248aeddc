"""Callbacks as Standard Webhooks has them: signed JSON, posted to an address of the source's.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from adapters.callbacks.act import OneWay, time_of
from adapters.callbacks.config import WebhookConfig, key_of
from adapters.callbacks.errors import error_of
from adapters.contract import IncidentCard, Limits, Message, MessageRef, Outbound, Platform, Receipt
from adapters.http import encode, host_of


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The incident after the act; `id` is the source's own."""

    id: str
    display_id: str
    title: str
    severity: str
    status: str
    started_at: datetime
    service: str | None
    assignee: str | None
    url: str | None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, by whom, to which incident."""

    incident: Subject | None
    actor: str | None
    note: str | None


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a callback, in the structure that the specification recommends."""

    type: str
    timestamp: str
    data: Act


def payload(message: Message, external_id: str) -> Payload:
    """The body for a person's act on the incident that the source knows by `external_id`."""
    subject = _subject(message.incident, external_id) if message.incident else None
    act = Act(incident=subject, actor=message.actor, note=message.note)
    return Payload(type=message.event, timestamp=time_of(message), data=act)


def _subject(card: IncidentCard, external_id: str) -> Subject:
    return Subject(
        id=external_id,
        display_id=card.id,
        title=card.title,
        severity=card.severity,
        status=card.status,
        started_at=card.started_at,
        service=card.service,
        assignee=card.assignee,
        url=card.url,
    )


def render(message: Message) -> Payload:
    """A preview; without a delivery there is only the id that people see."""
    return payload(message, message.incident.id if message.incident else "")


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: `v1,` and base64 of HMAC-SHA256 over id, timestamp and body."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()


class Webhook(OneWay):
    """See adapters.contract.Adapter; `clock` is in seconds since 1970."""

    def __init__(self, config: WebhookConfig, http: Outbound, clock: Callable[[], float]) -> None:
        self._config = config
        self._http = http
        self._clock = clock

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        """Tell the source. `nonce` is the webhook-id, by which a receiver knows a second try."""
        url = self._config.callback_url
        body = encode(payload(message, channel))
        answer = await self._http.request("POST", url, headers=self._headers(nonce, body), body=body)
        if not 200 <= answer.status < 300:
            raise error_of(answer, host_of(url))
        return Receipt(ref=MessageRef(channel=channel, message_id=nonce))

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        # The time of this try, not of the act: receivers refuse what is older than some minutes.
        now = int(self._clock())
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._config.secret, message_id, now, body),
        }


PLATFORM: Final = Platform(
    name="webhook",
    title="Webhook",
    config=WebhookConfig,
    build=lambda config, resources: Webhook(config, resources.http, time.time),
    render=render,
    limits=Limits(),
    lease_seconds=30.0,
    nonce_window_seconds=float("inf"),
)
