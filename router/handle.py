"""The pipeline: events in; incident changes, decisions and deliveries out, in one transaction.

    look up ► number ► fold duplicates and apply ► count ► decide ► place ► call back ► write
    ► (commit) ► wake

Everything between the look-up and the write is pure (router/batch.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from router import metrics
from router.batch import Batch, Request, Result
from router.callbacks import call_back
from router.catalogue.catalogue import Catalogue
from router.lookup import look_up, look_up_counts, reserve_numbers
from router.providers import Directory
from router.rooms import follow_rooms
from router.store.database import Connection
from router.write import write
from rules.live import Current


class Handled:
    """What a committed batch leads to."""

    def __init__(self, batch: Batch) -> None:
        self.results: tuple[tuple[Result, ...] | Exception, ...] = batch.results()
        self.lanes = batch.lanes()
        self.decision_seconds = batch.decision_seconds


async def handle(
    requests: Sequence[Request],
    connection: Connection,
    rules: Current,
    directory: Directory,
    *,
    catalogue: Catalogue,
) -> Handled:
    """Handle the requests of a group in one transaction; each has its own result, or its own Problem."""
    rule_set, engine = rules
    # In a pipeline BEGIN travels with the look-up, and the write with COMMIT: two round trips in all.
    async with connection.pipeline(), connection.transaction():
        known = await look_up(connection, requests, directory, rule_set)
        batch = Batch(requests, known, rule_set, engine, directory.providers, catalogue=catalogue)
        await reserve_numbers(connection, batch)
        batch.apply()
        await look_up_counts(connection, batch)
        batch.decide()
        await call_back(connection, batch, directory.callbacks)
        await follow_rooms(connection, batch)
        await write(connection, batch)
    _count_suppressed(batch)
    return Handled(batch)


def _count_suppressed(batch: Batch) -> None:
    for delivery in (delivery for step in batch.steps for delivery in step.suppressed):
        platform = batch.providers[delivery.provider].platform
        metrics.DELIVERIES.labels(delivery.provider, platform, "suppressed", "silenced").inc()
