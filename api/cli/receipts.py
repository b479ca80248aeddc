"""Waits for deliveries and says what became of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from api.cli.errors import CliError
from api.cli.output import print_json, tick
from api.cli.session import Api

WAIT_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_TAKEN_SECONDS: Final = 2.0
"""Workers take what is due at once; what nobody took by then is sent from here."""
_SETTLED: Final = ("sent", "failed", "suppressed", "expired")


def settled(api: Api, ids: Sequence[str], *, seconds: float = WAIT_SECONDS) -> list[dict[str, Any]]:
    """The deliveries as soon as all are settled, or as they are after `seconds`."""
    started = time.monotonic()
    while True:
        rows = [api.get("deliveries", delivery_id) for delivery_id in ids]
        waiting = [row for row in rows if row["state"] not in _SETTLED]
        waited = time.monotonic() - started
        if not waiting or waited >= seconds:
            return rows
        untouched = waited > _TAKEN_SECONDS and all(row["state"] == "pending" for row in waiting)
        if api.sender and (api.alone or untouched) and any(_due(row) for row in waiting):
            api.sender.start()
        time.sleep(_PAUSE_SECONDS)


def report(api: Api, answer: dict[str, Any], as_json: bool, *, labels: Sequence[str] = ()) -> None:
    """Wait for the deliveries of an answer and print their outcomes; CliError unless all were sent."""
    ids = [row["id"] for row in answer["deliveries"]]
    rows = settled(api, ids)
    tell(rows, as_json, labels=labels)


def tell(rows: Sequence[dict[str, Any]], as_json: bool, *, labels: Sequence[str] = ()) -> None:
    """Print outcomes; CliError unless all were sent."""
    if as_json:
        print_json({"deliveries": rows})
    else:
        for index, row in enumerate(rows):
            label = f"{labels[index]}: " if labels else ""
            tick(row["state"] == "sent", label + outcome(row))
    missing = sum(row["state"] != "sent" for row in rows)
    if missing:
        raise CliError(
            f"{missing} of {len(rows)} not sent; `im deliveries show {_first_missing(rows)}` says more"
        )


def outcome(row: dict[str, Any]) -> str:
    """What became of a delivery, in a sentence."""
    where = f"{row['channel']} on {row['provider']}"
    if row["state"] == "sent":
        return f"sent to {where}"
    why = row["detail"] or row["reason"] or "no worker has taken it yet"
    if row["state"] in _SETTLED:
        return f"{row['state']}, {where}: {why}"
    return f"not yet sent to {where}: {why}"


def _first_missing(rows: Sequence[dict[str, Any]]) -> str:
    return str(next(row["id"] for row in rows if row["state"] != "sent"))


def _due(row: dict[str, Any]) -> bool:
    return row["state"] != "sending" and datetime.fromisoformat(row["not_before"]) <= datetime.now(UTC)
