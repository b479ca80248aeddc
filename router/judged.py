"""What chat platforms sent lately and how it was judged; kept in Redis, where losing it loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

KEPT: Final = 200
"""For each provider, of what was believed and of what was not."""
KEPT_SECONDS: Final = 7 * 86_400
PATIENCE_SECONDS: Final = 0.05
"""Nobody's acknowledgement waits longer for the record."""
_ABOUT: Final = 200

_encode = msgspec.json.Encoder().encode
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its judgement: `accepted`, `duplicate`, or why it was refused."""

    judgement: str
    kind: str = ""
    about: str = ""
    at: datetime = _LONG_AGO
    size: int = 0
    """Bytes of the body."""
    seconds: float = 0.0
    """Until it was acknowledged."""

    @property
    def believed(self) -> bool:
        """Whether it was verified."""
        return self.judgement in ("accepted", "duplicate")


class Judgements:
    """The last requests of each provider."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def note(self, provider: str, judged: Judged) -> None:
        """Put on record; what Redis does not take at once is not kept."""
        row = _encode(msgspec.structs.replace(judged, about=judged.about[:_ABOUT]))
        key = _key(provider, judged.believed)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                pipe.lpush(key, row)
                pipe.ltrim(key, 0, KEPT - 1)
                pipe.expire(key, KEPT_SECONDS)
                await pipe.execute()
        except (RedisError, OSError):
            return

    async def recent(self, providers: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """The newest of these providers; nothing while Redis is away."""
        found: list[dict[str, Any]] = []
        try:
            for name, believed in product(providers, (True, False)):
                kept = await self._redis.lrange(_key(name, believed), 0, limit - 1)
                found += [{"provider": name, **msgspec.json.decode(row)} for row in kept]
        except (RedisError, OSError):
            return []
        return sorted(found, key=lambda row: str(row["at"]), reverse=True)[:limit]


def _key(provider: str, believed: bool) -> str:
    """What was refused has a list of its own: anybody can send it, and would push out what was genuine."""
    return f"im:judged:{provider}" if believed else f"im:refused:{provider}"
