"""Reads `when`: from nodes to conditions, with the types of the fields enforced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from rules.model import (
    EVENTS,
    SEVERITIES,
    STATUSES,
    TEXT_FIELDS,
    All,
    AnyOf,
    Condition,
    Leaf,
    Op,
    negate,
)
from rules.nodes import Map, Node, Scalar, Seq
from rules.patterns import pattern_problem
from rules.reading import Page, join, nearest, shown, unknown
from rules.windows import DAY_MINUTES, DAYS, Window
from rules.zones import zone_problem

MAX_COUNT: Final = 1_000_000_000
_COMBINERS: Final = ("all", "any", "not")
_NAMES: Final = (*TEXT_FIELDS, "labels", "recent", "local_time", *_COMBINERS)
_CLOSED: Final[Mapping[str, tuple[str, ...]]] = {
    "event": EVENTS,
    "severity": SEVERITIES,
    "status": STATUSES,
}
_TEXT_OPS: Final = ("contains", "starts_with", "ends_with", "matches", "exists")
_NUMBER_OPS: Final = ("gt", "gte", "lt", "lte", "exists")
_SEVERITY_OPS: Final = ("at_least", "below", "exists")
_ALL_OPS: Final = (*_TEXT_OPS, *_NUMBER_OPS, *_SEVERITY_OPS)
_LABEL: Final = re.compile(r"[^\x00-\x1f]{1,200}")
_TIME: Final = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_BETWEEN: Final = re.compile(rf"{_TIME}-(?:{_TIME}|(24):(00))")
_WINDOW_KEYS: Final = ("weekdays", "between", "timezone")
_WINDOW_EXAMPLE: Final = '{weekdays: mon-fri, between: "08:00-18:00"}'
_SEVERITY: Final = re.compile(r"(?:sev|severity|p|s)?[ _-]?([1-4])", re.IGNORECASE)

_LEAF_OP: Final[Mapping[str, Op]] = {
    "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte",
    "contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with", "matches": "matches",
}  # fmt: skip


def top(page: Page, node: Node, field: str) -> Condition | None:
    """The condition under `when` or `of`; `{}` is everything."""
    if isinstance(node, Map) and not node.items:
        return All(())
    return condition(page, node, field)


def condition(page: Page, node: Node, field: str) -> Condition | None:
    """A mapping of tests that must all hold. Reports what is wrong to the page; None when anything was."""
    items = page.mapping(node, field, "{event: incident.created}; `{}` is everything")
    if items is None:
        return None
    if not items:
        page.wrong(node, field, "is empty; only `when: {}` itself means everything")
        return None
    return _all([_entry(page, key, value, field) for key, value in items])


def _entry(page: Page, key: Scalar, value: Node, field: str) -> Condition | None:
    name, place = key.text, join(field, key.text[:60])
    combine = _COMBINE.get(name)
    if combine is not None:
        return combine(page, value, place)
    if name == "local_time":
        return _local_time(page, value, place)
    if name in TEXT_FIELDS:
        return _field_test(page, name, value, place)
    prefix, dot, rest = name.partition(".")
    if dot and prefix == "labels" and _LABEL.fullmatch(rest):
        return _field_test(page, name, value, place)
    if dot and prefix == "recent" and rest:
        page.counts_used.append((rest, key.line, place))
        return _field_test(page, name, value, place)
    page.wrong(key, place, _unknown_field(name))
    return None


def _unknown_field(name: str) -> str:
    prefix, dot, rest = name.partition(".")
    meant = nearest(prefix, ("labels", "recent"), cutoff=0.5) if dot else None
    if dot and meant and rest:
        return f"unknown field; did you mean `{meant}.{rest[:60]}`?"
    if name in ("labels", "recent"):
        return f"name one of the {name}, for example `{name}.{'region' if name == 'labels' else 'my_count'}`"
    return unknown("field", name, _NAMES)


def _all(parts: list[Condition | None]) -> Condition | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return known[0] if len(known) == 1 else All(tuple(known))


def _parts(page: Page, node: Node, field: str) -> list[Condition | None] | None:
    items = page.listing(node, field, "[{severity: SEV-1}, {service: payments}]")
    if items is None:
        return None
    if not items:
        page.wrong(node, field, "is an empty list; give at least one condition")
        return None
    return [condition(page, item, f"{field}[{place}]") for place, item in enumerate(items)]


def _every(page: Page, node: Node, field: str) -> Condition | None:
    parts = _parts(page, node, field)
    return None if parts is None else _all(parts)


def _some(page: Page, node: Node, field: str) -> Condition | None:
    parts = _parts(page, node, field)
    if parts is None:
        return None
    known = tuple(part for part in parts if part is not None)
    return AnyOf(known) if len(known) == len(parts) else None


def _not(page: Page, node: Node, field: str) -> Condition | None:
    if isinstance(node, Seq):
        page.wrong(node, field, "takes one condition, not a list; for several write `not: {any: [..]}`")
        return None
    inner = condition(page, node, field)
    return None if inner is None else negate(inner)


_COMBINE: Final[Mapping[str, Callable[[Page, Node, str], Condition | None]]] = {
    "all": _every,
    "any": _some,
    "not": _not,
}


def _field_test(page: Page, name: str, node: Node, field: str) -> Condition | None:
    if isinstance(node, Map):
        return _operators(page, name, node, field)
    if isinstance(node, Seq):
        return _any_of(page, name, node, field)
    value = _value(page, name, node, field)
    return None if value is None else Leaf(name, "equals", value)


def _any_of(page: Page, name: str, node: Seq, field: str) -> Condition | None:
    if not node.items:
        page.wrong(node, field, "is an empty list; give at least one value")
        return None
    values = [_value(page, name, item, f"{field}[{place}]") for place, item in enumerate(node.items)]
    if None in values:
        return None
    distinct = dict.fromkeys(values)
    if name.startswith("recent."):
        return Leaf(name, "any_of", tuple(value for value in distinct if isinstance(value, int)))
    return Leaf(name, "any_of", tuple(value for value in distinct if isinstance(value, str)))


def _value(page: Page, name: str, node: Node, field: str) -> str | int | None:
    if name.startswith("recent."):
        return page.whole(node, field, MAX_COUNT)
    if name == "severity":
        return _severity(page, node, field)
    if name in _CLOSED:
        return page.one_of(node, field, _CLOSED[name], "event" if name == "event" else name)
    return page.text(node, field, empty=True)


def _severity(page: Page, node: Node, field: str) -> str | None:
    """One of SEV-1 to SEV-4; `1`, `sev1` and `P1` are answered with what was meant."""
    if isinstance(node, Scalar) and node.text not in SEVERITIES and (near := _SEVERITY.fullmatch(node.text)):
        page.wrong(node, field, f'{shown(node.text)} is no severity; did you mean "SEV-{near[1]}"?')
        return None
    return page.one_of(node, field, SEVERITIES, "severity")


def _operators(page: Page, name: str, node: Map, field: str) -> Condition | None:
    if not node.items:
        page.wrong(node, field, "is empty; give a value, a list, or an operator such as {exists: true}")
        return None
    return _all([_operator(page, name, key, value, field) for key, value in node.items])


def _operator(page: Page, name: str, key: Scalar, value: Node, field: str) -> Condition | None:
    place, op = join(field, key.text[:60]), key.text
    allowed = _allowed(name)
    if op not in allowed:
        page.wrong(key, place, _bad_operator(name, op, allowed))
        return None
    if isinstance(value, Seq):
        mend = "for several, write `any: [..]` with one condition each"
        page.wrong(value, place, f"takes a single value, not a list; {mend}")
        return None
    if op == "exists":
        given = page.truth(value, place)
        return None if given is None else Leaf(name, "exists", value=True, negated=not given)
    if name == "severity":
        return _rank(page, op, value, place)
    return _plain_operator(page, name, op, value, place)


def _plain_operator(page: Page, name: str, op: str, node: Node, place: str) -> Condition | None:
    if name.startswith("recent."):
        number = page.whole(node, place, MAX_COUNT)
        return None if number is None else Leaf(name, _LEAF_OP[op], number)
    text = page.text(node, place)
    if text is None or (op == "matches" and not _pattern(page, text, node, place)):
        return None
    return Leaf(name, _LEAF_OP[op], text)


def _allowed(name: str) -> tuple[str, ...]:
    if name == "severity":
        return _SEVERITY_OPS
    return _NUMBER_OPS if name.startswith("recent.") else _TEXT_OPS


def _bad_operator(name: str, op: str, allowed: tuple[str, ...]) -> str:
    if op not in _ALL_OPS:
        return unknown("operator", op, allowed)
    if op in _NUMBER_OPS:
        return f"`{op}` compares numbers, and `{name}` is a text; use one of {', '.join(allowed)}"
    if op in _SEVERITY_OPS:
        return f"`{op}` is for `severity` only; use one of {', '.join(allowed)}"
    what = "a severity" if name == "severity" else "a number"
    return f"`{op}` is for texts, and `{name}` is {what}; use a value, a list, or one of {', '.join(allowed)}"


def _rank(page: Page, op: str, node: Node, place: str) -> Condition | None:
    given = _severity(page, node, place)
    if given is None:
        return None
    rank = SEVERITIES.index(given)
    if op == "at_least":
        return Leaf("severity", "any_of", SEVERITIES[: rank + 1], written=f"at least {given}")
    if rank == len(SEVERITIES) - 1:
        page.wrong(node, place, f"nothing is below {given}; this never matches")
        return None
    return Leaf("severity", "any_of", SEVERITIES[rank + 1 :], written=f"below {given}")


def _pattern(page: Page, pattern: str, node: Node, place: str) -> bool:
    problem = pattern_problem(pattern)
    if problem:
        page.wrong(node, place, f"{shown(pattern)} is no valid pattern: {problem}")
    return problem is None


def _local_time(page: Page, node: Node, field: str) -> Condition | None:
    entries = page.entries(node, field, _WINDOW_KEYS, _WINDOW_EXAMPLE)
    if entries is None:
        return None
    if isinstance(node, Map) and not node.items:
        page.wrong(node, field, f"is empty; for example {_WINDOW_EXAMPLE}")
        return None
    before = len(page.problems)
    days = (
        _weekdays(page, entries["weekdays"], f"{field}.weekdays")
        if "weekdays" in entries
        else tuple(range(7))
    )
    between = (
        _between(page, entries["between"], f"{field}.between") if "between" in entries else (0, DAY_MINUTES)
    )
    zone = _zone(page, entries["timezone"], f"{field}.timezone") if "timezone" in entries else page.timezone
    if days is None or between is None or zone is None or len(page.problems) > before:
        return None
    return Leaf("local_time", "local_time", Window(days, *between, zone, _written(entries)))


def _written(entries: Mapping[str, Node]) -> str:
    def text(node: Node) -> str:
        if isinstance(node, Scalar):
            return node.text
        return ", ".join(item.text for item in getattr(node, "items", ()) if isinstance(item, Scalar))

    return " ".join(text(entries[key]) for key in ("weekdays", "between") if key in entries) or "any day"


def _zone(page: Page, node: Node, field: str) -> str | None:
    name = page.text(node, field)
    problem = zone_problem(name) if name is not None else None
    if problem:
        page.wrong(node, field, problem)
    return None if problem else name


def _weekdays(page: Page, node: Node, field: str) -> tuple[int, ...] | None:
    """`mon-fri`, `sat`, or a list of such."""
    items = node.items if isinstance(node, Seq) else (node,)
    if not items:
        page.wrong(node, field, "is an empty list; write days such as mon-fri or [mon, wed]")
        return None
    days: set[int] = set()
    for item in items:
        some = _day_range(page, item, field)
        if some is None:
            return None
        days |= some
    return tuple(sorted(days))


def _day_range(page: Page, node: Node, field: str) -> set[int] | None:
    text = page.text(node, field) if not isinstance(node, Map) else page.one_of(node, field, DAYS, "weekday")
    if text is None:
        return None
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        page.wrong(
            node, field, f"{shown(text)}: write days as mon, tue, .. sun, a range mon-fri, or a list of them"
        )
        return None
    start, end = DAYS.index(first), DAYS.index(last or first)
    return {(start + step) % 7 for step in range((end - start) % 7 + 1)}


def _between(page: Page, node: Node, field: str) -> tuple[int, int] | None:
    """Minutes since midnight: from, to."""
    text = node.text if isinstance(node, Scalar) else ""
    matched = _BETWEEN.fullmatch(text.replace(" ", ""))
    if matched is None:
        page.wrong(node, field, 'write two times of 24 hours with two digits, in quotes: "08:00-18:00"')
        return None
    hours_from, minutes_from, *rest = matched.groups()
    hours_to, minutes_to = (part for part in rest if part is not None)
    start, end = int(hours_from) * 60 + int(minutes_from), int(hours_to) * 60 + int(minutes_to)
    if start == end:
        page.wrong(node, field, "begins and ends at the same time; leave `between` out for the whole day")
        return None
    return start, end
