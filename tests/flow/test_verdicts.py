"""What people say of utterances makes examples, by the API and by `im nlu review`."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlu_model.evaluation import read_example, read_file
from router.settings import ROOT, environment
from tests.flow.stage import ADMIN, Im
from tests.flow.utterances import PATH, doubts, judge, kept


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


@pytest.mark.parametrize("id", ["x", "01990000-0000-7000-8000-000000000000", "0198c2a4-5b6e-7c3d-8e9f"])
def test_what_was_never_said_is_not_found(im: Im, id: str) -> None:
    assert im.call("GET", f"{PATH}/{id}").status_code == 404
    assert judge(im, id, ignored=True).status_code == 404


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
