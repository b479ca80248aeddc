"""Which incidents a question is about: its filters as they were said, for the store, and in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.chat import services
from router.chat.asked import Asked, World, sentence
from router.chat.lifecycle import person
from router.chat.periods import Period, period_of
from router.chat.usage import Misused
from router.dialogue import values
from router.events import STATUSES

ACTIVE: Final = ("open", "acknowledged")
"""What is still going on; people call it open."""
_LONGEST: Final = 60
_SEPARATORS: Final = re.compile(r"[\s_-]+")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; None and empty where nothing was said."""

    severity: str | None = None
    service: str | None = None
    """As it is shown."""
    unknown: str = ""
    """What to say where nobody knows the service: it may be a slip, or one that never broke."""
    called: tuple[str, ...] = ()
    """The names that its incidents may hold, written as the statements compare them."""
    statuses: tuple[str, ...] = ()
    """In the order of a life."""
    user: str | None = None
    period: Period | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """The statuses that count: those that were said; else all in a period, and what is going on now."""
        return self.statuses or (STATUSES if self.period else ACTIVE)

    def parameters(self) -> Mapping[str, Any]:
        """For the statements of sql/answers.sql."""
        return {
            "severity": self.severity,
            "services": list(self.called) or None,
            "assignee": self.user,
            "since": self.period.since if self.period else None,
            "until": self.period.until if self.period else None,
        }

    def noun(self, number: int, state: str = "") -> str:
        """`3 open SEV-1 incidents of checkout assigned to dana`; `No …` for none."""
        count = str(number) if number else "No"
        kind = " ".join(
            filter(None, (count, state, self.severity, "incident" if number == 1 else "incidents"))
        )
        of = f" of {self.service}" if self.service else ""
        held = f" assigned to {self.user}" if self.user else ""
        return f"{kind}{of}{held}"


async def selection(world: World, asked: Asked) -> Selection:
    """What a call asks for. Misused says what cannot be read, and what there is instead."""
    service, called, unknown = await _service(world, _argument(asked, "service"))
    return Selection(
        severity=_severity(_argument(asked, "severity")),
        service=service,
        called=called,
        unknown=unknown,
        statuses=_statuses(asked.argument("status")),
        user=await _user(world, asked, _argument(asked, "user")),
        period=period_of(world, asked),
    )


def _argument(asked: Asked, name: str) -> str | None:
    """An argument as the database can take it: nobody types U+0000 or half a character on purpose."""
    text = (asked.argument(name) or "").strip().replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode() or None


def _severity(text: str | None) -> str | None:
    if text is None:
        return None
    severity = values.severity(text)
    if severity is None:
        raise Misused(f"`{text[:_LONGEST]}` is not a severity; say SEV-1, SEV-2, SEV-3 or SEV-4")
    return severity


def _statuses(text: str | None) -> tuple[str, ...]:
    """The statuses of a word, or of several with commas; all of them for an empty text."""
    if text is None:
        return ()
    statuses = values.status(text) if text.strip() else STATUSES
    if not statuses:
        raise Misused(f"`{text[:_LONGEST]}` is not a status; say {', '.join(STATUSES)} or all")
    return statuses


async def _service(world: World, text: str | None) -> tuple[str | None, tuple[str, ...], str]:
    """A service as it is shown, the names that incidents give it (some are not in the catalogue), and what to
    say where nobody knows it."""
    if text is None:
        return None, (), ""
    catalogue = world.roster.live.current
    name = catalogue.service(text)
    if name is not None:
        names = (name, *catalogue.services[name].aliases)
        return name, tuple(dict.fromkeys(written(each) for each in names)), ""
    row = await world.parts.store.row("answers.service", {"service": written(text)})
    if row is None:
        return text[:_LONGEST], (written(text),), sentence(str(services.unknown(catalogue, text)))
    return row["service"], (written(text),), ""


def written(service: str) -> str:
    """A service's name as sql/answers.sql compares names: case, spaces, `-` and `_` do not matter."""
    return _SEPARATORS.sub("-", service.strip()).lower()


async def _user(world: World, asked: Asked, text: str | None) -> str | None:
    """Whom incidents are assigned to; senders also assign them to people who are in no chat."""
    if text is None:
        return None
    try:
        return await person(world, asked, text)
    except Misused:
        row = await world.parts.store.row("answers.assignee", {"assignee": text.removeprefix("@")})
        if row is None:
            raise
        return str(row["assignee"])
