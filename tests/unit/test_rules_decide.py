"""stop, always, shadow and priority; the reasons of a decision; explanations."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rules.decide import decide
from rules.decision import Decision, Fired, Notify
from rules.engine import Engine
from rules.evaluate import LeafVerdict, explain, matching
from rules.facts import Facts
from rules.load import parse_texts
from rules.model import RuleSet

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def rules(*routes: str, counts: str = "{}") -> RuleSet:
    text = f"counts: {counts}\nroutes:\n" + "".join(f"  - {{{route}}}\n" for route in routes)
    return parse_texts({"a.yaml": text}, default_timezone="UTC")


def facts(**fields: object) -> Facts:
    return Facts(**({"event": "incident.created", "at": AT, "severity": "SEV-1"} | fields))  # type: ignore[arg-type]


def decided(rule_set: RuleSet, at: Facts | None = None) -> Decision:
    return decide(rule_set, matching(rule_set, at or facts()), at or facts())


def outcome(*routes: str) -> tuple[list[str], str | None, tuple[str, ...]]:
    decision = decided(rules(*routes))
    return [fired.route for fired in decision.fired], decision.stopped_by, decision.skipped


def route(name: str, *more: str) -> str:
    return ", ".join([f"id: {name}, when: {{}}, notify: [{{to: default}}]", *more])


def test_every_matching_route_fires_in_file_order() -> None:
    assert outcome(route("a"), route("b"), route("c")) == (["a", "b", "c"], None, ())


def test_a_stop_hides_later_routes_but_not_those_marked_always() -> None:
    made = outcome(route("a"), route("b", "stop: true"), route("c"), route("d", "always: true"), route("e"))
    assert made == (["a", "b", "d"], "b", ("c", "e"))


def test_a_stop_that_does_not_match_hides_nothing() -> None:
    stopping = "id: b, when: {severity: SEV-4}, notify: [], stop: true"
    assert outcome(route("a"), stopping, route("c")) == (["a", "c"], None, ())


def test_a_hidden_stop_does_not_take_the_blame() -> None:
    made = outcome(route("a", "stop: true"), route("b", "stop: true"), route("c", "always: true, stop: true"))
    assert made == (["a", "c"], "a", ("b",))


def test_a_shadow_route_is_recorded_and_never_stops() -> None:
    decision = decided(rules(route("a", "stop: true, mode: shadow"), route("b")))
    assert [(fired.route, fired.shadow) for fired in decision.fired] == [("a", True), ("b", False)]
    assert decision.stopped_by is None


def test_a_shadow_route_behind_a_stop_is_hidden_as_any_other() -> None:
    assert outcome(route("a", "stop: true"), route("b", "mode: shadow")) == (["a"], "a", ("b",))


def test_a_stop_reaches_into_later_files() -> None:
    texts = {
        name: f"routes: [{{{route('from-' + name[:2], 'stop: true')}}}]" for name in ("20.yaml", "10.yaml")
    }
    rule_set = parse_texts(texts, default_timezone="UTC")
    assert decided(rule_set).stopped_by == "from-10"
    assert decided(rule_set).skipped == ("from-20",)


def test_the_order_of_the_matched_ids_does_not_matter() -> None:
    rule_set = rules(route("a"), route("b", "stop: true"), route("c"))
    assert decide(rule_set, ("c", "b", "a"), facts()) == decide(rule_set, ("a", "b", "c"), facts())


def test_a_decision_holds_what_the_file_says() -> None:
    rule_set = rules(
        "id: one, when: {severity: SEV-1}, priority: urgent, "
        "notify: [{to: management, template: executive}, {provider: company-slack, channel: C1}]"
    )
    assert decided(rule_set) == Decision(
        rule_set.hash,
        (
            Fired(
                "one",
                "urgent",
                (Notify("management", None, None, "executive"), Notify(None, "company-slack", "C1", None)),
                shadow=False,
                why=("severity is SEV-1",),
            ),
        ),
        None,
        (),
    )
    assert decided(rules(route("a"))).fired[0].priority is None


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("{}", ("every event matches",)),
        ("{severity: SEV-1, event: incident.created}", ("severity is SEV-1", "event is incident.created")),
        ("{severity: {at_least: SEV-2}}", ("severity is SEV-1 (at least SEV-2)",)),
        ("{service: [api, payments]}", ("service is payments",)),
        ("{labels.region: {starts_with: eu-}}", ("label region starts with eu-",)),
        ("{title: {contains: slow, ends_with: '!'}}", ("title contains slow", "title ends with !")),
        ("{title: {matches: '(?i)SLOW'}}", ("title matches (?i)SLOW",)),
        ("{any: [{severity: SEV-4}, {service: payments}, {team: x}]}", ("service is payments",)),
        ("{any: [{severity: SEV-1}, {service: payments}]}", ("severity is SEV-1", "service is payments")),
        ("{not: {title: {contains: test}}}", ("title does not contain test",)),
        ("{not: {any: [{severity: SEV-4}, {team: x}]}}", ("severity is not SEV-4", "team is not x")),
        ("{not: {all: [{severity: SEV-1}, {team: x}]}}", ("team is not x",)),
        ("{not: {severity: [SEV-3, SEV-4]}}", ("severity is not SEV-3 or SEV-4",)),
        ("{team: {exists: false}, title: {exists: true}}", ("team is missing", "title is given")),
        ("{recent.c: {gte: 3}}", ("recent.c is at least 3",)),
        ("{not: {recent.c: {gt: 5}}}", ("recent.c is not above 5",)),
        (
            "{local_time: {weekdays: mon-fri, between: '08:00-18:00'}}",
            ("local time is in mon-fri 08:00-18:00 (UTC)",),
        ),
        ("{not: {local_time: {weekdays: [sat, sun]}}}", ("local time is not in sat, sun (UTC)",)),
    ],
)
def test_the_reasons_are_the_conditions_that_made_it_true(condition: str, why: tuple[str, ...]) -> None:
    rule_set = rules(f"id: one, when: {condition}, notify: []", counts="{c: {of: {}, within: 1m}}")
    at = facts(service="payments", title="so slow!", labels={"region": "eu-1"}, recent={"c": 4})
    assert decided(rule_set, at).fired[0].why == why
    engine = Engine(rule_set)
    assert engine.matching(at) == ("one",)
    engine.close()


def test_an_explanation_shows_each_leaf_with_what_was_there() -> None:
    rule_set = rules(
        "id: stop, when: {severity: SEV-1}, notify: [], stop: true",
        "id: hidden, when: {}, notify: []",
        "id: unmet, when: {service: api, not: {title: {contains: test}}, "
        "local_time: {weekdays: sun}}, notify: []",
        "id: dark, when: {labels.a: x}, notify: [], mode: shadow",
    )
    stop, hidden, unmet, dark = explain(rule_set, facts(title="a test" + "!" * 500))
    assert (stop.fired, stop.hidden_by, stop.file, stop.line) == (True, None, "a.yaml", 3)
    assert stop.leaves == (LeafVerdict("severity is SEV-1", True, "severity", "SEV-1"),)
    assert (hidden.fired, hidden.hidden_by, hidden.leaves) == (False, "stop", ())
    assert (dark.shadow, dark.leaves) == (True, (LeafVerdict("label a is x", False, "label a", None),))
    assert not unmet.fired
    service, title, when = unmet.leaves
    assert service == LeafVerdict("service is api", False, "service", None)
    assert (title.wanted, title.holds, len(title.value or "")) == ("title does not contain test", False, 120)
    assert when == LeafVerdict("local time is in sun (UTC)", False, "local_time", "Mon 10:00 UTC")
