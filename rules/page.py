"""Reads one rule file: its routes and counts, with everything a later release will bring refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from rules.conditions import top
from rules.decision import Notify, Priority
from rules.evaluate import possible_of, reasons_of, test_of
from rules.model import TEXT_FIELDS, Condition, Count, Route
from rules.nodes import Node, Scalar
from rules.reading import Page, join, not_yet, shown, unknown
from rules.zones import zone_problem

TARGETS: Final = (
    "severity_channel",
    "service_channel",
    "incident_channels",
    "management",
    "sla_breach",
    "team_channels",
    "default",
    "archive",
    "war_room",
)
MAX_WITHIN: Final = 30 * 86_400
_TARGETS_LATER: Final[Mapping[str, str]] = {
    "assignee": "a message to whoever the incident is assigned to",
    "on_call": "a message to whoever is on call",
}
_LATER: Final[Mapping[str, str]] = {
    "inhibit": "one incident silencing others",
    "sla": "deadlines by severity",
    "escalate": "steps while nobody reacts",
    "heartbeats": "an alarm when a source falls silent",
    "digests": "summaries by the calendar",
}
_PAGE_KEYS: Final = ("version", "timezone", "routes", "counts")
_ROUTE_KEYS: Final = (
    "id", "description", "when", "notify", "priority", "always", "stop", "mode",
)  # fmt: skip
_ROUTE_LATER: Final[Mapping[str, str]] = {"group": "several events in one message"}
_NOTIFY_KEYS: Final = ("to", "provider", "channel", "template")
_COUNT_KEYS: Final = ("of", "by", "within")
_MODES: Final = ("shadow",)
_PRIORITIES: Final = ("urgent", "normal", "low")
_ROUTE_EXAMPLE: Final = "{id: sev1, when: {severity: SEV-1}, notify: [{to: management}]}"
_NOTIFY_EXAMPLE: Final = "[{to: severity_channel}]"


def read_page(page: Page, root: Node, routes: list[Route], counts: list[Count]) -> None:
    """Adds the file's routes and counts; what is wrong goes to the page."""
    entries = page.entries(root, "", _PAGE_KEYS, "routes: [..]", _LATER)
    if entries is None:
        return
    if "version" in entries:
        _version(page, entries["version"])
    if "timezone" in entries:
        _timezone(page, entries["timezone"])
    if "counts" in entries:
        counts += _counts(page, entries["counts"])
    if "routes" in entries:
        items = page.listing(entries["routes"], "routes", f"[{_ROUTE_EXAMPLE}]") or ()
        read = (_route(page, node, f"routes[{place}]") for place, node in enumerate(items))
        routes += [route for route in read if route is not None]


def _version(page: Page, node: Node) -> None:
    if not isinstance(node, Scalar) or node.text != "1":
        page.wrong(node, "version", "this release reads version 1; write `version: 1`")


def _timezone(page: Page, node: Node) -> None:
    name = page.text(node, "timezone")
    problem = zone_problem(name) if name is not None else None
    if problem:
        page.wrong(node, "timezone", problem)
    elif name is not None:
        page.timezone = name


# Routes ----------------------------------------------------------------------------------------------


def _route(page: Page, node: Node, field: str) -> Route | None:
    entries = page.entries(node, field, _ROUTE_KEYS, _ROUTE_EXAMPLE, _ROUTE_LATER)
    if entries is None:
        return None
    before = len(page.problems)
    route_id = _required_id(page, node, entries, field)
    when = _required_when(page, node, entries, field)
    notify = _required_notify(page, node, entries, field)
    description = (
        page.text(entries["description"], f"{field}.description") if "description" in entries else None
    )
    priority = _choice(page, entries, field, "priority", _PRIORITIES)
    mode = _choice(page, entries, field, "mode", _MODES)
    always, stop = _flag(page, entries, field, "always"), _flag(page, entries, field, "stop")
    if route_id is None or when is None or notify is None or len(page.problems) > before:
        return None
    return Route(
        id=route_id,
        description=description,
        when=when,
        notify=notify,
        priority=cast("Priority | None", priority),
        always=always,
        stop=stop,
        shadow=mode == "shadow",
        file=page.file,
        line=node.line,
        test=test_of(when),
        possible=possible_of(when),
        reasons=reasons_of(when),
    )


def _required_id(page: Page, node: Node, entries: Mapping[str, Node], field: str) -> str | None:
    if "id" in entries:
        return page.name(entries["id"], f"{field}.id")
    page.wrong(node, f"{field}.id", "is missing; decisions and analytics name the route by it")
    return None


def _required_when(page: Page, node: Node, entries: Mapping[str, Node], field: str) -> Condition | None:
    if "when" in entries:
        return top(page, entries["when"], f"{field}.when")
    page.wrong(node, f"{field}.when", "is missing; `when: {}` means every event")
    return None


def _required_notify(
    page: Page, node: Node, entries: Mapping[str, Node], field: str
) -> tuple[Notify, ...] | None:
    place = f"{field}.notify"
    if "notify" not in entries:
        text = f"is missing; for example `notify: {_NOTIFY_EXAMPLE}`, or `notify: []` to send nothing"
        page.wrong(node, place, text)
        return None
    items = page.listing(entries["notify"], place, _NOTIFY_EXAMPLE)
    if items is None:
        return None
    read = [_notify(page, item, f"{place}[{at}]") for at, item in enumerate(items)]
    return tuple(one for one in read if one is not None)


def _notify(page: Page, node: Node, field: str) -> Notify | None:
    entries = page.entries(node, field, _NOTIFY_KEYS, "{to: severity_channel}")
    if entries is None:
        return None
    if not _addressed(entries):
        page.wrong(node, field, "give either `to`, or `provider` and `channel` together")
        return None
    to = _target(page, entries["to"], f"{field}.to") if "to" in entries else None
    provider, template = (
        page.name(entries[key], f"{field}.{key}") if key in entries else None
        for key in ("provider", "template")
    )
    channel = page.text(entries["channel"], f"{field}.channel") if "channel" in entries else None
    return Notify(to, provider, channel, template)


def _addressed(entries: Mapping[str, Node]) -> bool:
    given = {key for key in ("to", "provider", "channel") if key in entries}
    return given in ({"to"}, {"provider", "channel"})


def _target(page: Page, node: Node, field: str) -> str | None:
    name = page.text(node, field)
    if name is None or name in TARGETS:
        return name
    later = _TARGETS_LATER.get(name)
    page.wrong(node, field, not_yet(name, later) if later else unknown("target", name, TARGETS))
    return None


def _choice(
    page: Page, entries: Mapping[str, Node], field: str, key: str, known: tuple[str, ...]
) -> str | None:
    return page.one_of(entries[key], join(field, key), known, key) if key in entries else None


def _flag(page: Page, entries: Mapping[str, Node], field: str, key: str) -> bool:
    return bool(page.truth(entries[key], join(field, key))) if key in entries else False


# Counts ----------------------------------------------------------------------------------------------


def _counts(page: Page, node: Node) -> list[Count]:
    items = page.mapping(node, "counts", "my_count: {of: {event: incident.created}, within: 10m}")
    read = (_count(page, key, value) for key, value in items or ())
    return [count for count in read if count is not None]


def _count(page: Page, key: Scalar, node: Node) -> Count | None:
    field = join("counts", key.text[:60])
    name = page.name(Scalar(key.text, key.line, quoted=True), field)
    entries = page.entries(node, field, _COUNT_KEYS, "{of: {event: incident.created}, within: 10m}")
    if name is None or entries is None:
        return None
    for required, example in (("of", "of: {event: incident.created}"), ("within", "within: 10m")):
        if required not in entries:
            page.wrong(key, f"{field}.{required}", f"is missing; for example `{example}`")
            return None
    of = _counted(page, entries["of"], f"{field}.of")
    within = page.duration(entries["within"], f"{field}.within", MAX_WITHIN)
    by = _by(page, entries["by"], f"{field}.by") if "by" in entries else ()
    if of is None or within is None or by is None:
        return None
    return Count(name=name, of=of, by=by, within=within, file=page.file, line=key.line, test=test_of(of))


def _counted(page: Page, node: Node, field: str) -> Condition | None:
    """What is counted; it cannot hang on a count itself."""
    used = len(page.counts_used)
    of = top(page, node, field)
    for _, line, place in page.counts_used[used:]:
        page.wrong_at(line, place, "a count cannot look at a count; use `recent` in the routes only")
    failed = len(page.counts_used) > used
    del page.counts_used[used:]
    return None if failed else of


def _by(page: Page, node: Node, field: str) -> tuple[str, ...] | None:
    items = page.listing(node, field, "[service]")
    if items is None:
        return None
    names = [page.text(item, f"{field}[{place}]") for place, item in enumerate(items)]
    for item, name in zip(items, names, strict=True):
        if name is not None and name not in TEXT_FIELDS and not name.startswith("labels."):
            page.wrong(item, field, f"{shown(name)}: " + unknown("field", name, (*TEXT_FIELDS, "labels")))
            return None
    known = [name for name in names if name is not None]
    return tuple(dict.fromkeys(known)) if len(known) == len(names) else None
