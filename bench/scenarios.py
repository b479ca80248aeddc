"""The scenarios: each returns figures by name."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator

from bench.systems import Router, alertmanager, cpu_seconds, memory_mb, router
from bench.wire import Load, Sink, percentile, post

SLACK_ANSWER = b'{"ok":true,"channel":"C0SEV3","ts":"1700000000.000100","message":{}}'
KEY = re.compile(rb"INC-[A-Z]\d+-\d+")
ONE_CHANNEL = """
version: 1
routes: [{id: all, when: {event: incident.created}, notify: [{provider: slack, channel: C0ONE}]}]
"""
Figures = dict[str, float]


def events(system: Router, run: str, count: int, *, severity: str = "SEV-3") -> Iterator[tuple[bytes, bytes]]:
    """Events of `count` new incidents, each its own POST."""
    for number in range(count):
        key = f"INC-{run}-{number}"
        body = {
            "id": key,
            "type": "incident.created",
            "incident": {
                "id": key,
                "title": f"Checkout answers slowly in region {number % 7}",
                "severity": severity,
                "service": f"s{number % 50}",
                "description": "p99 above 2 s for 5 minutes",
            },
        }
        yield key.encode(), post(system.port, "/api/v1/events", json.dumps(body).encode(), system.token)


def alerts(port: int, run: str, count: int, *, severity: str = "low") -> Iterator[tuple[bytes, bytes]]:
    """The same as Alertmanager alerts."""
    for number in range(count):
        key = f"INC-{run}-{number}"
        labels = {"alertname": key, "severity": severity, "service": f"s{number % 50}"}
        notes = {"summary": "Checkout answers slowly", "description": "p99 above 2 s for 5 minutes"}
        body = json.dumps([{"labels": labels, "annotations": notes}]).encode()
        yield key.encode(), post(port, "/api/v2/alerts", body)


async def arrive(sink: Sink, count: int, seconds: float, *, key: bytes = b"") -> float:
    """Wait until `count` keys have arrived, or the one named; when the last one did."""
    deadline = time.perf_counter() + seconds
    while len(sink.arrived) < count or (key and key not in sink.arrived):
        if time.perf_counter() > deadline:
            raise RuntimeError(f"only {len(sink.arrived)} of {count} arrived within {seconds:g} s")
        await asyncio.sleep(0.01)
    return max(sink.arrived.values(), default=0.0)


async def accepted(count: int) -> Figures:
    """Durable events per second with nobody delivering: what the API and the database can take."""
    with router(workers=0) as system:
        sink = Sink(KEY, SLACK_ANSWER)
        system.add_slack(await sink.start())
        await Load(system.port).run(events(system, "W0", 500))
        load = Load(system.port)
        seconds = await load.run(events(system, "A1", count))
        _refuse_wrong(load)
        sink.stop()
        return {"accepted_per_second": count / seconds}


async def end_to_end(count: int, *, latency: float) -> Figures:
    """Events per second from the first POST to the last arrival."""
    with router() as system:
        sink = Sink(KEY, SLACK_ANSWER, latency)
        system.add_slack(await sink.start())
        await Load(system.port).run(events(system, "W0", 300))
        await arrive(sink, 300, 30)
        sink.arrived.clear()
        cpu = cpu_seconds(system.process.pid)
        load, begun = Load(system.port), time.perf_counter()
        accepted_in = await load.run(events(system, "A1", count))
        last = await arrive(sink, count, 60)
        _refuse_wrong(load)
        cpu = cpu_seconds(system.process.pid) - cpu
        sink.stop()
        return {
            "events_per_second": count / (last - begun),
            "accepted_per_second_meanwhile": count / accepted_in,
            "cpu_seconds_per_1000": cpu / count * 1000,
            "memory_mb": memory_mb(system.process.pid),
        }


async def alertmanager_end_to_end(count: int, *, latency: float, group_interval: str = "5m") -> Figures:
    """The same load on Alertmanager."""
    sink = Sink(KEY, b"{}", latency)
    with alertmanager(await sink.start(), group_interval=group_interval) as port:
        await Load(port).run(alerts(port, "W0", 300))
        await arrive(sink, 300, 30)
        sink.arrived.clear()
        load, begun = Load(port), time.perf_counter()
        await load.run(alerts(port, "A1", count))
        last = await arrive(sink, count, 60)
        _refuse_wrong(load)
        sink.stop()
        return {"events_per_second": count / (last - begun)}


async def latency_at(rate: float, seconds: float) -> Figures:
    """From POST to the platform's receipt, at a steady rate."""
    with router() as system:
        sink = Sink(KEY, SLACK_ANSWER)
        system.add_slack(await sink.start())
        await Load(system.port).run(events(system, "W0", 300))
        await arrive(sink, 300, 30)
        count = int(rate * seconds)
        load = Load(system.port)
        await load.run(events(system, "A1", count), rate=rate)
        await arrive(sink, 300 + count, 30)
        _refuse_wrong(load)
        sink.stop()
        return _latency(load, sink)


async def alertmanager_latency_at(rate: float, seconds: float) -> Figures:
    """The same on Alertmanager."""
    sink = Sink(KEY, b"{}")
    with alertmanager(await sink.start()) as port:
        count = int(rate * seconds)
        load = Load(port)
        await load.run(alerts(port, "A1", count), rate=rate)
        await arrive(sink, count, 30)
        sink.stop()
        return _latency(load, sink)


async def storm(low: int, urgent: int) -> Figures:
    """SEV-1 from POST to arrival while `low` SEV-4 events wait, in other channels of the provider."""
    with router() as system:
        sink = Sink(KEY, SLACK_ANSWER, 0.005)
        system.add_slack(await sink.start())
        await Load(system.port).run(events(system, "W0", 300))
        await arrive(sink, 300, 30)
        flood = Load(system.port)
        flooding = asyncio.create_task(flood.run(events(system, "L1", low, severity="SEV-4")))
        await asyncio.sleep(1.0)
        pages = Load(system.port, connections=4)
        await pages.run(events(system, "P1", urgent, severity="SEV-1"), rate=urgent / 4.0)
        waiting = 300 + low + urgent - len(sink.arrived)
        await flooding
        await arrive(sink, 300 + low + urgent, 120)
        _refuse_wrong(flood)
        _refuse_wrong(pages)
        sink.stop()
        return {"low_waiting_at_the_end_of_the_pages": waiting, **_latency(pages, sink)}


async def alertmanager_storm(low: int, urgent: int) -> Figures:
    """The same on Alertmanager."""
    sink = Sink(KEY, b"{}", 0.005)
    with alertmanager(await sink.start()) as port:
        flooding = asyncio.create_task(Load(port).run(alerts(port, "L1", low)))
        await asyncio.sleep(1.0)
        pages = Load(port, connections=4)
        await pages.run(alerts(port, "P1", urgent, severity="critical"), rate=urgent / 4.0)
        await flooding
        await arrive(sink, low + urgent, 120)
        sink.stop()
        return _latency(pages, sink)


async def same_channel_storm(low: int, urgent: int) -> Figures:
    """A storm and a page in one channel at Slack's real rate (1 message a second): how many go before it."""
    with router(rules=ONE_CHANNEL) as system:
        sink = Sink(KEY, SLACK_ANSWER, window=(1, 1.0))
        system.add_slack(await sink.start(), unlimited=False)
        flood = Load(system.port)
        await flood.run(events(system, "L1", low, severity="SEV-4"))
        ahead = []
        for number in range(urgent):
            pages = Load(system.port, connections=1)
            before = len(sink.arrived)
            await pages.run(events(system, f"P{number}", 1, severity="SEV-1"))
            key = f"INC-P{number}-0".encode()
            await arrive(sink, 0, 60, key=key)
            ahead.append(len(sink.arrived) - before - 1)
            # The next page finds the channel in the middle of its window again.
            await asyncio.sleep(0.3)
        sink.stop()
        return {"messages_ahead_max": max(ahead), "refused_with_429": sink.refused}


def _latency(load: Load, sink: Sink) -> Figures:
    took = [sink.arrived[key] - begun for key, begun in load.started.items()]
    return {"p50_ms": percentile(took, 0.5) * 1000, "p99_ms": percentile(took, 0.99) * 1000}


def _refuse_wrong(load: Load) -> None:
    if load.wrong:
        raise RuntimeError(f"{load.wrong} requests were refused, such as {load.last_wrong[:300]!r}")
