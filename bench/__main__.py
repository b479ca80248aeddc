"""`make bench`: runs every scenario, prints a table and writes bench/results.json."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import scenarios
from bench.chat import chat_at
from bench.decisions import decisions
from bench.nlu import language
from bench.starting import starting
from bench.systems import alertmanager_program

RESULTS = Path(__file__).parent / "results.json"
Run = Callable[[], Awaitable[scenarios.Figures]]

ROUTER: dict[str, Run] = {
    "accept, nobody delivering": lambda: scenarios.accepted(8000),
    "end to end, fake answers at once": lambda: scenarios.end_to_end(30_000, latency=0.0),
    "the same, the peer looking at its groups each second": lambda: scenarios.end_to_end(30_000, latency=0.0),
    "end to end, fake answers after 50 ms": lambda: scenarios.end_to_end(3000, latency=0.05),
    "latency at 200 events/s": lambda: scenarios.latency_at(200, 10),
    "SEV-1 in a storm of SEV-4, other channels": lambda: scenarios.storm(10_000, 200),
    "SEV-1 in a storm of SEV-4, same channel, Slack's rate": lambda: scenarios.same_channel_storm(10_000, 5),
    "chat, 50 requests/s": lambda: chat_at(50, 20),
    "chat, 50 requests/s beside 200 events/s": lambda: chat_at(50, 20, events_per_second=200),
    "nlu, 5 mentions/s": lambda: language(5, 20),
}
PEER: dict[str, Run] = {
    "end to end, fake answers at once": lambda: scenarios.alertmanager_end_to_end(30_000, latency=0.0),
    "the same, the peer looking at its groups each second": lambda: scenarios.alertmanager_end_to_end(
        30_000, latency=0.0, group_interval="1s"
    ),
    "end to end, fake answers after 50 ms": lambda: scenarios.alertmanager_end_to_end(3000, latency=0.05),
    "latency at 200 events/s": lambda: scenarios.alertmanager_latency_at(200, 10),
    "SEV-1 in a storm of SEV-4, other channels": lambda: scenarios.alertmanager_storm(10_000, 200),
}


async def run(only: str) -> dict[str, dict[str, scenarios.Figures]]:
    """Each scenario, and the peer's run of it right after, so that both meet the same machine."""
    results: dict[str, dict[str, scenarios.Figures]] = {}
    peer = alertmanager_program() is not None
    for name, scenario in ROUTER.items():
        if only and only not in name:
            continue
        print(f"… {name}", file=sys.stderr, flush=True)
        results[name] = {"im": await scenario()}
        if peer and name in PEER:
            results[name]["alertmanager"] = await PEER[name]()
    return results


def show(results: dict[str, dict[str, scenarios.Figures]]) -> None:
    """The figures as a table, with the ratio to the peer where both have one."""
    table = Table(title="im bench", title_justify="left")
    for column in ("scenario", "figure", "im", "alertmanager", "im / alertmanager"):
        table.add_column(column, justify="left" if column in ("scenario", "figure") else "right")
    for name, systems in results.items():
        peer = systems.get("alertmanager", {})
        for figure, value in systems["im"].items():
            other = peer.get(figure)
            ratio = f"{value / other:.2f}" if other else ""
            table.add_row(name, figure, f"{value:,.1f}", f"{other:,.1f}" if other is not None else "", ratio)
            name = ""  # noqa: PLW2901  shown once
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def main() -> None:
    """Run what the arguments name, or everything."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run(only))
    if only in "decisions":
        results["decisions"] = {"im": decisions()}
    if only in "starting":
        results["starting"] = {"im": starting()}
    show(results)
    if not only:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
