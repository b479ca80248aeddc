"""Genuine requests of Teams, and forged ones in bulk: each with the refusal that it must meet."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization

from adapters.contract import Answer
from adapters.inbound import Incoming, Refusal
from adapters.teams.config import TeamsConfig
from adapters.teams.keys import Keys
from adapters.teams.outbound import Teams
from tests.fakes import teams_keys

APP: Final = "5a1c2a2e-0f5d-4b8c-9d3e-7b6a5c4d3e2f"
TENANT: Final = "3f3d1cea-7a18-41af-872b-cfbbd5140984"
SERVICE: Final = "https://smba.trafficmanager.net/emea/"
METADATA: Final = "https://login.botframework.com/v1/.well-known/openidconfiguration"
JWKS: Final = "https://login.botframework.com/v1/.well-known/keys"
KEYS: Final = {"key-1": ("msteams", "webchat"), "key-2": None, "key-3": ("skype",)}
CHANNEL: Final = "19:incidents@thread.tacv2"

CONFIG: Final = TeamsConfig(
    app_id=APP, app_password="s3cr3t~of.the-app_0123456789", tenant_id=TENANT, default_channel=CHANNEL
)


class Published:
    """The Bot Framework's key service, without a network; counts what is fetched."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": teams_keys.ISSUER,
            "jwks_uri": JWKS,
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        self.keys: list[Any] = [teams_keys.published(kid, endorsed) for kid, endorsed in KEYS.items()]
        self.fetched: list[str] = []
        self.status = 200
        self.now = 1_000.0

    async def request(self, _method: str, url: str, **_: Any) -> Answer:
        self.fetched.append(url)
        body = {METADATA: self.metadata, JWKS: {"keys": self.keys}}.get(url)
        return Answer(status=self.status if body else 404, headers={}, body=json.dumps(body).encode())


def listening(published: Published, config: TeamsConfig = CONFIG) -> Teams:
    """The adapter over that key service."""
    keys = Keys(config.openid_metadata_url, published, clock=lambda: published.now)
    return Teams(config, published, keys=keys)


def activity(**changes: Any) -> dict[str, Any]:
    """A message in a chat with one person."""
    said: dict[str, Any] = {
        "type": "message",
        "id": "1776390257332",
        "text": "im list",
        "textFormat": "plain",
        "timestamp": "2026-01-05T10:00:00.000Z",
        "channelId": "msteams",
        "serviceUrl": SERVICE,
        "from": {"id": "29:1dana", "name": "Dana", "aadObjectId": "00000000-0000-4000-8000-000000000001"},
        "recipient": {"id": f"28:{APP}", "name": "im"},
        "conversation": {"id": "a:chat-1", "conversationType": "personal", "tenantId": TENANT},
        "channelData": {"tenant": {"id": TENANT}},
    }
    return said | changes


def token(kid: str = "key-1", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token, with these claims instead of the genuine; None takes one away."""
    content = teams_keys.claims(APP, SERVICE) | changes
    return teams_keys.minted({k: v for k, v in content.items() if v is not GONE}, kid, headers=headers)


GONE: Final = object()


def incoming(bearer: str | None = None, body: Any = None, header: str | None = None) -> Incoming:
    """The request: a genuine token and activity, where none is given."""
    authorization = header if header is not None else f"Bearer {bearer if bearer is not None else token()}"
    content = body if isinstance(body, bytes) else json.dumps(body or activity()).encode()
    headers = {"authorization": authorization, "content-type": "application/json; charset=utf-8"}
    return Incoming(headers=headers, body=content, received_at=datetime.now(UTC))


@dataclass(frozen=True)
class Forged:
    """A request that must be refused, and how."""

    name: str
    request: Incoming
    refusal: Refusal


def flipped() -> Iterator[Forged]:
    """One character of the token changed, taken away or put in."""
    dice = random.Random(11)
    genuine = token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at in [*dice.sample(range(len(genuine)), 90), len(genuine) - 1]:
        other = dice.choice([letter for letter in letters if letter != genuine[at]])
        yield _forged(f"changed at {at}", genuine[:at] + other + genuine[at + 1 :])
    for at in dice.sample(range(len(genuine)), 25):
        yield _forged(f"cut at {at}", genuine[:at] + genuine[at + 1 :])
    for at in dice.sample(range(len(genuine)), 25):
        yield _forged(f"put in at {at}", genuine[:at] + dice.choice("A.=!+/\u00e9") + genuine[at:])
    for letter in letters:  # the last one has four bits that decoders ignore
        if letter != genuine[-1]:
            yield _forged(f"last is {letter}", genuine[:-1] + letter)


def headers() -> Iterator[Forged]:
    """Forms of the header that are not `Bearer <token>`."""
    good = token()
    forms = ("", "Bearer", "Bearer ", f"bearer {good}", f"BEARER {good}", f"Basic {good}", f"Token {good}")
    forms += (f"Bearer  {good}", f"Bearer {good} x", good, f"Bearer\t{good}", f" Bearer {good}")
    forms += (f"Bearer:{good}", f"Bearer,{good}", f"Bearer {good},Bearer {good} ", "null", "Bearer\n")
    for form in forms:
        yield Forged(f"header {form[:12]!r}", incoming(header=form), Refusal.NO_SIGNATURE)
    yield Forged("no header", _without_header(), Refusal.NO_SIGNATURE)
    for junk in ("x", "x.y", "x.y.z", "..", "a.b.c.d", "null", "undefined", "e30.e30.e30", "x" * 20_000):
        yield _forged(f"junk {junk[:8]}", junk)


def algorithms() -> Iterator[Forged]:
    """Tokens signed otherwise: not at all, with secrets that are known, with other schemes of RSA."""
    content = teams_keys.claims(APP, SERVICE)
    key = teams_keys.private_key("key-1")
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for algorithm in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        yield _forged(algorithm, jwt.encode(content, key, algorithm=algorithm, headers={"kid": "key-1"}))
    for algorithm in ("HS256", "HS384", "HS512"):
        for secret in (public, CONFIG.app_password, b"", b"key-1"):
            yield _forged(f"{algorithm} with {secret!r:.12}", _hmac(content, algorithm, secret))
    _, payload, signature = token().split(".")
    for algorithm in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "rs256",
        "RS256 ",
        "RSA",
        "ES256",
        "EdDSA",
        None,
        1,
        [],
    ):
        named = _part({"alg": algorithm, "typ": "JWT", "kid": "key-1"})
        yield _forged(f"alg {algorithm}", f"{named}.{payload}.{signature}")
        yield _forged(f"alg {algorithm} unsigned", f"{named}.{payload}.")


def claims() -> Iterator[Forged]:
    """Claims that are not for us or not for now, under a genuine signature."""
    now = int(time.time())
    issuer = teams_keys.ISSUER
    for value in (
        GONE,
        None,
        "",
        1,
        [issuer],
        {"a": 1},
        f"{issuer}/",
        issuer.upper(),
        f"{issuer}.evil.example",
    ):
        yield _forged(f"iss {value}", token(iss=value))
    for value in ("https://api.botframework.us", "https://sts.windows.net/x/", "peanut", f" {issuer}", "api"):
        yield _forged(f"iss {value}", token(iss=value))
    for value in (
        "",
        APP.upper(),
        f"{APP} ",
        APP[:-1],
        f"{APP}0",
        TENANT,
        "*",
        "00000000-0000-0000-0000-000000000000",
    ):
        yield _forged(f"aud {value}", token(aud=value), Refusal.WRONG_WORKSPACE)
    for value in (GONE, None, [APP], 7, {"aud": APP}, True):
        yield _forged(f"aud {value}", token(aud=value))
    for value in (now - 301, now - 3600, 0, -1, 1.5, -(10**20)):
        yield _forged(f"exp {value}", token(exp=value), Refusal.STALE)
    for value in (GONE, None, "", str(now + 60), True, [], {}, "never"):
        yield _forged(f"exp {value}", token(exp=value))
    for value in (now + 302, now + 3600, 10**12, 10**30):
        yield _forged(f"nbf {value}", token(nbf=value), Refusal.STALE)
    for value in (None, "", str(now), True, []):
        yield _forged(f"nbf {value}", token(nbf=value))


def addresses() -> Iterator[Forged]:
    """An address in the claim, in the activity, or in both, that is not Teams' or not the same."""
    other = (
        f"{SERVICE}x",
        SERVICE.rstrip("/"),
        SERVICE.upper(),
        "https://smba.trafficmanager.net/amer/",
        "x",
    )
    other += ("https://evil.example/", "https://webchat.botframework.com/", "", f" {SERVICE}")
    for url in other:
        yield _forged(f"claim {url}", token(serviceurl=url))
        yield _forged(f"activity {url}", token(), body=activity(serviceUrl=url))
    for value in (GONE, None, 1, [SERVICE], {}):
        yield _forged(f"claim {value}", token(serviceurl=value))
    for url in ALIEN:
        forged = _forged(
            f"both {url}", token(serviceurl=url), Refusal.WRONG_WORKSPACE, activity(serviceUrl=url)
        )
        yield forged


ALIEN: Final = (
    "https://evil.example/",
    "https://webchat.botframework.com/",
    "https://directline.botframework.com/",
    "https://smba.trafficmanager.net.evil.example/",
    "https://evil.example/smba.trafficmanager.net",
    "https://smba.trafficmanager.net@evil.example/",
    "https://user:word@smba.trafficmanager.net/",
    "https://evil.example#smba.trafficmanager.net",
    "https://smba.trafficmanager.net/?to=evil",
    "https://smba.trafficmanager.net:8443/",
    "http://smba.trafficmanager.net/emea/",
    "ftp://smba.trafficmanager.net/",
    "//smba.trafficmanager.net/",
    "smba.trafficmanager.net",
    "http://127.0.0.1/",
    "http://169.254.169.254/",
    "https://[::1]/",
    "https://[x",
    "https://smba.trafficmanager.net:99999999/",
    "https://smba.trafficmanager.net\\@evil.example/",
    "",
)


def keys() -> Iterator[Forged]:
    """Keys that are not published, not endorsed, or brought along."""
    mine = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(teams_keys.private_key("mine").public_key()))
    for kid in ("mine", "", "KEY-1", "key-1 ", "key-9", "../key-1", "\u0000"):
        yield _forged(f"kid {kid!r}", token("mine", headers={"kid": kid}))
    yield _forged("another key under this id", token("mine", headers={"kid": "key-1"}))
    yield _forged("another published key", token("key-2", headers={"kid": "key-1"}))
    brought: tuple[dict[str, Any], ...] = (
        {"jwk": mine},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "mine"},
    )
    for more in brought:
        yield _forged(f"brought {[*more]}", token("mine", headers={"kid": "key-1"} | more))
    _, payload, signature = token().split(".")
    for kid in (None, 1, ["key-1"], {"kid": "key-1"}):
        yield _forged(f"kid {kid}", f"{_part({'alg': 'RS256', 'kid': kid})}.{payload}.{signature}")
    yield _forged("no kid", f"{_part({'alg': 'RS256'})}.{payload}.{signature}")
    yield _forged("critical", token(headers={"crit": ["b64"], "b64": False}))
    yield _forged("not endorsed", token("key-3"))
    yield _forged("deep", f"{_bytes(b'[' * 3000)}.{payload}.{signature}")


def senders() -> Iterator[Forged]:
    """Genuine activities of another tenant or another channel of the bot."""
    personal = {"id": "a:chat-1", "conversationType": "personal"}
    other = "99999999-7a18-41af-872b-cfbbd5140984"
    for tenant in (other, f"{TENANT} ", TENANT[:-1], "*", "common"):
        data, conversation = {"tenant": {"id": tenant}}, personal | {"tenantId": tenant}
        for name, body in (
            ("both", activity(channelData=data, conversation=conversation)),
            ("data", activity(channelData=data)),
            ("conversation", activity(conversation=conversation)),
            ("data alone", activity(channelData=data, conversation=personal)),
        ):
            yield _forged(f"tenant {tenant}, {name}", token(), Refusal.WRONG_WORKSPACE, body)
    for none in ({}, {"tenant": None}, {"tenant": {}}, {"tenant": {"id": ""}}, None):
        body = activity(channelData=none, conversation=personal)
        yield _forged(f"no tenant {none}", token(), Refusal.WRONG_WORKSPACE, body)
    for channel in ("directline", "emulator", "", "MSTEAMS", "msteams ", "slack"):
        yield _forged(f"channel {channel}", token(), body=activity(channelId=channel))
    for kid, channel in (("key-1", "webchat"), ("key-2", "directline"), ("key-2", "MSTEAMS")):
        body = activity(channelId=channel)
        yield _forged(f"{kid}: {channel}", token(kid), Refusal.WRONG_WORKSPACE, body)


def _forged(
    name: str, bearer: str, refusal: Refusal = Refusal.BAD_SIGNATURE, body: dict[str, Any] | None = None
) -> Forged:
    return Forged(name, incoming(bearer, body), refusal)


def _without_header() -> Incoming:
    return Incoming(headers={}, body=json.dumps(activity()).encode(), received_at=datetime.now(UTC))


def _hmac(content: dict[str, Any], algorithm: str, secret: Any) -> str:
    """Signed by hand: the library refuses to use a public key as a secret."""

    key = secret.encode() if isinstance(secret, str) else secret
    signed = f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-1'})}.{_part(content)}"
    digest = hmac.new(key, signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    return f"{signed}.{_bytes(digest)}"


def _part(content: Any) -> str:
    return _bytes(json.dumps(content).encode())


def _bytes(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


GROUPS: Final = (flipped, headers, algorithms, claims, addresses, keys, senders)
