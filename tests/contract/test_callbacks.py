"""Callbacks over HTTP: what is signed and sent, and what each answer means."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import registry
from adapters.callbacks import CALLBACKS, TIME, pagerduty, takes, webhook
from adapters.callbacks.config import PagerDutyConfig, WebhookConfig, key_of
from adapters.callbacks.webhook import Webhook, signature
from adapters.config import ConfigError, masked, split_secrets, validate
from adapters.contract import DeliveryError, IncidentCard, Message, MessageRef, Reason, Resources
from adapters.http import Http
from tests.contract.subject_sandbox import MemoryShelf
from tests.fakes.base import FakePlatform, Reply
from tests.fakes.hooks import SECRET, HooksFake
from tests.fakes.pagerduty import KEY, PagerDutyFake

NONCE: Final = "n0123456789012345678901x"
STARTED: Final = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
PLAIN: Final = "a-plain-secret-of-thirty-two-chars"


def message(event: str = "incident.acknowledged", **changes: Any) -> Message:
    card = IncidentCard(
        id="INC-2026-001",
        title="Database down",
        severity="SEV-1",
        status="acknowledged",
        started_at=STARTED,
        service="checkout",
        assignee="dana",
    )
    usual: dict[str, Any] = {
        "event": event,
        "headline": "👀 Incident Acknowledged",
        "incident": card,
        "actor": "dana",
        "note": "on it",
        "facts": ((TIME, "2026-01-05T10:05:00Z"),),
    }
    return Message(**(usual | changes))


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


@pytest.fixture
def hooks() -> Iterator[HooksFake]:
    with HooksFake() as fake:
        yield fake


@pytest.fixture
def duty() -> Iterator[PagerDutyFake]:
    with PagerDutyFake() as fake:
        yield fake


def to_hooks(
    fake: HooksFake, http: Http, secret: str = SECRET, clock: Callable[[], float] | None = None
) -> Any:
    config = WebhookConfig(callback_url=fake.hook_url, secret=secret)
    if clock is not None:
        return Webhook(config, http, clock)
    return CALLBACKS["webhook"].build(config, Resources(http, MemoryShelf({})))


def to_duty(fake: PagerDutyFake, http: Http, key: str = KEY) -> Any:
    config = PagerDutyConfig(callback_url=f"{fake.url}/v2/enqueue", secret=key)
    return CALLBACKS["pagerduty"].build(config, Resources(http, MemoryShelf({})))


# The signature.


def test_the_published_vector_is_signed_as_published() -> None:
    """From the reference libraries (MIT): github.com/standard-webhooks/standard-webhooks,
    libraries/python/tests/test_webhooks.py, test_sign_function."""
    body = b'{"test": 2432232314}'
    made = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(key=st.binary(min_size=24, max_size=64))
def test_a_secret_with_its_prefix_is_the_key_in_base64(key: bytes) -> None:
    assert key_of("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize("secret", [SECRET, PLAIN])
async def test_a_receiver_verifies_what_is_sent(http: Http, secret: str) -> None:
    with HooksFake(secret=secret) as fake:
        receipt = await to_hooks(fake, http, secret).post("alert-7", message(), nonce=NONCE)
        assert receipt.ref == MessageRef(channel="alert-7", message_id=NONCE)
        assert fake.received == [
            {
                "type": "incident.acknowledged",
                "timestamp": "2026-01-05T10:05:00Z",
                "data": {
                    "incident": {
                        "id": "alert-7",
                        "display_id": "INC-2026-001",
                        "title": "Database down",
                        "severity": "SEV-1",
                        "status": "acknowledged",
                        "started_at": "2026-01-05T10:00:00Z",
                        "service": "checkout",
                        "assignee": "dana",
                        "url": None,
                    },
                    "actor": "dana",
                    "note": "on it",
                },
            }
        ]
        assert fake.refusals == []


async def test_a_second_try_has_the_same_id_and_its_own_time(http: Http, hooks: HooksFake) -> None:
    hooks.fail_next("lost_answer")
    now = [datetime.now(UTC).timestamp()]
    adapter = to_hooks(hooks, http, clock=lambda: now[0])
    with pytest.raises(DeliveryError):
        await adapter.post("a", message(), nonce=NONCE)
    now[0] += 60
    await adapter.post("a", message(), nonce=NONCE)
    assert hooks.ids == [NONCE, NONCE]
    assert len(hooks.received) == 1
    first, second = (call.headers["webhook-timestamp"] for call in hooks.calls)
    assert int(second) - int(first) == 60


@given(text=st.text(max_size=200))
def test_whatever_somebody_typed_is_json_and_nothing_more(text: str) -> None:
    made = webhook.payload(message(note=text, actor=text), text)
    read = msgspec.json.decode(webhook.encode(made))
    shown = text.encode("utf-8", "replace").decode()
    assert (read["data"]["note"], read["data"]["incident"]["id"]) == (shown, shown)


# What answers mean.


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (301, Reason.REJECTED, "redirects are not followed"),
        (307, Reason.REJECTED, "redirects are not followed"),
        (400, Reason.REJECTED, "does not understand"),
        (401, Reason.UNAUTHORIZED, "same secret"),
        (403, Reason.FORBIDDEN, "same secret"),
        (404, Reason.CHANNEL_NOT_FOUND, "correct the address"),
        (410, Reason.REJECTED, "takes no callbacks any more"),
        (500, Reason.SERVER_ERROR, "answered 500"),
        (502, Reason.SERVER_ERROR, "answered 502"),
    ],
)
async def test_a_refusal_has_a_reason_and_a_mend(
    http: Http, hooks: HooksFake, status: int, reason: Reason, words: str
) -> None:
    hooks.answer = Reply({"secret": "do not show"}, status, {"location": f"{hooks.url}/elsewhere"})
    with pytest.raises(DeliveryError) as caught:
        await to_hooks(hooks, http).post("a", message(), nonce=NONCE)
    assert caught.value.reason is reason
    assert words in caught.value.detail
    assert len(hooks.calls) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_one(http: Http, hooks: HooksFake, status: int) -> None:
    hooks.answer = Reply(None, status)
    await to_hooks(hooks, http).post("a", message(), nonce=NONCE)


async def test_a_rate_limit_holds_the_whole_source_for_as_long_as_it_says(
    http: Http, hooks: HooksFake
) -> None:
    hooks.answer = Reply(None, 429, {"retry-after": "7"})
    with pytest.raises(DeliveryError) as caught:
        await to_hooks(hooks, http).post("a", message(), nonce=NONCE)
    error = caught.value
    assert (error.reason, error.retry_after, error.whole_provider) == (Reason.RATE_LIMITED, 7.0, True)


async def test_a_wrong_secret_is_refused_by_the_receiver(http: Http, hooks: HooksFake) -> None:
    with pytest.raises(DeliveryError) as caught:
        await to_hooks(hooks, http, PLAIN).post("a", message(), nonce=NONCE)
    assert caught.value.reason is Reason.UNAUTHORIZED


@pytest.mark.parametrize("kind", ["500", "429", "disconnect", "garbage", "lost_answer"])
async def test_no_error_holds_a_secret_or_a_path(
    http: Http, hooks: HooksFake, duty: PagerDutyFake, kind: Any
) -> None:
    built: tuple[tuple[FakePlatform, Any], ...] = (
        (hooks, to_hooks(hooks, http)),
        (duty, to_duty(duty, http)),
    )
    for fake, adapter in built:
        fake.fail_next(kind)
        try:
            await adapter.post("alert-7", message(), nonce=NONCE)
        except DeliveryError as error:
            shown = repr(error) + error.detail
            assert not any(word in shown for word in (SECRET, SECRET[6:], KEY, "/hooks", "enqueue", "on it"))


# PagerDuty.


async def test_pagerduty_is_acknowledged_and_resolved(http: Http, duty: PagerDutyFake) -> None:
    duty.alerts["srv01/mysql"] = "triggered"
    adapter = to_duty(duty, http)
    await adapter.post("srv01/mysql", message(), nonce=NONCE)
    assert duty.alerts == {"srv01/mysql": "acknowledged"}
    await adapter.post("srv01/mysql", message("incident.resolved"), nonce=NONCE)
    assert duty.alerts == {"srv01/mysql": "resolved"}
    assert duty.refusals == []
    assert [set(call.json) for call in duty.calls] == [{"routing_key", "event_action", "dedup_key"}] * 2


async def test_pagerduty_has_no_words_for_other_acts(http: Http, duty: PagerDutyFake) -> None:
    with pytest.raises(DeliveryError) as caught:
        await to_duty(duty, http).post("a", message("incident.assigned"), nonce=NONCE)
    assert caught.value.reason is Reason.REJECTED
    assert duty.calls == []


async def test_a_wrong_integration_key_says_so(http: Http, duty: PagerDutyFake) -> None:
    with pytest.raises(DeliveryError) as caught:
        await to_duty(duty, http, "0" * 32).post("a", message(), nonce=NONCE)
    assert caught.value.reason is Reason.REJECTED
    assert "integration key" in caught.value.detail


async def test_pagerdutys_throttle_is_tried_again(http: Http, duty: PagerDutyFake) -> None:
    duty.fail_next("429")
    with pytest.raises(DeliveryError) as caught:
        await to_duty(duty, http).post("a", message(), nonce=NONCE)
    assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE_LIMITED, None)


@pytest.mark.parametrize(
    "event",
    [
        {"event_action": "acknowledge"},
        {"event_action": "acknowledge", "dedup_key": "k" * 256},
        {"event_action": "close", "dedup_key": "k"},
        {"event_action": "trigger", "dedup_key": "k"},
        {"event_action": "resolve", "dedup_key": "k", "note": "x"},
    ],
)
async def test_the_fake_refuses_what_pagerduty_refuses(
    http: Http, duty: PagerDutyFake, event: dict[str, str]
) -> None:
    body = msgspec.json.encode({"routing_key": KEY} | event)
    headers = {"content-type": "application/json"}
    answer = await http.request("POST", f"{duty.url}/v2/enqueue", headers=headers, body=body)
    assert answer.status == 400


# What both have in common.


def test_callbacks_are_no_chat_platforms() -> None:
    assert not CALLBACKS.keys() & registry.PLATFORMS.keys()
    assert not any(platform.config().enable_notifications for platform in CALLBACKS.values())


@pytest.mark.parametrize(
    ("kind", "event", "expected"),
    [
        ("webhook", "incident.assigned", True),
        ("pagerduty", "incident.acknowledged", True),
        ("pagerduty", "incident.resolved", True),
        ("pagerduty", "incident.closed", False),
        ("pagerduty", "incident.created", False),
    ],
)
def test_pagerduty_takes_only_what_it_has_words_for(kind: str, event: str, expected: bool) -> None:
    assert takes(kind, event) is expected


async def test_a_callback_only_sends(http: Http, hooks: HooksFake, duty: PagerDutyFake) -> None:
    ref = MessageRef(channel="a", message_id="b")
    for adapter in (to_hooks(hooks, http), to_duty(duty, http)):
        with pytest.raises(DeliveryError):
            await adapter.edit(ref, message())
        with pytest.raises(DeliveryError):
            await adapter.reply(ref, message(), nonce=NONCE)
        assert (await adapter.check(), await adapter.channels(), await adapter.find_user("dana")) == (
            (),
            (),
            None,
        )
    assert hooks.calls == duty.calls == []


def test_previews_need_no_connection() -> None:
    assert webhook.render(message()).data.actor == "dana"
    assert pagerduty.render(message()) == "acknowledge"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"callback_url": "http://hooks.example.com"}, "callback_url"),
        ({"callback_url": "wss://hooks.example.com"}, "callback_url"),
        ({"callback_url": "https://a:b@hooks.example.com"}, "callback_url"),
        ({"callback_url": "hooks.example.com"}, "callback_url"),
        ({"secret": "short"}, "secret"),
        ({"secret": "whsec_no-base64!"}, "secret"),
        ({"secret": "whsec_" + base64.b64encode(bytes(8)).decode()}, "secret"),
        ({"secret": "whsec_" + base64.b64encode(bytes(65)).decode()}, "secret"),
        ({"secret": [SECRET, SECRET]}, "secret"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    given = {"callback_url": "https://hooks.example.com/im", "secret": SECRET} | changes
    with pytest.raises(ConfigError) as caught:
        validate(WebhookConfig, "webhook", given)
    assert caught.value.field == field
    assert SECRET[6:] not in str(caught.value)


def test_the_secret_is_sealed_and_masked() -> None:
    config = validate(PagerDutyConfig, "pagerduty", {"secret": KEY})
    clear, sealed = split_secrets(config)
    assert sealed == {"secret": KEY}
    assert clear["callback_url"] == "https://events.pagerduty.com/v2/enqueue"
    assert KEY not in str(masked(config))
