"""`python -m rules.probe`: compiles a rule set and decides generated facts, in a process that may be killed.

Reads {"sources", "timezone"} as JSON from stdin. Prints the number of each chunk before it is compiled, so
that the parent can say which rules were at fault, then "ok" or "differs ROUTE_ID".
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Final

from rules.engine import Engine
from rules.evaluate import matching
from rules.load import parse_texts
from rules.model import RuleSet
from rules.samples import samples

CPU_SECONDS: Final = 5
_MEMORY: Final = 2 * 1024**3
_WORK: Final = 400_000
"""Routes times facts: some tenths of a second."""
_FACTS: Final = (20, 400)


def main() -> None:
    """Tries the rule set on stdin."""
    _limit()
    asked = json.load(sys.stdin)
    rule_set = parse_texts(asked["sources"], default_timezone=asked["timezone"])
    print(_tried(rule_set))  # noqa: T201 - the answer to the parent


def _limit() -> None:
    """A loop in C ends with SIGXCPU, however busy the machine; a leak ends with an error."""
    for what, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (limit, hard))


def _tried(rule_set: RuleSet) -> str:
    engine = Engine(rule_set, trace=lambda place: print(place, flush=True))  # noqa: T201
    engine.warm()
    least, most = _FACTS
    for facts in samples(rule_set, min(most, max(least, _WORK // (len(rule_set.routes) + 1)))):
        expected, found = matching(rule_set, facts), engine.matching(facts)
        if found != expected or engine.fallbacks:
            differing = sorted(set(found) ^ set(expected)) or list(expected) or [""]
            return f"differs {differing[0]}"
    return "ok"


if __name__ == "__main__":
    main()
