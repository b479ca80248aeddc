"""PagerDuty's Events API v2, strict: bodies are checked against its schema, alerts change as it says.

https://developer.pagerduty.com/docs/send-alert-event and
https://github.com/PagerDuty/api-schema/blob/main/reference/events-v2/openapiv3.json
"""

from __future__ import annotations

import json
import secrets
from typing import Any, ClassVar, Final

from tests.fakes.base import Call, FakePlatform, Refused, Reply

KEY: Final = "e93facc04764012d7bfb002500d5d1a6"
"""The integration key of the one service there is."""

ACTIONS: Final = ("trigger", "acknowledge", "resolve")
SEVERITIES: Final = ("critical", "error", "warning", "info")
MAX_DEDUP_KEY: Final = 255
MAX_BODY: Final = 512 * 1024
_FIELDS: Final = {
    "routing_key",
    "event_action",
    "dedup_key",
    "payload",
    "client",
    "client_url",
    "links",
    "images",
}
_NEXT: Final = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


class PagerDutyFake(FakePlatform):
    """`alerts` holds the state of each alert by its dedup_key; `actions` what was done, in order."""

    platform: ClassVar[str] = "pagerduty"
    channel_windows = ((120, 60.0),)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.alerts: dict[str, str] = {}
        self.actions: list[tuple[str, str]] = []
        self.route("POST", "/v2/enqueue", self._enqueue)

    def too_many(self, wait: float) -> Reply:  # noqa: ARG002  PagerDuty does not say how long
        body = {
            "status": "throttle exceeded",
            "message": "Requests for this service are arriving too quickly.",
        }
        return Reply(body, 429)

    def _enqueue(self, call: Call) -> Reply:
        event = _checked(call)
        self.check_rate(event["routing_key"])
        key = event.get("dedup_key") or secrets.token_hex(16)
        self._apply(event["event_action"], key)
        return Reply({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    def _apply(self, action: str, key: str) -> None:
        """What is not triggered, or is resolved already, is accepted and changes nothing."""
        self.actions.append((action, key))
        if action == "trigger":
            self.alerts[key] = "triggered"
        elif self.alerts.get(key) in ("triggered", "acknowledged"):
            self.alerts[key] = _NEXT[action]


def _checked(call: Call) -> dict[str, Any]:
    _need(call.headers.get("content-type", "").startswith("application/json"), "the body must be JSON")
    _need(len(call.body) <= MAX_BODY, "the event is larger than 512 KB")
    try:
        event = json.loads(call.body)
    except ValueError:
        raise _refused("JSON parse error") from None
    _need(isinstance(event, dict), "the event must be an object")
    _need(not event.keys() - _FIELDS, f"unknown fields {sorted(event.keys() - _FIELDS)}")
    _need(event.get("event_action") in ACTIONS, "'event_action' is invalid")
    _need(event.get("routing_key") == KEY, "'routing_key' is invalid")
    _check_key(event)
    if event["event_action"] == "trigger":
        _check_payload(event.get("payload"))
    return event


def _check_key(event: dict[str, Any]) -> None:
    key = event.get("dedup_key", "")
    _need(isinstance(key, str), "'dedup_key' must be a string")
    _need(len(key) <= MAX_DEDUP_KEY, "'dedup_key' is too long")
    _need(key or event["event_action"] == "trigger", "'dedup_key' is missing or blank")


def _check_payload(payload: Any) -> None:
    _need(isinstance(payload, dict), "'payload' is missing or blank")
    for name in ("summary", "source"):
        _need(isinstance(payload.get(name), str) and payload[name], f"'payload.{name}' is missing or blank")
    _need(payload.get("severity") in SEVERITIES, "'payload.severity' is invalid")


def _need(condition: object, why: str) -> None:
    if not condition:
        raise _refused(why)


def _refused(why: str) -> Refused:
    return Refused(
        Reply({"status": "invalid event", "message": "Event object is invalid", "errors": [why]}, 400)
    )
