"""`im chat`: what a script is and what is said of one that is none; a turn with an API that does as told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from api.cli.chat_script import Line, lines
from api.cli.errors import WRONG_USAGE, CliError, Refused
from api.cli.main import run
from api.cli.session import Api
from api.cli.talking import Conversation, Place, Turn


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


class FakeApi:
    """An API with one sandbox; `answers` says which messages are there once something was said."""

    alone = False
    sender = None

    def __init__(self, *answers: dict[str, Any], kept: bool = True) -> None:
        self.accounts: list[dict[str, Any]] = [{"name": "dana", "links": []}]
        self.linked: list[tuple[str, object]] = []
        self.said: list[dict[str, Any]] = []
        self.pauses = 0
        self._answers = answers
        self._kept = kept

    def get(self, *path: str, **_: object) -> Any:
        if path == ("users",):
            return self.accounts
        if path == ("nlu", "utterances"):
            if not self._kept:
                raise Refused(404, "there is no record of that yet")
            return {"outcome": OUTCOME}
        assert path == ("chatops", "providers", "sandbox", "messages")
        keys = [each["key"] for each in self.said]
        return [
            row | {"parent": keys[0] if row["parent"] == "said" else None} for row in self._answers if keys
        ]

    def post(self, *path: str, body: object = None) -> Any:
        self.linked.append((path[1], body))

    def deliver(self, *path: str, body: object) -> Any:
        assert path == ("sandbox", "sandbox")
        self.said.append(cast("dict[str, Any]", body))

    def pause(self, _: float) -> None:
        self.pauses += 1


OUTCOME = {
    "asks_for": None, "offers": [], "confirm": False, "does": [], "refused": True, "cancelled": False
}  # fmt: skip
HERE = Place("dana", "ops")


def message(number: int, text: str, parent: str | None, to: str | None = None) -> dict[str, Any]:
    return {"id": str(number), "parent": parent, "payload": {"text": text, "to": to}}


def talk(api: FakeApi) -> Conversation:
    return Conversation(cast("Api", api), "sandbox", patience=0.05)


def test_a_turn_has_the_answer_to_it_and_no_other_message_of_the_channel() -> None:
    api = FakeApi(message(1, "🚨 New incident", None), message(2, "No.", "said"), message(3, "More", None))
    turn = talk(api).say(HERE, "sing")
    assert turn.record() == {"messages": ["No."], **OUTCOME}
    (said,) = api.said
    assert (said["kind"], said["user"], said["channel"], said["text"]) == ("mention", "dana", "ops", "sing")
    assert said["message"] == said["key"]


def test_a_bot_that_does_not_answer_is_one_sentence_after_a_while() -> None:
    api = FakeApi(message(1, "🚨 New incident", None))
    with pytest.raises(CliError, match=r"did not answer within 0\.05 s; `im doctor`"):
        talk(api).say(HERE, "sing")
    assert api.pauses


def test_a_bot_that_keeps_no_record_is_told_from_one_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cli.talking.RECORD_SECONDS", 0.05)
    with pytest.raises(CliError, match="keeps no record of what is said"):
        talk(FakeApi(message(1, "No.", "said"), kept=False)).say(HERE, "sing")


def test_a_press_is_answered_by_what_only_the_person_sees() -> None:
    api = FakeApi(message(1, "for kim", None, "kim"), message(2, "for dana", None, "dana"))
    api.said.append({"key": "earlier"})
    # What was there before the press is no answer to it.
    with pytest.raises(CliError, match="did not answer"):
        talk(api).give("action", HERE, action="ack", value="INC-7")
    api.said.clear()
    assert talk(api).give("action", HERE, action="ack", value="INC-7")["text"] == "for dana"


def test_whoever_is_named_like_an_account_is_linked_once_and_links_stay() -> None:
    api = FakeApi()
    conversation = talk(api)
    assert [conversation.known_as(name) for name in ("dana", " @dana", "somebody")] == [
        "dana",
        "dana",
        "somebody",
    ]
    assert api.linked == [("dana", {"provider": "sandbox", "user": "dana"})]
    moved = FakeApi()
    moved.accounts = [
        {"name": "dana", "links": []},
        {"name": "erin", "links": [{"platform": "sandbox", "user": "dana"}]},
    ]
    assert talk(moved).known_as("dana") == "dana"
    assert moved.linked == []
