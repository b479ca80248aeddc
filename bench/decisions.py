"""Decisions a second by the number of routes: the whole way from facts to a Decision, in one process."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from rules.decide import decide
from rules.engine import Engine
from rules.evaluate import matching
from rules.facts import Facts
from rules.load import parse_texts

SIZES = (10, 100, 1000)
SECONDS = 2.0


def rules_of(size: int) -> str:
    """Routes of the kinds that teams write: one service, a label's prefix, a severity or worse."""
    kinds = (
        "service: svc{n}",
        "service: svc{n}, severity: {{at_least: SEV-2}}",
        "labels.region: {{starts_with: region-{n}}}",
        "title: {{contains: word{n}}}, severity: SEV-1",
        "service: [svc{n}, other{n}], not: {{assignee: {{exists: true}}}}",
    )
    rows = [
        f"  - {{id: r{n}, when: {{event: incident.created, {kinds[n % len(kinds)].format(n=n)}}}, "
        "notify: [{to: severity_channel}]}"
        for n in range(size)
    ]
    return "version: 1\nroutes:\n" + "\n".join(rows) + "\n"


def facts_of(number: int, size: int) -> Facts:
    return Facts(
        event="incident.created",
        at=datetime(2026, 1, 5, 10, tzinfo=UTC),
        severity=f"SEV-{number % 4 + 1}",
        service=f"svc{number % size}",
        status="open",
        title=f"Checkout is slow word{number % size}",
        labels={"region": f"region-{number % size}", "env": "prod"},
    )


def decisions() -> dict[str, float]:
    """Figures by name."""
    figures = {}
    for size in SIZES:
        rule_set = parse_texts({"bench.yaml": rules_of(size)}, default_timezone="UTC")
        engine = Engine(rule_set)
        samples = [facts_of(number, size) for number in range(200)]
        figures[f"decisions_per_second_{size}_routes"] = _rate(
            lambda facts, r=rule_set, e=engine: decide(r, e.matching(facts), facts), samples
        )
        figures[f"oracle_per_second_{size}_routes"] = _rate(
            lambda facts, r=rule_set: decide(r, matching(r, facts), facts), samples
        )
        engine.close()
    return figures


def _rate(run: object, samples: list[Facts]) -> float:
    assert callable(run)
    for facts in samples:
        run(facts)
    done, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < SECONDS / 2:
        for facts in samples:
            run(facts)
        done += len(samples)
    return done / passed
