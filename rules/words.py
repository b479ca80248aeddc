"""Conditions in words, for the reasons of a decision and for explanations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rules.model import Leaf, Value
from rules.windows import Window

_MAX_VALUE: Final = 120

_PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    "gt": ("is above", "is not above"),
    "gte": ("is at least", "is below"),
    "lt": ("is below", "is at least"),
    "lte": ("is at most", "is above"),
    "contains": ("contains", "does not contain"),
    "starts_with": ("starts with", "does not start with"),
    "ends_with": ("ends with", "does not end with"),
    "matches": ("matches", "does not match"),
}


def sentence(leaf: Leaf) -> str:
    """What the leaf asks for: "severity is SEV-1", "label region does not start with eu-"."""
    return _SAY.get(leaf.op, _say_operator)(leaf)


def sentence_for(leaf: Leaf, value: str | int) -> str:
    """The sentence of an any-of leaf that this value made true: "severity is SEV-1 (at least SEV-2)"."""
    extra = f" ({leaf.written})" if leaf.written else ""
    return f"{subject(leaf.field)} is {_value(value)}{extra}"


def subject(field: str) -> str:
    """A field as sentences name it."""
    prefix, dot, name = field.partition(".")
    return f"label {name}" if dot and prefix == "labels" else field


def cut(text: str) -> str:
    """A value as explanations show it."""
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _value(value: Value) -> str:
    return cut(str(value)) if value != "" else "empty"


def _say_equals(leaf: Leaf) -> str:
    return f"{subject(leaf.field)} is {'not ' if leaf.negated else ''}{_value(leaf.value)}"


def _say_any_of(leaf: Leaf) -> str:
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    wanted = leaf.written or " or ".join(_value(value) for value in values[:10])
    more = f" or {len(values) - 10} more" if len(values) > 10 and not leaf.written else ""
    return f"{subject(leaf.field)} is {'not ' if leaf.negated else ''}{wanted}{more}"


def _say_exists(leaf: Leaf) -> str:
    return f"{subject(leaf.field)} is {'missing' if leaf.negated else 'given'}"


def _say_local_time(leaf: Leaf) -> str:
    window = leaf.value
    assert isinstance(window, Window)
    return f"local time is {'not ' if leaf.negated else ''}in {window.written} ({window.zone})"


def _say_operator(leaf: Leaf) -> str:
    return f"{subject(leaf.field)} {_PHRASES[leaf.op][leaf.negated]} {_value(leaf.value)}"


_SAY: Final[Mapping[str, Callable[[Leaf], str]]] = {
    "equals": _say_equals,
    "any_of": _say_any_of,
    "exists": _say_exists,
    "local_time": _say_local_time,
}
