"""What a service catalogue says: teams, services, channels, schedules, maintenance."""

from __future__ import annotations

import difflib
import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from router.catalogue.calendars import CalendarRef
from rules.model import Problem
from rules.windows import Window, span


class Person(msgspec.Struct, frozen=True):
    """A member by account name, with what calendars may call them."""

    account: str
    email: str = ""
    name: str = ""


class Channels(msgspec.Struct, frozen=True):
    """Channels by provider, or the same names on every provider."""

    everywhere: tuple[str, ...] = ()
    by_provider: dict[str, tuple[str, ...]] = {}

    def on(self, provider: str) -> tuple[str, ...]:
        """The channels on one provider; empty where none is named."""
        return self.by_provider.get(provider, self.everywhere)


class Override(msgspec.Struct, frozen=True):
    """Somebody stands in, from `starts` (inclusive) to `ends` (exclusive), both aware UTC."""

    member: str
    starts: datetime
    ends: datetime


class Layer(msgspec.Struct, frozen=True):
    """Members who take turns: the first from `start`; they hand over `every` so long, by wall time."""

    members: tuple[str, ...]
    start: datetime
    """Wall time in `zone`, without one of its own."""
    every: timedelta
    zone: str
    restrict: Window | None = None
    """Nobody of this layer is on call outside."""


class Rotation(msgspec.Struct, frozen=True):
    """The first layer that has somebody on call counts; an override goes before all, a later one first."""

    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """Whose services these are. `members` are account names."""

    name: str
    members: tuple[str, ...]
    channels: Channels
    timezone: str


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service as incidents name it. `team` is "" where nobody's is given, `runbook` an address or ""."""

    name: str
    aliases: tuple[str, ...] = ()
    team: str = ""
    channel: Channels = Channels()
    runbook: str = ""
    on_call: Rotation | CalendarRef | None = None

    def channel_on(self, provider: str) -> str | None:
        """The service's channel on a provider."""
        return next(iter(self.channel.on(provider)), None)


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """Planned work on services: one span of time (aware UTC), or the events of a calendar."""

    name: str
    services: tuple[str, ...]
    when: tuple[datetime, datetime] | CalendarRef


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the catalogue."""

    teams: dict[str, Team] = {}
    services: dict[str, Service] = {}
    people: dict[str, Person] = {}
    maintenance: tuple[Maintenance, ...] = ()
    known_as: dict[str, str] = {}
    """The service of every name and alias, as `folded` writes them."""

    def service(self, text: str) -> str | None:
        """The catalogue name of what somebody calls a service; case, spaces, `-` and `_` do not matter."""
        return self.known_as.get(folded(text))

    def names(self) -> tuple[str, ...]:
        """The catalogue names of all services, in the order of the file."""
        return tuple(self.services)

    def near(self, text: str) -> tuple[str, ...]:
        """At most three services that were probably meant, the likeliest first; the one itself if known."""
        wanted = folded(text)
        if wanted in self.known_as:
            return (self.known_as[wanted],)
        inside = [
            known for known in self.known_as if len(wanted) > 2 and (wanted in known or known in wanted)
        ]
        alike = difflib.get_close_matches(wanted, self.known_as, n=6, cutoff=0.6)
        return tuple(dict.fromkeys(self.known_as[known] for known in (*alike, *inside)))[:3]

    def team_of(self, service: str) -> Team | None:
        """The team of a service, by the service's catalogue name."""
        found = self.services.get(service)
        return self.teams.get(found.team) if found else None

    def calendars(self) -> tuple[CalendarRef, ...]:
        """Every calendar that schedules and maintenance name."""
        named = [one.on_call for one in self.services.values()] + [one.when for one in self.maintenance]
        return tuple(dict.fromkeys(ref for ref in named if isinstance(ref, CalendarRef)))


EMPTY: Final = Catalogue()


class CatalogueError(Exception):
    """The catalogue cannot be used; `problems` says why, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def folded(text: str) -> str:
    """A name as names are compared."""
    return re.sub(r"[\s_-]+", "-", text.strip()).casefold()


def instant(wall: datetime, zone: str) -> datetime:
    """The aware UTC of a wall time (whole minutes), as windows of rules have it.

    A time that daylight saving skips is the end of the gap; of one that it repeats, the first counts.
    """
    minute = wall.hour * 60 + wall.minute
    return span(Window((), minute, minute, zone, ""), wall.date())[0]
