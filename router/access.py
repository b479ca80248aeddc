"""Tokens: who calls, with which scopes, on behalf of which source."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from router import ids
from router.problems import Forbidden, Invalid, NotFound, Unauthorized
from router.store import Store

SCOPES: Final = ("events:write", "incidents:write", "analytics:read", "admin")
MAX_SOURCE: Final = 100
_CACHE_SECONDS: Final = 2.0
"""A revoked token may be accepted for this long."""
_CACHE_SIZE: Final = 10_000


class Principal(msgspec.Struct, frozen=True):
    """A caller that was recognised."""

    name: str
    source: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Forbidden unless the caller has the scope (or admin)."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Forbidden(
                f"this token lacks the scope `{scope}`; make one with `im tokens create --scope {scope}`"
            )


class Access:
    """Checks tokens against the store; only their hashes are kept there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: dict[bytes, tuple[float, Principal]] = {}
        self._trusted: dict[bytes, Principal] = {}

    def trust(self, token: str, principal: Principal) -> None:
        """Recognise a token for as long as this process runs; it is never stored."""
        self._trusted[digest_of(token)] = principal

    async def authenticate(self, header: str | None) -> Principal:
        """The caller of a request by its Authorization header; Unauthorized says what is wrong."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized(
                "send a token in the header `Authorization: Bearer …`; `im tokens create` makes one"
            )
        return await self.recognise(token.strip())

    async def recognise(self, token: str) -> Principal:
        """The caller with this token; Unauthorized when there is none."""
        digest = digest_of(token)
        if digest in self._trusted:
            return self._trusted[digest]
        cached = self._cache.get(digest)
        if cached and cached[0] > time.monotonic():
            return cached[1]
        row = await self._store.row("tokens.find", {"digest": digest})
        if row is None:
            self._cache.pop(digest, None)
            raise Unauthorized("the token is not valid, or was revoked; `im tokens create` makes a new one")
        principal = Principal(row["name"], row["source"], frozenset(row["scopes"]))
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[digest] = (time.monotonic() + _CACHE_SECONDS, principal)
        return principal

    async def create(self, name: str, *, source: str, scopes: Sequence[str]) -> str:
        """A new token; it is shown this once."""
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise Invalid.at("scopes", f"choose from {', '.join(SCOPES)}")
        if not name.strip() or not name.isprintable() or len(name) > 100:
            raise Invalid.at("name", "give the token a short visible name")
        if not source.isprintable() or len(source) > MAX_SOURCE:
            raise Invalid.at("source", f"must be a visible text of at most {MAX_SOURCE} characters")
        token = new_token()
        await self.keep(token, name, source=source or name, scopes=scopes)
        return token

    async def keep(self, token: str, name: str, *, source: str, scopes: Sequence[str]) -> None:
        """Accept a token from now on."""
        await self._store.run(
            "tokens.add",
            {
                "id": ids.new(),
                "name": name,
                "source": source,
                "digest": digest_of(token),
                "scopes": list(scopes),
            },
        )

    async def list(self) -> list[dict[str, Any]]:
        """All tokens, without anything that would let one be used."""
        return await self._store.rows("tokens.list")

    async def revoke(self, token_id: str) -> None:
        """Stop accepting a token, by its id or name; NotFound when there is none."""
        if not await self._store.run("tokens.revoke", {"id": token_id}):
            raise NotFound(f"there is no valid token `{token_id}`; `im tokens list` shows them")
        self._cache.clear()


def new_token() -> str:
    """A token that nobody can guess; the prefix lets scanners for leaked secrets know it."""
    return f"im_{secrets.token_urlsafe(32)}"


def digest_of(token: str) -> bytes:
    """What is kept of a token; it is random and long, so a plain hash does."""
    return sha256(token.encode()).digest()
