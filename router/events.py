"""Lifecycle events: parsed at the edge into frozen structs, with errors that name the field and the mend."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec

from router.problems import FieldError, Invalid

T = TypeVar("T")

EventType = Literal[
    "incident.created",
    "incident.acknowledged",
    "incident.updated",
    "incident.severity_changed",
    "incident.assigned",
    "incident.resolved",
    "incident.closed",
    "incident.reopened",
    "sla.warning",
    "sla.breached",
]
TYPES: Final[tuple[str, ...]] = EventType.__args__  # type: ignore[attr-defined]
SEVERITIES: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
STATUSES: Final = ("open", "acknowledged", "resolved", "closed")
MAX_EVENTS: Final = 1000
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing is older; year 1 is what some senders say when they mean no time, and no zone can convert it."""
MAX_AHEAD: Final = timedelta(days=1)
"""A time further in the future would keep every later event of its incident from moving the state."""

_LENGTHS: Final[Mapping[str, int]] = {
    "id": 200,
    "title": 2_000,
    "service": 200,
    "assignee": 200,
    "description": 20_000,
    "url": 2_000,
}
_EVENT_LENGTHS: Final[Mapping[str, int]] = {"id": 200, "actor": 200, "note": 20_000}
_MAX_LABELS: Final = 64
_MAX_LABEL: Final = 1_000
_NUL: Final = b"\\u0000"
_AT: Final = re.compile(r" - at `(?:\$|key in \$)\.?([^`]*)`$")


class IncidentIn(msgspec.Struct, frozen=True, kw_only=True):
    """The incident as a source describes it; absent fields keep what is known."""

    id: str
    title: str | None = None
    severity: str | None = None
    status: str | None = None
    service: str | None = None
    description: str | None = None
    assignee: str | None = None
    url: str | None = None
    labels: dict[str, str] | None = None


class EventIn(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of an event, as contracts.md shows it."""

    type: str
    incident: IncidentIn
    id: str | None = None
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    actor: str | None = None
    note: str | None = None


Verb = Literal[
    "declare",
    "acknowledge",
    "unacknowledge",
    "resolve",
    "close",
    "reopen",
    "escalate",
    "assign",
    "update",
]
"""What a person does with an incident."""


class Hand(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it, for an event that a person made here and no source sent."""

    verb: Verb
    account: str | None
    """The account that the person is linked to."""
    actor: str
    """As the timeline names the person: `chatops:U123`, `api:dana-laptop`."""
    via: str
    """As the timeline names the way: `slack:company-slack`, `api:dana-laptop`."""
    data: Mapping[str, str] = {}
    """What else the timeline keeps: `channel`, `command`, `response`."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was accepted at the edge and is to be handled."""

    source: str
    """Whose event it is: the token's source. A source changes only its own incidents."""
    key: str | None
    """The idempotency key within the source; None makes every event a new one."""
    digest: bytes
    """What tells the same content from other content under one key."""
    type: EventType
    at: datetime
    received_at: datetime
    incident: IncidentIn
    actor: str | None
    note: str | None
    body: bytes
    """The JSON as it came, unknown fields included."""
    refires: bool = False
    """The sender knows no .reopened: its incident.created reopens an incident that was over. What it sends
    comes in order, with times of alerts, which may be older than what people did meanwhile."""
    hand: Hand | None = None
    """A person's act: it is refused where it makes no sense, and no clock of a source's makes it late."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request came from and when."""

    source: str
    received_at: datetime


_decode_event = msgspec.json.Decoder(EventIn).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def parse_body(body: bytes, origin: Origin, *, key: str | None = None) -> tuple[tuple[Event, ...], bool]:
    """The events of a request body (one object or an array), and whether it was an array.

    Raises Invalid with the field, `[3].incident.severity` within an array.
    """
    if body.lstrip()[:1] != b"[":
        return (parse_event(body, origin, key=key),), False
    if key is not None:
        raise Invalid.at("Idempotency-Key", "is for single events; give each event of an array its own `id`")
    rows = shaped(body, _decode_list)
    if not rows:
        raise Invalid.at("", "the array is empty; send at least one event")
    if len(rows) > MAX_EVENTS:
        raise Invalid.at("", f"the array has {len(rows)} events; send at most {MAX_EVENTS} at once")
    return tuple(_nth(index, bytes(row), origin) for index, row in enumerate(rows)), True


def _nth(index: int, row: bytes, origin: Origin) -> Event:
    try:
        return parse_event(row, origin)
    except Invalid as problem:
        fields = [FieldError(f"[{index}].{f.field}".rstrip("."), f.detail) for f in problem.fields]
        raise Invalid(f"[{index}] {problem.detail}", *fields) from None


def parse_event(body: bytes, origin: Origin, *, key: str | None = None) -> Event:
    """One event from its JSON; Invalid names what is wrong with it."""
    given = shaped(body, _decode_event)
    if _NUL in body:
        refuse_nul(decoded(body))
    return make(given, body, origin, key=key)


def make(
    given: EventIn, body: bytes, origin: Origin, *, key: str | None = None, refires: bool = False
) -> Event:
    """The Event for a decoded one, after the checks that types cannot say."""
    if given.type not in TYPES:
        raise Invalid.at("type", f"unknown type `{given.type[:60]}`; {_hint(given.type, TYPES)}")
    check(given)
    if given.time is not None and given.time > origin.received_at + MAX_AHEAD:
        raise Invalid.at("time", "lies more than a day in the future; check the sender's clock")
    if given.time is not None and given.time < EARLIEST:
        raise Invalid.at("time", "lies before the year 2000; leave it out where it is not known")
    if key is not None:
        _check_length("Idempotency-Key", key, _EVENT_LENGTHS["id"])
    if key is not None and given.id is not None and key != given.id:
        raise Invalid.at("id", "differs from the header Idempotency-Key; send one of the two")
    return Event(
        source=origin.source,
        key=key or given.id,
        digest=digest(body),
        type=cast("EventType", given.type),
        at=(given.time or origin.received_at).astimezone(UTC),
        received_at=origin.received_at,
        incident=given.incident,
        actor=given.actor,
        note=given.note,
        body=body,
        refires=refires,
    )


def shaped(body: bytes, decode: Callable[[bytes], T]) -> T:
    """The body decoded; Invalid names the field that has another shape, or says that it is not JSON."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise invalid_shape(error, body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None


def digest(body: bytes) -> bytes:
    """A hash of a JSON text that does not depend on white space or the order of keys."""
    return blake2b(_encode_sorted(decoded(body)), digest_size=16).digest()


def decoded(body: bytes) -> Any:
    """The whole of a JSON text; Invalid where any part is malformed: what nobody reads is stored too."""
    return shaped(body, _decode_any)


def malformed(error: Exception) -> Invalid:
    """The problem for a body that is not JSON."""
    if isinstance(error, RecursionError):
        return Invalid.at("", "the JSON is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return Invalid.at("", "the body is not UTF-8")
    return Invalid.at("", f"the body is not JSON: {error}")


def invalid_shape(error: msgspec.ValidationError, body: bytes) -> Invalid:
    """The problem for JSON of another shape: where, what, and a likely slip of the pen."""
    text = str(error)
    found = _AT.search(text)
    where = found.group(1) if found else ""
    plain = text[: found.start()] if found else text
    missing = re.search(r"missing required field `(\w+)`", plain)
    if not missing:
        return Invalid.at(where, plain)
    name = missing.group(1)
    near = difflib.get_close_matches(name, _keys_at(body, where), n=1)
    field = f"{where}.{name}".lstrip(".")
    return Invalid.at(field, f"missing; did you mean `{near[0]}`?" if near else "missing")


def refuse_nul(value: Any, where: str = "") -> None:
    """Invalid when a text holds U+0000, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid.at(where, "holds the character U+0000; remove it")
    elif isinstance(value, dict):
        for key, inner in value.items():
            refuse_nul(key, where)
            refuse_nul(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            refuse_nul(inner, f"{where}[{index}]")


def check(given: EventIn) -> None:
    """Invalid names the field that is too long, missing or not one of those there are."""
    _check_texts(given)
    _check_incident(given)


def _check_texts(given: EventIn) -> None:
    for name, limit in _EVENT_LENGTHS.items():
        _check_length(name, getattr(given, name), limit)
    for name, limit in _LENGTHS.items():
        _check_length(f"incident.{name}", getattr(given.incident, name), limit)
    labels = given.incident.labels or {}
    if len(labels) > _MAX_LABELS:
        raise Invalid.at("incident.labels", f"has {len(labels)} labels; at most {_MAX_LABELS} are taken")
    for key, value in labels.items():
        _check_length(f"incident.labels.{key[:40]}", key if len(key) > len(value) else value, _MAX_LABEL)


def _check_length(field: str, text: str | None, limit: int) -> None:
    if text is not None and len(text) > limit:
        raise Invalid.at(field, f"has {len(text)} characters; at most {limit} are taken")


def _check_incident(given: EventIn) -> None:
    incident = given.incident
    if not incident.id.strip() or not incident.id.isprintable():
        raise Invalid.at("incident.id", "must be a visible text such as INC-2024-001")
    if incident.severity is None:
        if given.type == "incident.created":
            raise Invalid.at("incident.severity", f"missing; send one of {', '.join(SEVERITIES)}")
    elif incident.severity not in SEVERITIES:
        raise Invalid.at(
            "incident.severity", f"`{incident.severity[:40]}` is not one of {', '.join(SEVERITIES)}"
        )
    if incident.status is not None and incident.status not in STATUSES:
        raise Invalid.at("incident.status", f"`{incident.status[:40]}` is not one of {', '.join(STATUSES)}")
    if given.type == "incident.created" and not (incident.title or "").strip():
        raise Invalid.at("incident.title", "missing; say in a few words what is broken")
    if incident.url and not incident.url.startswith(("https://", "http://")):
        raise Invalid.at("incident.url", "must start with https:// or http://")


def _hint(given: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"


def _keys_at(body: bytes, where: str) -> list[str]:
    value = decoded(body)
    for part in filter(None, where.split(".")):
        value = value.get(part) if isinstance(value, dict) else None
    return list(value) if isinstance(value, dict) else []
