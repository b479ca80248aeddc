"""What was said is kept without what is private, judged by people, learned from, and forgotten in time."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from nlu_model.evaluation import read_example, read_file
from router.dialogue import reviewing
from router.settings import ROOT, environment
from tests.fakes.nlu import NluFake
from tests.flow.people import Room, room
from tests.flow.stage import ADMIN, READER, Im, event, until

NOW = datetime.now(UTC)
PATH = "/api/v1/nlu/utterances"
Make = Callable[..., Im]


@pytest.fixture
def nlu() -> Iterator[NluFake]:
    with NluFake() as fake:
        yield fake


@pytest.fixture
def chat(im_with: Make, nlu: NluFake) -> Iterator[Room]:
    with room(im_with(nlu_url=nlu.url), "sandbox") as opened:
        yield opened


def kept(im: Im, **given: Any) -> str:
    """An utterance that was understood and done a minute ago, but for what is given; its id."""
    ago = given.pop("ago", timedelta(minutes=1))
    rival = given.pop("rival", 0.01)
    intent, text = given.get("intent", "resolve_incident"), given.get("text", "resolve INC-7")
    parse = {
        "text": text,
        "intent": intent,
        "confidence": 0.95,
        "entities": given.pop("entities", []),
        "alternatives": [{"intent": "close_incident", "confidence": rival}],
    }
    outcome = {"does": [{"command": intent, "incident_id": "INC-7"}], "refused": False, "cancelled": False}
    row = {
        "id": str(uuid4()),
        "at": NOW - ago,
        "provider": "chat",
        "key": str(uuid4()),
        "channel": "major",
        "speaker": "dana",
        "text": text,
        "intent": intent,
        "confidence": 0.95,
        "parse": parse,
        "outcome": outcome,
    } | given
    im.loop.run(
        im.parts.store.run(
            "dialogue.keep", row | {"parse": _json(row["parse"]), "outcome": _json(row["outcome"])}
        )
    )
    return str(row["id"])


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def doubts(im: Im) -> dict[str, list[str]]:
    """Why each doubtful utterance is, by its id."""
    return {row["id"]: row["doubts"] for row in im.get(PATH, doubtful=True)}


# What is kept.


def test_a_mention_is_kept_without_addresses_and_tokens(chat: Room, nlu: NluFake) -> None:
    im = chat.im
    im.post(event())
    token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
    note = f"told dana@example.com, key {token}"
    said = nlu.teach(
        f"note on INC-2024-001: {note}", "update_incident", incident_id="INC-2024-001", note=note
    )
    assert "Noted" in chat.mention(said).text
    (row,) = im.get(PATH)
    assert row["text"] == "note on INC-2024-001: told <email>, key <secret>"
    assert (row["intent"], row["speaker"], row["channel"]) == ("update_incident", "dana", "major")
    assert row["outcome"]["does"][0]["command"] == "update_incident"
    everything = " ".join(str(each) for each in im.sql("SELECT * FROM utterances")[0].values())
    assert "dana@example.com" not in everything
    assert token not in everything


def test_the_record_of_a_turn_is_found_by_the_platforms_key(chat: Room, nlu: NluFake) -> None:
    said = nlu.teach("which incidents are open?", "list_incidents")
    signal = chat.fake.mention(chat.dana, said, channel="major")
    assert chat.im.call("GET", PATH, params={"provider": chat.provider, "key": signal.key}).status_code == 404
    before = len(chat.answers)
    chat.send(signal)
    until(lambda: len(chat.answers) > before)
    row = chat.im.get(PATH, provider=chat.provider, key=signal.key)
    assert set(row) == {"id", "at", "text", "intent", "confidence", "parse", "outcome"}
    assert (row["text"], row["intent"]) == (said, "list_incidents")
    assert chat.im.call("GET", PATH, params={"key": signal.key}).status_code == 400


def test_only_admins_read_and_judge(im: Im) -> None:
    utterance = kept(im)
    for method, path in (("GET", PATH), ("GET", f"{PATH}/{utterance}"), ("GET", "/api/v1/nlu/examples")):
        assert im.call(method, path, token=READER).status_code == 403
    assert im.call("POST", f"{PATH}/{utterance}/verdict", {"ignored": True}, token=READER).status_code == 403


# What is doubtful.


def test_what_was_understood_and_done_is_not_doubtful(im: Im) -> None:
    kept(im)
    assert doubts(im) == {}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"confidence": 0.69}, ["unsure"]),
        ({"rival": 0.2}, ["rival"]),
        ({"outcome": {"refused": True, "does": []}}, ["refused"]),
        (
            {"outcome": {"refused": True}, "parse": None, "intent": None, "confidence": None},
            ["not_read", "refused"],
        ),
        ({"outcome": {"refused": True}, "intent": "out_of_scope"}, ["refused", "out_of_scope"]),
        ({"outcome": {"cancelled": True}, "parse": None, "intent": None, "confidence": None}, None),
        ({"outcome": {"asks_for": "severity"}}, None),
    ],
)
def test_why_an_utterance_is_doubtful(im: Im, given: dict[str, Any], why: list[str] | None) -> None:
    utterance = kept(im, **given)
    assert doubts(im) == ({utterance: why} if why else {})


@pytest.mark.parametrize(
    ("next", "why"),
    [
        ({"text": "undo", "outcome": {"does": [{"command": "undo"}]}}, ["undone"]),
        ({"text": "no, I meant INC-56"}, ["corrected"]),
        ({"text": "Actually INC-56"}, ["corrected"]),
        ({"text": "now INC-56"}, None),
        ({"text": "no, I meant INC-56", "speaker": "erin"}, None),
        ({"text": "no, I meant INC-56", "channel": "minor"}, None),
        ({"text": "no, I meant INC-56", "ago": timedelta(minutes=7)}, None),
    ],
)
def test_what_is_said_next_makes_it_doubtful(im: Im, next: dict[str, Any], why: list[str] | None) -> None:
    first = kept(im, ago=timedelta(minutes=10))
    kept(im, **({"ago": timedelta(minutes=9)} | next))
    assert doubts(im) == ({first: why} if why else {})


def test_a_no_to_a_question_corrects_nothing(im: Im) -> None:
    kept(im, ago=timedelta(minutes=10), outcome={"confirm": True, "does": []})
    kept(im, ago=timedelta(minutes=9), text="no, INC-56")
    assert doubts(im) == {}


@pytest.mark.parametrize("how", ["said", "pressed"])
def test_what_its_speaker_takes_back_is_doubtful(chat: Room, nlu: NluFake, how: str) -> None:
    chat.im.post(event())
    said = nlu.teach("I take INC-2024-001", "acknowledge_incident", incident_id="INC-2024-001")
    answer = chat.mention(said)
    (row,) = chat.im.get(PATH)
    assert doubts(chat.im) == {}
    undone = chat.mention("undo") if how == "said" else chat.press(answer.posted, "Undo")
    assert "Undone" in undone.text
    assert doubts(chat.im) == {row["id"]: ["undone"]}


def test_the_newest_come_first_and_no_more_than_asked_for(im: Im) -> None:
    ids = [kept(im, confidence=0.5, ago=timedelta(minutes=n)) for n in (3, 1, 2)]
    assert list(doubts(im)) == [ids[1], ids[2], ids[0]]
    assert [row["id"] for row in im.get(PATH, doubtful=True, limit=2)] == [ids[1], ids[2]]


# Verdicts.


def judge(im: Im, id: str, **verdict: Any) -> Any:
    return im.call("POST", f"{PATH}/{id}/verdict", verdict)


def test_a_verdict_makes_an_example_and_takes_it_off_the_list(im: Im, tmp_path: Path) -> None:
    utterance = kept(im, text="resolve the db one", confidence=0.5)
    marks = [{"entity": "service", "start": 12, "end": 14}]
    judged = judge(im, utterance, intent="close_incident", entities=marks).json()
    assert (judged["verdict"], judged["example"]) == ("close_incident", "resolve the [db](service) one")
    assert (judged["verdict_by"], doubts(im)) == ("admin-source", {})
    answer = im.call("GET", "/api/v1/nlu/examples")
    assert answer.headers["content-type"].startswith("application/yaml")
    (tmp_path / "reviewed.yml").write_text(answer.text)
    assert read_file(tmp_path / "reviewed.yml") == [
        read_example("resolve the [db](service) one", "close_incident", str(tmp_path / "reviewed.yml"))
    ]
    (entry,) = im.sql("SELECT actor, subject, data FROM audit WHERE action = 'utterance.verdict'")
    assert entry == {"actor": "admin-source", "subject": utterance, "data": {"verdict": "close_incident"}}


def test_without_marks_those_of_the_model_stand(im: Im) -> None:
    entities = [{"entity": "incident_id", "text": "INC-7", "start": 8, "end": 13, "confidence": 0.9}]
    utterance = kept(im, entities=entities)
    assert im.get(f"{PATH}/{utterance}")["marked"] == "resolve [INC-7](incident_id)"
    assert judge(im, utterance, intent="close_incident").json()["example"] == "resolve [INC-7](incident_id)"
    assert judge(im, utterance, intent="close_incident", entities=[]).json()["example"] == "resolve INC-7"
    assert judge(im, utterance, intent="out_of_scope").json()["example"] == "resolve INC-7"


def test_a_later_verdict_replaces_the_one_before(im: Im) -> None:
    utterance = kept(im)
    judge(im, utterance, intent="close_incident", example="resolve [INC-7](incident_id)")
    assert im.get("/api/v1/nlu/examples", format="json")["examples"] == 1
    assert judge(im, utterance, ignored=True).json()["example"] is None
    assert im.get("/api/v1/nlu/examples", format="json")["examples"] == 0
    assert yaml.safe_load(im.call("GET", "/api/v1/nlu/examples").text) == {"version": "3.1", "nlu": []}


def test_the_same_words_said_twice_are_one_example(im: Im) -> None:
    for _ in range(2):
        judge(im, kept(im), intent="resolve_incident")
    judge(im, kept(im), intent="close_incident")
    found = im.get("/api/v1/nlu/examples", format="json")
    assert found["examples"] == 2
    assert [section["intent"] for section in yaml.safe_load(found["yaml"])["nlu"]] == [
        "resolve_incident",
        "close_incident",
    ]


@pytest.mark.parametrize(
    ("verdict", "field"),
    [
        ({}, "intent"),
        ({"intent": "deploy"}, "intent"),
        ({"intent": "ignored"}, "intent"),
        ({"ignored": True, "intent": "help"}, "ignored"),
        ({"intent": "help", "entities": [{"entity": "food", "start": 0, "end": 3}]}, "entities"),
        ({"intent": "help", "entities": [{"entity": "note", "start": 0, "end": 99}]}, "entities"),
        ({"intent": "out_of_scope", "example": "resolve [INC-7](incident_id)"}, "entities"),
        ({"intent": "help", "example": "resolve [INC-8](incident_id)"}, "example"),
        ({"intent": "help", "example": "x\0"}, "example"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused_with_its_field(
    im: Im, verdict: dict[str, Any], field: str
) -> None:
    utterance = kept(im)
    answer = judge(im, utterance, **verdict)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert im.get(f"{PATH}/{utterance}")["verdict"] is None


@pytest.mark.parametrize("id", ["x", str(uuid4()), "0198c2a4-5b6e-7c3d-8e9f"])
def test_what_was_never_said_is_not_found(im: Im, id: str) -> None:
    assert im.call("GET", f"{PATH}/{id}").status_code == 404
    assert judge(im, id, ignored=True).status_code == 404


# Forgetting.


def test_old_rows_go_and_of_examples_those_who_said_them(im: Im) -> None:
    old, young = timedelta(days=91), timedelta(days=89)
    gone, learned, stays = kept(im, ago=old), kept(im, ago=old), kept(im, ago=young)
    ignored = kept(im, ago=old)
    judge(im, learned, intent="resolve_incident")
    judge(im, ignored, ignored=True)
    assert im.loop.run(reviewing.forget(im.parts.store, 90)) == 3
    assert im.loop.run(reviewing.forget(im.parts.store, 90)) == 0
    assert [row["id"] for row in im.get(PATH)] == [stays]
    for each in (gone, learned, ignored):
        assert im.call("GET", f"{PATH}/{each}").status_code == 404
    left = im.sql("SELECT * FROM utterances WHERE id = %s", learned)[0]
    assert (left["speaker"], left["channel"], left["key"], left["text"], left["parse"]) == (
        "",
        "",
        "",
        "",
        None,
    )
    assert im.get("/api/v1/nlu/examples", format="json")["examples"] == 1


def test_with_no_days_nothing_stays(im: Im) -> None:
    kept(im)
    assert im.loop.run(reviewing.forget(im.parts.store, 0)) == 1
    assert im.get(PATH) == []


# The command.


def review(im: Im, data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "nlu", "review", *arguments],
        cwd=ROOT,
        env=_environ(im, data_dir),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _environ(im: Im, data_dir: Path) -> dict[str, str]:
    own = {"IM_URL": im.settings.address, "IM_TOKEN": ADMIN, "IM_DATA_DIR": str(data_dir)}
    return {**os.environ, **environment(im.settings), **own}


def test_scripts_judge_and_the_examples_are_in_the_data_folder(im: Im, tmp_path: Path) -> None:
    utterance = kept(im, confidence=0.5, text="close\x1b[31m INC-7\nnow")
    listed = review(im, tmp_path, "--list")
    assert listed.returncode == 0
    assert "\x1b" not in listed.stdout
    assert "unsure" in listed.stdout
    assert utterance in review(im, tmp_path, "--list", "--json").stdout
    done = review(
        im,
        tmp_path,
        utterance,
        "--intent",
        "close_incident",
        "--example",
        "close (31m [INC-7](incident_id) now",
    )
    assert done.returncode == 0, done.stderr
    (example,) = read_file(tmp_path / "nlu" / "examples" / "reviewed.yml")
    assert (example.text, example.intent) == ("close (31m INC-7 now", "close_incident")
    again = review(
        im,
        tmp_path,
        utterance,
        "--intent",
        "close_incident",
        "--example",
        "close (31m [INC-7](incident_id) now",
    )
    assert again.returncode == 0
    assert len(read_file(tmp_path / "nlu" / "examples" / "reviewed.yml")) == 1
    assert review(im, tmp_path, utterance, "--ignore").returncode == 0
    assert not (tmp_path / "nlu" / "examples" / "reviewed.yml").exists()


def test_wrong_usage_says_what_to_do(im: Im, tmp_path: Path) -> None:
    for arguments, said in (
        (("--intent", "help"), "need the ID"),
        (("x", "--ignore", "--intent", "help"), "give --ignore, or --intent"),
        (("x", "--example", "y"), "needs the --intent"),
        (("x", "--list"), "one of them"),
    ):
        done = review(im, tmp_path, *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "there is no terminal" in review(im, tmp_path).stderr
    assert "there is no utterance `x`" in review(im, tmp_path, "x", "--ignore").stderr


def test_on_a_terminal_it_asks_one_by_one(im: Im, tmp_path: Path) -> None:
    kept(im, ago=timedelta(minutes=3), confidence=0.4, text="skipped")
    kept(im, ago=timedelta(minutes=2), confidence=0.5, text="weather?", intent="help")
    kept(im, ago=timedelta(minutes=1), confidence=0.6, text="close it as INC-7")
    keys = [
        "i",
        "close_incident",
        "m",
        "close it as [INC-8](incident_id)",
        "a",  # refused: other words
        "m",
        "close it as [INC-7](incident_id)",
        "a",
        "i",
        "23",
        "accept",
        "s",
    ]
    shown = _typed(im, tmp_path, keys)
    assert "has other words than were said" in shown
    assert "2 judged" in shown
    found = {
        example.text: example.intent for example in read_file(tmp_path / "nlu" / "examples" / "reviewed.yml")
    }
    assert found == {"close it as INC-7": "close_incident", "weather?": "out_of_scope"}
    assert [row["text"] for row in im.get(PATH, doubtful=True)] == ["skipped"]


def test_quitting_keeps_what_was_judged(im: Im, tmp_path: Path) -> None:
    kept(im, ago=timedelta(minutes=2), confidence=0.5, text="one")
    kept(im, ago=timedelta(minutes=1), confidence=0.5, text="two")
    assert "1 judged" in _typed(im, tmp_path, ["g", "q"])
    assert [row["text"] for row in im.get(PATH, doubtful=True)] == ["one"]


def _typed(im: Im, data_dir: Path, keys: list[str]) -> str:
    """What a terminal shows while these lines are typed, each when it is asked for."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "api.cli", "nlu", "review"]
    environ = _environ(im, data_dir) | {"NO_COLOR": "1", "TERM": "dumb"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown, answered = "", 0
        while select.select([ours], [], [], 30)[0]:
            try:
                shown += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
            if answered < len(keys) and len(re.findall(r"\]: |\]: $|\[\S*\]: ", shown)) > answered:
                os.write(ours, keys[answered].encode() + b"\n")
                answered += 1
        assert process.wait(10) == 0, shown
    os.close(ours)
    return shown
