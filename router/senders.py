"""Senders with formats of their own, as incident events: Alertmanager webhooks, PagerDuty's Events API v2."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from router.events import (
    SEVERITIES,
    Event,
    EventIn,
    IncidentIn,
    Origin,
    decoded,
    digest,
    make,
    refuse_nul,
    shaped,
)
from router.problems import Invalid
from router.store import Store, statement
from router.store.database import Connection

_TITLE: Final = 2_000
_TEXT: Final = 20_000

SEVERITY_WORDS: Final[Mapping[str, str]] = {
    "critical": "SEV-1",
    "page": "SEV-1",
    "error": "SEV-2",
    "major": "SEV-2",
    "high": "SEV-2",
    "warning": "SEV-3",
    "minor": "SEV-3",
    "info": "SEV-4",
    "low": "SEV-4",
    "none": "SEV-4",
}
"""What senders call severities; a source's own severity_map comes first."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """How a source's bodies are read."""

    name: str
    severity_map: dict[str, str] = {}
    default_severity: str = "SEV-3"
    per: str = "group"
    """Alertmanager: an incident for each group, or for each `alert`."""


async def source(store: Store, name: str) -> Source:
    """The settings of a source, or the defaults."""
    row = await store.row("sources.one", {"name": name})
    return Source(**row) if row else Source(name=name)


async def put_source(connection: Connection, given: Source) -> None:
    """Set how a source is read, in a transaction; Invalid names what makes no sense."""
    if given.per not in ("group", "alert"):
        raise Invalid.at("per", "must be `group` or `alert`")
    if given.default_severity not in SEVERITIES or not set(given.severity_map.values()) <= set(SEVERITIES):
        raise Invalid.at("severity_map", f"severities must be among {', '.join(SEVERITIES)}")
    severities = msgspec.json.encode(given.severity_map).decode()
    values = msgspec.structs.asdict(given) | {"severity_map": severities}
    await connection.execute(statement("sources.put"), values)


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An alert of a webhook; https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""

    status: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = msgspec.field(default="", name="generatorURL")
    fingerprint: str = ""


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Alertmanager's webhook body, version 4."""

    version: str
    group_key: str
    status: str
    alerts: list[Alert]
    group_labels: dict[str, str] = {}
    common_labels: dict[str, str] = {}
    common_annotations: dict[str, str] = {}
    external_url: str = msgspec.field(default="", name="externalURL")
    truncated_alerts: int = 0


_decode_webhook = msgspec.json.Decoder(Webhook).decode


def alertmanager(body: bytes, origin: Origin, source: Source) -> tuple[Event, ...]:
    """The events of a webhook: created while it fires, resolved at its end.

    The idempotency key is made of the group and its alerts' states, so that Alertmanager's repeats
    (`repeat_interval`) and its retries are no-ops.
    """
    webhook = shaped(body, _decode_webhook)
    refuse_nul(decoded(body))
    if webhook.version != "4":
        raise Invalid.at("version", f"is `{webhook.version[:20]}`; version 4 is understood")
    if not webhook.alerts:
        raise Invalid.at("alerts", "is empty")
    if source.per == "alert":
        return tuple(_alert_event(alert, webhook, origin, source) for alert in webhook.alerts)
    return (_group_event(webhook, origin, source),)


def _group_event(webhook: Webhook, origin: Origin, source: Source) -> Event:
    labels = webhook.common_labels | webhook.group_labels
    firing = [alert for alert in webhook.alerts if alert.status == "firing"]
    states = sorted(f"{_fingerprint(alert)}:{alert.status}:{alert.starts_at}" for alert in webhook.alerts)
    title = webhook.common_annotations.get("summary") or labels.get("alertname") or webhook.group_key
    if len(firing) > 1:
        title = f"{title} ({len(firing)} alerts)"
    return _event(
        identity=webhook.group_key,
        state="\n".join([webhook.status, *states]),
        resolved=webhook.status == "resolved",
        at=_latest(webhook.alerts, origin),
        title=title,
        description=webhook.common_annotations.get("description"),
        labels=labels,
        url=webhook.external_url,
        origin=origin,
        source=source,
    )


def _alert_event(alert: Alert, webhook: Webhook, origin: Origin, source: Source) -> Event:
    resolved = alert.status == "resolved"
    return _event(
        identity=_fingerprint(alert),
        state=f"{alert.status}\n{alert.starts_at}",
        resolved=resolved,
        at=_latest([alert], origin),
        title=alert.annotations.get("summary") or alert.labels.get("alertname") or webhook.group_key,
        description=alert.annotations.get("description"),
        labels=alert.labels,
        url=alert.generator_url or webhook.external_url,
        origin=origin,
        source=source,
    )


def _event(
    *,
    identity: str,
    state: str,
    resolved: bool,
    at: datetime,
    title: str,
    description: str | None,
    labels: Mapping[str, str],
    url: str,
    origin: Origin,
    source: Source,
) -> Event:
    external = identity if len(identity) <= 200 and identity.isprintable() else _short(identity)
    given = EventIn(
        id=f"{_short(identity)}-{_short(state)}",
        type="incident.resolved" if resolved else "incident.created",
        time=at,
        incident=IncidentIn(
            id=external,
            title=title[:_TITLE],
            severity=severity(labels.get("severity") or labels.get("priority"), source),
            status="resolved" if resolved else "open",
            service=(labels.get("service") or labels.get("job") or "")[:200] or None,
            description=(description or "")[:_TEXT] or None,
            url=url if url.startswith(("http://", "https://")) and len(url) <= _TITLE else None,
            labels={key[:200]: value[:1000] for key, value in list(labels.items())[:64]},
        ),
    )
    event = make(given, msgspec.json.encode(given), origin, refires=True)
    # A repeat may bring other texts (values in annotations, a changed severity_map): it is a repeat still.
    return msgspec.structs.replace(event, digest=digest(msgspec.json.encode(given.id)))


def severity(word: str | None, source: Source) -> str:
    """The severity that a sender's word means; the source's default where it says none. Never refused."""
    key = (word or "").strip()
    known = source.severity_map.get(key) or source.severity_map.get(key.lower())
    if known:
        return known
    if key.upper() in SEVERITIES:
        return key.upper()
    if len(key) == 2 and key[0] in "pP" and key[1] in "1234":
        return f"SEV-{key[1]}"
    return SEVERITY_WORDS.get(key.lower(), source.default_severity)


def _latest(alerts: list[Alert], origin: Origin) -> datetime:
    """The time of the newest change among the alerts; what lies in the future counts as now."""
    times = [
        time
        for alert in alerts
        for time in (alert.ends_at if alert.status == "resolved" else alert.starts_at,)
        if time is not None and time.tzinfo is not None and time.year > 1
    ]
    newest = max(times, default=origin.received_at)
    return min(newest, origin.received_at).astimezone(UTC)


def _fingerprint(alert: Alert) -> str:
    return alert.fingerprint or _short(msgspec.json.encode(alert.labels, order="sorted").decode())


def _short(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


class PagerDutyPayload(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a trigger; https://developer.pagerduty.com/docs/send-alert-event."""

    summary: str
    source: str = ""
    severity: str = ""
    timestamp: str = ""
    component: str = ""
    group: str = ""
    custom_details: Any = None


class PagerDutyLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link of a trigger."""

    href: str = ""


class PagerDutyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """PagerDuty's Events API v2 body."""

    routing_key: str
    event_action: str
    dedup_key: str = ""
    payload: PagerDutyPayload | None = None
    links: list[PagerDutyLink] = []
    client_url: str = ""


_ACTIONS: Final[Mapping[str, str]] = {
    "trigger": "incident.created",
    "acknowledge": "incident.acknowledged",
    "resolve": "incident.resolved",
}


_decode_pagerduty = msgspec.json.Decoder(PagerDutyEvent).decode


def decode_pagerduty(body: bytes) -> PagerDutyEvent:
    """The body of /v2/enqueue; Invalid names the field."""
    given = shaped(body, _decode_pagerduty)
    if given.event_action not in _ACTIONS:
        raise Invalid.at("event_action", f"must be one of {', '.join(_ACTIONS)}")
    if given.event_action == "trigger" and (given.payload is None or not given.payload.summary.strip()):
        raise Invalid.at("payload.summary", "missing; a trigger needs it")
    if given.event_action != "trigger" and not given.dedup_key:
        raise Invalid.at("dedup_key", f"missing; {given.event_action} needs the one of its trigger")
    return given


def pagerduty(given: PagerDutyEvent, body: bytes, origin: Origin, source: Source) -> tuple[Event, str]:
    """The event, and the dedup_key to answer with."""
    refuse_nul(decoded(body))
    key = given.dedup_key or _short(body.decode("utf-8", "replace") + str(origin.received_at))
    external = key if len(key) <= 200 and key.isprintable() else _short(key)
    payload = given.payload
    incident = IncidentIn(id=external)
    if payload is not None:
        details = payload.custom_details
        text = (
            details if isinstance(details, str) else msgspec.json.encode(details).decode() if details else ""
        )
        links = [given.client_url, *(link.href for link in given.links)]
        incident = IncidentIn(
            id=external,
            title=payload.summary[:_TITLE],
            severity=severity(payload.severity, source),
            service=(payload.component or payload.source)[:200] or None,
            description=(text[:_TEXT] if details else None) or None,
            url=next((u for u in links if u.startswith(("http://", "https://")) and len(u) <= _TITLE), None),
            labels={"group": payload.group[:1000]} if payload.group else {},
        )
    event = EventIn(type=_ACTIONS[given.event_action], incident=incident)
    return make(event, msgspec.json.encode(event), origin, refires=True), key
