"""From the routes that match to a Decision: `stop`, `always` and `mode: shadow`."""

from __future__ import annotations

from collections.abc import Iterable

from rules.decision import Decision, Fired
from rules.facts import Facts
from rules.model import Route, RuleSet


def decide(rule_set: RuleSet, matched_ids: Iterable[str], facts: Facts) -> Decision:
    """What is sent, in file order.

    After a route with `stop` has fired only `always` routes fire; the others that matched are `skipped`.
    A shadow route fires on record only, and never stops.
    """
    fired: list[Fired] = []
    skipped: list[str] = []
    stopped_by: str | None = None
    for place in sorted([rule_set.order[route_id] for route_id in matched_ids]):
        route = rule_set.routes[place]
        if stopped_by is not None and not route.always:
            skipped.append(route.id)
            continue
        fired.append(_fired(route, facts))
        if route.stop and not route.shadow and stopped_by is None:
            stopped_by = route.id
    return Decision(rule_set.hash, tuple(fired), stopped_by, tuple(skipped))


def _fired(route: Route, facts: Facts) -> Fired:
    return Fired(route.id, route.priority, route.notify, route.shadow, route.reasons(facts))
