"""Usage lines as grammar: which words of a call become which argument, and what is said to the others."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.chat import built_in
from router.chat.usage import Misused, Usage, arguments, usage

ALL: Final = {each.name: each.usage for each in built_in.COMMANDS}


def read(command: str, text: str) -> dict[str, str]:
    return arguments(ALL[command], text)


@pytest.mark.parametrize(
    ("command", "text", "found"),
    [
        ("declare", "Database connection timeout", {"title": "Database connection timeout"}),
        (
            "declare",
            '--sev SEV-2 --service checkout "Payment processing down"',
            {"severity": "SEV-2", "service": "checkout", "title": "Payment processing down"},
        ),
        (
            "declare",
            '--sev SEV-1 --service payments --description "Complete outage"',
            {"severity": "SEV-1", "service": "payments", "description": "Complete outage"},
        ),
        ("declare", "It is down --sev p1", {"title": "It is down", "severity": "SEV-1"}),
        ("declare", "it's -5 °C -- too cold", {"title": "it's -5 °C -- too cold"}),
        ("ack", 'INC-2024-001 "on it"', {"incident-id": "INC-2024-001", "note": "on it"}),
        ("ack", "inc 7 on it", {"incident-id": "INC-7", "note": "on it"}),
        ("ack", "on it", {"note": "on it"}),
        ("ack", "", {}),
        ("resolve", "INC-7 rolled\nback", {"incident-id": "INC-7", "note": "rolled back"}),
        ("escalate", "sev1", {"severity": "SEV-1"}),
        ("escalate", "INC-7 critical", {"incident-id": "INC-7", "severity": "SEV-1"}),
        ("escalate", "critical INC-7", {"incident-id": "INC-7", "severity": "SEV-1"}),
        ("assign", "INC-7 <@U1>", {"incident-id": "INC-7", "user": "<@U1>"}),
        ("assign", "me", {"user": "me"}),
        ("list", "--sev 1 --status acked", {"severity": "SEV-1", "status": "acknowledged"}),
        ("list", "--status=all", {"status": ""}),
        ("silence", "checkout 2h a deploy", {"service": "checkout", "duration": "2h", "reason": "a deploy"}),
        ("silence", "INC-7 30m", {"incident-id": "INC-7", "duration": "30m"}),
        ("broadcast", "We are “back”", {"text": 'We are "back"'}),
        ("metrics", "payments", {"service": "payments"}),
    ],
)
def test_words_find_their_place(command: str, text: str, found: dict[str, str]) -> None:
    assert read(command, text) == found


@pytest.mark.parametrize(
    ("command", "text", "told"),
    [
        ("escalate", "INC-7 sevv-1", "not a severity; did you mean SEV-1"),
        ("escalate", "INC-7 SEV-1 now", "more than it takes"),
        ("status", "hello", "not an incident's id"),
        ("declare", "--sev", "needs a value"),
        ("declare", "--sev SEV-9 down", "not a severity"),
        ("declare", "--sevrity SEV-1 down", "did you mean `--severity`"),
        ("list", "--status opn", "did you mean open"),
        ("update", "failing over INC-7", "put the id first: `/im update INC-7"),
        ("broadcast", "", "`text` is missing"),
        ("runbook", "", "`service` is missing"),
    ],
)
def test_what_does_not_fit_is_named(command: str, text: str, told: str) -> None:
    with pytest.raises(Misused) as refused:
        read(command, text)
    assert told in str(refused.value)


def test_what_is_in_quotes_is_neither_an_option_nor_an_id() -> None:
    assert read("declare", '"--sev SEV-1"') == {"title": "--sev SEV-1"}
    with pytest.raises(Misused, match="put the id first"):
        read("ack", '"INC-7"')


@pytest.mark.parametrize("line", ["[", "<a", "[a b]", "<a>>", "[--Flag x]", "a", "<A>"])
def test_a_usage_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="of the usage of `x` cannot be read"):
        usage("x", line)


@pytest.mark.parametrize("name", ALL)
def test_every_example_is_good_usage(name: str) -> None:
    (command,) = [each for each in built_in.COMMANDS if each.name == name]
    typed = command.example.removeprefix(f"/im {name}")
    assert command.example.startswith(f"/im {name}")
    assert isinstance(read(name, typed), dict)


@pytest.mark.parametrize("name", ALL)
@given(text=st.text(max_size=200))
def test_no_text_breaks_a_command(name: str, text: str) -> None:
    with contextlib.suppress(Misused):
        assert set(read(name, text)) <= {parameter.name for parameter in ALL[name].parameters}


def told(use: Usage, text: str) -> str:
    """What is wrong with it, if anything is."""
    try:
        arguments(use, text)
    except Misused as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("part", ["INC-1 ", "--sev ", "--x ", '"', "‘", "a", "=", "inc "])
def test_twenty_thousand_characters_take_no_time(part: str) -> None:
    text = (part * 20_000)[:20_000]
    for use in ALL.values():
        started = time.process_time()
        assert len(told(use, text)) < 300
        assert time.process_time() - started < 1.0, use.command
