"""What every long-running process does once it is set up."""

from __future__ import annotations

import gc
from typing import Final

_ALLOCATIONS: Final = 50_000
"""Between collections of the youngest objects. The default of 700 has the collector run many times for each
event, and find next to nothing: what an event needs forms no cycles."""


def settle() -> None:
    """Keep what was set up out of the garbage collector's way, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 20)
