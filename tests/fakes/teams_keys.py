"""The Bot Framework's signing keys in tests: made once in a process, published as JWKS; and their tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER: Final = "https://api.botframework.com"


@cache
def private_key(kid: str) -> rsa.RSAPrivateKey:
    """The key of that id, the same for the whole process: making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(kid: str, endorsements: tuple[str, ...] | None) -> dict[str, Any]:
    """The key as the Bot Framework lists it (https://login.botframework.com/v1/.well-known/keys)."""
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(private_key(kid).public_key()))
    listed = {
        "kty": "RSA",
        "use": "sig",
        "kid": kid,
        "x5t": kid,
        "n": public["n"],
        "e": public["e"],
        "x5c": [],
    }
    return listed if endorsements is None else listed | {"endorsements": list(endorsements)}


def claims(app_id: str, service_url: str, *, now: float | None = None) -> dict[str, Any]:
    """The claims of a token of the connector, valid for an hour."""
    at = int(time.time() if now is None else now)
    return {"serviceurl": service_url, "nbf": at, "exp": at + 3600, "iss": ISSUER, "aud": app_id}


def minted(content: Mapping[str, Any], kid: str, *, headers: Mapping[str, Any] | None = None) -> str:
    """A token with these claims, signed by the key of that id."""
    named = {"typ": "JWT", "kid": kid, "x5t": kid} | dict(headers or {})
    payload = json.dumps(content).encode()  # as it is: jwt.encode would refuse claims of a wrong type
    return jwt.PyJWS().encode(payload, private_key(kid), algorithm="RS256", headers=named)
