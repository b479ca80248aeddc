"""The plain Python evaluator: conditions become closures once, at load; explanations are made here too.

It is what the engine is compared with, what answers when the engine cannot, and what says why.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from rules.decide import decide
from rules.facts import Facts
from rules.model import All, AnyOf, Condition, Leaf, Reasons, RuleSet, Test, leaves
from rules.patterns import compile_pattern
from rules.windows import Window, is_open
from rules.words import cut, sentence, sentence_for, subject

_ALWAYS: Final = ("every event matches",)
Get = Callable[[Facts], Any]


class LeafVerdict(msgspec.Struct, frozen=True):
    """One leaf of a route: what it wanted, whether that held, and what the value was (None: missing)."""

    wanted: str
    holds: bool
    field: str
    value: str | None


class Explanation(msgspec.Struct, frozen=True):
    """One route against one event. `hidden_by` is the route whose `stop` hid this one though it matched."""

    route: str
    file: str
    line: int
    fired: bool
    hidden_by: str | None
    shadow: bool
    leaves: tuple[LeafVerdict, ...]


def matching(rule_set: RuleSet, facts: Facts) -> tuple[str, ...]:
    """The ids of all routes whose `when` is true, in file order; `stop` plays no part yet."""
    return tuple([route.id for route in rule_set.routes if route.test(facts)])


def explain(rule_set: RuleSet, facts: Facts) -> tuple[Explanation, ...]:
    """Every route with its leaves, each with its verdict and the value it saw."""
    decision = decide(rule_set, matching(rule_set, facts), facts)
    fired = {one.route for one in decision.fired}
    return tuple(
        Explanation(
            route=route.id,
            file=route.file,
            line=route.line,
            fired=route.id in fired,
            hidden_by=decision.stopped_by if route.id in decision.skipped else None,
            shadow=route.shadow,
            leaves=tuple(_verdict(leaf, facts) for leaf in leaves(route.when)),
        )
        for route in rule_set.routes
    )


def _verdict(leaf: Leaf, facts: Facts) -> LeafVerdict:
    return LeafVerdict(sentence(leaf), test_of(leaf)(facts), subject(leaf.field), _seen(leaf, facts))


def _seen(leaf: Leaf, facts: Facts) -> str | None:
    if isinstance(leaf.value, Window):
        return facts.at.astimezone(ZoneInfo(leaf.value.zone)).strftime("%a %H:%M %Z")
    value = getter(leaf.field)(facts)
    return None if value is None else cut(str(value))


# Tests -----------------------------------------------------------------------------------------------


def test_of(condition: Condition) -> Test:
    """The predicate of a condition."""
    if isinstance(condition, Leaf):
        return _leaf(condition)
    tests = [test_of(part) for part in condition.parts]
    if len(tests) == 1:
        return tests[0]
    return _both(tests) if isinstance(condition, All) else _either(tests)


def possible_of(condition: Condition) -> Test:
    """The predicate of a condition with every recent.* taken as true: false means no count can matter.

    Sound because conditions hold their negation at the leaves, so that more true leaves never make less.
    """
    return test_of(_without_counts(condition))


def _without_counts(condition: Condition) -> Condition:
    if isinstance(condition, Leaf):
        return All(()) if condition.field.startswith("recent.") else condition
    parts = tuple(_without_counts(part) for part in condition.parts)
    return All(parts) if isinstance(condition, All) else AnyOf(parts)


def _both(tests: list[Test]) -> Test:
    if not tests:
        return lambda _: True
    if len(tests) == 2:
        first, second = tests
        return lambda facts: first(facts) and second(facts)

    def test(facts: Facts) -> bool:
        for one in tests:  # noqa: SIM110 - all() with a generator is three times slower
            if not one(facts):
                return False
        return True

    return test


def _either(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda facts: first(facts) or second(facts)

    def test(facts: Facts) -> bool:
        for one in tests:  # noqa: SIM110
            if one(facts):
                return True
        return False

    return test


def getter(field: str) -> Get:
    """Reads a field out of facts; None when it is missing."""
    prefix, dot, name = field.partition(".")
    if dot and prefix == "labels":
        return lambda facts: facts.labels.get(name)
    if dot and prefix == "recent":
        return lambda facts: facts.recent.get(name)
    return attrgetter(field)


def _leaf(leaf: Leaf) -> Test:
    test = _MAKERS[leaf.op](leaf)
    return (lambda facts: not test(facts)) if leaf.negated else test


def _equals(leaf: Leaf) -> Test:
    get, wanted = getter(leaf.field), leaf.value
    return lambda facts: get(facts) == wanted


def _any_of(leaf: Leaf) -> Test:
    assert isinstance(leaf.value, tuple)
    get, wanted = getter(leaf.field), frozenset(leaf.value)
    return lambda facts: get(facts) in wanted


def _exists(leaf: Leaf) -> Test:
    get = getter(leaf.field)
    return lambda facts: get(facts) is not None


def _local_time(leaf: Leaf) -> Test:
    assert isinstance(leaf.value, Window)
    opened = is_open(leaf.value)
    return lambda facts: opened(facts.at)


def _matches(leaf: Leaf) -> Test:
    get, search = getter(leaf.field), compile_pattern(str(leaf.value)).search

    def test(facts: Facts) -> bool:
        value = get(facts)
        if value is None:
            return False
        try:
            return search(value) is not None
        except UnicodeEncodeError:  # half a surrogate pair: RE2 works on UTF-8
            return search(value.encode("utf-8", "replace").decode()) is not None

    return test


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[[Leaf], Test]:
    def make(leaf: Leaf) -> Test:
        get, wanted = getter(leaf.field), leaf.value
        return lambda facts: (value := get(facts)) is not None and compare(value, wanted)

    return make


_MAKERS: Final[Mapping[str, Callable[[Leaf], Test]]] = {
    "equals": _equals,
    "any_of": _any_of,
    "exists": _exists,
    "local_time": _local_time,
    "matches": _matches,
    "gt": _comparing(operator.gt),
    "gte": _comparing(operator.ge),
    "lt": _comparing(operator.lt),
    "lte": _comparing(operator.le),
    "contains": _comparing(operator.contains),
    "starts_with": _comparing(str.startswith),
    "ends_with": _comparing(str.endswith),
}


# Reasons ---------------------------------------------------------------------------------------------


def reasons_of(condition: Condition) -> Reasons:
    """The sentences of the leaves that made a condition true, made ready as far as they can be."""
    if condition == All(()):
        return lambda _: _ALWAYS
    made = _reasons(condition)
    return made if callable(made) else (lambda _: made)


def _reasons(condition: Condition) -> tuple[str, ...] | Reasons:
    """Constant sentences where the condition being true already says which leaves are."""
    if isinstance(condition, All):
        return _joined([_reasons(part) for part in condition.parts])
    if isinstance(condition, AnyOf):
        return _chosen(condition)
    if condition.op == "any_of" and not condition.negated:
        return _by_value(condition)
    return (sentence(condition),)


def _joined(parts: list[tuple[str, ...] | Reasons]) -> tuple[str, ...] | Reasons:
    constant = [part for part in parts if not callable(part)]
    if len(constant) == len(parts):
        return sum(constant, ())
    made = [part if callable(part) else _constant(part) for part in parts]
    return lambda facts: tuple([text for one in made for text in one(facts)])


def _chosen(condition: AnyOf) -> Reasons:
    branches = [(test_of(part), reasons_of(part)) for part in condition.parts]
    return lambda facts: tuple([text for test, reasons in branches if test(facts) for text in reasons(facts)])


def _by_value(leaf: Leaf) -> Reasons:
    assert isinstance(leaf.value, tuple)
    get = getter(leaf.field)
    texts = {value: (sentence_for(leaf, value),) for value in leaf.value}
    return lambda facts: texts.get(get(facts), ())


def _constant(texts: tuple[str, ...]) -> Reasons:
    return lambda _: texts
