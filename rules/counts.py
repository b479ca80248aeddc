"""Counts of recent events: which ones an event adds to, and which have to be known before deciding.

The router keeps the marks. For one event: add its marks (`counting`), read how many marks the window of each
`looked_up` (count, key) holds up to and including this event, put them into `facts.recent` by the count's
name, then decide.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from rules.evaluate import getter
from rules.facts import Facts
from rules.model import Count, RuleSet

_MAX_KEY: Final = 500
"""Characters; longer keys are replaced by their hash, so that a database can index them."""

Counted = tuple[Count, str]


def counting(rule_set: RuleSet, facts: Facts) -> tuple[Counted, ...]:
    """The counts this event adds to, each with the key it adds to."""
    return tuple([(count, key(count, facts)) for count in rule_set.counts if count.test(facts)])


def looked_up(rule_set: RuleSet, facts: Facts) -> tuple[Counted, ...]:
    """The counts on which the decision about this event may hang, each with its key."""
    wanted: dict[str, Count] = {}
    for route, counts in rule_set.watching:
        if route.possible(facts):
            wanted.update((count.name, count) for count in counts)
    return tuple([(count, key(count, facts)) for count in wanted.values()])


def key(count: Count, facts: Facts) -> str:
    """The values of the `by` fields as a JSON array; a missing one is null, which is a key of its own."""
    text = json.dumps([getter(field)(facts) for field in count.by], separators=(",", ":"))
    return text if len(text) <= _MAX_KEY else f"sha256:{sha256(text.encode()).hexdigest()}"
