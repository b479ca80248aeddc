"""Generated rules and facts: durable-rules, the evaluator and a naive reading of the YAML must agree.

IM_RULES_EXAMPLES raises the number of generated rule sets (each is asked about many facts).
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.counts import looked_up
from rules.decide import decide
from rules.engine import Engine
from rules.evaluate import explain, matching
from rules.facts import Facts
from rules.load import parse_texts

EXAMPLES = int(os.environ.get("IM_RULES_EXAMPLES", "150"))
SEVERITIES = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
EVENTS = ("incident.created", "incident.resolved", "sla.breached", "chat.command")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Values that tempt a loose comparison: numbers, truths, nothing, case, white space, long beginnings.
WORDS = (
    "5",
    "05",
    "5.0",
    "1",
    "True",
    "true",
    "null",
    "",
    " ",
    "api",
    "API",
    "api-eu",
    "ä€😀",
    'a"b\\c',
    "x" * 490,
)
LONG = ("x" * 500, "x" * 70_000, "y" * 70_000 + "api", "a\x01b", "\ud800 api")
PATTERNS = ("api", "(?i)^API$", "^x+$", "[0-9]", "a.b", "(a|b)*c?$", "€")
COUNTS = ("c1", "c2")

words = st.sampled_from(WORDS)
text_fields = st.sampled_from(("service", "team", "title", "user", "labels.a", "labels.id", "labels.sid"))


def _text_tests() -> st.SearchStrategy[Any]:
    return st.one_of(
        words,
        st.lists(words, min_size=1, max_size=7),
        st.builds(
            lambda op, word: {op: word},
            st.sampled_from(("contains", "starts_with", "ends_with")),
            words.filter(bool),
        ),
        st.builds(lambda pattern: {"matches": pattern}, st.sampled_from(PATTERNS)),
        st.builds(lambda there: {"exists": there}, st.booleans()),
        st.builds(lambda word, there: {"contains": word, "exists": there}, words.filter(bool), st.booleans()),
    )


def _severity_tests() -> st.SearchStrategy[Any]:
    names = st.sampled_from(SEVERITIES)
    return st.one_of(
        names,
        st.lists(names, min_size=1, max_size=4),
        st.builds(lambda name: {"at_least": name}, names),
        st.builds(lambda name: {"below": name}, names.filter(lambda name: name != "SEV-4")),
        st.builds(lambda there: {"exists": there}, st.booleans()),
    )


def _number_tests() -> st.SearchStrategy[Any]:
    numbers = st.sampled_from((0, 1, 2, 3, 1_000_000_000))
    ops = st.sampled_from(("gt", "gte", "lt", "lte"))
    return st.one_of(
        numbers,
        st.lists(numbers, min_size=1, max_size=6),
        st.builds(lambda op, number: {op: number}, ops, numbers),
        st.builds(lambda low, high: {"gt": low, "lte": high}, numbers, numbers),
        st.builds(lambda there: {"exists": there}, st.booleans()),
    )


def _windows() -> st.SearchStrategy[Any]:
    times = st.sampled_from(("00:00", "06:00", "08:30", "18:00", "22:00"))
    between = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map("-".join)
    days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4)
    return st.one_of(
        st.builds(lambda d: {"weekdays": d}, days),
        st.builds(lambda b: {"between": b}, between),
        st.builds(lambda d, b: {"weekdays": d, "between": b}, days, between),
    )


def _tests(key: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return value.map(lambda given_: {key: given_})


leaf = st.one_of(
    _tests(
        "event", st.one_of(st.sampled_from(EVENTS), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3))
    ),
    _tests("severity", _severity_tests()),
    st.tuples(text_fields, _text_tests()).map(lambda pair: {pair[0]: pair[1]}),
    st.tuples(st.sampled_from(COUNTS), _number_tests()).map(lambda pair: {f"recent.{pair[0]}": pair[1]}),
    _tests("local_time", _windows()),
)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=4)
    return st.one_of(
        _tests("all", several),
        _tests("any", several),
        _tests("not", inner),
        st.tuples(inner, inner).map(lambda pair: {**pair[0], **pair[1]}),
    )


conditions = st.recursive(leaf, _combined, max_leaves=12)
routes = st.lists(
    st.tuples(st.one_of(conditions, conditions, st.just({})), st.booleans(), st.booleans(), st.booleans()),
    min_size=1,
    max_size=40,
)
facts_values = st.one_of(st.none(), st.sampled_from((*WORDS, *LONG)))


def _made(values: dict[str, Any]) -> Facts:
    labels = {key: value for key, value in values.pop("labels").items() if value is not None}
    recent = {key: value for key, value in values.pop("recent").items() if value is not None}
    return Facts(**values, labels=labels, recent=recent)


facts = st.fixed_dictionaries(
    {
        "event": st.sampled_from((*EVENTS, "unheard.of")),
        "at": st.integers(0, 60 * 24 * 14).map(
            lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
        ),
        "severity": st.one_of(st.none(), st.sampled_from((*SEVERITIES, "SEV-9"))),
        "service": facts_values,
        "team": facts_values,
        "title": facts_values,
        "user": facts_values,
        "labels": st.fixed_dictionaries({"a": facts_values, "id": facts_values, "sid": facts_values}),
        "recent": st.fixed_dictionaries(
            dict.fromkeys(COUNTS, st.one_of(st.none(), st.sampled_from((-1, 0, 1, 2, 3, 10**9, 10**20))))
        ),
    }
).map(_made)


def _value(name: str, at: Facts) -> Any:
    kind, dot, rest = name.partition(".")
    return getattr(at, kind).get(rest) if dot else getattr(at, name)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


ORACLE_OPS = {
    "gt": lambda value, wanted: value > wanted,
    "gte": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "lte": lambda value, wanted: value <= wanted,
    "contains": lambda value, wanted: wanted in value,
    "starts_with": lambda value, wanted: value.startswith(wanted),
    "ends_with": lambda value, wanted: value.endswith(wanted),
    "matches": lambda value, wanted: re.search(wanted.replace("$", r"\Z"), _clean(value)) is not None,
    "at_least": lambda value, wanted: value in SEVERITIES and value <= wanted,
    "below": lambda value, wanted: value in SEVERITIES and value > wanted,
}


def oracle(condition: dict[str, Any], at: Facts) -> bool:
    """contracts.md read literally, on the YAML's own values."""
    return all(_oracle_entry(name, test, at) for name, test in condition.items())


def _oracle_entry(name: str, test: Any, at: Facts) -> bool:
    if name in ("all", "any"):
        return (all if name == "all" else any)([oracle(part, at) for part in test])
    if name == "not":
        return not oracle(test, at)
    if name == "local_time":
        return _oracle_window(test, at.at)
    value = _value(name, at)
    if isinstance(test, dict):
        return all(
            (value is not None) == wanted
            if op == "exists"
            else value is not None and ORACLE_OPS[op](value, wanted)
            for op, wanted in test.items()
        )
    return value is not None and (value in test if isinstance(test, list) else value == test)


def _oracle_window(window: dict[str, Any], at: datetime) -> bool:
    days = window.get("weekdays", DAYS)
    start, end = window.get("between", "00:00-24:00").split("-")
    now = at.strftime("%H:%M")
    if start < end:
        return DAYS[at.weekday()] in days and start <= now < end
    yesterday = DAYS[(at.weekday() - 1) % 7]
    return (DAYS[at.weekday()] in days and now >= start) or (yesterday in days and now < end)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="IM_RULES_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(routes, st.lists(facts, min_size=10, max_size=30))
def test_engine_evaluator_and_a_literal_reading_agree(
    made: list[tuple[dict[str, Any], bool, bool, bool]], asked: list[Facts]
) -> None:
    document = {
        "version": 1,
        "counts": {name: {"of": {}, "within": "10m"} for name in COUNTS},
        "routes": [
            {"id": f"r{place}", "when": when, "notify": [], "stop": stop, "always": always}
            | ({"mode": "shadow"} if shadow else {})
            for place, (when, stop, always, shadow) in enumerate(made)
        ],
    }
    rule_set = parse_texts({"a.yaml": yaml.safe_dump(document, allow_unicode=True)}, default_timezone="UTC")
    engine = Engine(rule_set)
    for one in asked:
        expected = tuple(f"r{place}" for place, (when, *_) in enumerate(made) if oracle(when, one))
        assert matching(rule_set, one) == expected
        assert engine.matching(one) == expected
        _check_the_rest(rule_set, expected, one)
    assert engine.fallbacks == 0
    engine.close()


def _check_the_rest(rule_set: Any, expected: tuple[str, ...], one: Facts) -> None:
    decision = decide(rule_set, expected, one)
    fired = [route.route for route in decision.fired]
    assert sorted([*fired, *decision.skipped]) == sorted(expected)
    assert all(route.why for route in decision.fired)
    explained = explain(rule_set, one)
    assert [e.route for e in explained if e.fired] == fired
    for route in decision.fired:
        leaves = next(e for e in explained if e.route == route.route).leaves
        assert len(route.why) <= max(1, sum(leaf_.holds for leaf_ in leaves))
    known = {count.name for count, _ in looked_up(rule_set, one)}
    blind = Facts(
        **{name: getattr(one, name) for name in Facts.__struct_fields__ if name != "recent"},
        recent={name: value for name, value in one.recent.items() if name in known},
    )
    assert matching(rule_set, blind) == expected, "a count that is not looked up must not matter"
