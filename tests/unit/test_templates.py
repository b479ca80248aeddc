"""Templates: known placeholders are filled with escaped values, unknown ones are named with a mend."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import templates
from adapters.contract import IncidentCard, Message

INCIDENT = IncidentCard(
    id="INC-2024-001",
    title="Database connection timeout",
    severity="SEV-1",
    status="open",
    started_at=datetime(2026, 1, 5, 10, 0, tzinfo=UTC),
    service="checkout",
    description="Payments fail",
    assignee="dana",
    url="https://example.com/i/1",
)
MESSAGE = Message(
    event="incident.created",
    headline="New Incident Declared",
    text="plain",
    incident=INCIDENT,
    actor="erin",
    note="look at the pool",
    steps=("acknowledged", "escalated"),
)
VALUES = {
    "ID": "INC-2024-001",
    "Title": "Database connection timeout",
    "Description": "Payments fail",
    "Severity": "SEV-1",
    "Status": "open",
    "Service": "checkout",
    "Assignee": "dana",
    "URL": "https://example.com/i/1",
    "StartedAt": "2026-01-05 10:00 UTC",
    "Event": "incident.created",
    "Headline": "New Incident Declared",
    "Actor": "erin",
    "Note": "look at the pool",
    "Message": "plain",
    "Steps": "acknowledged\nescalated",
}
DOCUMENTED = "🚨 *{{.Title}}*\n{{.Description}}\nSeverity: {{.Severity}} | Service: {{.Service}}\n"


def same(text: str) -> str:
    return text


def test_the_documented_template_is_filled() -> None:
    assert templates.parse(DOCUMENTED) == ("Title", "Description", "Severity", "Service")
    assert templates.fill(DOCUMENTED, MESSAGE, same) == (
        "🚨 *Database connection timeout*\nPayments fail\nSeverity: SEV-1 | Service: checkout"
    )


@pytest.mark.parametrize(("name", "value"), VALUES.items())
def test_every_placeholder_has_its_value(name: str, value: str) -> None:
    assert templates.fill(f"{{{{.{name}}}}}", MESSAGE, same) == value


def test_every_placeholder_is_listed() -> None:
    assert set(templates.PLACEHOLDERS) == set(VALUES)


@pytest.mark.parametrize("name", templates.PLACEHOLDERS)
def test_a_message_without_an_incident_fills_every_placeholder(name: str) -> None:
    filled = templates.fill(f"<{{{{.{name}}}}}>", Message(event="text", headline="Hello"), same)
    assert "{{" not in filled


@pytest.mark.parametrize(
    "written", ["{{.Title}}", "{{ .Title }}", "{{-.Title-}}", "{{- .Title -}}", "{{Title}}", "{{\n.Title\n}}"]
)
def test_white_space_and_trim_marks_are_allowed(written: str) -> None:
    assert templates.parse(written) == ("Title",)
    assert templates.fill(written, MESSAGE, same) == "Database connection timeout"


def test_values_are_escaped_and_the_markup_around_them_is_not() -> None:
    filled = templates.fill("*{{.Title}}* <b>", MESSAGE, lambda value: f"[{value}]")
    assert filled == "*[Database connection timeout]* <b>"


def test_a_placeholder_inside_a_value_is_not_filled_again() -> None:
    message = Message(event="text", headline="h", text="{{.Headline}} \\1 \\g<0>")
    assert templates.fill("{{.Message}}", message, same) == "{{.Headline}} \\1 \\g<0>"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{.Titel}}", "did you mean `{{.Title}}`?"),
        ("{{.severity}}", "did you mean `{{.Severity}}`?"),
        ("{{.Incident.Title}}", "unknown placeholder `{{.Incident.Title}}`"),
        ("{{.Xyzzy}}", "known are ID, Title"),
        ("{{}}", "unknown placeholder"),
        ("{{.Title", "has no matching `}}`"),
        ("{{.Title}} {{", "has no matching `}}`"),
    ],
)
def test_a_wrong_template_is_refused_with_its_mend(text: str, hint: str) -> None:
    with pytest.raises(templates.TemplateError) as caught:
        templates.parse(text)
    assert hint in str(caught.value)


def test_a_template_that_is_too_long_is_refused() -> None:
    templates.parse("x" * templates.MAX_TEMPLATE_LENGTH)
    with pytest.raises(templates.TemplateError, match="longer than 10000 characters"):
        templates.parse("x" * (templates.MAX_TEMPLATE_LENGTH + 1))


def test_an_unknown_placeholder_does_not_stop_a_message() -> None:
    assert templates.fill("{{.Gone}}: {{.Title}}", MESSAGE, same) == "{{.Gone}}: Database connection timeout"


@pytest.mark.parametrize("text", ["{{" + " " * 9_990, "{{ . " * 2_000, "{{-" * 3_000, "{" * 10_000])
def test_a_malicious_template_is_refused_quickly(text: str) -> None:
    began = time.process_time()
    with pytest.raises(templates.TemplateError):
        templates.parse(text)
    assert time.process_time() - began < 0.5


@given(st.text(alphabet="{}. -TitleID*<", max_size=60))
def test_what_parses_is_filled_and_what_is_filled_never_raises(text: str) -> None:
    filled = templates.fill(text, MESSAGE, same)
    try:
        names = templates.parse(text)
    except templates.TemplateError:
        return
    if not names:
        assert filled == text.strip("\n")
