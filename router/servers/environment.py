"""The environment that servers get: what finds libraries, and none of the caller's settings or secrets."""

from __future__ import annotations

import os

_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def environment() -> dict[str, str]:
    """PGHOST and its like would change where Postgres looks; a locale, what it says."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
