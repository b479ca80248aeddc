"""Which files make a rule set, in which order, under which name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from rules.facts import Facts
from rules.load import RuleFilesError, load, parse_texts
from rules.model import EVENTS
from rules.samples import samples


def route(name: str) -> str:
    return f"routes: [{{id: {name}, when: {{}}, notify: []}}]\n"


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def ids(folder: Path) -> list[str]:
    return [one.id for one in load(folder, default_timezone="UTC").routes]


def problems(folder: Path) -> list[str]:
    with pytest.raises(RuleFilesError) as raised:
        load(folder, default_timezone="UTC")
    return [str(problem) for problem in raised.value.problems]


def test_files_are_read_in_the_order_of_their_relative_paths(tmp_path: Path) -> None:
    write(tmp_path, b_yaml=route("b"), a__z_yaml=route("az"), c_yaml=route("c"), a__b__c_yaml=route("abc"))
    assert ids(tmp_path) == ["abc", "az", "b", "c"]
    assert list(load(tmp_path, default_timezone="UTC").sources) == [
        "a/b/c.yaml",
        "a/z.yaml",
        "b.yaml",
        "c.yaml",
    ]


def test_tests_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=route("a"), test_a_yaml="cases: []")
    (tmp_path / "sub").mkdir()
    for name in (".#a.yaml", "sub/test_b.yaml", "notes.txt", "a.yaml~"):
        (tmp_path / name).write_text("{{{")
    assert ids(tmp_path) == ["a"]


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "..2026", a_yaml=route("a"))
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert ids(tmp_path) == ["a"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + route("a").encode().replace(b"\n", b"\r\n"))
    assert ids(tmp_path) == ["a"]


def test_a_file_with_another_ending_is_not_silently_ignored(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=route("a"))
    (tmp_path / "b.yml").write_text(route("b"))
    assert problems(tmp_path) == ["b.yml: only *.yaml is read; rename it to end in .yaml"]


def test_a_folder_without_rules_says_so(tmp_path: Path) -> None:
    text = "no rule files (*.yaml) here; point IM_RULES_DIR to the folder that holds them"
    assert problems(tmp_path) == [f"{tmp_path}: {text}"]
    assert problems(tmp_path / "absent") == [f"{tmp_path / 'absent'}: {text}"]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=route("a"))
    (tmp_path / "b.yaml").write_bytes("größer".encode("latin-1"))
    (tmp_path / "c.yaml").write_bytes(b"#" * (1024 * 1024 + 1))
    (tmp_path / "d.yaml").symlink_to("nowhere")
    (tmp_path / "e.yaml").mkdir()
    assert problems(tmp_path) == [
        "b.yaml: is not UTF-8 text; save it as UTF-8",
        "c.yaml: larger than 1 MiB; split it into several files",
        "d.yaml: cannot be read: No such file or directory",
        "e.yaml: cannot be read: Is a directory",
    ]


def test_the_hash_names_the_content_the_names_and_the_default_zone() -> None:
    def of(texts: dict[str, str], zone: str = "UTC") -> str:
        return parse_texts(texts, default_timezone=zone).hash

    one = {"a.yaml": route("a"), "b.yaml": route("b")}
    assert of(one) == of(dict(reversed(one.items())))
    others = [
        {"a.yaml": route("a"), "c.yaml": route("b")},
        {"a.yaml": route("a") + "# x", "b.yaml": route("b")},
        {"a.yaml": route("a")},
    ]
    hashes = {of(one), of(one, "Europe/Berlin"), *(of(other) for other in others)}
    assert len(hashes) == 5
    assert all(len(found) == 64 for found in hashes)


def test_a_rule_set_can_be_rebuilt_from_its_sources(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=route("a"), b__c_yaml=route("c"))
    first = load(tmp_path, default_timezone="Europe/Berlin")
    again = parse_texts(first.sources, default_timezone=first.default_timezone)
    assert again.hash == first.hash
    assert [one.when for one in again.routes] == [one.when for one in first.routes]


def test_comments_alone_and_an_empty_file_are_no_mistake() -> None:
    assert parse_texts({"a.yaml": "", "b.yaml": "# nothing yet\n"}, default_timezone="UTC").routes == ()


def test_every_field_of_the_facts_can_be_asked_for() -> None:
    fields = (
        "severity: SEV-1, service: a, team: a, status: open, title: a, description: a, assignee: a, actor: a"
    )
    more = "note: a, source: a, command: a, outcome: a, channel: a, user: a, labels.a.b-c: a"
    text = f"routes: [{{id: all, when: {{event: chat.command, {fields}, {more}}}, notify: []}}]"
    (only,) = parse_texts({"a.yaml": text}, default_timezone="UTC").routes
    names = [pair.split(": ") for pair in f"{fields}, {more}".split(", ")][:-1]
    facts = Facts(event="chat.command", at=datetime.now(UTC), labels={"a.b-c": "a"}, **dict(names))  # type: ignore[arg-type]
    assert only.test(facts)
    assert not only.test(Facts(event="chat.command", at=datetime.now(UTC)))


def test_line_numbers_point_at_the_routes() -> None:
    text = (
        "version: 1\nroutes:\n  # a comment\n  - id: a\n    when: {}\n    notify: []\n"
        "  - {id: b, when: {}, notify: []}"
    )
    assert [one.line for one in parse_texts({"a.yaml": text}, default_timezone="UTC").routes] == [4, 7]


def test_generated_facts_are_the_same_for_the_same_rules() -> None:
    rule_set = parse_texts({"a.yaml": route("a")}, default_timezone="UTC")
    assert list(samples(rule_set, 20)) == list(samples(rule_set, 20))
    assert {facts.event for facts in samples(rule_set, 200)} <= set(EVENTS)


DOCUMENTED = """\
version: 1
timezone: Europe/Berlin                  # of this file's windows and cron; default IM_TIMEZONE
routes:
  - id: sev1-management                  # unique, stable: decisions and analytics name it
    description: executives hear of every SEV-1
    when: {event: incident.created, severity: SEV-1}
    notify: [{to: severity_channel}, {to: management, template: executive}]
    priority: urgent                     # urgent | normal | low
    always: true                         # an earlier stop does not hide it
  - id: payments-eu-hours
    when:
      all:
        - service: [payments, checkout]              # any of
        - labels.region: {starts_with: eu-}
        - any: [{severity: {at_least: SEV-2}}, {recent.same_service_10m: {gte: 3}}]
        - not: {title: {matches: "(?i)test"}}
        - local_time: {weekdays: mon-fri, between: "08:00-18:00"}
    notify: [{provider: company-slack, channel: C_PAYMENTS}]
    stop: true                           # later routes in all files are not tried, except always ones
counts:   {same_service_10m: {of: {event: incident.created}, by: [service], within: 10m}}
"""


def test_the_documented_example_decides_as_documented() -> None:
    _, hours = parse_texts({"a.yaml": DOCUMENTED}, default_timezone="UTC").routes
    fits = Facts(
        event="incident.created",
        at=datetime(2026, 1, 5, 16, 59, tzinfo=UTC),
        severity="SEV-3",
        service="checkout",
        title="slow",
        labels={"region": "eu-1"},
        recent={"same_service_10m": 3},
    )
    assert hours.test(fits)
    assert hours.reasons(fits) == (
        "service is checkout",
        "label region starts with eu-",
        "recent.same_service_10m is at least 3",
        "title does not match (?i)test",
        "local time is in mon-fri 08:00-18:00 (Europe/Berlin)",
    )
    for change in (
        {"at": fits.at.replace(hour=17)},
        {"title": "A Test"},
        {"recent": {}},
        {"service": "Checkout"},
    ):
        assert not hours.test(msgspec.structs.replace(fits, **change))
