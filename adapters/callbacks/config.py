"""What an admin configures of a source's callback: an address, and the secret that goes with it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import ClassVar, Final

from adapters.config import ProviderConfig

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
PREFIX: Final = "whsec_"
MIN_KEY_BYTES: Final = 24
MAX_KEY_BYTES: Final = 64


class CallbackConfig(ProviderConfig, frozen=True, kw_only=True):
    """What all kinds have. No abstract target of a rule ever means a callback."""

    SECRETS: ClassVar[tuple[str, ...]] = ("secret",)
    REQUIRED: ClassVar[tuple[str, ...]] = ("callback_url", "secret")
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {"callback_url": ("secret",)}

    enable_notifications: bool = False
    enable_slash_commands: bool = False
    callback_url: str = ""
    secret: str = ""

    def __post_init__(self) -> None:
        if self.callback_url and not self.callback_url.startswith(("https://", "http://")):
            raise wrong("callback_url", "must begin with https://")


class WebhookConfig(CallbackConfig, frozen=True, kw_only=True):
    """Any server that verifies Standard Webhooks. The secret is `whsec_` and base64, or any long text."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.secret and not MIN_KEY_BYTES <= len(key_of(self.secret)) <= MAX_KEY_BYTES:
            raise wrong(
                "secret", f"must hold {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes; `openssl rand -base64 32`"
            )


class PagerDutyConfig(CallbackConfig, frozen=True, kw_only=True):
    """An Events API v2 integration of a PagerDuty service; the secret is its integration key."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("secret",)

    # https://developer.pagerduty.com/docs/send-alert-event ; accounts in the EU have events.eu.pagerduty.com
    callback_url: str = "https://events.pagerduty.com/v2/enqueue"


def key_of(secret: str) -> bytes:
    """The signing key that a secret stands for; ValueError when `whsec_` is not followed by base64."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise wrong("secret", f"must have base64 after `{PREFIX}`; paste it whole") from None


def wrong(field: str, detail: str) -> ValueError:
    """An error in the form in which msgspec names the place, so that adapters.config finds the field."""
    return ValueError(f"{detail} - at `$.{field}`")
