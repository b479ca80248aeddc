"""Turns routes into chunks that durable-rules decides soundly: small, guarded, over small whole numbers.

durable-rules compares texts and numbers loosely (5 equals "5", True equals 1), cuts long texts, keeps field
names as 32-bit hashes, has no `not`, and fails or hangs above some sizes. So nothing of an event reaches it
as it is. A chunk has numbered fields `c0`, `c1`, .. of its own, and each carries one of three things:

    code    a text field whose values are compared for equality: 2, 3, .. for the values that the chunk's
            rules name, 1 for any other value and for a missing field
    number  a count plus 2, within the range that rules can name; 0 when it is missing
    truth   1 when a test made in Python holds (a prefix, a pattern, a window, a long list, or a part of a
            condition that would be too large); the field is left out when it does not

Comparison stays exact, whatever the length of a text. Negation needs no operator: a code is compared with
`$neq`, a number with the opposite operator, a truth is made of the opposite test. Each rule is `$and`-ed
with the guard `k`, which every event carries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from rules.conditions import MAX_COUNT
from rules.evaluate import getter, test_of
from rules.facts import Facts
from rules.model import All, Condition, Leaf, Route

MAX_RULES: Final = 25
MAX_LEAVES: Final = 60
ROUTE_LEAVES: Final = 16
"""Leaf conditions of one route after its alternatives are written out; larger parts become a truth."""
ROUTE_ENTRIES: Final = 24
"""Entries of one route's expression; durable-rules refuses 32, those of the guard included (error 113)."""
SHORT_LIST: Final = 4
"""Values of an any-of that durable-rules compares itself; longer lists become a truth."""

PRIMER: Final[Mapping[str, int]] = {"prime": 1}
"""A fact for a rule of its own, which the engine lets fire once in every new rule set (see there)."""

Expression = Mapping[str, Any]
Slot = Callable[[Facts], str]
"""One projected field as a piece of JSON, `,"c3":1`, or nothing."""

_OTHER: Final = 1
_MISSING_NUMBER: Final = 0
_NUMBER_OPS: Final[Mapping[tuple[str, bool], str]] = {
    ("equals", False): "", ("equals", True): "$neq",
    ("gt", False): "$gt", ("gt", True): "$lte",
    ("gte", False): "$gte", ("gte", True): "$lt",
    ("lt", False): "$lt", ("lt", True): "$gte",
    ("lte", False): "$lte", ("lte", True): "$gt",
}  # fmt: skip


class Chunk(msgspec.Struct, frozen=True, eq=False):
    """Some routes for one durable-rules rule set."""

    routes: tuple[Route, ...]
    ruleset: str
    """The JSON for create_ruleset; rule `rN` is `routes[N]`."""
    slots: tuple[Slot, ...]
    events: frozenset[str] | None
    """The events without which no route here can match; None: any event can."""
    services: frozenset[str] | None
    """Likewise for `service`."""

    def admits(self, facts: Facts) -> bool:
        """Whether a route here could match at all."""
        return (self.events is None or facts.event in self.events) and (
            self.services is None or facts.service in self.services
        )

    def project(self, facts: Facts) -> str:
        """The JSON of the fact to assert: the guard and this chunk's fields."""
        return '{"k":1' + "".join([slot(facts) for slot in self.slots]) + "}"


def plan(routes: Iterable[Route]) -> tuple[Chunk, ...]:
    """The chunks of all routes; routes for the same events and services lie together."""
    needs = [(route, needed(route.when, "event"), needed(route.when, "service")) for route in routes]
    needs.sort(key=lambda need: (_order(need[1]), _order(need[2])))
    chunks: list[Chunk] = []
    builder = _Builder()
    for route, events, services in needs:
        condition = shrink(route.when)
        if not builder.takes(condition):
            chunks.append(builder.chunk())
            builder = _Builder()
        builder.add(route, condition, events, services)
    if builder.routes:
        chunks.append(builder.chunk())
    return tuple(chunks)


def needed(condition: Condition, field: str) -> frozenset[str] | None:
    """The values of a field outside of which a condition is surely false; None when there is no limit."""
    if isinstance(condition, Leaf):
        return _leaf_needs(condition, field)
    parts = [needed(part, field) for part in condition.parts]
    limits = [part for part in parts if part is not None]
    if isinstance(condition, All):
        return frozenset.intersection(*limits) if limits else None
    return frozenset().union(*limits) if len(limits) == len(parts) else None


def _leaf_needs(leaf: Leaf, field: str) -> frozenset[str] | None:
    if leaf.field != field or leaf.negated or leaf.op not in ("equals", "any_of"):
        return None
    return frozenset(leaf.value if isinstance(leaf.value, tuple) else (leaf.value,))  # type: ignore[arg-type]


def _order(values: frozenset[str] | None) -> tuple[bool, list[str]]:
    return values is None, sorted(values or ())


# Size ------------------------------------------------------------------------------------------------


class Truth(msgspec.Struct, frozen=True):
    """A part of a condition that Python tests."""

    condition: Condition


class Every(msgspec.Struct, frozen=True):
    """`All` of parts that durable-rules tests; `condition` is what they mean together."""

    parts: tuple[Ready, ...]
    condition: Condition


class Some(msgspec.Struct, frozen=True):
    """`AnyOf` of parts that durable-rules tests; `condition` is what they mean together."""

    parts: tuple[Ready, ...]
    condition: Condition


Ready = Leaf | Truth | Every | Some


def shrink(condition: Condition) -> Ready:
    """The condition as durable-rules can hold it: its largest parts are given to Python until it fits."""
    ready = _ready(condition)
    while not isinstance(ready, Leaf | Truth) and not _fits(ready):
        weights = [(size(part), entries(part)) for part in ready.parts]
        if max(weights) == (1, 1):  # nothing but single tests, too many of them
            return Truth(ready.condition)
        largest = weights.index(max(weights))
        parts = [_folded(part) if at == largest else part for at, part in enumerate(ready.parts)]
        ready = type(ready)(tuple(parts), ready.condition)
    return ready


def _fits(ready: Ready) -> bool:
    return size(ready) <= ROUTE_LEAVES and entries(ready) <= ROUTE_ENTRIES


def _folded(ready: Ready) -> Truth:
    return ready if isinstance(ready, Truth) else Truth(ready if isinstance(ready, Leaf) else ready.condition)


def _ready(condition: Condition) -> Ready:
    """Groups of one are replaced by it, and groups within groups of their kind are dissolved."""
    if isinstance(condition, Leaf):
        return _ready_leaf(condition)
    kind = Every if isinstance(condition, All) else Some
    inner = [_ready(part) for part in condition.parts]
    parts = [part for one in inner for part in (one.parts if isinstance(one, kind) else (one,))]
    return parts[0] if len(parts) == 1 else kind(tuple(parts), condition)


def _ready_leaf(leaf: Leaf) -> Ready:
    if leaf.op == "any_of" and isinstance(leaf.value, tuple) and len(leaf.value) <= SHORT_LIST:
        one_each = tuple(Leaf(leaf.field, "equals", value, leaf.negated) for value in leaf.value)
        kind = Every if leaf.negated else Some
        return one_each[0] if len(one_each) == 1 else kind(one_each, leaf)
    numeric = leaf.field.startswith("recent.") and (leaf.op, leaf.negated) in _NUMBER_OPS
    return leaf if leaf.op == "equals" or numeric else Truth(leaf)


def entries(ready: Ready) -> int:
    """Entries in the rule's expression: each test, and the beginning and end of each group."""
    if isinstance(ready, Leaf):
        return 4 if ready.op in ("lt", "lte") else 1
    return 1 if isinstance(ready, Truth) else 2 + sum(entries(part) for part in ready.parts)


def size(ready: Ready) -> int:
    """Leaf conditions in the network: what follows alternatives is there once for each of them."""
    return _measure(ready)[0]


def _measure(ready: Ready) -> tuple[int, int]:
    """(leaf conditions, ways through)."""
    if isinstance(ready, Leaf):
        return (2, 2 if ready.negated else 1) if ready.op in ("lt", "lte") else (1, 1)
    if isinstance(ready, Truth):
        return 1, 1
    measured = [_measure(part) for part in arranged(ready)]
    if isinstance(ready, Some):
        return sum(inside for inside, _ in measured), sum(paths for _, paths in measured)
    total, ways = 0, 1
    for inside, paths in measured:
        total += inside * ways
        ways *= paths
    return total, ways


def arranged(ready: Every | Some) -> list[Ready]:
    """The parts with the fewest ways through first, so that little has to follow each alternative."""
    return sorted(ready.parts, key=lambda part: _measure(part)[1])


# Building --------------------------------------------------------------------------------------------


class _Builder:
    def __init__(self) -> None:
        self.routes: list[Route] = []
        self._conditions: list[Ready] = []
        self._size = 0
        self._needs: list[tuple[frozenset[str] | None, frozenset[str] | None]] = []
        self._codes: dict[str, tuple[int, dict[str, int]]] = {}
        self._numbers: dict[str, int] = {}
        self._truths: dict[Condition, int] = {}

    def takes(self, condition: Ready) -> bool:
        return len(self.routes) < MAX_RULES and self._size + 1 + size(condition) <= MAX_LEAVES

    def add(
        self, route: Route, condition: Ready, events: frozenset[str] | None, services: frozenset[str] | None
    ) -> None:
        self.routes.append(route)
        self._conditions.append(condition)
        self._needs.append((events, services))
        self._size += 1 + size(condition)

    def chunk(self) -> Chunk:
        rules = {
            f"r{place}": {"pri": 1, "all": [{"m": {"$and": [{"k": 1}, *self._top(condition)]}}]}
            for place, condition in enumerate(self._conditions)
        }
        rules["prime"] = {"pri": 1, "all": [{"m": PRIMER}]}
        events, services = zip(*self._needs, strict=True)
        return Chunk(tuple(self.routes), json.dumps(rules), self._slots(), _union(events), _union(services))

    def _top(self, condition: Ready) -> list[Expression]:
        parts = arranged(condition) if isinstance(condition, Every) else (condition,)
        return [self._expression(part) for part in parts]

    def _expression(self, ready: Ready) -> Expression:
        if isinstance(ready, Truth):
            return {self._field(self._truths, ready.condition): 1}
        if isinstance(ready, Leaf):
            return self._compare(ready)
        parts = [self._expression(part) for part in arranged(ready)]
        return {"$and" if isinstance(ready, Every) else "$or": parts}

    def _compare(self, leaf: Leaf) -> Expression:
        if leaf.field.startswith("recent."):
            return self._compare_number(leaf)
        field, codes = self._codes.setdefault(leaf.field, (self._next(), {}))
        code = codes.setdefault(str(leaf.value), len(codes) + _OTHER + 1)
        test = {f"c{field}": code}
        return {"$neq": test} if leaf.negated else test

    def _compare_number(self, leaf: Leaf) -> Expression:
        """`lt` and `lte` have to tell a small number from a missing one, which is smaller still."""
        assert isinstance(leaf.value, int)
        field = self._field(self._numbers, leaf.field)
        op, test = _NUMBER_OPS[leaf.op, leaf.negated], {field: leaf.value + 2}
        expression = {op: test} if op else test
        if leaf.op not in ("lt", "lte"):
            return expression
        if leaf.negated:
            return {"$or": [expression, {field: _MISSING_NUMBER}]}
        return {"$and": [expression, {"$gt": {field: _MISSING_NUMBER}}]}

    def _field(self, fields: dict[Any, int], key: Any) -> str:
        if key not in fields:
            fields[key] = self._next()
        return f"c{fields[key]}"

    def _next(self) -> int:
        return len(self._codes) + len(self._numbers) + len(self._truths)

    def _slots(self) -> tuple[Slot, ...]:
        codes = [_code(f"c{place}", field, known) for field, (place, known) in self._codes.items()]
        numbers = [_number(f"c{place}", field) for field, place in self._numbers.items()]
        truths = [_truth(f"c{place}", condition) for condition, place in self._truths.items()]
        return (*codes, *numbers, *truths)


def _union(limits: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    known = list(limits)
    if None in known:
        return None
    return frozenset().union(*[limit for limit in known if limit is not None])


def _code(name: str, field: str, codes: Mapping[str, int]) -> Slot:
    get = getter(field)
    pieces = {value: f',"{name}":{code}' for value, code in codes.items()}
    other = f',"{name}":{_OTHER}'
    return lambda facts: pieces.get(get(facts), other)


def _number(name: str, field: str) -> Slot:
    get = getter(field)

    def piece(facts: Facts) -> str:
        value = get(facts)
        number = _MISSING_NUMBER if value is None else min(max(value, -1), MAX_COUNT + 1) + 2
        return f',"{name}":{number}'

    return piece


def _truth(name: str, condition: Condition) -> Slot:
    test, piece = test_of(condition), f',"{name}":1'
    return lambda facts: piece if test(facts) else ""
