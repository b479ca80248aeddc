"""Prometheus's HTTP API, strict about parameters: https://prometheus.io/docs/prometheus/latest/querying/api/"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from tests.fakes.base import Call, FakePlatform, Refused, Reply

MAX_POINTS: Final = 11_000
"""Of a series in a range query; more is a bad request."""

Labels = tuple[tuple[str, str], ...]


class PrometheusFake(FakePlatform):
    """`series` holds, by query, the values by labels, the oldest first; `scalars` plain numbers."""

    platform: ClassVar[str] = "prometheus"

    def __init__(self, *, token: str = "", **given: Any) -> None:
        super().__init__(**given)
        self.token = token
        self.series: dict[str, dict[Labels, list[str]]] = {}
        self.scalars: dict[str, str] = {}
        self.route("GET", "/api/v1/query", self._query)
        self.route("GET", "/api/v1/query_range", self._range)

    def _query(self, call: Call) -> Reply:
        query = self._checked(call, ("query", "time", "timeout"))
        at = float(call.query["time"])
        if query in self.scalars:
            return _data("scalar", [at, self.scalars[query]])
        rows = [
            {"metric": dict(labels), "value": [at, values[-1]]} for labels, values in self._of(query).items()
        ]
        return _data("vector", rows)

    def _range(self, call: Call) -> Reply:
        query = self._checked(call, ("query", "start", "end", "step", "timeout"))
        start, end, step = (float(call.query[name]) for name in ("start", "end", "step"))
        if end < start or step <= 0 or (end - start) / step > MAX_POINTS:
            raise _bad("exceeded maximum resolution of 11,000 points per timeseries")
        found = self._of(query) if query not in self.scalars else {(): [self.scalars[query]]}
        rows = [
            {"metric": dict(labels), "values": _spread(values, start, end)}
            for labels, values in found.items()
        ]
        return _data("matrix", rows)

    def _of(self, query: str) -> dict[Labels, list[str]]:
        if query.count("(") != query.count(")"):
            raise _bad(f'invalid parameter "query": 1:{len(query)}: parse error: unclosed left parenthesis')
        return self.series.get(query, {})

    def _checked(self, call: Call, known: tuple[str, ...]) -> str:
        if self.token and call.headers.get("authorization") != f"Bearer {self.token}":
            raise Refused(Reply(b"Unauthorized", 401, {"content-type": "text/plain"}))
        if not call.query.get("query") or set(call.query) - set(known):
            raise _bad('invalid parameter "query": parse error: no expression found in input')
        return call.query["query"]


def _spread(values: list[str], start: float, end: float) -> list[list[Any]]:
    apart = (end - start) / max(len(values) - 1, 1)
    return [[start + i * apart, value] for i, value in enumerate(values)]


def _data(kind: str, result: Any) -> Reply:
    return Reply({"status": "success", "data": {"resultType": kind, "result": result}})


def _bad(error: str) -> Refused:
    return Refused(Reply({"status": "error", "errorType": "bad_data", "error": error}, 400))
