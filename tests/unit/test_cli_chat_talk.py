"""Scripts of `im chat`: what a turn is, and what is said of one that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.chat_script import Line, lines
from api.cli.errors import WRONG_USAGE, CliError
from api.cli.main import run
from api.cli.talking import Place, Turn


def read(turns: Any, *, user: str = "dana", channel: str = "#incidents") -> tuple[Line, ...]:
    body = turns if isinstance(turns, bytes) else json.dumps(turns).encode()
    return lines(body, "turns.json", user=user, channel=channel)


def test_a_turn_says_who_says_what_where_and_the_options_fill_in_the_rest() -> None:
    found = read([{"user": "ack it"}, {"user": "", "as": "omar", "channel": "ops", "expect": {"does": []}}])
    assert found == (
        Line(Place("dana", "#incidents"), "ack it"),
        Line(Place("omar", "ops"), ""),
    )
    assert read([]) == ()
    assert read(b'\xef\xbb\xbf[{"user": "hi"}]') == (Line(Place("dana", "#incidents"), "hi"),)


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        (b"", "turns.json is not JSON: "),
        (b"\xff\xfe[]", "turns.json is not JSON: "),
        (b'[{"user": "x"},]', "turns.json is not JSON: "),
        (b'[{"user": "\\ud800"}]', "turns.json is not JSON: "),
        (b"[" * 100_000, "turns.json is not JSON: "),
        ({"user": "x"}, "turns.json is an object; give a list of turns"),
        (None, "turns.json is null; give a list"),
        (["ack it"], "turns.json: [0] is a text; give an object"),
        ([{"user": "x"}, []], "turns.json: [1] is a list; give an object"),
        ([{"as": "dana"}], "turns.json: [0].user is missing; it is what is said"),
        ([{"user": "x"}, {"user": 7}], "turns.json: [1].user is a number; give a text"),
        ([{"user": "x", "as": True}], "turns.json: [0].as is true or false; give a text"),
        ([{"user": "x", "as": " "}], "turns.json: [0].as is empty"),
        ([{"user": "x", "channel": ""}], "turns.json: [0].channel is empty"),
        ([{"user": "x", "channel": {}}], "turns.json: [0].channel is an object; give a text"),
    ],
)
def test_what_is_no_script_is_one_sentence_with_file_turn_and_field(turns: Any, told: str) -> None:
    with pytest.raises(CliError) as caught:
        read(turns)
    assert str(caught.value).startswith(told)
    assert caught.value.code == WRONG_USAGE


def test_somebody_has_to_speak() -> None:
    with pytest.raises(CliError, match=r"\[0\]\.as is missing; give it, or say who speaks by `--as`"):
        read([{"user": "hi"}], user="")
    assert read([{"user": "hi", "as": "kim"}], user="")[0].place.user == "kim"


def test_a_record_is_the_texts_and_the_outcome() -> None:
    outcome = {
        "asks_for": None, "offers": [], "confirm": True, "does": [], "refused": False, "cancelled": False
    }  # fmt: skip
    turn = Turn(({"text": "Resolve INC-7, “Down”?", "actions": []},), outcome)
    assert turn.record() == {"messages": ["Resolve INC-7, “Down”?"], **outcome}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "say who speaks by `--as USER`"),
        (("--as", " "), "say who speaks by `--as USER`"),
        (("--as", "dana", "--json"), "`--json` is for scripts"),
        (("--as", "dana", "--script", "nowhere.json"), "no such file"),
        (("--as", "dana", "--script", "SCRIPT"), "[0].user is missing"),
    ],
)
def test_wrong_usage_is_one_sentence_before_anything_starts(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "s.json"
    script.write_text('[{"as": "omar"}]')
    assert run(["chat", *(str(script) if each == "SCRIPT" else each for each in arguments)]) == WRONG_USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert told.lower() in printed.err.lower()
    assert printed.err.count("\n") == 1
