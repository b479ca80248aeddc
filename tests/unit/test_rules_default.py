"""The rule files that are shipped: who hears of what without any configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.decide import decide
from rules.engine import Engine, probe
from rules.facts import Facts
from rules.load import load

FOLDER = Path(rules.__file__).parent / "default"
DEFAULT = load(FOLDER, default_timezone="UTC")


def told(event: str, severity: str) -> set[str | None]:
    facts = Facts(event=event, at=datetime(2026, 1, 5, tzinfo=UTC), severity=severity)
    engine = Engine(DEFAULT)
    decision = decide(DEFAULT, engine.matching(facts), facts)
    engine.close()
    assert engine.fallbacks == 0
    return {notify.to for fired in decision.fired for notify in fired.notify}


@pytest.mark.parametrize("severity", ["SEV-1", "SEV-2", "SEV-4"])
@pytest.mark.parametrize(
    ("event", "targets"),
    [
        ("incident.acknowledged", {"incident_channels"}),
        ("incident.updated", {"incident_channels"}),
        ("incident.assigned", {"incident_channels"}),
        ("incident.reopened", {"incident_channels"}),
        ("incident.resolved", {"incident_channels"}),
        ("incident.closed", {"incident_channels", "archive"}),
        ("sla.warning", {"incident_channels"}),
        ("sla.breached", {"sla_breach", "management"}),
        ("chat.command", set()),
        ("chat.mention", set()),
    ],
)
def test_events_reach_the_channels_that_are_documented(event: str, targets: set[str], severity: str) -> None:
    assert told(event, severity) == targets


def test_a_new_incident_reaches_its_severitys_channel_and_a_sev1_management_too() -> None:
    assert told("incident.created", "SEV-1") == {"severity_channel", "management"}
    assert told("incident.created", "SEV-2") == {"severity_channel"}


def test_an_incident_that_becomes_a_sev1_is_told_as_a_new_one_would_be() -> None:
    assert told("incident.severity_changed", "SEV-1") == {
        "incident_channels",
        "severity_channel",
        "management",
    }
    assert told("incident.severity_changed", "SEV-3") == {"incident_channels"}


def test_the_shipped_rules_pass_their_trial() -> None:
    probe(DEFAULT)


def test_every_shipped_route_says_what_it_is_for() -> None:
    assert all(route.description for route in DEFAULT.routes)


def test_the_examples_in_the_comments_are_good_rules(tmp_path: Path) -> None:
    text = (FOLDER / "20-deadlines.yaml").read_text()
    _, examples = text.split("# Some rules that you may want")
    lines = [line.removeprefix("#") for line in examples.splitlines()[1:]]
    (tmp_path / "a.yaml").write_text("routes:\n" + "\n".join(lines))
    assert [route.id for route in load(tmp_path, default_timezone="UTC").routes] == [
        "payments-at-night",
        "test-incidents-are-silent",
    ]
