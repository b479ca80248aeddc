"""Rule files to a RuleSet, whole or not at all: every problem of every file is reported at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from rules.files import read_sources
from rules.model import Count, Problem, Route, RuleFilesError, RuleSet, leaves
from rules.nodes import Unreadable, read
from rules.page import read_page
from rules.reading import Page, nearest
from rules.zones import zone_problem

__all__ = ["Problem", "RuleFilesError", "RuleSet", "load", "parse_texts"]

MAX_ROUTES: Final = 20_000
"""A thousand take some hundredths of a millisecond to half a millisecond a decision."""


def load(folder: Path, *, default_timezone: str) -> RuleSet:
    """The rules of a folder: every `*.yaml` by relative path but `test_*.yaml`. Raises RuleFilesError."""
    return parse_texts(read_sources(folder), default_timezone=default_timezone)


def parse_texts(texts: Mapping[str, str], *, default_timezone: str) -> RuleSet:
    """The rules of {file name: text}, as `load` would read them. Raises RuleFilesError."""
    problem = zone_problem(default_timezone)
    if problem:
        raise RuleFilesError((Problem("IM_TIMEZONE", 0, "", problem),))
    sources = {name: texts[name] for name in sorted(texts)}
    problems: list[Problem] = []
    routes: list[Route] = []
    counts: list[Count] = []
    used: list[tuple[str, str, int, str]] = []
    for file, text in sources.items():
        page = Page(file, default_timezone)
        _read(page, text, routes, counts)
        problems += page.problems
        used += [(name, file, line, field) for name, line, field in page.counts_used]
    problems += _across(routes, counts, used)
    if problems:
        raise RuleFilesError(tuple(sorted(problems, key=lambda one: (one.file, one.line))))
    return _rule_set(sources, default_timezone, tuple(routes), tuple(counts))


def _read(page: Page, text: str, routes: list[Route], counts: list[Count]) -> None:
    try:
        root = read(text)
    except Unreadable as error:
        page.wrong_at(error.line, "", error.text)
        return
    if root is not None:
        read_page(page, root, routes, counts)


def _across(routes: list[Route], counts: list[Count], used: list[tuple[str, str, int, str]]) -> list[Problem]:
    """What only all files together show: names given twice, and counts that nobody defines."""
    found = [*_twice("routes", "id", [(r.id, r.file, r.line) for r in routes])]
    found += _twice("counts", "name", [(c.name, c.file, c.line) for c in counts])
    names = [count.name for count in counts]
    for name, file, line, field in used:
        if name not in names:
            meant = nearest(name, names)
            mend = f"did you mean `recent.{meant}`?" if meant else "define it under `counts`"
            found.append(Problem(file, line, field, f"there is no count `{name[:60]}`; {mend}"))
    if len(routes) > MAX_ROUTES:
        found.append(Problem("", 0, "routes", f"more than {MAX_ROUTES:,} routes"))
    return found


def _twice(field: str, what: str, named: list[tuple[str, str, int]]) -> list[Problem]:
    first: dict[str, tuple[str, int]] = {}
    found = []
    for name, file, line in named:
        if name in first:
            where = ":".join(str(part) for part in first[name])
            text = f"the {what} `{name}` is taken already ({where}); each must be unique over all files"
            found.append(Problem(file, line, field, text))
        first.setdefault(name, (file, line))
    return found


def _rule_set(
    sources: dict[str, str], default_timezone: str, routes: tuple[Route, ...], counts: tuple[Count, ...]
) -> RuleSet:
    by_name = {f"recent.{count.name}": count for count in counts}
    watching = [
        (
            route,
            tuple(
                {
                    leaf.field: by_name[leaf.field] for leaf in leaves(route.when) if leaf.field in by_name
                }.values()
            ),
        )
        for route in routes
    ]
    return RuleSet(
        hash=content_hash(sources, default_timezone),
        routes=routes,
        counts=counts,
        sources=sources,
        default_timezone=default_timezone,
        order={route.id: place for place, route in enumerate(routes)},
        watching=tuple(pair for pair in watching if pair[1]),
    )


def content_hash(sources: Mapping[str, str], default_timezone: str) -> str:
    """The sha256 (hex) that names a rule set: files by name, and the default time zone."""
    canonical = json.dumps([default_timezone, sorted(sources.items())], separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
