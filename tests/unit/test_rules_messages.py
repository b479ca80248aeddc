"""What an admin is told about a mistake in a rule file: file, line, field and a likely mend."""

from __future__ import annotations

import textwrap

import pytest

from rules.load import RuleFilesError, parse_texts

ROUTE = """\
version: 1
routes:
  - id: one
    when: {%s}
    notify: [{to: management}]
"""


def problems(text: str, **others: str) -> list[str]:
    with pytest.raises(RuleFilesError) as raised:
        parse_texts({"10-default.yaml": textwrap.dedent(text), **others}, default_timezone="UTC")
    return [str(problem) for problem in raised.value.problems]


def in_when(condition: str) -> str:
    (only,) = problems(ROUTE % condition)
    prefix = "10-default.yaml:4: routes[0].when."
    assert only.startswith(prefix)
    return only.removeprefix(prefix)


def test_a_misspelt_field_is_named_with_its_line_and_what_was_meant() -> None:
    text = """\
        version: 1
        routes:
          - {id: fine, when: {}, notify: [{to: default}]}
          - id: second
            notify: [{to: management}]
            when:
              severty: SEV-1
    """
    assert problems(text) == [
        "10-default.yaml:7: routes[1].when.severty: unknown field; did you mean `severity`?"
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("severity: 1", 'severity: `1` is no severity; did you mean "SEV-1"?'),
        ("severity: sev2", 'severity: `sev2` is no severity; did you mean "SEV-2"?'),
        ("severity: P3", 'severity: `P3` is no severity; did you mean "SEV-3"?'),
        ("severity: high", "severity: `high`: unknown severity; known: SEV-1, SEV-2, SEV-3, SEV-4"),
        ("severity: [SEV-1, 2]", 'severity[1]: `2` is no severity; did you mean "SEV-2"?'),
        ("severity: {gte: SEV-2}", "severity.gte: `gte` compares numbers, and `severity` is a text; "),
        (
            "severity: {contains: SEV}",
            "severity.contains: `contains` is for texts, and `severity` is a severity; ",
        ),
        (
            "severity: {atleast: SEV-2}",
            "severity.atleast: `atleast`: unknown operator; did you mean `at_least`?",
        ),
        ("severity: {below: SEV-4}", "severity.below: nothing is below SEV-4; this never matches"),
        ("service: {at_least: SEV-2}", "service.at_least: `at_least` is for `severity` only; "),
        (
            "event: incident.create",
            "event: `incident.create`: unknown event; did you mean `incident.created`?",
        ),
        ("status: Open", "status: `Open`: unknown status; did you mean `open`?"),
        (
            "labels.count: 5",
            'labels.count: `5` is read by YAML as a number, not as a text; put it in quotes: "5"',
        ),
        (
            "labels.eu: no",
            'labels.eu: `no` is read by YAML as true or false, not as a text; put it in quotes: "no"',
        ),
        ("title: on", 'title: `on` is read by YAML as true or false, not as a text; put it in quotes: "on"'),
        (
            "title: 22:00",
            'title: `22:00` is read by YAML as a number, not as a text; put it in quotes: "22:00"',
        ),
        (
            "title: 2026-01-05",
            "title: `2026-01-05` is read by YAML as a date, not as a text; put it in quotes: ",
        ),
        ("title: ", "title: is empty; give a text"),
        ("title: ~", "title: is empty; give a text"),
        ("title: {contains: ''}", "title.contains: is empty; give a text"),
        (
            "title: {contains: [a, b]}",
            "title.contains: takes a single value, not a list; for several, write `any: ",
        ),
        ("title: {gt: 3}", "title.gt: `gt` compares numbers, and `title` is a text; use one of contains, "),
        ("title: []", "title: is an empty list; give at least one value"),
        ("title: {}", "title: is empty; give a value, a list, or an operator such as {exists: true}"),
        ("title: {exists: yes}", "title.exists: write `true` or `false`, not `yes`"),
        ('title: {exists: "true"}', "title.exists: write `true` or `false`, not `true`"),
        ('title: {matches: "(a"}', "title.matches: `(a` is no valid pattern: missing )"),
        (
            "title: {matches: '(?=a)b'}",
            "title.matches: `(?=a)b` is no valid pattern: invalid perl operator: (?=; RE2",
        ),
        (
            "title: {matches: '((a{900}){900}){900}'}",
            "title.matches: `((a{900}){900}){900}` is no valid pattern: ",
        ),
        (f"title: {{matches: {'a' * 501}}}", "title.matches: longer than 500 characters"),
        ("label.region: eu", "label.region: unknown field; did you mean `labels.region`?"),
        ("labels: {region: eu}", "labels: name one of the labels, for example `labels.region`"),
        ("recent: 3", "recent: name one of the recent, for example `recent.my_count`"),
        (
            "recent.c: {gte: three}",
            "recent.c.gte: `three` is no whole number; write it plainly, without quotes: 3",
        ),
        ('recent.c: "3"', "recent.c: `3` is no whole number; write it plainly, without quotes: 3"),
        ("recent.c: {gte: 1e16}", "recent.c.gte: `1e16` is no whole number; "),
        ("recent.c: {gte: .inf}", "recent.c.gte: `.inf` is no whole number; "),
        ("recent.c: {gte: -1}", "recent.c.gte: `-1` is out of range: 0 to 1,000,000,000"),
        (f"recent.c: {'9' * 5000}", "recent.c: `999"),
        (
            "recent.c: {starts_with: a}",
            "recent.c.starts_with: `starts_with` is for texts, and `recent.c` is a number",
        ),
        ("all: {title: a}", "all: a mapping (`name: value`) where a list belongs"),
        ("any: []", "any: is an empty list; give at least one condition"),
        ("any: [{}]", "any[0]: is empty; only `when: {}` itself means everything"),
        ("not: [{title: a}]", "not: takes one condition, not a list; for several write `not: {any: [..]}`"),
        ("not: {}", "not: is empty; only `when: {}` itself means everything"),
        ("any: [title]", "any[0]: the single value `title` where `name: value` entries belong"),
        ("local_time: {}", "local_time: is empty; for example {weekdays: mon-fri, "),
        ("local_time: {weekday: mon}", "local_time.weekday: unknown field; did you mean `weekdays`?"),
        (
            "local_time: {weekdays: monday}",
            "local_time.weekdays: `monday`: write days as mon, tue, .. sun, a range",
        ),
        ("local_time: {weekdays: [mon, Fri]}", "local_time.weekdays: `Fri`: write days as "),
        (
            "local_time: {between: 8-18}",
            "local_time.between: write two times of 24 hours with two digits, in quotes",
        ),
        (
            'local_time: {between: "08:00-08:00"}',
            "local_time.between: begins and ends at the same time; leave ",
        ),
        ('local_time: {between: "08:00-25:00"}', "local_time.between: write two times of 24 hours "),
        (
            "local_time: {timezone: Europe/Berln}",
            "local_time.timezone: `Europe/Berln`: unknown time zone; did you mean ",
        ),
        ("local_time: {timezone: Europe}", "local_time.timezone: `Europe`: unknown time zone; "),
    ],
)
def test_a_wrong_condition_is_answered_with_a_mend(condition: str, expected: str) -> None:
    text = ROUTE % condition + "counts: {c: {of: {}, within: 1m}}\n"
    (only,) = problems(text)
    assert only.removeprefix("10-default.yaml:4: routes[0].when.").startswith(expected)


def test_a_count_that_nobody_defines_is_answered_with_the_nearest() -> None:
    text = ROUTE % "recent.same_servce: 3" + "counts: {same_service: {of: {}, within: 1m}}\n"
    assert problems(text) == [
        (
            "10-default.yaml:4: routes[0].when.recent.same_servce: there is no count `same_servce`; "
            "did you mean `recent.same_service`?"
        )
    ]
    assert in_when("recent.x: 3") == "recent.x: there is no count `x`; define it under `counts`"


def with_route(*lines: str, base: str = "id: one, when: {}, notify: []") -> list[str]:
    return problems("routes:\n  - {" + ", ".join([base, *lines]) + "}\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stopp: true", "routes[0].stopp: unknown field; did you mean `stop`?"),
        ("stop: yes", "routes[0].stop: write `true` or `false`, not `yes`"),
        ("always: 1", "routes[0].always: write `true` or `false`, not `1`"),
        ("priority: high", "routes[0].priority: `high`: unknown priority; known: urgent, normal, low"),
        ("mode: shadw", "routes[0].mode: `shadw`: unknown mode; did you mean `shadow`?"),
        ("description: 5", "routes[0].description: `5` is read by YAML as a number"),
        (
            "group: {by: [service]}",
            (
                "routes[0].group: not yet: `group` (several events in one message) comes in a "
                "later release; remove it"
            ),
        ),
    ],
)
def test_a_wrong_line_of_a_route_is_answered_with_a_mend(line: str, expected: str) -> None:
    (only,) = with_route(line)
    assert only.removeprefix("10-default.yaml:2: ").startswith(expected)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("when: {}, notify: []", "routes[0].id: is missing; "),
        ("id: one, notify: []", "routes[0].when: is missing; `when: {}` means every event"),
        ("id: one, when: , notify: []", "routes[0].when: nothing where `name: value` entries belong"),
        ("id: one, when: {}", "routes[0].notify: is missing; for example `notify: [{to: severity_channel}]`"),
        ("id: one two, when: {}, notify: []", "routes[0].id: `one two`: use letters, digits"),
        (
            "id: one, when: {}, notify: {to: default}",
            "routes[0].notify: a mapping (`name: value`) where a list",
        ),
        ("id: one, when: {}, notify: [default]", "routes[0].notify[0]: the single value `default` where "),
        (
            "id: one, when: {}, notify: [{to: managment}]",
            ("routes[0].notify[0].to: `managment`: unknown target; did you mean `management`?"),
        ),
        ("id: one, when: {}, notify: [{to: on_call}]", "routes[0].notify[0].to: not yet: `on_call` "),
        (
            "id: one, when: {}, notify: [{provider: a}]",
            "routes[0].notify[0]: give either `to`, or `provider` and ",
        ),
        (
            "id: one, when: {}, notify: [{template: a}]",
            "routes[0].notify[0]: give either `to`, or `provider` and ",
        ),
        (
            "id: one, when: {}, notify: [{to: default, channel: C, provider: a}]",
            "routes[0].notify[0]: give either ",
        ),
        (
            "id: one, when: {}, notify: [{provider: a, channel: 123}]",
            "routes[0].notify[0].channel: `123` is read",
        ),
    ],
)
def test_what_a_route_needs_is_said(base: str, expected: str) -> None:
    (only,) = with_route(base=base)
    assert only.removeprefix("10-default.yaml:2: ").startswith(expected)


@pytest.mark.parametrize("key", ["inhibit", "sla", "escalate", "heartbeats", "digests"])
def test_what_a_later_release_brings_is_refused_by_name(key: str) -> None:
    (only,) = problems(f"version: 1\n{key}: []\n")
    assert only.startswith(f"10-default.yaml:2: {key}: not yet: `{key}` (")
    assert only.endswith("comes in a later release; remove it")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 2", ":1: version: this release reads version 1; write `version: 1`"),
        ("rotes: []", ":1: rotes: unknown field; did you mean `routes`?"),
        ("timezone: CEST+1", ":1: timezone: `CEST+1`: unknown time zone; "),
        ("- a", ":1: a list where `name: value` entries belong"),
        ("routes: {id: a}", ":1: routes: a mapping (`name: value`) where a list belongs"),
        ("counts: {c: {within: 1m}}", ":1: counts.c.of: is missing"),
        ("counts: {c: {of: {}}}", ":1: counts.c.within: is missing"),
        (
            "counts: {c: {of: {}, within: 10}}",
            (
                ":1: counts.c.within: write a number with its unit (s, m, h, d), for "
                "example 10m; did you mean `10m`?"
            ),
        ),
        ("counts: {c: {of: {}, within: 31d}}", ":1: counts.c.within: `31d` is too long; at most 30d"),
        (
            "counts: {c: {of: {}, within: 1m, by: service}}",
            ":1: counts.c.by: the single value `service` where a list",
        ),
        (
            "counts: {c: {of: {}, within: 1m, by: [servce]}}",
            ":1: counts.c.by: `servce`: unknown field; did you mean ",
        ),
        (
            "counts: {c: {of: {recent.c: 1}, within: 1m}}",
            ":1: counts.c.of.recent.c: a count cannot look at a count",
        ),
        ("a: 1\na: 2", ":2: `a` is given twice (first on line 1); keep one"),
        (
            "a: !!python/object:os.system 1",
            ":1: the tag `tag:yaml.org,2002:python/object:os.system` is not allowed",
        ),
        ("a: &x {b: 1}\nc: {<<: *x}", ":2: merge keys (`<<`) are not supported"),
        ("a: &x [*x]", ":1: `*x` refers to itself or to nothing above it"),
        ("a: 1\n---\nb: 2", ":2: a second document (`---`)"),
        ("a: [1, 2", ":1: not readable as YAML ("),
        ("a:\n\tb: 1", ":2: indented with a tab; YAML wants spaces"),
        ("[a]: 1", ":1: a list or mapping used as a key"),
        ("[" * 1_000_000, ":1: nested more than 30 levels deep"),
        ("a: \x00", ": not readable as YAML: unacceptable character #x0000"),
        ("# " + "x" * 1024 * 1024, ": larger than 1 MiB; split it into several files"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(text: str, expected: str) -> None:
    first = problems(text)[0]
    assert first.startswith(f"10-default.yaml{expected}")


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (only,) = problems("\n".join(lines))
    assert "more than 200,000 entries, with aliases written out" in only


def test_an_alias_may_repeat_what_was_written_above() -> None:
    text = """\
        routes:
          - {id: one, when: &payments {service: payments}, notify: &who [{to: management}]}
          - {id: two, when: *payments, notify: *who}
    """
    one, two = parse_texts({"a.yaml": textwrap.dedent(text)}, default_timezone="UTC").routes
    assert (one.when, one.notify) == (two.when, two.notify)


def test_all_problems_of_all_files_are_reported_at_once_in_order() -> None:
    found = problems("routes: 1\nx: 2", **{"20.yaml": "y: 3", "05.yaml": "version: 9"})
    assert [line.split(":", 2)[:2] for line in found] == [
        ["05.yaml", "1"],
        ["10-default.yaml", "1"],
        ["10-default.yaml", "2"],
        ["20.yaml", "1"],
    ]


def test_at_most_fifty_problems_are_reported_for_a_file() -> None:
    assert len(problems("\n".join(f"key{n}: 1" for n in range(500)))) == 50


def test_an_id_or_a_count_given_twice_names_the_first_place() -> None:
    unique = "each must be unique over all files"
    text = "routes: [{id: a, when: {}, notify: []}]\ncounts: {c: {of: {}, within: 1m}}\n"
    assert problems(text, **{"20.yaml": text}) == [
        f"20.yaml:1: routes: the id `a` is taken already (10-default.yaml:1); {unique}",
        f"20.yaml:2: counts: the name `c` is taken already (10-default.yaml:2); {unique}",
    ]


def test_a_bad_default_time_zone_is_named_by_its_setting() -> None:
    with pytest.raises(RuleFilesError, match="IM_TIMEZONE: `Berlin`: unknown time zone; did you mean"):
        parse_texts({}, default_timezone="Berlin")
