"""The Prometheus metrics of contracts.md, and the buckets they are counted in."""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import Counter, Histogram

_FAST: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
_DELIVERY: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


@cache
def sent(provider: str, platform: str) -> tuple[Counter, Histogram]:
    """The counter and the histogram of what arrived; looking labels up costs more than counting."""
    return (
        DELIVERIES.labels(provider, platform, "sent", ""),
        DELIVERY_SECONDS.labels(provider, platform),
    )


@cache
def events(kind: str, outcome: str) -> Counter:
    """The counter of events of a type with an outcome."""
    return EVENTS.labels(kind, outcome)


EVENTS: Final = Counter("im_events_total", "Events by type and outcome", ["type", "outcome"])
DECISION_SECONDS: Final = Histogram("im_decision_seconds", "Time to decide one event", buckets=_FAST)
DELIVERIES: Final = Counter(
    "im_deliveries_total",
    "Tries of deliveries by their outcome",
    ["provider", "platform", "state", "reason"],
)
DELIVERY_SECONDS: Final = Histogram(
    "im_delivery_latency_seconds",
    "From an event's acceptance to the platform's answer",
    ["provider", "platform"],
    buckets=_DELIVERY,
)
DOUBLES: Final = Counter(
    "im_possible_doubles_total",
    "Messages sent again although an earlier try may have arrived",
    ["provider", "platform"],
)
RULES_ERRORS: Final = Counter("im_rules_errors_total", "Rule files that were refused")
ENGINE_FALLBACKS: Final = Counter(
    "im_rules_engine_fallbacks_total", "Decisions that the Python evaluator made instead of the engine"
)
COMMANDS: Final = Counter(
    "im_commands_total", "What people asked for in chat, by outcome", ["platform", "command", "outcome"]
)
INTERACTION_SECONDS: Final = Histogram(
    "im_interaction_seconds", "From the acknowledgement of a chat input to its answer", buckets=_DELIVERY
)
INPUTS: Final = Counter(
    "im_inputs_total", "Requests of chat platforms by how they were judged", ["platform", "judgement"]
)
