"""durable-rules behind its guard: its known traps do not show, and its failures cost nothing but time."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import threading
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import durable_rules_engine
import pytest

from rules.engine import Engine, probe
from rules.evaluate import matching
from rules.facts import Facts
from rules.load import RuleFilesError, parse_texts
from rules.model import All, AnyOf, Leaf, Route, RuleSet
from rules.plan import MAX_LEAVES, MAX_RULES, ROUTE_ENTRIES, ROUTE_LEAVES, entries, needed, plan, shrink, size
from rules.samples import samples

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def rules(*conditions: object, counts: str = "{c: {of: {}, within: 1m}}") -> RuleSet:
    routes = [{"id": f"r{place}", "when": when, "notify": []} for place, when in enumerate(conditions)]
    return parse_texts(
        {"a.yaml": f"counts: {counts}\nroutes: {json.dumps(routes, ensure_ascii=False)}"},
        default_timezone="UTC",
    )


def facts(**fields: Any) -> Facts:
    return Facts(**({"event": "incident.created", "at": AT} | fields))


def same(rule_set: RuleSet, *asked: Facts) -> list[tuple[str, ...]]:
    """What the engine finds, when it agrees with the evaluator and never failed."""
    engine = Engine(rule_set)
    found = [engine.matching(one) for one in asked]
    assert found == [matching(rule_set, one) for one in asked]
    assert engine.fallbacks == 0
    engine.close()
    return found


def agrees(rule_set: RuleSet, amount: int = 60) -> None:
    same(rule_set, *samples(rule_set, amount))


def chunk_sizes(rule_set: RuleSet) -> list[int]:
    return [len(chunk.routes) for chunk in plan(rule_set.routes)]


# Comparison ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["5", "05", "5.0", "true", "True", "null", "", "1e3", "ä", "a\\u0041", '"'])
def test_texts_that_look_alike_are_not_equal(value: str) -> None:
    looks = (
        "5",
        "05",
        "5.0",
        "5 ",
        "true",
        "True",
        "1",
        "null",
        "",
        "1e3",
        "1000",
        "ä",
        "a\\u0041",
        "aA",
        '"',
    )
    for other in looks:
        assert same(rules({"service": value}), facts(service=other)) == [("r0",) if other == value else ()]


def test_a_missing_field_is_not_null_or_empty() -> None:
    rule_set = rules({"service": ""}, {"service": "null"}, {"service": "None"}, {"service": {"exists": True}})
    assert same(rule_set, facts(), facts(service="")) == [(), ("r0", "r3")]


@pytest.mark.parametrize("length", [500, 65_535, 65_536, 200_000])
def test_long_texts_are_compared_to_their_end(length: int) -> None:
    rule_set = rules({"title": "x" * 500}, {"title": {"ends_with": "y"}}, {"not": {"title": "x" * 500}})
    rest = "x" * (length - 500)
    expected = [("r0",) if length == 500 else ("r2",), ("r1", "r2")]
    assert same(rule_set, facts(title="x" * 500 + rest), facts(title="x" * 499 + rest + "y")) == expected


@pytest.mark.parametrize("name", ["id", "sid", "$s", "m", "k", "c0", "$and", "a.b", "a b", '"', "x" * 200])
def test_labels_may_have_any_name(name: str) -> None:
    rule_set = rules({f"labels.{name}": "a"}, {"not": {f"labels.{name}": "a"}})
    assert same(rule_set, facts(labels={name: "a"}), facts(labels={name: "b"}), facts()) == [
        ("r0",),
        ("r1",),
        ("r1",),
    ]


def test_numbers_of_any_size_are_compared_exactly() -> None:
    ops = ("gt", "gte", "lt", "lte")
    tests: list[object] = [{"recent.c": {op: 1_000_000_000}} for op in ops]
    tests += [{"recent.c": {op: 0}} for op in ops] + [{"recent.c": 1}]
    asked = [facts(recent={"c": n}) for n in (-5, -1, 0, 1, 2, 10**9 - 1, 10**9, 10**9 + 1, 10**16, 10**400)]
    same(rules(*tests, *[{"not": test} for test in tests]), *asked, facts())


def test_the_fields_of_a_chunk_do_not_collide() -> None:
    """durable-rules knows a field by a hash of its name; all names that a chunk can have are told apart."""
    ruleset = {
        f"r{n}": {"pri": 1, "all": [{"m": {"$and": [{"k": 1}, {f"c{n}": 1}]}}]} for n in range(MAX_LEAVES)
    }
    handle = durable_rules_engine.create_ruleset("names", json.dumps(ruleset))
    for n in range(MAX_LEAVES):
        fact = json.dumps({"k": 1, f"c{n}": 1})
        _, state = durable_rules_engine.assert_fact(handle, fact)
        action = durable_rules_engine.start_action_for_state(handle, state)[1]
        assert list(json.loads(action)) == [f"r{n}"]
        assert durable_rules_engine.complete_and_start_action(handle, state) is None
        durable_rules_engine.retract_fact(handle, fact)
    durable_rules_engine.delete_state(handle, "0")
    durable_rules_engine.delete_ruleset(handle)


# Size ------------------------------------------------------------------------------------------------


def test_no_chunk_is_larger_than_durable_rules_can_hold() -> None:
    conditions = [{"any": [{"title": f"{n}-{m}"} for m in range(n % 12 + 1)]} for n in range(300)]
    rule_set = rules(*conditions)
    for chunk in plan(rule_set.routes):
        assert len(chunk.routes) <= MAX_RULES
        assert sum(size(shrink(route.when)) + 1 for route in chunk.routes) <= MAX_LEAVES
    agrees(rule_set)


def test_many_rules_with_the_same_condition_all_fire() -> None:
    rule_set = rules(*[{"event": "incident.created"}] * 300)
    assert chunk_sizes(rule_set) == [25] * 12
    assert len(same(rule_set, facts())[0]) == 300


def test_many_rules_without_condition_all_fire() -> None:
    assert len(same(rules(*[{}] * 300), facts(event="x"))[0]) == 300


def test_many_distinct_conditions_do_not_hang() -> None:
    rule_set = rules(*[{"title": f"t{n}", "labels.a": f"v{n}"} for n in range(600)])
    assert same(rule_set, facts(title="t577", labels={"a": "v577"})) == [("r577",)]


@pytest.mark.parametrize(
    "condition",
    [
        {"any": [{"title": str(n)} for n in range(200)]},
        {"all": [{"not": {"title": str(n)}} for n in range(200)]},
        {"title": [str(n) for n in range(200)]},
        {"not": {"title": [str(n) for n in range(200)]}},
        {"all": [{"any": [{"title": str(n)}, {f"labels.{n}": "a"}]} for n in range(12)]},  # 4,096 ways
        {"any": [{"all": [{f"labels.{n}-{m}": "a"} for m in range(10)]} for n in range(10)]},
        {"all": [{f"labels.{n}": {"exists": True}} for n in range(70)]},
        {"not": {"all": [{"any": [{"title": str(n)}, {"team": str(n)}]} for n in range(9)]}},
        {
            "any": [{"all": [{"title": str(n)}, {"team": str(n)}]} for n in range(8)]
        },  # many groups, few leaves
        {"all": [{"recent.c": {"lt": 3, "gt": 1}}, *[{"recent.c": {"lte": n}} for n in range(7)]]},
        {
            "all": [
                {"any": [{"all": [{"any": [{"team": "a"}, {"title": "b"}]}, {"user": "c"}]}, {"team": "d"}]}
            ]
            * 2
        },
    ],
)
def test_a_condition_of_any_size_fits(condition: dict[str, Any]) -> None:
    rule_set = rules(condition, {"title": "1"})
    assert size(shrink(rule_set.routes[0].when)) <= ROUTE_LEAVES
    assert entries(shrink(rule_set.routes[0].when)) <= ROUTE_ENTRIES
    agrees(rule_set)


def test_alternatives_that_are_all_true_fire_once() -> None:
    both = {"any": [{"severity": "SEV-1"}, {"team": "a"}, {"severity": {"at_least": "SEV-3"}}]}
    assert same(rules(both, {"all": [both, both]}), facts(severity="SEV-1", team="a")) == [("r0", "r1")]


def test_negation_alone_needs_no_positive_beside_it() -> None:
    rule_set = rules({"not": {"team": {"exists": True}}}, {"team": {"exists": False}}, {"not": {"team": "a"}})
    assert same(rule_set, facts(), facts(team="a"), facts(team="b")) == [("r0", "r1", "r2"), (), ("r2",)]


def test_patterns_that_explode_elsewhere_end_at_once() -> None:
    rule_set = rules({"title": {"matches": "(a+)+$"}}, {"title": {"matches": "(x|x|x)*y"}})
    assert same(rule_set, facts(title="a" * 50_000 + "b")) == [()]


# What a condition needs ------------------------------------------------------------------------------


def test_what_a_condition_needs_is_never_too_narrow() -> None:
    created, closed = Leaf("event", "equals", "a"), Leaf("event", "any_of", ("b", "c"))
    other = Leaf("team", "equals", "x")
    assert needed(All((created, other)), "event") == {"a"}
    assert needed(AnyOf((created, closed)), "event") == {"a", "b", "c"}
    assert needed(AnyOf((created, other)), "event") is None
    assert needed(All((created, closed)), "event") == frozenset()
    assert needed(Leaf("event", "equals", "a", negated=True), "event") is None
    assert needed(Leaf("event", "starts_with", "a"), "event") is None
    assert needed(All(()), "event") is None


def test_a_chunk_whose_events_and_services_do_not_fit_is_not_asked() -> None:
    rule_set = rules(*[{"event": "incident.created", "service": f"s{n}"} for n in range(60)])
    chunks = plan(rule_set.routes)
    assert len(chunks) > 1
    assert sum(chunk.admits(facts(service="s7")) for chunk in chunks) == 1
    assert not any(chunk.admits(facts(event="incident.closed", service="s7")) for chunk in chunks)
    assert not any(chunk.admits(facts()) for chunk in chunks)
    assert same(rule_set, facts(service="s7")) == [("r7",)]


# Failure, processes, threads -------------------------------------------------------------------------


def broken(rule_set: RuleSet) -> Engine:
    """An engine whose handles have been deleted behind its back, so that durable-rules reports errors."""
    engine = Engine(rule_set)
    engine.warm()
    for handle in engine._process().handles:
        durable_rules_engine.delete_state(handle, "0")
        durable_rules_engine.delete_ruleset(handle)
    return engine


def test_an_error_of_durable_rules_is_answered_by_the_evaluator_and_counted() -> None:
    engine = broken(rules({"severity": "SEV-1"}))
    assert engine.matching(facts(severity="SEV-1")) == ("r0",)
    assert engine.fallbacks == 1


def test_after_an_error_the_engine_is_built_anew() -> None:
    engine = broken(rules({"severity": "SEV-1"}))
    for _ in range(3):
        assert engine.matching(facts(severity="SEV-1")) == ("r0",)
    assert engine.fallbacks == 1


def test_a_closed_engine_still_answers() -> None:
    engine = Engine(rules({"severity": "SEV-1"}))
    engine.matching(facts())
    engine.close()
    engine.close()
    assert engine.matching(facts(severity="SEV-1")) == ("r0",)
    assert engine.fallbacks == 0


def test_an_engine_that_never_matched_anything_can_be_closed() -> None:
    """durable-rules frees uninitialised memory when a state is deleted in which nothing ever fired."""
    for n in range(300):
        engine = Engine(rules({"severity": "SEV-1", "labels.a": "x" * (n % 50)}))
        engine.matching(facts())
        engine.close()


def test_an_engine_works_on_both_sides_of_a_fork() -> None:
    engine = Engine(rules({"severity": "SEV-1"}))
    assert engine.matching(facts(severity="SEV-1")) == ("r0",)
    engine._process().lock.acquire()  # as if another thread were deciding while this one forks
    child = os.fork()
    if child == 0:
        os._exit(0 if engine.matching(facts(severity="SEV-1")) == ("r0",) and not engine.fallbacks else 1)
    engine._process().lock.release()
    assert os.waitpid(child, 0)[1] == 0
    assert engine.matching(facts(severity="SEV-2")) == ()


def test_threads_share_engines_and_their_replacement() -> None:
    rule_set = rules(*[{"any": [{"labels.a": str(n % 7)}, {"severity": "SEV-1"}]} for n in range(60)])
    engines = [Engine(rule_set), Engine(rule_set)]
    wrong: list[object] = []

    def decide(seed: int) -> None:
        chance = random.Random(seed)
        for n in range(300):
            one = facts(labels={"a": str(chance.randrange(9))}, severity=chance.choice(("SEV-1", None)))
            if engines[n % 2].matching(one) != matching(rule_set, one):
                wrong.append(one)

    threads = [threading.Thread(target=decide, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    engines[0].close()
    for thread in threads:
        thread.join()
    assert not wrong
    assert engines[1].fallbacks == 0


def peak_kib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def test_replacing_rules_does_not_grow_the_memory() -> None:
    rule_set = rules(*[{"labels.a": str(n), "severity": "SEV-1"} for n in range(20)])
    sizes = []
    for _ in range(4):
        for _ in range(100):
            engine = Engine(rule_set)
            engine.matching(facts(severity="SEV-1", labels={"a": "3"}))
            engine.close()
        sizes.append(peak_kib())
    assert min(after - before for before, after in pairwise(sizes[1:])) < 2_000


# The trial -------------------------------------------------------------------------------------------


def answering(code: str) -> list[str]:
    return [sys.executable, "-c", "import sys; sys.stdin.read(); " + code]


def failure(code: str, seconds: float = 20.0) -> str:
    with pytest.raises(RuleFilesError) as raised:
        probe(rules({"team": "a"}, {"team": "b"}), seconds=seconds, command=answering(code))
    (problem,) = raised.value.problems
    return str(problem)


def test_good_rules_pass_the_trial() -> None:
    probe(rules({"severity": "SEV-1"}, {"title": {"matches": "a+"}}, {}, {"recent.c": {"gte": 3}}))
    probe(parse_texts({}, default_timezone="UTC"))


def test_rules_that_hang_are_refused_and_named() -> None:
    found = failure("print(0, flush=True); import time; time.sleep(60)", seconds=1.0)
    assert found.startswith(
        "a.yaml:2: routes: the trial of these rules in the rules engine did not finish in time"
    )
    assert found.endswith("one of r0, r1")


def test_rules_that_crash_are_refused_and_named() -> None:
    found = failure("print(0, flush=True); import os; os.abort()")
    assert "ended with status -6" in found
    assert found.endswith("one of r0, r1")


def test_rules_on_which_engine_and_evaluator_differ_are_refused_and_named() -> None:
    found = failure("print(0); print('differs r1')")
    assert found.startswith("a.yaml:2: routes: the rules engine and its check disagree about this rule")


def test_a_trial_without_an_answer_is_a_failure() -> None:
    assert "disagree" in failure("")
    assert "ended with status 3" in failure("sys.exit(3)")


def test_a_trial_that_cannot_be_started_is_a_failure() -> None:
    with pytest.raises(RuleFilesError, match="could not be started: No such file or directory"):
        probe(rules({}), command=["/nowhere/python"])


def test_the_trial_limits_its_own_processor_time() -> None:
    code = "import resource, rules.probe as probe\nprobe.CPU_SECONDS = 1\nprobe._limit()\nwhile True: pass\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert done.returncode < 0


def test_generated_facts_reach_both_sides_of_most_routes() -> None:
    rule_set = rules(
        {"severity": {"at_least": "SEV-2"}},
        {"service": ["a", "b"]},
        {"title": {"starts_with": "x"}},
        {"recent.c": 3},
    )
    seen = [set(matching(rule_set, one)) for one in samples(rule_set, 200)]
    for route in rule_set.routes:
        hits = sum(route.id in found for found in seen)
        assert 0 < hits < len(seen)


def test_routes_keep_file_order_whatever_the_chunks() -> None:
    events = ("incident.created", "chat.command")
    rule_set = rules(*[{"event": [*events][n % 2 :]} for n in range(100)], {})
    (found,) = same(rule_set, facts(event="chat.command"))
    assert found == tuple(f"r{n}" for n in range(101))
    assert isinstance(plan(rule_set.routes)[0].routes[0], Route)
