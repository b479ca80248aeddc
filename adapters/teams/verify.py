"""Whether a request is from the Bot Framework: its token's form, signature and claims; pure.

The rules: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
(“Authenticate requests from the Bot Connector service to your bot”). Only the claims are signed, not the
body: what a body says is as good as the secrecy of the token that came with it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import msgspec
from jwt.algorithms import AllowedPublicKeys
from jwt.utils import base64url_decode, base64url_encode

from adapters.inbound import Refusal, Refused
from adapters.teams.activity import Activity

SKEW_SECONDS: Final = 300
"""“Industry-standard clock-skew is 5 minutes.”"""
MAX_TOKEN: Final = 16 * 1024
"""Ours; Microsoft's tokens have less than 2 KB."""
ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512"})
"""Of what the metadata may name, what we take: never `none`, never a shared secret."""

# The public cloud and the US government's:
# https://learn.microsoft.com/azure/bot-service/bot-service-resources-faq-ecosystem#how-do-i-create-a-bot-that-uses-the-us-government-data-center
ISSUERS: Final = ("https://api.botframework.com", "https://api.botframework.us")

_FORM: Final = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]{2,})", re.ASCII)
"""Stricter than decoders are, which skip what is not of base64url."""

CHANNEL: Final = "msteams"
# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages
SERVICE_HOSTS: Final = frozenset(
    {
        "smba.trafficmanager.net",
        "smba.infra.gcc.teams.microsoft.com",
        "smba.infra.gov.teams.microsoft.us",
        "smba.infra.dod.teams.microsoft.us",
    }
)


class Header(msgspec.Struct, frozen=True):
    """The part of a token's header that is needed before its signature is checked."""

    alg: str
    kid: str


class Claims(msgspec.Struct, frozen=True):
    """The claims that the connector's tokens have; times in seconds since 1970."""

    iss: str
    aud: str
    exp: int | float
    serviceurl: str
    nbf: int | float = 0


class Key(msgspec.Struct, frozen=True):
    """A published key, and the channels whose activities it may sign (any, where it names none)."""

    public: AllowedPublicKeys
    endorsements: frozenset[str]


class Keyring(msgspec.Struct, frozen=True):
    """What the Bot Framework publishes: keys by id, who signs with them, and how."""

    issuer: str
    algorithms: frozenset[str]
    keys: Mapping[str, Key]


def bearer(headers: Mapping[str, str]) -> str:
    """The token of `Authorization: Bearer <token>`, of nothing else."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token or " " in token:
        raise Refused(Refusal.NO_SIGNATURE, "the request has no `Authorization: Bearer` token")
    if len(token) > MAX_TOKEN or not token.isascii():
        raise _forged("the token is none of the Bot Framework")
    return token


def header_of(token: str) -> Header:
    """The token's header, believed only as far as it chooses one of our keys."""
    form = _FORM.fullmatch(token)
    if form is None:
        raise _forged("the token has not the three parts of one that is signed")
    try:
        header = msgspec.json.decode(base64url_decode(form[1]), type=Header)
        written_in_one_way = base64url_encode(base64url_decode(form[3])).decode() == form[3]
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise _forged("the token's header is unreadable") from None
    if header.alg not in ALGORITHMS or not written_in_one_way:
        raise _forged("the token is signed in a way that the Bot Framework does not use")
    return header


def key_of(header: Header, ring: Keyring) -> Key:
    """The published key that the token says it is signed with."""
    if header.alg not in ring.algorithms:
        raise _forged("the token is signed in a way that the Bot Framework does not use")
    if header.kid not in ring.keys:
        raise _forged("the token is signed with a key that the Bot Framework does not publish")
    return ring.keys[header.kid]


def claims_of(token: str, header: Header, key: Key) -> Claims:
    """The claims, once the signature has been found good."""
    try:
        payload = jwt.decode(token, key.public, algorithms=[header.alg], options=_SIGNATURE_ONLY)
        return msgspec.convert(payload, Claims)
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError, RecursionError):
        raise _forged("the token's signature or claims are not the Bot Framework's") from None


_SIGNATURE_ONLY: Final[Any] = {
    "verify_signature": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"),
        False,
    ),
}
"""Claims are checked below, by the time at which the request was received."""


def check_claims(claims: Claims, ring: Keyring, *, app_id: str, now: datetime) -> None:
    """Raise Refused unless the token is the Bot Framework's, for this app, and for now."""
    if not _same(claims.iss, ring.issuer):
        raise _forged("the token's issuer is not the Bot Framework")
    if not _same(claims.aud, app_id):
        raise Refused(Refusal.WRONG_WORKSPACE, "the token is for another app than app_id")
    at = now.timestamp()
    # Written so that a time that is no number is refused too.
    if not (claims.nbf <= at + SKEW_SECONDS and at - SKEW_SECONDS < claims.exp):
        raise Refused(Refusal.STALE, "the token is not valid at this time; compare this machine's clock")


def check_activity(activity: Activity, claims: Claims, key: Key, *, tenant_id: str, base: str) -> None:
    """Raise Refused unless the activity is of Teams, of this tenant, and of the address that was signed."""
    if not _same(activity.service_url, claims.serviceurl):
        raise _forged("the activity's serviceUrl is not the one that was signed")
    if key.endorsements and activity.channel_id not in key.endorsements:
        raise _forged("the token's key is not endorsed for the activity's channel")
    if activity.channel_id != CHANNEL or not is_service(claims.serviceurl, base):
        raise Refused(Refusal.WRONG_WORKSPACE, "the activity is not of Microsoft Teams")
    if not _of_tenant(activity, tenant_id):
        raise Refused(Refusal.WRONG_WORKSPACE, "the activity is of another tenant than tenant_id")


def is_service(url: str, base: str) -> bool:
    """Whether an address is Teams' own: on the host of `base`, which is configured, or a documented one.

    Anything else would be sent the bot's token and messages.
    """
    try:
        given, configured = urlsplit(url), urlsplit(base)
        port = given.port
    except ValueError:
        return False
    if given.username or given.password or given.query or given.fragment or not url.isprintable():
        return False
    if (given.scheme, given.netloc) == (configured.scheme, configured.netloc):
        return True
    return given.scheme == "https" and given.hostname in SERVICE_HOSTS and port in (None, 443)


def _of_tenant(activity: Activity, tenant_id: str) -> bool:
    data = activity.channel_data
    named = (data.tenant.id if data and data.tenant else None, activity.conversation.tenant_id)
    tenants = {tenant.casefold() for tenant in named if tenant}
    return tenants == {tenant_id.casefold()}


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _forged(detail: str) -> Refused:
    return Refused(Refusal.BAD_SIGNATURE, detail)
