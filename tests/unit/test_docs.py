"""The documentation says what the code does: names, examples and links are compared with it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import pytest
import yaml

from adapters import config as configs
from adapters import registry, templates
from adapters.contract import Reason
from api.cli.main import im
from api.http import problems
from router import cloudevents, events, incidents, senders
from router import settings as settings_module
from router.problems import Invalid
from rules import conditions, model, page
from rules.load import parse_texts

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")))
}
REMOTE: Final = ("slack", "teams", "discord", "mattermost")
SAMPLES: Final = (ROOT / "data" / "sample-events.jsonl").read_bytes().splitlines()
ORIGIN: Final = events.Origin(source="docs", received_at=datetime(2026, 1, 5, 12, tzinfo=UTC))

_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


def blocks(language: str, name: str | None = None) -> list[tuple[str, str]]:
    """(page, text) of the fenced blocks in a language."""
    return [
        (where, match[2])
        for where, text in PAGES.items()
        if name in (None, where)
        for match in _BLOCK.finditer(text)
        if match[1] == language
    ]


def section(name: str, heading: str) -> str:
    """A page's text below a heading, up to the next one of the same level."""
    level = heading.partition(" ")[0]
    text = PAGES[name].partition(f"\n{heading}\n")[2]
    assert text, f"{name} has no section `{heading}`"
    return re.split(rf"^{level} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def first_column(text: str) -> set[str]:
    """What stands in backticks in the first cells of a text's tables."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.lstrip().startswith("|")]
    return {name for row in rows for name in _SPAN.findall(row)}


def code_lines(text: str) -> Iterator[str]:
    """The lines of a page that are code by their indentation, and what stands in backticks."""
    plain = _BLOCK.sub("", text)
    yield from (line.strip() for line in plain.splitlines() if line.startswith("    "))
    yield from _SPAN.findall(plain)


def parsed(language: str, name: str) -> list[Any]:
    return [
        json.loads(text) if language == "json" else yaml.safe_load(text) for _, text in blocks(language, name)
    ]


# Names.


def test_every_setting_is_described_and_every_described_setting_exists() -> None:
    fields = msgspec.structs.fields(settings_module.Settings)
    filled: dict[str, Any] = {field.name: "given" for field in fields if field.type is str}
    filled |= {field.name: Path("given") for field in fields if field.default is None}
    known = set(settings_module.shown(settings_module.Settings(**filled)))
    assert first_column(section("docs/operations.md", "## Settings")) == known


@pytest.mark.parametrize("platform", REMOTE)
def test_every_key_of_a_provider_is_on_its_page(platform: str) -> None:
    known = set(registry.PLATFORMS[platform].config.__struct_fields__)
    assert first_column(section(f"docs/{platform}.md", "## Configuration")) == known


@pytest.mark.parametrize("platform", REMOTE)
def test_required_keys_and_secrets_are_marked_on_the_page(platform: str) -> None:
    kind = registry.PLATFORMS[platform].config
    for line in section(f"docs/{platform}.md", "## Configuration").splitlines():
        if line.startswith("| `"):
            name, meaning = _SPAN.findall(line)[0], line.split("|", 2)[2]
            words = re.findall(r"\w+", meaning.partition(":")[0])
            assert ("required" in words) == (name in kind.REQUIRED), line
            assert ("secret" in words) == (name in kind.SECRETS), line


@pytest.mark.parametrize("platform", REMOTE)
def test_the_reasons_on_a_page_are_those_of_the_contract(platform: str) -> None:
    named = first_column(section(f"docs/{platform}.md", "## When a message does not arrive"))
    assert named <= {reason.value for reason in Reason}
    assert {reason.value for reason in Reason if reason.retryable} - named == {"outcome_unknown"}


def test_every_operator_of_conditions_is_described() -> None:
    described = first_column(section("docs/rules.md", "## Conditions"))
    assert set(conditions._ALL_OPS) <= described
    assert {"all: [..]", "any: [..]", "not: {..}"} <= set(_SPAN.findall(PAGES["docs/rules.md"]))


def test_every_field_of_conditions_is_described() -> None:
    described = first_column(section("docs/rules.md", "## Conditions"))
    assert set(model.TEXT_FIELDS) <= described


def test_targets_are_described_one_for_one() -> None:
    assert first_column(section("docs/rules.md", "## Targets")) == set(page.TARGETS)


def test_keys_of_a_route_are_described_one_for_one() -> None:
    assert first_column(section("docs/rules.md", "## A route")) == set(page._ROUTE_KEYS)


def test_what_is_not_there_yet_is_said_by_name() -> None:
    said = set(_SPAN.findall(section("docs/rules.md", "## What is refused")))
    assert {*page._LATER, *page._ROUTE_LATER, *page._TARGETS_LATER} <= said


def test_every_metric_is_described_and_every_described_metric_exists() -> None:
    sources = [ROOT / "router" / "metrics.py", ROOT / "api" / "http" / "ops.py"]
    known = {name for path in sources for name in re.findall(r'"(im_[a-z_]+)"', path.read_text())}
    described = first_column(section("docs/operations.md", "## Health and metrics"))
    assert {name for name in described if name.startswith("im_")} == known


def test_every_type_of_event_is_described() -> None:
    described = {
        name for name in first_column(PAGES["docs/events.md"]) if name.startswith(("incident.", "sla."))
    }
    assert set(events.TYPES) <= described


def test_the_severity_words_of_senders_are_listed_as_they_are_read() -> None:
    source = senders.Source(name="docs")
    rows = re.findall(r"^\| (`.+`) \| (SEV-[1-4]) \|$", PAGES["docs/events.md"], re.MULTILINE)
    listed = {word: severity for words, severity in rows for word in _SPAN.findall(words)}
    assert set(senders.SEVERITY_WORDS) <= set(listed)
    assert {word: senders.severity(word, source) for word in listed} == listed


def test_placeholders_of_templates_are_described_one_for_one() -> None:
    described = {name.strip("{}.") for name in first_column(PAGES["docs/templates.md"])}
    assert described == set(templates.PLACEHOLDERS)


def test_leases_are_those_of_the_platforms() -> None:
    rows = re.findall(
        r"^\| (\w+) \| (\d+) s \|", section("docs/architecture.md", "## Leases and doubles"), re.MULTILINE
    )
    assert dict(rows) == {
        registry.PLATFORMS[name].title.removeprefix(
            "Microsoft "
        ): f"{registry.PLATFORMS[name].lease_seconds:.0f}"
        for name in REMOTE
    }


# Examples.


@pytest.mark.parametrize(("where", "text"), blocks("json"))
def test_json_examples_parse(where: str, text: str) -> None:
    json.loads(text)


@pytest.mark.parametrize(("where", "text"), blocks("yaml"))
def test_yaml_examples_parse_and_rule_examples_load(where: str, text: str) -> None:
    if "routes" in yaml.safe_load(text):
        assert parse_texts({"example.yaml": text}, default_timezone="UTC").routes


@pytest.mark.parametrize("platform", REMOTE)
def test_a_page_shows_a_configuration_that_is_accepted(platform: str) -> None:
    kind = registry.PLATFORMS[platform].config
    shown = parsed("json", f"docs/{platform}.md")
    assert shown
    for raw in shown:
        configs.validate(kind, platform, raw)


def test_the_example_of_templates_is_accepted() -> None:
    (shown,) = parsed("json", "docs/templates.md")
    configs.validate(registry.PLATFORMS["sandbox"].config, "sandbox", shown)


def test_the_event_of_the_readme_is_accepted() -> None:
    (body,) = re.findall(r"-d '(\{.*?\})'\n", PAGES["README.md"], re.DOTALL)
    ((event,), _) = events.parse_body(body.encode(), ORIGIN)
    assert event.type == "incident.created"


def test_the_events_of_the_page_are_accepted_and_its_error_is_what_is_answered() -> None:
    seen = set()
    for shown in parsed("json", "docs/events.md"):
        body = json.dumps(shown).encode()
        if "specversion" in shown:
            seen.add("cloudevent")
            cloudevents.parse(body, cloudevents.STRUCTURED, {}, ORIGIN)
        elif "routing_key" in shown:
            seen.add("pagerduty")
            given = senders.decode_pagerduty(body)
            senders.pagerduty(given, body, ORIGIN, senders.Source(name="docs"))
        elif "incident" in shown:
            seen.add("event")
            events.parse_body(body, ORIGIN)
        elif "detail" in shown:
            seen.add("error")
            wrong = b'{"type": "incident.created", "incident": {"id": "x", "title": "y", "severity": "P1"}}'
            with pytest.raises(Invalid) as caught:
                events.parse_body(wrong, ORIGIN)
            answered = problems.on_problem(None, caught.value).content  # type: ignore[arg-type]
            assert json.loads(answered) == shown
    assert seen == {"cloudevent", "pagerduty", "event", "error"}


def test_sample_events_are_accepted_in_order_and_none_is_late() -> None:
    known: dict[str, incidents.Incident] = {}
    keys = set()
    for line in SAMPLES:
        event = events.parse_event(line, ORIGIN)
        change = incidents.apply(
            known.get(event.incident.id), event, new_id="x", display_id=event.incident.id
        )
        assert not change.late
        assert event.key not in keys
        keys.add(event.key)
        known[event.incident.id] = change.after
    assert len(SAMPLES) == 40
    assert len(known) == 10
    assert {incident.status for incident in known.values()} == {"acknowledged", "resolved", "closed"}


def test_sample_events_show_every_type() -> None:
    assert {json.loads(line)["type"] for line in SAMPLES} == set(events.TYPES)


# Commands and links.


def test_every_make_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        m[1]
        for text in PAGES.values()
        for line in code_lines(text)
        if (m := re.match(r"make ([a-z-]+)", line))
    }
    assert {"run", "test"} <= named <= targets


def _commands() -> list[tuple[str, list[str]]]:
    return [
        (where, shlex.split(line, comments=True)[1:])
        for where, text in PAGES.items()
        for line in code_lines(text)
        if line.startswith(("./im ", "im ")) and "…" not in line.partition("--")[0]
    ]


@pytest.mark.parametrize(("where", "words"), _commands())
def test_every_command_that_is_mentioned_exists_with_its_options(where: str, words: list[str]) -> None:
    command: click.Command = im
    path: list[str] = []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        context = click.Context(command, info_name="im")
        inner = command.get_command(context, words[0])
        assert inner is not None, f"{where}: there is no `im {' '.join([*path, words[0]])}`"
        command, path, words = inner, [*path, words[0]], words[1:]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("--")} <= known | {"--help"}, (
        f"{where}: im {' '.join(path)}"
    )


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_inside_the_project_resolve() -> None:
    for where, text in PAGES.items():
        for target in _LINK.findall(text):
            if target.startswith(("http://", "https://")):
                continue
            file, _, anchor = target.partition("#")
            path = (ROOT / where).parent / file if file else ROOT / where
            assert path.exists(), f"{where}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
                assert anchor in map(_slug, headings), f"{where}: {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        where = waiting.pop()
        if where in reached or where not in PAGES:
            continue
        reached.add(where)
        for target in _LINK.findall(PAGES[where]):
            path = ((ROOT / where).parent / target.partition("#")[0]).resolve()
            if not target.startswith("http") and path.is_relative_to(ROOT):
                waiting.append(path.relative_to(ROOT).as_posix())
    assert reached == set(PAGES)


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
