"""The rules in force in a process that decides."""

from __future__ import annotations

import asyncio

from router.settings import Settings
from router.store import Store
from rules.live import LiveRules


async def live_rules(settings: Settings, store: Store) -> LiveRules:
    """The rules in force; those of the last run where the files have become bad. Raises RuleFilesError."""
    last = await store.row("ingest.last_rule_set")
    return await asyncio.to_thread(
        LiveRules,
        settings.rules_dir,
        default_timezone=settings.timezone,
        last_good=last["sources"] if last else None,
    )
