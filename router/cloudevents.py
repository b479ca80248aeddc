"""CloudEvents 1.0 over HTTP, structured, batched and binary; the envelope wins.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from router.events import MAX_EVENTS, Event, Origin, decoded, parse_event
from router.problems import FieldError, Invalid

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_REQUIRED: Final = ("id", "source", "type")


def is_cloudevent(content_type: str, headers: Mapping[str, str]) -> bool:
    """Whether a request carries CloudEvents rather than plain events."""
    return content_type.startswith("application/cloudevents") or "ce-specversion" in headers


def parse(body: bytes, content_type: str, headers: Mapping[str, str], origin: Origin) -> tuple[Event, ...]:
    """The events of a request; Invalid names the attribute or field."""
    if content_type.startswith(BATCH):
        rows = decoded(body)
        if not isinstance(rows, list) or not rows:
            raise Invalid.at("", "a batch must be an array with at least one CloudEvent")
        if len(rows) > MAX_EVENTS:
            raise Invalid.at("", f"the array has {len(rows)} events; send at most {MAX_EVENTS} at once")
        return tuple(_nth(index, row, origin) for index, row in enumerate(rows))
    if content_type.startswith(STRUCTURED):
        return (_from_envelope(decoded(body), origin),)
    return (_from_envelope(_binary(headers) | {"data": decoded(body)}, origin),)


def _nth(index: int, row: Any, origin: Origin) -> Event:
    try:
        return _from_envelope(row, origin)
    except Invalid as problem:
        fields = [FieldError(f"[{index}].{f.field}".rstrip("."), f.detail) for f in problem.fields]
        raise Invalid(f"[{index}] {problem.detail}", *fields) from None


def _binary(headers: Mapping[str, str]) -> dict[str, Any]:
    names = ("specversion", "id", "source", "type", "time")
    return {name: unquote(headers[f"ce-{name}"]) for name in names if f"ce-{name}" in headers}


def _from_envelope(envelope: Any, origin: Origin) -> Event:
    if not isinstance(envelope, dict):
        raise Invalid.at("", "a CloudEvent must be an object")
    if envelope.get("specversion") != "1.0":
        raise Invalid.at("specversion", "must be 1.0")
    for name in _REQUIRED:
        if not isinstance(envelope.get(name), str) or not envelope[name]:
            raise Invalid.at(name, "missing; every CloudEvent has it")
    data = _data(envelope)
    _refuse_disagreement(envelope, data)
    merged = data | {"type": envelope["type"]}
    if "time" in envelope:
        merged["time"] = envelope["time"]
    merged["id"] = f"{envelope['source']}#{envelope['id']}"
    if len(merged["id"]) > 200:
        raise Invalid.at("id", "source and id together are longer than 199 characters")
    return parse_event(msgspec.json.encode(merged), origin)


def _data(envelope: Mapping[str, Any]) -> dict[str, Any]:
    data = envelope.get("data")
    if data is None and "data_base64" in envelope:
        try:
            data = decoded(base64.b64decode(str(envelope["data_base64"]), validate=True))
        except binascii.Error:
            raise Invalid.at("data_base64", "is not base64") from None
    if not isinstance(data, dict):
        raise Invalid.at("data", "missing; it holds the event's incident")
    return data


def _refuse_disagreement(envelope: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    for name in ("id", "type", "time", "source"):
        if data.get(name) is not None and name in envelope and data[name] != envelope[name]:
            raise Invalid.at(f"data.{name}", "differs from the envelope's; leave it out")
