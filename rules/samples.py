"""Makes facts that matter to a rule set: near every condition, on both of its sides."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rules.facts import Facts
from rules.model import EVENTS, Leaf, RuleSet, leaves

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_YEAR: Final = 365 * 24 * 60
_LONG: Final = 2_000


def samples(rule_set: RuleSet, amount: int) -> Iterator[Facts]:
    """About `amount` facts, the same ones for the same rules: each route's own values, alone and mixed."""
    chance = random.Random(rule_set.hash)  # noqa: S311 - not a secret
    everywhere = [leaf for route in rule_set.routes for leaf in leaves(route.when)]
    routes = [route.when for route in rule_set.routes]
    chance.shuffle(routes)
    for condition in routes[: amount // 2]:
        yield _facts(list(leaves(condition)), chance)
    for _ in range(amount - len(routes[: amount // 2])):
        some = chance.sample(everywhere, min(len(everywhere), 12))
        yield _facts([leaf for leaf in some if chance.random() < 0.8], chance)


def _facts(wanted: list[Leaf], chance: random.Random) -> Facts:
    fields: dict[str, Any] = {"event": chance.choice(EVENTS)}
    labels: dict[str, str] = {}
    recent: dict[str, int] = {}
    for leaf in wanted:
        prefix, _, name = leaf.field.partition(".")
        if prefix == "recent":
            recent[name] = _number(leaf, chance)
        elif prefix == "labels":
            labels[name] = _text(leaf, chance)
        elif prefix != "local_time":
            fields[prefix] = _text(leaf, chance)
    at = _START + timedelta(minutes=chance.randrange(_YEAR))
    return Facts(**fields, at=at, labels=labels, recent=recent)


def _number(leaf: Leaf, chance: random.Random) -> int:
    wanted = leaf.value[0] if isinstance(leaf.value, tuple) else leaf.value
    return max(0, wanted + chance.choice((-1, 0, 1))) if isinstance(wanted, int) else 0


def _text(leaf: Leaf, chance: random.Random) -> str:
    """A value for the leaf's field, most often one that makes it true."""
    text = _MADE[leaf.op](leaf.value, chance) if leaf.op in _MADE else "something"
    turn = chance.random()
    return text if turn < 0.8 else text + "x" * (1 if turn < 0.95 else _LONG)


_MADE: Final[Mapping[str, Callable[[Any, random.Random], str]]] = {
    "equals": lambda value, _: str(value),
    "any_of": lambda values, chance: str(chance.choice(values)),
    "contains": lambda value, _: f"a {value} b",
    "starts_with": lambda value, _: f"{value} b",
    "ends_with": lambda value, _: f"a {value}",
    "matches": lambda value, _: str(value),
}
