"""Slack's requests, verified before, into what people did: pure, and total over every body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from adapters.http import UNREADABLE
from adapters.inbound import HttpAnswer, Incoming, Received, Refusal, Refused
from adapters.slack import events, interactions
from adapters.slack.belonging import Home
from adapters.slack.wire import BlockActions, Command, Envelope, Handshake, Kind, ViewSubmission

MAX_FIELDS: Final = 100
"""Of a form; Slack's commands have about 15."""

Request = Command | BlockActions | ViewSubmission | Envelope

T = TypeVar("T")


def read(incoming: Incoming) -> Request | Received:
    """The request in its type, or at once what it comes to where no workspace is concerned; else Refused."""
    reader = _READERS.get(incoming.media_type)
    if reader is None:
        raise _malformed("the content type is neither a form nor JSON")
    return reader(incoming.body)


def understood(request: Request, home: Home) -> Received:
    """What people did, where it happened in the provider's workspace; else Refused."""
    match request:
        case Command():
            return interactions.command(request, home)
        case BlockActions():
            return interactions.actions(request, home)
        case ViewSubmission():
            return interactions.submission(request, home)
        case Envelope():
            return events.event(request, home)


def _form(body: bytes) -> Request | Received:
    fields = _fields(body)
    if "payload" in fields:
        return _interaction(fields["payload"].encode())
    if fields.get("ssl_check") == "1" and "command" not in fields:
        # Slack looks now and then whether a command's address answers with a valid certificate.
        return Received(note="ssl_check")
    try:
        return msgspec.convert(fields, Command)
    except msgspec.ValidationError:
        raise _malformed("a form that is neither a slash command nor an interaction") from None


def _fields(body: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise _malformed("the form is not readable") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _malformed("the form has a field twice")
    return fields


def _interaction(payload: bytes) -> Request | Received:
    kind = _decoded(payload, Kind, "interaction").type
    wanted = _INTERACTIONS.get(kind)
    return _decoded(payload, wanted, "interaction") if wanted else Received(note=_ignored(kind))


def _json(body: bytes) -> Request | Received:
    kind = _decoded(body, Kind, "event").type
    if kind == "url_verification":
        challenge = _decoded(body, Handshake, "url_verification").challenge
        return Received(answer=HttpAnswer(body=msgspec.json.encode({"challenge": challenge})), note=kind)
    if kind != "event_callback":
        return Received(note=_ignored(kind))
    return _decoded(body, Envelope, "event")


def _decoded(body: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE:
        raise _malformed(f"the {what} is not of the shape that Slack documents") from None


def _malformed(detail: str) -> Refused:
    return Refused(Refusal.MALFORMED, detail)


def _ignored(kind: str) -> str:
    return _NOTES.get(kind, "a kind of request that means nothing here")


_READERS: Final[Mapping[str, Callable[[bytes], Request | Received]]] = {
    "application/x-www-form-urlencoded": _form,
    "application/json": _json,
}
_INTERACTIONS: Final[Mapping[str, Any]] = {"block_actions": BlockActions, "view_submission": ViewSubmission}
_NOTES: Final[Mapping[str, str]] = {
    "view_closed": "a form was closed",
    "message_action": "a message shortcut, which this bot has not",
    "shortcut": "a shortcut, which this bot has not",
    "block_suggestion": "a menu's search, which this bot has not",
    "app_rate_limited": "app_rate_limited: Slack holds events back",
}
