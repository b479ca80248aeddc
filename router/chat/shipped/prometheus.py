"""Prometheus's HTTP API: a value now, and how it came there.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec

from adapters.contract import Answer, DeliveryError, Outbound, Reason
from adapters.http import decode, failure

TIMEOUT_SECONDS: Final = 10.0
_MAX_ERROR: Final = 200

Sample = tuple[float, str]
"""A Unix time in seconds, and the value as text: `NaN` and `+Inf` are values too."""
Points = tuple[tuple[float, float], ...]
"""Unix times in seconds and values, in order."""


class Series(msgspec.Struct, frozen=True):
    """A series of the answer with its points; one, where it is the value now."""

    labels: Mapping[str, str]
    points: Points

    @property
    def name(self) -> str:
        """`job=api, instance=a:9090`; empty where nothing tells it from others."""
        return ", ".join(f"{key}={value}" for key, value in self.labels.items() if key != "__name__")


class _Data(msgspec.Struct, frozen=True):
    result_type: Literal["matrix", "vector", "scalar", "string"] = msgspec.field(name="resultType")
    result: msgspec.Raw


class _Reply(msgspec.Struct, frozen=True):
    status: str
    data: _Data | None = None
    error: str = ""


class _One(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: Sample | None = None
    values: tuple[Sample, ...] = ()


class Prometheus(msgspec.Struct, frozen=True):
    """Every call raises DeliveryError; a query that Prometheus refuses is REJECTED, with its words."""

    http: Outbound
    base: str
    token: str = ""

    async def now(self, query: str, at: datetime) -> tuple[Series, ...]:
        """The value of each series at a time."""
        return await self._asked("query", {"query": query, "time": f"{at.timestamp():.3f}"})

    async def over(self, query: str, since: datetime, until: datetime, step: timedelta) -> tuple[Series, ...]:
        """The points of each series over a time."""
        times = {"start": f"{since.timestamp():.3f}", "end": f"{until.timestamp():.3f}"}
        return await self._asked(
            "query_range", {"query": query, **times, "step": f"{step.total_seconds():g}"}
        )

    async def _asked(self, path: str, query: Mapping[str, str]) -> tuple[Series, ...]:
        limits = {"timeout": f"{TIMEOUT_SECONDS:g}s"}
        url = f"{self.base.rstrip('/')}/api/v1/{path}?{urlencode({**query, **limits})}"
        headers = {"accept": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        answer = await self.http.request("GET", url, headers=headers, timeout=TIMEOUT_SECONDS + 2)
        if answer.status != 200:
            raise _refusal(answer)
        return series_of(decode(answer, _Reply, "Prometheus"))


def series_of(reply: _Reply) -> tuple[Series, ...]:
    """The series of an answer, whatever the type of the expression; BAD_ANSWER where it is no number."""
    if reply.status != "success" or reply.data is None:
        raise DeliveryError(Reason.BAD_ANSWER, "Prometheus answered with something unreadable")
    kind, raw = reply.data.result_type, reply.data.result
    if kind == "string":
        raise DeliveryError(Reason.REJECTED, "the query gives a text, and not a number")
    try:
        if kind == "scalar":
            return (Series({}, _points([msgspec.json.decode(raw, type=Sample)])),)
        found = msgspec.json.decode(raw, type=tuple[_One, ...])
        return tuple(Series(one.metric, _points([one.value] if one.value else one.values)) for one in found)
    except (msgspec.DecodeError, ValueError):
        raise DeliveryError(Reason.BAD_ANSWER, "Prometheus answered with something unreadable") from None


def _points(samples: Any) -> Points:
    return tuple((at, float(value)) for at, value in samples)


def _refusal(answer: Answer) -> DeliveryError:
    """400 and 422 are about the query, and say so in words that people need to mend it."""
    if answer.status in (400, 422):
        words = " ".join(decode(answer, _Reply, "Prometheus").error.split())[:_MAX_ERROR]
        return DeliveryError(
            Reason.REJECTED, f"Prometheus refuses the query: {words or 'it does not say why'}"
        )
    if answer.status == 401:
        detail = "Prometheus does not accept the token; give a new one with `im commands set metric`"
        return DeliveryError(Reason.UNAUTHORIZED, detail)
    return failure(answer, "Prometheus")
