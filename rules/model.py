"""The vocabulary of rule files: conditions, routes, counts, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

from rules.decision import Notify, Priority
from rules.facts import Facts
from rules.windows import Window

EVENTS: Final = (
    "incident.created",
    "incident.acknowledged",
    "incident.updated",
    "incident.severity_changed",
    "incident.assigned",
    "incident.resolved",
    "incident.closed",
    "incident.reopened",
    "sla.warning",
    "sla.breached",
    "chat.command",
    "chat.interaction",
    "chat.mention",
)
ROOM: Final = "war_room"
"""The target that opens an incident's own channel."""
SEVERITIES: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
"""Worst first."""
STATUSES: Final = ("open", "acknowledged", "resolved", "closed")
TEXT_FIELDS: Final = tuple(name for name in Facts.__struct_fields__ if name not in ("at", "labels", "recent"))

Op = Literal[
    "equals", "any_of", "gt", "gte", "lt", "lte",
    "contains", "starts_with", "ends_with", "matches", "exists", "local_time",
]  # fmt: skip
Value = str | int | bool | tuple[str, ...] | tuple[int, ...] | Window


class Leaf(msgspec.Struct, frozen=True):
    """One test of one field. `negated` turns the verdict round, also that of a missing field."""

    field: str
    op: Op
    value: Value
    negated: bool = False
    written: str | None = None
    """How the file said it where that differs: "at least SEV-2" for an any-of."""


class All(msgspec.Struct, frozen=True):
    """True when every part is; without parts, always."""

    parts: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True):
    """True when at least one part is."""

    parts: tuple[Condition, ...]


Condition = Leaf | All | AnyOf
"""A condition in negation normal form: `not` has been pushed down to the leaves."""

Test = Callable[[Facts], bool]
Reasons = Callable[[Facts], tuple[str, ...]]

EVERYTHING: Final = All(())


def negate(condition: Condition) -> Condition:
    """The opposite, again without any `not` above a leaf."""
    if isinstance(condition, Leaf):
        return msgspec.structs.replace(condition, negated=not condition.negated)
    parts = tuple(negate(part) for part in condition.parts)
    return AnyOf(parts) if isinstance(condition, All) else All(parts)


def leaves(condition: Condition) -> Iterable[Leaf]:
    """Every leaf, in the order of the file."""
    if isinstance(condition, Leaf):
        yield condition
        return
    for part in condition.parts:
        yield from leaves(part)


class Count(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A count of recent events: those matching `of`, with equal `by` fields, `within` so many seconds."""

    name: str
    of: Condition
    by: tuple[str, ...]
    within: int
    file: str
    line: int
    test: Test
    """`of`, compiled."""


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One route of a rule file; `test`, `possible` and `reasons` are `when`, compiled."""

    id: str
    description: str | None
    when: Condition
    notify: tuple[Notify, ...]
    priority: Priority | None
    always: bool
    stop: bool
    shadow: bool
    file: str
    line: int
    test: Test
    possible: Test
    """Whether `when` could be true for some value of the counts it looks at."""
    reasons: Reasons
    """The sentences for `why`; to be asked only where `test` is true."""


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """All rule files together. `hash` is the sha256 of their content, names and default time zone."""

    hash: str
    routes: tuple[Route, ...]
    counts: tuple[Count, ...]
    sources: dict[str, str]
    default_timezone: str
    order: dict[str, int]
    """The place of each route id in `routes`."""
    watching: tuple[tuple[Route, tuple[Count, ...]], ...]
    """The routes that use recent.*, with the counts each looks at."""

    @property
    def opens_rooms(self) -> bool:
        """Whether any route names war rooms."""
        return any(notify.to == ROOM for route in self.routes for notify in route.notify)


class Problem(msgspec.Struct, frozen=True):
    """What is wrong in a rule file, where, and a likely mend. `line` counts from 1; 0 is the whole file."""

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.field, self.text) if part)


class RuleFilesError(Exception):
    """The rule files cannot be used; `problems` says why, in the order of the files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
