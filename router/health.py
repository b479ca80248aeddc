"""How a provider is doing, judged by its deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from router import ids
from router.store import Store
from router.targets import Provider

Judgement = Literal["healthy", "degraded", "failing", "idle", "inactive"]


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


def _judge(active: bool, sent: int, failed: int) -> Judgement:
    if not active:
        return "inactive"
    if not sent and not failed:
        return "idle"
    if not failed:
        return "healthy"
    return "degraded" if sent else "failing"
