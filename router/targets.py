"""Targets: from what a rule says (`severity_channel`) to the channels of the providers that are active."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from adapters.config import ProviderConfig, template_for
from router.incidents import Incident
from rules.decision import Decision, Notify
from rules.model import ROOM

Address = tuple[str, str]
"""(provider, channel)"""

PRIORITIES: Final[Mapping[str, int]] = {"urgent": 0, "normal": 1, "low": 3}


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A configured provider, as routing sees it."""

    name: str
    platform: str
    active: bool
    config: ProviderConfig
    version: int

    @property
    def notifies(self) -> bool:
        """Whether abstract targets mean this provider too."""
        return self.active and self.config.enable_notifications


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one channel, with all routes that wanted it there."""

    provider: str
    channel: str
    priority: int
    template: str | None
    routes: tuple[str, ...]


class Context(msgspec.Struct, frozen=True):
    """What targets are resolved against."""

    providers: Mapping[str, Provider]
    incident: Incident | None
    """None for what happens in chat and is about no incident."""
    announced: tuple[Address, ...]
    """Where the incident has been announced."""
    rooms: tuple[Address, ...] = ()
    """Its war rooms that are open."""


def _one(channel: str) -> list[str]:
    return [channel] if channel else []


def severity_channel(provider: Provider, incident: Incident | None) -> list[str]:
    """notification_channels[severity], else its default, else default_channel."""
    given = provider.config.notification_channels
    severity = incident.severity if incident else ""
    return _one(given.get(severity) or given.get("default") or provider.config.default_channel)


def _service_channel(provider: Provider, incident: Incident | None) -> list[str]:
    service = incident.service if incident else None
    return _one(provider.config.service_channels.get(service or "", ""))


def _escalation(name: str) -> Callable[[Provider, Incident | None], list[str]]:
    return lambda provider, _: _one(provider.config.escalation_channels.get(name, ""))


_RESOLVERS: Final[Mapping[str, Callable[[Provider, Incident | None], list[str]]]] = {
    "severity_channel": severity_channel,
    "service_channel": _service_channel,
    "management": _escalation("management"),
    "sla_breach": _escalation("sla_breach"),
    "team_channels": lambda provider, _: list(provider.config.team_channels),
    "default": lambda provider, _: _one(provider.config.default_channel),
    "archive": lambda provider, _: _one(provider.config.archive_channel),
}


def addresses(notify: Notify, context: Context) -> Iterable[Address]:
    """The channels that one `notify` entry means."""
    if notify.provider and notify.channel:
        provider = context.providers.get(notify.provider)
        return [(notify.provider, notify.channel)] if provider and provider.active else []
    if notify.to in ("incident_channels", ROOM):
        known = context.announced if notify.to == "incident_channels" else context.rooms
        return [a for a in known if (p := context.providers.get(a[0])) and p.active]
    resolve = _RESOLVERS.get(notify.to or "")
    if resolve is None:
        return []
    return [
        (provider.name, channel)
        for provider in context.providers.values()
        if provider.notifies
        for channel in resolve(provider, context.incident)
    ]


def asks_for_room(decision: Decision) -> bool:
    """Whether a route that fired wants the incident's war room."""
    return any(notify.to == ROOM for each in decision.fired if not each.shadow for notify in each.notify)


def place(decision: Decision, context: Context, *, event_type: str, priority: int) -> tuple[Placed, ...]:
    """At most one message per (provider, channel): the highest priority, the first route's template.

    `priority` is for routes that say none.
    """
    placed: dict[Address, Placed] = {}
    for fired in decision.fired:
        if fired.shadow:
            continue
        rank = PRIORITIES[fired.priority] if fired.priority else priority
        for notify in fired.notify:
            for address in addresses(notify, context):
                placed[address] = _joined(
                    placed.get(address),
                    address,
                    rank,
                    fired.route,
                    _template(notify, address, context, event_type),
                )
    return tuple(placed.values())


def _joined(earlier: Placed | None, address: Address, rank: int, route: str, template: str | None) -> Placed:
    if earlier is None:
        return Placed(
            provider=address[0], channel=address[1], priority=rank, template=template, routes=(route,)
        )
    routes = earlier.routes if route in earlier.routes else (*earlier.routes, route)
    return msgspec.structs.replace(earlier, priority=min(rank, earlier.priority), routes=routes)


def _template(notify: Notify, address: Address, context: Context, event_type: str) -> str | None:
    provider = context.providers[address[0]]
    for name in (notify.template, event_type.replace(".", "_")):
        if name and (text := template_for(provider.config, provider.platform, name)):
            return text
    return None
