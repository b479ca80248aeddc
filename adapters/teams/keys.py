"""The Bot Framework's public keys: fetched when they are needed, kept for a day, shared by all requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidKeyError
from jwt.algorithms import RSAAlgorithm

from adapters.contract import DeliveryError, Outbound, Reason
from adapters.http import decode, failure
from adapters.inbound import Refusal, Refused
from adapters.teams.verify import ALGORITHMS, ISSUERS, Key, Keyring

# Refreshed daily, and for an unknown key at most hourly, as Microsoft's own does:
# https://github.com/microsoft/botbuilder-python, botframework/connector/auth/jwt_token_extractor.py (MIT)
REFRESH_SECONDS: Final = 24 * 3600.0
UNKNOWN_SECONDS: Final = 3600.0
PAUSE_SECONDS: Final = 10.0
"""Ours, after a fetch that failed: requests must not become a flood of fetches."""
FETCH_SECONDS: Final = 4.0
"""Ours, for metadata and keys together: whoever pressed a button waits for them."""
MIN_BITS: Final = 2048

T = TypeVar("T")

_WHAT: Final = "the Bot Framework's key service"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)


class _PublicKey(msgspec.Struct, frozen=True):
    kid: str
    kty: str
    n: str
    e: str
    endorsements: list[str] | None = None


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[Any]


class Keys:
    """The keyring of `openid_metadata_url`. `clock` is in seconds and only goes forward."""

    def __init__(self, url: str, http: Outbound, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._ring: Keyring | None = None
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")

    async def ring_for(self, kid: str) -> Keyring:
        """The keyring, with the key of that id if it is published; Refused KEYS_UNAVAILABLE.

        A key that is known is used even if a refresh fails, or while another request waits for one: its
        signature is as good as before.
        """
        if self._due(kid) and not (self._knows(kid) and self._lock.locked()):
            async with self._lock:
                if self._due(kid):
                    await self._try_refresh()
        if self._ring is None or (self._failed and not self._knows(kid)):
            raise Refused(Refusal.KEYS_UNAVAILABLE, f"{_WHAT} cannot be read; see openid_metadata_url")
        return self._ring

    async def see(self) -> None:
        """Raise DeliveryError where the keys cannot be read; for the connection test."""
        self._keep(await self._fetch())

    @property
    def _failed(self) -> bool:
        return self._failed_at > self._fetched_at

    def _knows(self, kid: str) -> bool:
        return self._ring is not None and kid in self._ring.keys

    def _due(self, kid: str) -> bool:
        now = self._clock()
        if now - self._failed_at < PAUSE_SECONDS:
            return False
        age = now - self._fetched_at
        return age >= REFRESH_SECONDS or (not self._knows(kid) and age >= UNKNOWN_SECONDS)

    async def _try_refresh(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keep(await self._fetch())
        except (DeliveryError, TimeoutError):
            self._failed_at = self._clock()

    def _keep(self, ring: Keyring) -> None:
        self._ring, self._fetched_at = ring, self._clock()

    async def _fetch(self) -> Keyring:
        metadata = await self._get(self._url, _Metadata)
        if metadata.issuer not in ISSUERS or not self._may_fetch(metadata.jwks_uri):
            raise DeliveryError(
                Reason.BAD_ANSWER, f"{_WHAT} names an issuer or an address that is not its own"
            )
        listed = await self._get(metadata.jwks_uri, _KeySet)
        return Keyring(
            issuer=metadata.issuer,
            algorithms=ALGORITHMS & frozenset(metadata.id_token_signing_alg_values_supported),
            keys=dict(_usable(listed.keys)),
        )

    async def _get(self, url: str, kind: type[T]) -> T:
        answer = await self._http.request("GET", url, headers={"accept": "application/json"})
        if answer.status != 200:
            raise failure(answer, _WHAT)
        return decode(answer, kind, _WHAT)

    def _may_fetch(self, jwks_uri: str) -> bool:
        """https only; http where all of it is on this machine."""
        try:
            given, configured = urlsplit(jwks_uri), urlsplit(self._url)
        except ValueError:
            return False
        if given.scheme == "https" and given.hostname:
            return True
        hosts = {given.hostname, configured.hostname}
        return configured.scheme == given.scheme == "http" and hosts <= _LOOPBACK


def _usable(listed: list[Any]) -> Iterator[tuple[str, Key]]:
    """The RSA keys of a set; one that is unreadable spoils none of the others."""
    for entry in listed:
        try:
            key = msgspec.convert(entry, _PublicKey)
            public = RSAAlgorithm.from_jwk({"kty": key.kty, "n": key.n, "e": key.e})
        except (msgspec.ValidationError, InvalidKeyError, ValueError):
            continue
        if isinstance(public, RSAPublicKey) and public.key_size >= MIN_BITS:
            yield key.kid, Key(public, frozenset(key.endorsements or ()))
