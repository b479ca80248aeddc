"""Whether a request is Slack's: its v0 signature over the raw body, its age, and where it may be answered.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import SplitResult, urlsplit

from adapters.inbound import Incoming, Refusal, Refused

SIGNATURE: Final = "x-slack-signature"
TIMESTAMP: Final = "x-slack-request-timestamp"
WINDOW: Final = timedelta(minutes=5)
"""How far a request's time may be from ours, in either direction."""

# Where response_url leads: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
# and the same page at https://docs.slack-gov.com for GovSlack.
ANSWER_HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})

_SECONDS: Final = re.compile(r"[0-9]{1,12}\Z", re.ASCII)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`v0=` and the hexadecimal HMAC-SHA256 of `v0:<timestamp>:<body>`."""
    signed = b"v0:" + timestamp.encode("utf-8", "replace") + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify(secrets: Sequence[str], incoming: Incoming) -> None:
    """Raise Refused unless one of `secrets` signed these bytes within WINDOW of `received_at`.

    The age is looked at last, so that only what Slack signed can be called stale.
    """
    if not secrets:
        raise Refused(
            Refusal.NOT_CONFIGURED,
            "signing_secret is not set; copy it from Basic Information on the Slack app's page",
        )
    given = incoming.headers.get(SIGNATURE, "")
    timestamp = incoming.headers.get(TIMESTAMP, "")
    if not given or not timestamp:
        raise Refused(Refusal.NO_SIGNATURE, "the request has no Slack signature; only Slack may call this")
    if not _signed(secrets, given, timestamp, incoming.body):
        raise Refused(
            Refusal.BAD_SIGNATURE,
            "the signature is not Slack's; compare signing_secret with Basic Information on the app's page",
        )
    _recent(timestamp, incoming.received_at)


def _signed(secrets: Sequence[str], given: str, timestamp: str, body: bytes) -> bool:
    """Every secret is tried, so that the time taken does not tell which one it was."""
    if not _SECONDS.match(timestamp):
        return False
    claimed = given.encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign(secret, timestamp, body).encode(), claimed) for secret in secrets]
    return any(matches)


def _recent(timestamp: str, now: datetime) -> None:
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        raise Refused(
            Refusal.STALE,
            "the request was signed more than 5 minutes away from now; check this machine's clock",
        )


def may_answer(url: str, api_base: str) -> bool:
    """Whether a response_url is Slack's own: https at a documented host or at that of `api_base`.

    Otherwise a stolen secret would make a proxy of the router. Plain http is for an `api_base` on loopback,
    which the configuration allows nowhere else.
    """
    if not url.isascii() or not url.isprintable() or len(url) > 2000:
        return False
    try:
        given, base = urlsplit(url), urlsplit(api_base)
        if given.username is not None or given.password is not None or "\\" in url:
            return False
        if _place(given) == _place(base):
            return given.scheme in ("https", base.scheme)
        return given.scheme == "https" and given.hostname in ANSWER_HOSTS and given.port in (None, 443)
    except ValueError:
        return False


def _place(parts: SplitResult) -> tuple[str | None, int]:
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
