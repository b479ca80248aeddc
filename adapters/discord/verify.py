"""Whether a request is Discord's: Ed25519 over the timestamp and the raw body, and not long ago."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from adapters.inbound import Incoming, Refusal, Refused

# https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint-validating-security-request-headers
SIGNATURE: Final = "x-signature-ed25519"
TIMESTAMP: Final = "x-signature-timestamp"
MAX_AGE_SECONDS: Final = 300.0
"""Discord names no window; five minutes are what the other platforms ask for, and bound a replay."""

_HEX: Final = re.compile(r"[0-9a-fA-F]{128}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def verify(public_key: str, incoming: Incoming) -> None:
    """Raise Refused unless the application with this public key was sent exactly these bytes, recently.

    `public_key` is 64 hexadecimal digits. Nothing of the body is parsed.
    """
    if not public_key:
        raise Refused(
            Refusal.NOT_CONFIGURED,
            "public_key is missing; copy it from the Developer Portal, General Information",
        )
    signature, timestamp = incoming.headers.get(SIGNATURE, ""), incoming.headers.get(TIMESTAMP, "")
    if not signature or not timestamp:
        raise Refused(
            Refusal.NO_SIGNATURE, f"the request lacks {SIGNATURE} or {TIMESTAMP}; Discord sends both"
        )
    if not _genuine(public_key, signature, timestamp, incoming.body):
        raise Refused(
            Refusal.BAD_SIGNATURE, "the signature is not that of this body; is public_key this application's?"
        )
    _check_age(timestamp, incoming.received_at)


def _genuine(public_key: str, signature: str, timestamp: str, body: bytes) -> bool:
    """libsodium compares in constant time, and refuses weak keys and signatures that are not canonical."""
    if not _HEX.fullmatch(signature):
        return False
    try:
        signed = timestamp.encode() + body
        VerifyKey(bytes.fromhex(public_key)).verify(signed, bytes.fromhex(signature))
    except (BadSignatureError, ValueError):
        return False
    return True


def _check_age(timestamp: str, now: datetime) -> None:
    if not _SECONDS.fullmatch(timestamp):
        raise Refused(Refusal.MALFORMED, f"{TIMESTAMP} is not a number of seconds")
    if abs(now.timestamp() - int(timestamp)) > MAX_AGE_SECONDS:
        raise Refused(
            Refusal.STALE,
            "signed more than five minutes from now; compare this machine's clock with the time",
        )
