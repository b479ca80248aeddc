"""When to try a delivery again: a decision value from the failure and the number of tries."""

from __future__ import annotations

import random
from typing import Final

import msgspec

from adapters.contract import DeliveryError, Reason

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 300.0


class Again(msgspec.Struct, frozen=True):
    """Try again after `wait` seconds. Tries are bounded by the delivery's expiry, not by their number."""

    wait: float


class GiveUp(msgspec.Struct, frozen=True):
    """Nothing that waiting would mend."""


def after(error: DeliveryError, attempts: int, dice: random.Random) -> Again | GiveUp:
    """What to do after the given failure of try number `attempts` (1 is the first).

    The platform's Retry-After is obeyed to the second; without one the wait doubles, with full jitter
    so that what failed together does not come back together.
    """
    if not error.reason.retryable:
        return GiveUp()
    if error.retry_after is not None:
        return Again(error.retry_after + dice.uniform(0, 0.05))
    ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 12))
    return Again(dice.uniform(ceiling / 2, ceiling))


def explain(error: DeliveryError, decision: Again | GiveUp) -> str:
    """What is shown beside a delivery that did not succeed: `delayed 40 s: Slack answered 429`."""
    if isinstance(decision, GiveUp):
        return error.detail
    kind = "delayed" if error.reason is Reason.RATE_LIMITED else "next try in"
    return f"{kind} {decision.wait:.0f} s: {error.detail}"
