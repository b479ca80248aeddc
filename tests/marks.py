"""Marks that test files share."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

SLOW = pytest.mark.slow
"""Left out by `make test-fast`: dear, and what it shows a cheaper test there shows nearly as well."""


def quick_on(*quick: str, of: Iterable[str]) -> list[object]:
    """Parameters: the quick platforms are in `make test-fast`, all of them in `make test`."""
    return [name if name in quick else pytest.param(name, marks=SLOW) for name in of]
