"""Words with one slip of the fingers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Slip = Literal["none", "swapped", "missing", "extra", "other"]


def slip(said: str, meant: str) -> Slip | None:
    """What is wrong with a word: two letters swapped, one missing, extra or another; None for more."""
    if said == meant:
        return "none"
    ahead = next((at for at, (a, b) in enumerate(zip(said, meant, strict=False)) if a != b), None)
    if ahead is not None:
        said, meant = said[ahead:], meant[ahead:]
    else:  # one is the start of the other
        shorter = min(len(said), len(meant))
        said, meant = said[shorter:], meant[shorter:]
    if said[1:] == meant:
        return "extra"
    if said == meant[1:]:
        return "missing"
    if said[1:] == meant[1:]:
        return "other"
    swapped = said[:2] == meant[1::-1] and said[2:] == meant[2:]
    return "swapped" if swapped else None


def meant(said: str, known: Iterable[str], *, at_least: int) -> str:
    """The one known word that `said` is but for a slip; `said` itself where there is none or several.

    Words of fewer letters than `at_least` are not changed, nor made of others.
    """
    words = tuple(known)
    if len(said) < at_least or said in words:
        return said
    alike = [word for word in words if len(word) >= at_least and slip(said, word)]
    return alike[0] if len(alike) == 1 else said
