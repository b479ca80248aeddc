"""From abstract targets to channels, and one message for each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapters.config import ProviderConfig
from router.incidents import Incident
from router.targets import Context, Provider, addresses, place
from rules.decision import Decision, Fired, Notify
from rules.page import TARGETS

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def provider(name: str = "a", *, active: bool = True, **config: Any) -> Provider:
    return Provider(name=name, platform="slack", active=active, config=ProviderConfig(**config), version=1)


def context(*providers: Provider, announced: tuple[tuple[str, str], ...] = (), **incident: Any) -> Context:
    told = {"severity": "SEV-1", "service": "checkout"} | incident
    known = Incident(
        id="i",
        source="s",
        external_id="x",
        display_id="INC-1",
        title="t",
        status="open",
        started_at=NOW,
        changed_at=NOW,
        **told,
    )
    return Context({each.name: each for each in providers}, known, announced)


def fired(route: str, *notify: Notify, priority: Any = None, shadow: bool = False) -> Fired:
    return Fired(route, priority, notify, shadow, ())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"notification_channels": {"SEV-1": "one", "default": "d"}, "default_channel": "x"}, ["one"]),
        ({"notification_channels": {"SEV-2": "two", "default": "d"}, "default_channel": "x"}, ["d"]),
        ({"notification_channels": {"SEV-2": "two"}, "default_channel": "x"}, ["x"]),
        ({}, []),
    ],
)
def test_the_severitys_channel_falls_back_to_the_defaults(
    config: dict[str, Any], expected: list[str]
) -> None:
    found = addresses(Notify(to="severity_channel"), context(provider(**config)))
    assert [channel for _, channel in found] == expected


@pytest.mark.parametrize(
    ("target", "config", "expected"),
    [
        ("management", {"escalation_channels": {"management": "m"}}, ["m"]),
        ("sla_breach", {"escalation_channels": {"sla_breach": "b"}}, ["b"]),
        ("service_channel", {"service_channels": {"checkout": "c"}}, ["c"]),
        ("service_channel", {"service_channels": {"search": "c"}}, []),
        ("team_channels", {"team_channels": ["t", "u"]}, ["t", "u"]),
        ("archive", {"archive_channel": "z"}, ["z"]),
        ("default", {"default_channel": "d"}, ["d"]),
    ],
)
def test_each_target_means_its_channels(target: str, config: dict[str, Any], expected: list[str]) -> None:
    assert [c for _, c in addresses(Notify(to=target), context(provider(**config)))] == expected


def test_abstract_targets_mean_all_active_providers_with_notifications() -> None:
    there = context(
        provider("a", default_channel="1"),
        provider("b", default_channel="2", active=False),
        provider("c", default_channel="3", enable_notifications=False),
        provider("d", default_channel="4"),
    )
    assert list(addresses(Notify(to="default"), there)) == [("a", "1"), ("d", "4")]


def test_a_named_channel_needs_only_an_active_provider() -> None:
    there = context(provider("c", enable_notifications=False), provider("b", active=False))
    assert list(addresses(Notify(provider="c", channel="x"), there)) == [("c", "x")]
    assert list(addresses(Notify(provider="b", channel="x"), there)) == []
    assert list(addresses(Notify(provider="gone", channel="x"), there)) == []


def test_incident_channels_are_where_it_is_announced_and_still_can_be() -> None:
    there = context(
        provider("a"), provider("b", active=False), announced=(("a", "1"), ("b", "2"), ("gone", "3"))
    )
    assert list(addresses(Notify(to="incident_channels"), there)) == [("a", "1")]


def test_a_channel_gets_one_message_of_the_highest_priority_with_all_routes() -> None:
    there = context(provider("a", default_channel="x", templates={"one": "first", "two": "second"}))
    decision = Decision(
        "hash",
        (
            fired("low", Notify(to="default", template="one"), priority="low"),
            fired("urgent", Notify(provider="a", channel="x", template="two"), priority="urgent"),
            fired("plain", Notify(to="default")),
        ),
    )
    (placed,) = place(decision, there, event_type="incident.created", priority=1)
    assert (placed.priority, placed.template) == (0, "first")
    assert placed.routes == ("low", "urgent", "plain")


def test_a_shadow_route_sends_nothing() -> None:
    decision = Decision("hash", (fired("s", Notify(to="default"), shadow=True),))
    assert place(decision, context(provider(default_channel="x")), event_type="x", priority=1) == ()


def test_the_events_template_serves_where_a_route_names_none() -> None:
    there = context(provider(default_channel="x", templates={"incident_created": {"slack": "own"}}))
    decision = Decision("hash", (fired("r", Notify(to="default")),))
    assert place(decision, there, event_type="incident.created", priority=1)[0].template == "own"
    assert place(decision, there, event_type="incident.closed", priority=1)[0].template is None


def test_every_target_that_rule_files_may_name_is_resolved() -> None:
    everything = provider(
        default_channel="D",
        notification_channels={"SEV-1": "S"},
        escalation_channels={"management": "M", "sla_breach": "B"},
        service_channels={"checkout": "C"},
        team_channels=["T"],
        archive_channel="A",
    )
    where = context(everything, announced=(("a", "N"),))
    where = msgspec.structs.replace(where, rooms=(("a", "R"),))
    for target in TARGETS:
        assert list(addresses(Notify(to=target), where)), target
