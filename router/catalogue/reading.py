"""A catalogue from its YAML: every mistake with its line, its field and the mend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from router.catalogue.calendars import CalendarRef
from router.catalogue.catalogue import (
    EMPTY,
    Catalogue,
    CatalogueError,
    Channels,
    Layer,
    Maintenance,
    Override,
    Person,
    Rotation,
    Service,
    Team,
    folded,
    instant,
)
from rules.conditions import condition
from rules.model import Leaf, Problem
from rules.nodes import Map, Node, Scalar, Seq, Unreadable, read
from rules.reading import Page, join, shown, unknown
from rules.windows import Window
from rules.zones import zone_problem

T = TypeVar("T")

_PAGE_KEYS: Final = ("version", "timezone", "teams", "services", "maintenance")
_TEAM_KEYS: Final = ("members", "channels", "timezone")
_MEMBER_KEYS: Final = ("account", "email", "name")
_SERVICE_KEYS: Final = ("aliases", "team", "channel", "runbook", "on_call")
_ON_CALL_KEYS: Final = ("rotation", "ical")
_LAYER_KEYS: Final = ("members", "start", "every", "timezone", "restrict")
_ROTATION_KEYS: Final = (*_LAYER_KEYS, "layers", "overrides")
_OVERRIDE_KEYS: Final = ("member", "from", "to")
_MAINTENANCE_KEYS: Final = ("name", "services", "ical", "from", "to", "timezone")
_TEAM_EXAMPLE: Final = "{members: [dana, omar], timezone: Europe/Berlin}"
_SERVICE_EXAMPLE: Final = "{team: shop, aliases: [cart]}"
_ON_CALL_EXAMPLE: Final = "{ical: schedules/shop.ics}"
_ROTATION_EXAMPLE: Final = "{members: [dana, omar], start: 2026-01-05T09:00, every: 1w}"
_OVERRIDE_EXAMPLE: Final = "{member: omar, from: 2026-02-02T09:00, to: 2026-02-03T09:00}"
_MAINTENANCE_EXAMPLE: Final = (
    "{name: upgrade, services: [search], from: 2026-02-02T22:00, to: 2026-02-03T02:00}"
)
_EVERY: Final = re.compile(r"([1-9][0-9]{0,2})(h|d|w)")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WALL: Final = re.compile(r"(20[0-9]{2}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::00)?)?")
_OFFSET: Final = re.compile(r".*[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9:]{2,5})", re.IGNORECASE)
_NO_ADDRESS: Final = "is no address; give one that begins with https://, or a path relative to the catalogue"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def parse(text: str, *, file: str, folder: Path, default_timezone: str) -> Catalogue:
    """The catalogue of a text; paths in it are relative to `folder`. Raises CatalogueError."""
    page = Page(file, default_timezone)
    try:
        root = read(text)
    except Unreadable as error:
        raise CatalogueError((Problem(file, error.line, "", error.text),)) from None
    catalogue = _Reading(page, folder).catalogue(root) if root is not None else EMPTY
    if page.problems:
        raise CatalogueError(tuple(sorted(page.problems, key=lambda one: one.line)))
    return catalogue


class _Reading:
    """One file while it is read: what its later parts refer to in the earlier ones."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.people: dict[str, Person] = {}
        self.teams: dict[str, Team] = {}
        self.services: dict[str, Service] = {}
        self.taken: dict[str, tuple[str, int]] = {}
        """(service, line) of every name and alias, folded."""

    def catalogue(self, root: Node) -> Catalogue:
        page = self.page
        entries = page.entries(root, "", _PAGE_KEYS, "services: {..}") or {}
        if (node := entries.get("version")) and (not isinstance(node, Scalar) or node.text != "1"):
            page.wrong(node, "version", "this release reads version 1; write `version: 1`")
        page.timezone = self.zone(entries, "", page.timezone)
        for key, node in self.named(entries, "teams", f"shop: {_TEAM_EXAMPLE}"):
            self.team(key, node, f"teams.{key.text[:60]}")
        services = self.named(entries, "services", f"checkout: {_SERVICE_EXAMPLE}")
        for key, _ in services:
            self.take(key, key.text, key.text, f"services.{key.text[:60]}")
        for key, node in services:
            self.service(key, node, f"services.{key.text[:60]}")
        maintenance = self.each(entries, "maintenance", "", _MAINTENANCE_EXAMPLE, self.maintenance)
        return Catalogue(
            teams=self.teams,
            services=self.services,
            people=self.people,
            maintenance=maintenance,
            known_as={name: service for name, (service, _) in self.taken.items()},
        )

    # Small parts: None (or what was there before) where something was wrong and has been reported.

    def named(self, entries: Mapping[str, Node], key: str, example: str) -> list[tuple[Scalar, Node]]:
        items = self.page.mapping(entries[key], key, example) if key in entries else ()
        return [(name, node) for name, node in items or () if self.page.text(name, key) is not None]

    def each(
        self,
        entries: Mapping[str, Node],
        key: str,
        field: str,
        example: str,
        one: Callable[[Node, str], T | None],
    ) -> tuple[T, ...]:
        place = join(field, key)
        nodes = self.page.listing(entries[key], place, f"[{example}]") if key in entries else ()
        found = (one(node, f"{place}[{number}]") for number, node in enumerate(nodes or ()))
        return tuple(value for value in found if value is not None)

    def zone(self, entries: Mapping[str, Node], field: str, otherwise: str) -> str:
        if "timezone" not in entries:
            return otherwise
        node, place = entries["timezone"], join(field, "timezone")
        name = self.page.text(node, place)
        problem = zone_problem(name) if name is not None else None
        if problem:
            self.page.wrong(node, place, problem)
        return otherwise if problem or name is None else name

    def wall(self, node: Node, field: str) -> datetime | None:
        """A wall time, without a zone."""
        text = node.text if isinstance(node, Scalar) else ""
        matched = _WALL.fullmatch(text)
        try:
            if matched:
                return datetime.fromisoformat(f"{matched[1]}T{matched[2] or '00:00'}")
        except ValueError:  # the 30th of February
            pass
        offset = _OFFSET.fullmatch(text) is not None
        mend = "; leave the offset out, the time zone is `timezone`" if offset else ""
        self.page.wrong(node, field, f"write a date and local time such as 2026-01-05T09:00{mend}")
        return None

    def between(
        self, node: Node, entries: Mapping[str, Node], field: str, zone: str
    ) -> tuple[datetime, datetime] | None:
        """`from` and `to` as aware UTC."""
        if not self.has_all(node, entries, ("from", "to"), field):
            return None
        first, last = (self.wall(entries[key], join(field, key)) for key in ("from", "to"))
        if first is None or last is None:
            return None
        starts, ends = instant(first, zone), instant(last, zone)
        if ends <= starts:
            self.page.wrong(entries["to"], join(field, "to"), "is not after `from`; swap or mend them")
            return None
        return starts, ends

    def has_all(self, node: Node, entries: Mapping[str, Node], keys: tuple[str, ...], field: str) -> bool:
        missing = [key for key in keys if key not in entries]
        for key in missing:
            self.page.wrong(node, field, f"`{key}` is missing; add it")
        return not missing

    # Teams

    def team(self, key: Scalar, node: Node, field: str) -> None:
        entries = self.page.entries(node, field, _TEAM_KEYS, _TEAM_EXAMPLE) or {}
        members = self.each(entries, "members", field, "dana, omar", self.member)
        channels = self.channels(entries, "channels", field)
        zone = self.zone(entries, field, self.page.timezone)
        self.teams[key.text] = Team(name=key.text, members=members, channels=channels, timezone=zone)

    def member(self, node: Node, field: str) -> str | None:
        if not isinstance(node, Map):
            account = self.page.text(node, field)
            return None if account is None else self.person(node, field, Person(account))
        entries = self.page.entries(node, field, _MEMBER_KEYS, "{account: dana, email: dana@example.com}")
        if entries is None or not self.has_all(node, entries, ("account",), field):
            return None
        given = {key: self.page.text(value, join(field, key)) for key, value in entries.items()}
        if None in given.values():
            return None
        return self.person(node, field, msgspec.convert(given, Person))

    def person(self, node: Node, field: str, person: Person) -> str | None:
        """Who is in several teams may be described in any of them, but not in two ways."""
        known = self.people.get(person.account, person)
        for what in ("email", "name"):
            old, new = getattr(known, what), getattr(person, what)
            if old and new and old != new:
                self.page.wrong(
                    node,
                    field,
                    f"`{person.account[:60]}` has another {what} in another team; give one of them",
                )
                return None
        self.people[person.account] = Person(
            person.account, known.email or person.email, known.name or person.name
        )
        return person.account

    def channels(self, entries: Mapping[str, Node], key: str, field: str) -> Channels:
        if key not in entries:
            return Channels()
        node, place = entries[key], join(field, key)
        if not isinstance(node, Map):
            return Channels(everywhere=self.texts(node, place))
        by_provider = {
            provider.text: self.texts(value, join(place, provider.text[:60]))
            for provider, value in node.items
        }
        return Channels(by_provider=by_provider)

    def texts(self, node: Node, field: str) -> tuple[str, ...]:
        """A text, or a list of such."""
        nodes = (
            (node,) if isinstance(node, Scalar) else self.page.listing(node, field, "[C0123, C0456]") or ()
        )
        found = [self.page.text(one, field) for one in nodes]
        return tuple(text for text in found if text is not None)

    # Services

    def take(self, node: Node, text: str, service: str, field: str) -> None:
        """Registers a name or alias of a service."""
        other, line = self.taken.setdefault(folded(text), (service, node.line))
        if other != service:
            self.page.wrong(
                node,
                field,
                f"{shown(text)} is taken by the service `{other[:60]}` (line {line}); choose another: names "
                "and aliases are unique, whatever their case",
            )

    def service(self, key: Scalar, node: Node, field: str) -> None:
        page = self.page
        entries = page.entries(node, field, _SERVICE_KEYS, _SERVICE_EXAMPLE) or {}
        aliases = self.texts(entries["aliases"], join(field, "aliases")) if "aliases" in entries else ()
        for alias in aliases:
            self.take(entries["aliases"], alias, key.text, join(field, "aliases"))
        team = ""
        if "team" in entries:
            team = page.one_of(entries["team"], join(field, "team"), self.teams, "team") or ""
        zone = self.teams[team].timezone if team else page.timezone
        self.services[key.text] = Service(
            name=key.text,
            aliases=aliases,
            team=team,
            channel=self.channels(entries, "channel", field),
            runbook=self.runbook(entries, field),
            on_call=self.on_call(entries["on_call"], join(field, "on_call"), zone)
            if "on_call" in entries
            else None,
        )

    def runbook(self, entries: Mapping[str, Node], field: str) -> str:
        if "runbook" not in entries:
            return ""
        node, place = entries["runbook"], join(field, "runbook")
        text = self.page.text(node, place)
        if text is not None and not text.startswith(("https://", "http://")):
            self.page.wrong(node, place, f"{shown(text)} is no address; give one that begins with https://")
        return text or ""

    # Schedules

    def on_call(self, node: Node, field: str, zone: str) -> Rotation | CalendarRef | None:
        entries = self.page.entries(node, field, _ON_CALL_KEYS, _ON_CALL_EXAMPLE)
        if entries is None:
            return None
        if len(entries) != 1:
            self.page.wrong(node, field, f"give either `rotation` or `ical`, for example {_ON_CALL_EXAMPLE}")
            return None
        if "ical" in entries:
            return self.ical(entries["ical"], join(field, "ical"), zone)
        return self.rotation(entries["rotation"], join(field, "rotation"), zone)

    def ical(self, node: Node, field: str, zone: str) -> CalendarRef | None:
        """A path, or an address; that is never shown, because feeds carry a token in it."""
        text = self.page.text(node, field)
        if text is None:
            return None
        if "://" not in text:
            return CalendarRef(str(self.folder / text), text, zone)
        address = "https://" + text.removeprefix("webcal://") if text.startswith("webcal://") else text
        problem = _address_problem(address)
        if problem:
            self.page.wrong(node, field, problem)
            return None
        return CalendarRef(address, urlsplit(address).hostname or "", zone)  # it parses: just checked

    def rotation(self, node: Node, field: str, zone: str) -> Rotation | None:
        page = self.page
        entries = page.entries(node, field, _ROTATION_KEYS, _ROTATION_EXAMPLE)
        if entries is None:
            return None
        zone = self.zone(entries, field, zone)
        own = [key for key in _LAYER_KEYS if key in entries and key != "timezone"]
        if "layers" in entries and own:
            page.wrong(
                entries[own[0]], join(field, own[0]), "beside `layers`; move it into one of the layers"
            )
            return None
        if "layers" in entries:
            layers = self.each(
                entries, "layers", field, _ROTATION_EXAMPLE, lambda one, place: self.layer(one, place, zone)
            )
        else:
            only = self.turns(node, entries, field, zone)
            layers = (only,) if only else ()
        overrides = self.each(
            entries, "overrides", field, _OVERRIDE_EXAMPLE, lambda one, place: self.override(one, place, zone)
        )
        return Rotation(layers, overrides)

    def layer(self, node: Node, field: str, zone: str) -> Layer | None:
        entries = self.page.entries(node, field, _LAYER_KEYS, _ROTATION_EXAMPLE)
        return None if entries is None else self.turns(node, entries, field, self.zone(entries, field, zone))

    def turns(self, node: Node, entries: Mapping[str, Node], field: str, zone: str) -> Layer | None:
        """A layer from its entries, its zone known."""
        if not self.has_all(node, entries, ("members", "start", "every"), field):
            return None
        members = self.each(entries, "members", field, "dana, omar", self.known_person)
        start = self.wall(entries["start"], join(field, "start"))
        every = self.every(entries["every"], join(field, "every"))
        place = join(field, "restrict")
        restrict = self.restrict(entries["restrict"], place, zone) if "restrict" in entries else None
        if isinstance(entries["members"], Seq) and not entries["members"].items:
            self.page.wrong(node, join(field, "members"), "is an empty list; name at least one member")
        if not members or start is None or every is None:
            return None
        return Layer(members, start, every, zone, restrict)

    def known_person(self, node: Node, field: str) -> str | None:
        account = self.page.text(node, field)
        if account is None or account in self.people:
            return account
        self.page.wrong(node, field, unknown_member(account, self.people))
        return None

    def every(self, node: Node, field: str) -> timedelta | None:
        matched = _EVERY.fullmatch(node.text if isinstance(node, Scalar) else "")
        if matched is None:
            self.page.wrong(node, field, "write a number of hours, days or weeks, for example 12h, 1d or 1w")
            return None
        return int(matched[1]) * _UNITS[matched[2]]

    def restrict(self, node: Node, field: str, zone: str) -> Window | None:
        """A window, read as the rules' `local_time` is."""
        aside = Page(self.page.file, zone)
        name = Scalar("local_time", node.line, quoted=True)
        found = condition(aside, Map(((name, node),), node.line), field)
        for one in aside.problems:
            self.page.wrong_at(one.line, one.field.replace(f"{field}.local_time", field), one.text)
        return found.value if isinstance(found, Leaf) and isinstance(found.value, Window) else None

    def override(self, node: Node, field: str, zone: str) -> Override | None:
        entries = self.page.entries(node, field, _OVERRIDE_KEYS, _OVERRIDE_EXAMPLE)
        if entries is None or not self.has_all(node, entries, ("member",), field):
            return None
        member = self.known_person(entries["member"], join(field, "member"))
        when = self.between(node, entries, field, zone)
        return Override(member, *when) if member is not None and when is not None else None

    # Maintenance

    def maintenance(self, node: Node, field: str) -> Maintenance | None:
        entries = self.page.entries(node, field, _MAINTENANCE_KEYS, _MAINTENANCE_EXAMPLE)
        if entries is None or not self.has_all(node, entries, ("name", "services"), field):
            return None
        name = self.page.text(entries["name"], join(field, "name"))
        services = self.each(entries, "services", field, "search", self.known_service)
        zone = self.zone(entries, field, self.page.timezone)
        if "ical" in entries and ("from" in entries or "to" in entries):
            self.page.wrong(node, field, "give either `ical`, or `from` and `to`")
            return None
        when: tuple[datetime, datetime] | CalendarRef | None
        if "ical" in entries:
            when = self.ical(entries["ical"], join(field, "ical"), zone)
        else:
            when = self.between(node, entries, field, zone)
        return None if name is None or when is None else Maintenance(name=name, services=services, when=when)

    def known_service(self, node: Node, field: str) -> str | None:
        text = self.page.text(node, field)
        found = self.taken.get(folded(text)) if text is not None else None
        if found is None and text is not None:
            self.page.wrong(node, field, unknown("service", text, tuple(self.services)))
        return found[0] if found else None


def unknown_member(account: str, people: Iterable[str]) -> str:
    """What to say of an account that no team has."""
    return f"{unknown('member', account, tuple(people))}; members are those of `teams`"


def _address_problem(address: str) -> str | None:
    """Why a calendar cannot be fetched from an address; it says nothing of the address itself."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that do not belong together
        return _NO_ADDRESS
    if not parts.hostname or parts.scheme not in ("https", "http"):
        return _NO_ADDRESS
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "http would show the schedule to the network; give an address that begins with https://"
    if parts.username or parts.password:
        return "holds a user or password; give a feed's address, which needs none"
    return None
