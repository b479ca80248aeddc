"""Callbacks to PagerDuty: its Events API v2 acknowledges and resolves the alert that an incident came from.

https://developer.pagerduty.com/docs/send-alert-event
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from adapters.callbacks.act import OneWay
from adapters.callbacks.config import PagerDutyConfig
from adapters.callbacks.errors import error_of
from adapters.contract import DeliveryError, Limits, Message, MessageRef, Outbound, Platform, Reason, Receipt
from adapters.http import encode

ACTIONS: Final[Mapping[str, str]] = {
    "incident.acknowledged": "acknowledge",
    "incident.resolved": "resolve",
}
"""What PagerDuty has words for. A trigger would be a loop; closing follows resolving."""

# https://github.com/PagerDuty/api-schema/blob/main/reference/events-v2/openapiv3.json : 202 accepted, 400 not
# to be tried again, 429 and 5xx to be tried again "after some time"; its limits are dynamic.
_MENDS: Final[Mapping[int, str]] = {
    400: "it refuses the event; see that the secret is the integration key of an Events API v2 integration",
    403: "it refuses the integration key; give the right one with `im sources update`",
    404: "this is not the address of the Events API v2; correct it with `im sources update`",
}


class Enqueue(msgspec.Struct, frozen=True, kw_only=True):
    """The body of /v2/enqueue for anything but a trigger."""

    routing_key: str
    event_action: str
    dedup_key: str


class PagerDuty(OneWay):
    """See adapters.contract.Adapter."""

    def __init__(self, config: PagerDutyConfig, http: Outbound) -> None:
        self._config = config
        self._http = http

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:  # noqa: ARG002
        """Acknowledge or resolve the alert whose dedup_key is `channel`; doing it twice does no harm."""
        action = ACTIONS.get(message.event)
        if action is None:
            raise DeliveryError(Reason.REJECTED, "PagerDuty can only be told to acknowledge and to resolve")
        body = encode(Enqueue(routing_key=self._config.secret, event_action=action, dedup_key=channel))
        headers = {"content-type": "application/json", "accept": "application/json"}
        answer = await self._http.request("POST", self._config.callback_url, headers=headers, body=body)
        if not 200 <= answer.status < 300:
            raise error_of(answer, "PagerDuty", _MENDS)
        return Receipt(ref=MessageRef(channel=channel, message_id=f"{action} {channel}"))


def render(message: Message) -> str:
    """A preview: the action. The rest of the body is the integration key and the source's own id."""
    return ACTIONS.get(message.event, "")


PLATFORM: Final = Platform(
    name="pagerduty",
    title="PagerDuty",
    config=PagerDutyConfig,
    build=lambda config, resources: PagerDuty(config, resources.http),
    render=render,
    limits=Limits(),
    lease_seconds=30.0,
    nonce_window_seconds=float("inf"),
)
