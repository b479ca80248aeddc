"""What keeps a role from starting."""

from __future__ import annotations


class CannotStartError(Exception):
    """A role cannot start; one sentence with the mend."""
