"""What is printed: plain aligned tables, JSON, and nothing that drives the terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from api.cli.chatops import routing
from api.cli.events import summary
from api.cli.output import aligned, cell, print_json, print_table, tick, visible, when
from api.cli.receipts import outcome


def test_columns_are_as_wide_as_their_widest_cell_also_where_characters_are_double() -> None:
    assert aligned([["Name", "Status"], ["日本", "open"], ["a", "closed"]]) == [
        "Name  Status",
        "日本  open",
        "a     closed",
    ]


def test_a_table_without_a_terminal_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Provider", "Platform", "Status", "Channels"), [("company-slack", "slack", "active", 5)])
    assert capsys.readouterr().out.splitlines() == [
        "Provider       Platform  Status  Channels",
        "company-slack  slack     active  5",
    ]


def test_an_empty_table_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A",), [], empty="there is nothing")
    assert capsys.readouterr() == ("", "there is nothing\n")


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\x07b", "\u202egnp.exe", "\x9b2J", "\ud800"])
def test_what_drives_the_terminal_or_turns_the_writing_is_shown_not_done(text: str) -> None:
    assert visible(text) != text
    assert "�" in cell(text)


def test_emoji_and_joined_letters_stay_as_they_are() -> None:
    assert visible("👩‍🚒 ⚠️ ß é नि") == "👩‍🚒 ⚠️ ß é नि"


def test_a_cell_is_one_line() -> None:
    assert cell("two\nlines\tand a tab") == "two lines and a tab"


def test_json_is_the_only_thing_on_stdout_and_keeps_every_character(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"text": "🚨 \x1b", "none": None})
    assert json.loads(capsys.readouterr().out) == {"text": "🚨 \x1b", "none": None}


def test_a_line_that_failed_ends_with_its_mend(capsys: pytest.CaptureFixture[str]) -> None:
    tick(True, "Connected to Slack workspace", "not shown")
    tick(False, "Default channel not accessible", "invite the bot")
    assert capsys.readouterr().out.splitlines() == [
        "✓ Connected to Slack workspace",
        "✗ Default channel not accessible: invite the bot",
    ]


def test_times_are_shown_to_the_second() -> None:
    assert when("2026-01-05T10:00:00.123456Z") == "2026-01-05 10:00:00"
    assert when(None) == ""


@pytest.mark.parametrize(
    ("state", "detail", "said"),
    [
        ("sent", None, "sent to C1 on slack"),
        ("failed", "the channel does not exist", "failed, C1 on slack: the channel does not exist"),
        ("retrying", "rate limited", "not yet sent to C1 on slack: rate limited"),
        ("pending", None, "not yet sent to C1 on slack: no worker has taken it yet"),
    ],
)
def test_outcomes_say_where_and_why(state: str, detail: str | None, said: str) -> None:
    row = {"state": state, "channel": "C1", "provider": "slack", "detail": detail, "reason": None}
    assert outcome(row) == said


def test_duplicates_are_counted_apart_and_cause_no_deliveries() -> None:
    results = [{"duplicate": False, "deliveries": ["a", "b"]}, {"duplicate": True, "deliveries": ["c"]}]
    assert summary(results) == "2 events accepted (1 known already), 2 deliveries"
    assert summary(results[:1]) == "1 event accepted, 2 deliveries"


def test_routing_falls_back_from_severity_to_default_to_the_default_channel() -> None:
    config = {
        "default_channel": "C0",
        "notification_channels": {"SEV-1": "C1"},
        "escalation_channels": {"management": "CM"},
        "service_channels": {"checkout": "CS"},
        "team_channels": ["CT"],
        "archive_channel": "CA",
    }
    assert routing(config) == [
        ("SEV-1", "C1"),
        ("SEV-2", "C0"),
        ("SEV-3", "C0"),
        ("SEV-4", "C0"),
        ("default", "C0"),
        ("SLA breaches", "—"),
        ("Management", "CM"),
        ("service checkout", "CS"),
        ("reports to teams", "CT"),
        ("archive", "CA"),
    ]
    config["notification_channels"] = {"default": "CD"}
    assert routing(config)[0] == ("SEV-1", "CD")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_on_a_terminal_tables_and_marks_are_coloured_unless_that_is_not_wanted(
    no_color: str, coloured: bool
) -> None:
    code = (
        "from api.cli.output import print_table, tick\n"
        "print_table(('State',), [('failed [bold]',), ('failed',)]); tick(True, 'done')"
    )
    ours, theirs = pty.openpty()
    environ = os.environ | {"TERM": "xterm-256color", "NO_COLOR": no_color}
    subprocess.run([sys.executable, "-c", code], stdout=theirs, env=environ, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "failed [bold]" in shown
    assert ("\x1b[31m" in shown, "\x1b[32m" in shown) == (coloured, coloured)
