"""Rate buckets shared by all workers: exact sliding windows per channel and provider, kept in Redis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from adapters.contract import Limits, Window

URGENT_RESERVE: Final = 0.2
"""The share of a provider's window that only urgent messages may use, so that a storm cannot fill it."""
MARGIN: Final = 1.05
"""Windows are kept this much longer than asked: requests do not all travel for the same time."""
SUM_UP_ABOVE: Final = 20
"""Above this many waiting in a channel that is held back, they are summed up."""
UNLIMITED_PER_SECOND: Final = 1000.0
"""Above this rate a window is not worth its bookkeeping."""

_TAKE: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + tonumber(clock[2]) / 1000
local answers = {}
for i, ask in ipairs(cjson.decode(ARGV[1])) do
  local granted, wait = ask.want, 0
  for _, scope in ipairs(ask.scopes) do
    local blocked = redis.call('PTTL', 'im:block:' .. scope.name)
    if blocked > 0 then granted = 0; wait = math.max(wait, blocked) end
    local key = 'im:rate:' .. scope.name
    for _, window in ipairs(scope.windows) do
      local since = now - window.ms
      local used = redis.call('ZCOUNT', key, '(' .. since, '+inf')
      local free = window.count - used
      if free < granted then
        granted = math.max(free, 0)
        if granted == 0 then
          local first = redis.call('ZRANGEBYSCORE', key, '(' .. since, '+inf', 'WITHSCORES',
            'LIMIT', used - window.count, 1)
          wait = math.max(wait, first[2] and (tonumber(first[2]) + window.ms - now) or 10)
        end
      end
    end
  end
  local turn = 0
  if granted > 0 then
    for _, scope in ipairs(ask.scopes) do
      if #scope.windows > 0 then
        local key = 'im:rate:' .. scope.name
        for n = 1, granted do redis.call('ZADD', key, now, clock[1] .. clock[2] .. ':' .. i .. ':' .. n) end
        redis.call('ZREMRANGEBYSCORE', key, '-inf', now - scope.keep)
        redis.call('PEXPIRE', key, scope.keep + 1000)
      end
    end
    if granted < ask.want then
      turn = redis.call('INCRBY', 'im:turn:' .. ask.scopes[1].name, granted)
      redis.call('EXPIRE', 'im:turn:' .. ask.scopes[1].name, 3600)
    end
  end
  answers[i] = {granted, math.ceil(wait), turn}
end
return cjson.encode(answers)
"""


class Ask(msgspec.Struct, frozen=True):
    """A wish for `want` messages to one channel."""

    provider: str
    channel: str
    want: int
    urgent: bool
    limits: Limits


class Grant(msgspec.Struct, frozen=True):
    """What is allowed now; `wait` is in seconds, until more may be."""

    ask: Ask
    allowed: int
    wait: float
    oldest: int
    """How many of those are for what has waited longest: every tenth slot of a channel that is held back."""

    @property
    def sum_up(self) -> bool:
        """Whether more waits in the channel than its rate lets through in a reasonable time."""
        held_back = 0 < self.allowed < self.ask.want
        return held_back and self.ask.want > SUM_UP_ABOVE and not self.ask.urgent


class Buckets:
    """See the module. Losing Redis loses only what was counted."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)

    async def take(self, asks: Sequence[Ask]) -> list[Grant]:
        """How much of each ask is allowed now; what is allowed is counted as sent."""
        if not asks:
            return []
        answer = await self._take(args=[msgspec.json.encode([_wire(ask) for ask in asks])])
        return [
            Grant(ask, allowed, wait / 1000, _oldest(turn, allowed))
            for ask, (allowed, wait, turn) in zip(asks, msgspec.json.decode(answer), strict=True)
        ]

    async def give_back(self, ask: Ask, count: int) -> None:
        """Forget the last `count` messages of a grant: they were not sent."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in (_channel_name(ask.provider, ask.channel), ask.provider):
                pipe.zremrangebyrank(f"im:rate:{name}", -count, -1)
            await pipe.execute()

    async def block(self, provider: str, channel: str | None, seconds: float) -> None:
        """Hold a channel, or a whole provider, back for everybody: the platform answered 429."""
        name = provider if channel is None else _channel_name(provider, channel)
        await self._redis.set(f"im:block:{name}", 1, px=max(1, math.ceil(seconds * 1000)))


def _oldest(turn: int, allowed: int) -> int:
    return int(turn // 10 - (turn - allowed) // 10) if turn else 0


def _channel_name(provider: str, channel: str) -> str:
    return f"{provider}\n{channel}"


def _wire(ask: Ask) -> dict[str, Any]:
    share = 1.0 if ask.urgent else 1.0 - URGENT_RESERVE
    return {
        "want": ask.want,
        "scopes": [
            _scope(_channel_name(ask.provider, ask.channel), ask.limits.channel, 1.0),
            _scope(ask.provider, ask.limits.provider, share),
        ],
    }


def _scope(name: str, windows: Sequence[Window], share: float) -> dict[str, Any]:
    kept = [w for w in windows if w.count / w.seconds < UNLIMITED_PER_SECOND]
    return {
        "name": name,
        "keep": math.ceil(max((w.seconds for w in kept), default=0.0) * MARGIN * 1000),
        "windows": [
            {"count": max(1, math.floor(w.count * share)), "ms": math.ceil(w.seconds * MARGIN * 1000)}
            for w in kept
        ],
    }
