"""Generated rules and facts: durable-rules, the evaluator and a naive reading of the YAML must agree.

IM_RULES_EXAMPLES sets the number of generated rule sets (each is asked about 25 facts): `make test-fast`
takes fewer, and more than usual searches among new ones. Hypothesis chooses the seeds; conditions and facts
are drawn evenly from them, which reaches far more combinations than drawing each choice by Hypothesis. Routes
are independent of each other, so that a failure names the one that differs.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.counts import looked_up
from rules.decide import decide
from rules.engine import Engine
from rules.evaluate import explain, matching
from rules.facts import Facts
from rules.load import parse_texts
from rules.model import RuleSet

USUAL = 300
EXAMPLES = int(os.environ.get("IM_RULES_EXAMPLES") or USUAL)
FACTS = 25
SEVERITIES = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
EVENTS = ("incident.created", "incident.resolved", "sla.breached", "chat.command")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIMES = ("00:00", "06:00", "08:30", "18:00", "22:00")
# Values that tempt a loose comparison: numbers, truths, nothing, case, white space, long beginnings.
WORDS = (
    "5", "05", "5.0", "1", "True", "true", "null", "", " ",
    "api", "API", "api-eu", "ä€😀", 'a"b\\c', "x" * 490,
)  # fmt: skip
LONG = ("x" * 500, "x" * 70_000, "y" * 70_000 + "api", "a\x01b", "\ud800 api")
PATTERNS = ("api", "(?i)^API$", "^x+$", "[0-9]", "a.b", "(a|b)*c?$", "€")
COUNTS = ("c1", "c2")
NUMBERS = (0, 1, 2, 3, 10**9)
SEEN = (-1, 0, 1, 2, 3, 4, 10**9, 10**20)
TEXT_FIELDS = ("service", "team", "title", "user", "labels.a", "labels.id", "labels.sid")

Chance = random.Random
Condition = dict[str, Any]


def _some(chance: Chance, values: tuple[Any, ...], most: int) -> list[Any]:
    return [chance.choice(values) for _ in range(chance.randint(1, most))]


def _text_test(chance: Chance) -> Any:
    word = chance.choice([word for word in WORDS if word])
    return chance.choice(
        (
            chance.choice(WORDS),
            _some(chance, WORDS, 7),
            {chance.choice(("contains", "starts_with", "ends_with")): word},
            {"matches": chance.choice(PATTERNS)},
            {"exists": chance.random() < 0.5},
            {"contains": word, "exists": chance.random() < 0.8},
        )
    )


def _severity_test(chance: Chance) -> Any:
    return chance.choice(
        (
            chance.choice(SEVERITIES),
            _some(chance, SEVERITIES, 4),
            {"at_least": chance.choice(SEVERITIES)},
            {"below": chance.choice(SEVERITIES[:3])},
            {"exists": chance.random() < 0.5},
        )
    )


def _number_test(chance: Chance) -> Any:
    return chance.choice(
        (
            chance.choice(NUMBERS),
            _some(chance, NUMBERS, 6),
            {chance.choice(("gt", "gte", "lt", "lte")): chance.choice(NUMBERS)},
            {"gt": chance.choice(NUMBERS), "lte": chance.choice(NUMBERS)},
            {"exists": chance.random() < 0.5},
        )
    )


def _window(chance: Chance) -> Any:
    window = {"weekdays": _some(chance, DAYS, 4), "between": "-".join(chance.sample(TIMES, 2))}
    if chance.random() < 0.5:
        del window[chance.choice(tuple(window))]
    return window


LEAVES: tuple[Callable[[Chance], Condition], ...] = (
    lambda chance: {"event": chance.choice((chance.choice(EVENTS), _some(chance, EVENTS, 3)))},
    lambda chance: {"severity": _severity_test(chance)},
    lambda chance: {chance.choice(TEXT_FIELDS): _text_test(chance)},
    lambda chance: {chance.choice(TEXT_FIELDS): _text_test(chance)},
    lambda chance: {f"recent.{chance.choice(COUNTS)}": _number_test(chance)},
    lambda chance: {"local_time": _window(chance)},
)


def _condition(chance: Chance, depth: int = 0) -> Condition:
    if chance.random() < 0.25 + 0.25 * depth:
        return chance.choice(LEAVES)(chance)
    kind = chance.choice(("all", "any", "any", "not", "not", "both"))
    if kind == "not":
        return {"not": _condition(chance, depth + 1)}
    if kind == "both":
        return _condition(chance, depth + 1) | _condition(chance, depth + 1)
    return {kind: [_condition(chance, depth + 1) for _ in range(chance.randint(1, 4))]}


def _facts(chance: Chance) -> Facts:
    values = (*WORDS, "api", "5", *LONG)

    def maybe(choices: tuple[Any, ...]) -> Any:
        return chance.choice(choices) if chance.random() < 0.75 else None

    def known(made: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in made.items() if value is not None}

    return Facts(
        event=chance.choice((*EVENTS, "unheard.of")),
        at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(60 * 24 * 14)),
        severity=maybe((*SEVERITIES, "SEV-9")),
        service=maybe(values),
        team=maybe(values),
        title=maybe(values),
        user=maybe(values),
        labels=known({name: maybe(values) for name in ("a", "id", "sid")}),
        recent=known({name: maybe(SEEN) for name in COUNTS}),
    )


def _document(chance: Chance) -> dict[str, Any]:
    def route(place: int) -> dict[str, Any]:
        flags = {name: chance.random() < share for name, share in (("stop", 0.1), ("always", 0.2))}
        shadow = {"mode": "shadow"} if chance.random() < 0.2 else {}
        when = _condition(chance) if chance.random() < 0.98 else {}
        return {"id": f"r{place}", "when": when, "notify": []} | flags | shadow

    return {
        "version": 1,
        "counts": {name: {"of": {}, "within": "10m"} for name in COUNTS},
        "routes": [route(place) for place in range(chance.randint(1, 45))],
    }


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


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= USUAL)
@given(st.integers(0, 2**64 - 1))
def test_engine_evaluator_and_a_literal_reading_agree(seed: int) -> None:
    chance = random.Random(seed)
    document = _document(chance)
    rule_set = parse_texts({"a.yaml": yaml.safe_dump(document, allow_unicode=True)}, default_timezone="UTC")
    engine = Engine(rule_set)
    for _ in range(FACTS):
        facts = _facts(chance)
        expected = {route["id"]: oracle(route["when"], facts) for route in document["routes"]}
        _agree("evaluator", matching(rule_set, facts), expected, document, facts)
        _agree("engine", engine.matching(facts), expected, document, facts)
        _check_the_rest(rule_set, tuple(name for name, holds in expected.items() if holds), facts)
    assert engine.fallbacks == 0
    engine.close()


def _agree(
    who: str, found: tuple[str, ...], expected: dict[str, bool], document: dict[str, Any], facts: Facts
) -> None:
    if found != tuple(name for name, holds in expected.items() if holds):
        wrong = [
            route["when"] for route in document["routes"] if (route["id"] in found) != expected[route["id"]]
        ]
        raise AssertionError(f"{who}: {wrong[:1] or 'order'} on {facts!r:.2000}")


def _check_the_rest(rule_set: RuleSet, expected: tuple[str, ...], facts: Facts) -> None:
    decision = decide(rule_set, expected, facts)
    fired = [route.route for route in decision.fired]
    assert sorted([*fired, *decision.skipped]) == sorted(expected)
    explained = {one.route: one for one in explain(rule_set, facts)}
    assert [name for name, one in explained.items() if one.fired] == fired
    for route in decision.fired:
        holding = sum(leaf.holds for leaf in explained[route.route].leaves)
        assert 1 <= len(route.why) <= max(1, holding)
    names = {count.name for count, _ in looked_up(rule_set, facts)}
    fewer = {name: value for name, value in facts.recent.items() if name in names}
    unasked = msgspec.structs.replace(facts, recent=fewer)
    assert matching(rule_set, unasked) == expected, "a count that is not looked up must not matter"
