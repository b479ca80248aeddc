"""What the rules decided about one event, with the reasons in words."""

from __future__ import annotations

from typing import Literal

import msgspec

Priority = Literal["urgent", "normal", "low"]


class Notify(msgspec.Struct, frozen=True):
    """One receiver: an abstract target (`to`), or a channel of one provider."""

    to: str | None = None
    provider: str | None = None
    channel: str | None = None
    template: str | None = None


class Fired(msgspec.Struct, frozen=True):
    """A route that fired. `priority` is None where the file gives none: the event's own applies."""

    route: str
    priority: Priority | None
    notify: tuple[Notify, ...]
    shadow: bool
    why: tuple[str, ...]
    """A sentence for each condition that made it true: "severity is SEV-1"."""


class Decision(msgspec.Struct, frozen=True):
    """All routes that fired, in file order."""

    rule_set: str
    """The hash of the rule set that decided."""
    fired: tuple[Fired, ...]
    stopped_by: str | None = None
    skipped: tuple[str, ...] = ()
    """Routes that matched but were hidden by the stop."""
