"""How a provider is doing, judged by its deliveries."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from nlu_model.client import read_state
from router import ids
from router.settings import NLU_OFF, Settings
from router.store import Store
from router.targets import Provider

Judgement = Literal["healthy", "degraded", "failing", "idle", "inactive"]
Language = Literal["ok", "preparing", "away", "off"]
_CONNECT_SECONDS: Final = 0.5


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The last hour of a provider."""

    provider: str
    platform: str
    state: Judgement
    sent: int
    failed: int
    waiting: int
    oldest_waiting_seconds: float
    last_sent_at: datetime | None
    last_failure: str | None
    last_failure_at: datetime | None


async def language(settings: Settings) -> Language:
    """How the language service is: by what that of this machine wrote, or whether one elsewhere listens."""
    if settings.nlu_url == NLU_OFF:
        return "off"
    if settings.nlu_url:
        return "ok" if await _listens(settings.nlu_url) else "away"
    state = read_state(settings.data_dir)
    if state is None or (state.phase == "failed" and not state.address):
        return "away"
    return "ok" if state.address else "preparing"


async def health_of(store: Store, provider: Provider) -> Health:
    """The health of one provider; a message of more than a day ago that was sent just now is left out."""
    since = ids.first_at(datetime.now(UTC) - timedelta(days=1))
    row = await store.row("health.provider", {"name": provider.name, "since": since}) or {}
    return Health(
        provider=provider.name,
        platform=provider.platform,
        state=_judge(provider.active, row.get("sent", 0), row.get("failed", 0)),
        sent=row.get("sent", 0),
        failed=row.get("failed", 0),
        waiting=row.get("waiting", 0),
        oldest_waiting_seconds=round(row.get("oldest") or 0.0, 1),
        last_sent_at=row.get("last_sent_at"),
        last_failure=row.get("last_failure"),
        last_failure_at=row.get("last_failure_at"),
    )


async def _listens(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except OSError:
        return False
    writer.close()
    return True


def _judge(active: bool, sent: int, failed: int) -> Judgement:
    if not active:
        return "inactive"
    if not sent and not failed:
        return "idle"
    if not failed:
        return "healthy"
    return "degraded" if sent else "failing"
