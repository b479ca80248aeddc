"""What an attacker makes of a Bot Framework token, and of what it covers of an activity."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import string
from collections.abc import Iterator, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from tests.fakes import teams_keys
from tests.fakes.speaking import Signal
from tests.flow.tampering import STALE_SECONDS, Attempt, altered


def of_token(signal: Signal, claims: Mapping[str, Any], kid: str, dice: random.Random) -> Iterator[Attempt]:
    """Every kind of change to a Bot Framework token, and to what it covers of the activity."""
    genuine = signal.headers["authorization"].removeprefix("Bearer ")
    for what, token in (
        *_tokens_cut(genuine, dice),
        *_tokens_forged(claims, kid),
        *_tokens_claimed(claims, kid),
    ):
        yield altered(signal, f"token: {what}", {"authorization": f"Bearer {token}"})
    for what, header in (
        ("no scheme", genuine),
        ("Basic", f"Basic {genuine}"),
        ("nothing", "Bearer"),
        ("", ""),
    ):
        yield altered(signal, f"authorization: {what}", {"authorization": header})
    twice = [*signal.headers.items(), ("authorization", f"Bearer {genuine}")]
    yield Attempt("the token twice", twice, signal.body)
    rest = [(name, text) for name, text in signal.headers.items() if name != "authorization"]
    yield Attempt("no token", rest, signal.body)
    for what, activity in _activities(json.loads(signal.body)):
        yield altered(signal, f"activity: {what}", {}, json.dumps(activity).encode())


def _tokens_cut(token: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    head, claims, signature = token.split(".")
    letters = string.ascii_letters + string.digits + "-_"
    for _ in range(8):
        place = dice.choice([n for n, letter in enumerate(token) if letter != "."])
        other = dice.choice([letter for letter in letters if letter != token[place]])
        yield f"letter {place}", token[:place] + other + token[place + 1 :]
    yield from (
        ("cut", token[:-1]),
        ("longer", token + "A"),
        ("padded", token + "="),
        ("a point", token + "."),
    )
    yield from (
        ("unsigned", f"{head}.{claims}."),
        ("two parts", f"{head}.{claims}"),
        ("other case", token.swapcase()),
    )
    yield "parts swapped", f"{claims}.{head}.{signature}"


def _tokens_forged(claims: Mapping[str, Any], kid: str) -> Iterator[tuple[str, str]]:
    """Other keys and other algorithms, the two classics (`none`, the public key as a secret) among them."""
    yield "another key under the same id", _minted(claims, kid, key="attacker")
    yield "a key that is not published", _minted(claims, "attacker")
    for where in ("https://attacker.example/keys", "http://127.0.0.1:9/keys"):
        yield f"jku {where}", _minted(claims, kid, key="attacker", jku=where)
    yield (
        "the key brought along",
        _minted(claims, kid, key="attacker", jwk=teams_keys.published("attacker", None)),
    )
    for name in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {name!r}", _assembled({"alg": name, "kid": kid}, claims, b"")
    public = teams_keys.private_key(kid).public_key()
    for form in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1):
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            secret = public.public_bytes(encoding, form)
            for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
                yield f"{algorithm} with the public key", _shared(claims, kid, algorithm, secret, digest)


def _tokens_claimed(claims: Mapping[str, Any], kid: str) -> Iterator[tuple[str, str]]:
    """Signed by the right key, with claims that are for somebody else or for another time."""
    now = claims["nbf"]
    changes: Mapping[str, Any] = {
        "another app": {"aud": "00000000-0000-0000-0000-00000000beef"},
        "several apps": {"aud": [claims["aud"], "other"]},
        "another issuer": {"iss": "https://sts.windows.net/attacker/"},
        "a longer issuer": {"iss": claims["iss"] + "/"},
        "expired": {"nbf": now - 7200, "exp": now - STALE_SECONDS},
        "not yet": {"nbf": now + STALE_SECONDS, "exp": now + 7200},
        "another address": {"serviceurl": "https://attacker.example/teams"},
        "an address like it": {"serviceurl": claims["serviceurl"] + "/"},
        "an expiry that is a word": {"exp": "never"},
        "no expiry": {"exp": None},
    }
    for what, changed in changes.items():
        yield what, _minted({**claims, **changed}, kid)
    for gone in ("iss", "aud", "exp", "serviceurl"):
        yield f"without {gone}", _minted({name: value for name, value in claims.items() if name != gone}, kid)


def _minted(claims: Mapping[str, Any], kid: str, *, key: str = "", **header: Any) -> str:
    named = {"typ": "JWT", "kid": kid} | header
    private = teams_keys.private_key(key or kid)
    return jwt.PyJWS().encode(json.dumps(claims).encode(), private, algorithm="RS256", headers=named)


def _assembled(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _shared(claims: Mapping[str, Any], kid: str, algorithm: str, secret: bytes, digest: Any) -> str:
    """By hand, as libraries refuse to do this."""
    unsigned = _assembled({"alg": algorithm, "kid": kid}, claims, b"").removesuffix(".")
    mac = hmac.new(secret, unsigned.encode(), digest).digest()
    return unsigned + "." + base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _activities(activity: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    where, other = activity["conversation"], "11111111-2222-3333-4444-555555555555"
    for address in (
        "https://attacker.example/teams",
        activity["serviceUrl"] + "/",
        activity["serviceUrl"].upper(),
    ):
        yield f"serviceUrl {address}", activity | {"serviceUrl": address}
    yield "another channel", activity | {"channelId": "webchat"}
    yield (
        "another tenant in both places",
        activity
        | {
            "conversation": where | {"tenantId": other},
            "channelData": {"tenant": {"id": other}},
        },
    )
    yield "another tenant in the conversation", activity | {"conversation": where | {"tenantId": other}}
    yield "another tenant in the data", activity | {"channelData": {"tenant": {"id": other}}}
    bare = {name: value for name, value in where.items() if name != "tenantId"}
    yield "no tenant", activity | {"conversation": bare, "channelData": None}
