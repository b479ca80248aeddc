"""For whoever runs it: alive, ready, metrics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any, Final

import structlog
from litestar import Response, Router, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector
from redis.exceptions import RedisError

from api.http.context import Call, Context, caller, context_of
from router.health import language
from router.problems import Problem

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_log = structlog.get_logger()


@get("/healthz", summary="Alive")
async def healthz() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "alive"}


@get("/readyz", summary="Each part's state")
async def readyz(request: Call) -> Response[dict[str, Any]]:
    """200 when events are accepted; off loopback the details need a token."""
    context = context_of(request)
    store, queue, nlu = await asyncio.gather(
        _store(context), _redis(context), language(context.parts.settings)
    )
    rules = "ok" if not context.live.problems else "last good set in force"
    ready = store == "ok"
    body: dict[str, Any] = {"status": "ready" if ready else "not ready"}
    if context.parts.settings.loopback or await _allowed(request):
        body["parts"] = {"database": store, "redis": queue, "rules": rules, "nlu": nlu}
        if context.parts.directory.broken:
            body["parts"]["providers"] = context.parts.directory.broken
    return Response(body, status_code=200 if ready else 503)


@get("/metrics", summary="Prometheus metrics", media_type=METRICS_TYPE)
async def show_metrics(request: Call) -> Response[bytes]:
    """Counted over all processes of this machine; what waits comes from the store."""
    context = context_of(request)
    if not context.parts.settings.loopback:
        await caller(request, "analytics:read")
    try:
        waiting = await context.parts.store.rows("outbox.pending")
    except Problem:
        waiting = []
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        body = await asyncio.to_thread(generate_latest, registry)
    else:
        body = generate_latest(REGISTRY)
    gauges = CollectorRegistry()
    gauges.register(_Waiting(waiting, context.live.current[0].hash))
    return Response(body + generate_latest(gauges), media_type=METRICS_TYPE)


class _Waiting(Collector):
    """Gauges that are read rather than counted."""

    def __init__(self, waiting: list[dict[str, Any]], rules: str) -> None:
        self._waiting = waiting
        self._rules = rules

    def collect(self) -> Iterator[Metric]:
        pending = GaugeMetricFamily(
            "im_outbox_pending", "Deliveries that wait or are being sent", labels=["lane"]
        )
        for row in self._waiting:
            pending.add_metric([row["provider"]], row["waiting"])
        yield pending
        oldest = max((row["oldest"] for row in self._waiting), default=0.0)
        yield GaugeMetricFamily("im_outbox_oldest_seconds", "Age of the oldest of them", value=oldest)
        info = GaugeMetricFamily("im_rules_info", "The rule set in force", labels=["hash"])
        info.add_metric([self._rules], 1)
        yield info


async def _store(context: Context) -> str:
    try:
        await context.parts.store.row("ingest.provider_version")
    except Problem as problem:
        return problem.detail
    return "ok"


async def _redis(context: Context) -> str:
    try:
        await context.parts.redis.ping()
    except (RedisError, OSError):
        return "does not answer; events are accepted and sent when it is back"
    return "ok"


async def _allowed(request: Call) -> bool:
    try:
        await caller(request, "analytics:read")
    except Problem:
        return False
    return True


ROUTER = Router("/", route_handlers=[healthz, readyz, show_metrics], tags=["operations"])
