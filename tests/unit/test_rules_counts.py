"""Counts of recent events: what an event adds to, what has to be looked up, and the keys."""

from __future__ import annotations

from datetime import UTC, datetime

from rules.counts import counting, looked_up
from rules.evaluate import matching
from rules.facts import Facts
from rules.load import parse_texts

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
RULES = parse_texts(
    {
        "10.yaml": """\
counts:
  same_service_10m: {of: {event: incident.created}, by: [service], within: 10m}
  by_region: {of: {severity: {at_least: SEV-2}}, by: [labels.region, event], within: 2h}
  unused: {of: {}, within: 1d}
""",
        "20.yaml": """\
routes:
  - id: storm
    when: {event: incident.created, recent.same_service_10m: {gte: 3}}
    notify: []
  - id: either
    when:
      team: a
      any: [{severity: SEV-1}, {recent.by_region: 2}, {not: {recent.same_service_10m: {lt: 9}}}]
    notify: []
""",
    },
    default_timezone="UTC",
)


def facts(event: str = "incident.created", **fields: object) -> Facts:
    return Facts(event=event, at=AT, **fields)  # type: ignore[arg-type]


def named(counted: object) -> dict[str, str]:
    return {count.name: key for count, key in counted}  # type: ignore[attr-defined]


def test_a_count_knows_its_window_in_seconds_and_its_fields() -> None:
    assert [(count.name, count.within, count.by) for count in RULES.counts] == [
        ("same_service_10m", 600, ("service",)),
        ("by_region", 7_200, ("labels.region", "event")),
        ("unused", 86_400, ()),
    ]


def test_an_event_adds_to_every_count_that_it_matches() -> None:
    at = facts(service="api", severity="SEV-2", labels={"region": "eu"})
    assert named(counting(RULES, at)) == {
        "same_service_10m": '["api"]',
        "by_region": '["eu","incident.created"]',
        "unused": "[]",
    }
    assert named(counting(RULES, facts("incident.closed", severity="SEV-3"))) == {"unused": "[]"}


def test_a_missing_field_makes_a_key_of_its_own() -> None:
    keys = [
        named(counting(RULES, facts(service=service)))["same_service_10m"] for service in (None, "null", "")
    ]
    assert keys == ["[null]", '["null"]', '[""]']


def test_a_long_key_is_replaced_by_its_hash() -> None:
    one, two = (named(counting(RULES, facts(service="x" * 9_999 + end)))["same_service_10m"] for end in "ab")
    assert one != two
    assert len(one) == len(two) == len("sha256:") + 64


def test_only_counts_that_can_matter_are_looked_up() -> None:
    assert named(looked_up(RULES, facts(service="api"))) == {"same_service_10m": '["api"]'}
    assert named(looked_up(RULES, facts("incident.closed", service="api"))) == {}
    assert set(named(looked_up(RULES, facts("incident.closed", team="a")))) == {
        "by_region",
        "same_service_10m",
    }


def test_a_route_fires_from_the_number_it_names_on() -> None:
    for number, expected in ((2, ()), (3, ("storm",)), (4, ("storm",))):
        assert matching(RULES, facts(recent={"same_service_10m": number})) == expected


def test_a_count_that_is_not_known_makes_its_condition_false() -> None:
    assert matching(RULES, facts()) == ()
    assert matching(RULES, facts(team="a")) == (
        "either",
    )  # `not` turns round what the missing count made false
