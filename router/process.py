"""What long-running processes have in common: saying that they cannot begin, and settling once they have."""

from __future__ import annotations

import gc
from typing import Final

CANNOT_BEGIN: Final = 78
"""EX_CONFIG of sysexits.h: the exit code of a role whose settings, rules or database do not let it begin."""
_ALLOCATIONS: Final = 50_000
"""Between collections of the youngest objects. The default of 700 has the collector run many times for each
event, and find next to nothing: what an event needs forms no cycles."""


def settle() -> None:
    """Keep what was set up out of the garbage collector's way, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 20)
