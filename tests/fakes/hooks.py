"""A server that takes webhooks as Standard Webhooks says: signature, age and repeats come before all else.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md , stated here again
and not imported from the adapter: a receiver that shared the sender's code would share its mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any, ClassVar, Final

from tests.fakes.base import Call, FakePlatform, Refused, Reply

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOLERANCE_SECONDS: Final = 300


class HooksFake(FakePlatform):
    """`received` are the payloads, each once; `ids` the webhook-id of every verified try."""

    platform: ClassVar[str] = "hooks"

    def __init__(self, *, secret: str = SECRET, **given: Any) -> None:
        super().__init__(**given)
        self.secret = secret
        self.answer = Reply(None, 204)
        """What a verified call is answered with; one that is not 2xx is not received."""
        self.received: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self._taken: set[str] = set()
        self.route("POST", "/hooks", self._hook)

    @property
    def hook_url(self) -> str:
        return f"{self.url}/hooks"

    def _hook(self, call: Call) -> Reply:
        payload = verified(call, self.secret)
        message_id = call.headers["webhook-id"]
        self.ids.append(message_id)
        if 200 <= self.answer.status < 300 and message_id not in self._taken:
            self._taken.add(message_id)
            self.received.append(payload)
        return self.answer


def verified(call: Call, secret: str) -> Any:
    """The payload of a call; Refused (401) unless its signature is right and fresh."""
    headers = {name: call.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")}
    if not all(headers.values()) or not headers["timestamp"].isdigit():
        raise Refused(Reply({"error": "missing headers"}, 401))
    if abs(time.time() - int(headers["timestamp"])) > TOLERANCE_SECONDS:
        raise Refused(Reply({"error": "too old or too new"}, 401))
    if "." in headers["id"]:
        raise Refused(Reply({"error": "the id holds a full stop"}, 401))
    signed = f"{headers['id']}.{headers['timestamp']}.".encode() + call.body
    expected = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    given = [one.partition(",") for one in headers["signature"].split(" ")]
    if not any(version == "v1" and hmac.compare_digest(value, expected) for version, _, value in given):
        raise Refused(Reply({"error": "the signature does not match"}, 401))
    if call.headers.get("content-type") != "application/json":
        raise Refused(Reply({"error": "not JSON"}, 415))
    return json.loads(call.body)


def _key(secret: str) -> bytes:
    prefix = "whsec_"
    return base64.b64decode(secret[len(prefix) :]) if secret.startswith(prefix) else secret.encode()
