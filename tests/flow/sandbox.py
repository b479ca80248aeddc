"""The sandbox as a place in flow tests."""

from __future__ import annotations
from typing import Any


class SandboxPlace: ...


def sandbox_place(*a: Any, **k: Any) -> Any: ...
