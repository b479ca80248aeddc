"""Why a message went where it went: a decision explained by the rules that were in force when it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from router.problems import NotFound
from router.store import Store
from rules.evaluate import explain
from rules.facts import Facts
from rules.live import LiveRules
from rules.load import RuleFilesError, parse_texts


async def decision(store: Store, decision_id: str) -> dict[str, Any]:
    """A decision with, for each route, whether it fired and each of its conditions with its value."""
    row = await store.row("events.decision", {"id": decision_id})
    if row is None:
        raise NotFound(f"there is no decision `{decision_id}`")
    sources, timezone = row.pop("sources"), row.pop("timezone")
    row["reasons"] = await asyncio.to_thread(_reasons, sources or {}, timezone or "UTC", row["facts"])
    return row


def _reasons(sources: Mapping[str, str], timezone: str, facts: Mapping[str, Any]) -> Any:
    """Route by route; nothing where this release refuses rules that an earlier one took."""
    try:
        rule_set = parse_texts(sources, default_timezone=timezone)
    except RuleFilesError:
        return []
    return msgspec.to_builtins(explain(rule_set, msgspec.convert(facts, type=Facts)))


def in_force(live: LiveRules) -> dict[str, Any]:
    """The rule set in force."""
    rule_set = live.current[0]
    return {
        "hash": rule_set.hash,
        "files": sorted(rule_set.sources),
        "routes": [{"id": route.id, "file": route.file, "line": route.line} for route in rule_set.routes],
        "problems": [str(problem) for problem in live.problems],
    }


def validated(files: Mapping[str, str], timezone: str) -> dict[str, Any]:
    """The problems of rule files, which are not put into force."""
    try:
        rule_set = parse_texts(files, default_timezone=timezone)
    except RuleFilesError as error:
        return {
            "ok": False,
            "problems": [msgspec.to_builtins(p) | {"message": str(p)} for p in error.problems],
        }
    return {"ok": True, "hash": rule_set.hash, "routes": len(rule_set.routes), "problems": []}
