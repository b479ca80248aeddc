"""`im nlu evaluate` and `im nlu overlap`, against a language service that knows some sentences by heart."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.main import run
from tests.fakes.nlu import NluFake

DEV = """\
version: "3.1"
nlu:
- intent: acknowledge_incident
  examples: |
    - ack [INC-7](incident_id)
    - I take [INC-8](incident_id)
- intent: update_incident
  examples: |
    - note on [INC-7](incident_id): [failing over](note)
- intent: out_of_scope
  examples: |
    - what a day
    - deploy checkout
"""
TRAIN = """\
version: "3.1"
nlu:
- intent: acknowledge_incident
  examples: |
    - Ack [INC-99](incident_id)!
- intent: greet
  examples: |
    - deploy checkout
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, text in (("dev/harbor/a.yml", DEV), ("train/oncall/a.yml", TRAIN)):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture(autouse=True)
def nlu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NluFake]:
    with NluFake() as fake:
        fake.teach("ack INC-7", "acknowledge_incident", incident_id="INC-7")
        fake.teach("I take INC-8", "resolve_incident", incident_id="INC-8")
        fake.teach("note on INC-7: failing over", "update_incident", incident_id="INC-7", note="failing")
        fake.teach("deploy checkout", "help", service="checkout")
        monkeypatch.setenv("IM_NLU_URL", fake.url)
        monkeypatch.setenv("IM_DATA_DIR", str(tmp_path / "var"))
        yield fake


def test_all_figures_are_printed(data: Path, nlu: NluFake, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nlu", "evaluate", "--data", str(data / "dev"), "--errors"]) == 0
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "examples: 5" in lines
    assert "intent accuracy, in scope (intent): 0.6667" in lines
    assert "out-of-scope recall (oos): 0.5000" in lines
    assert "in scope but rejected (rejected): 0.0000" in lines
    assert "note, F1 of words (note): 0.6667" in lines
    assert "acknowledge_incident 1.0000 0.5000 0.6667 2" in lines
    assert "note 0.0000 0.0000 0.0000 0.0000 0.6667 1" in lines
    assert "acknowledge_incident resolve_incident 1" in lines
    assert "deploy checkout out_of_scope help service=checkout" in lines
    assert "note on INC-7: failing over update_incident note=failing over note=failing" in lines
    assert sorted(nlu.asked) == sorted(
        ["ack INC-7", "I take INC-8", "note on INC-7: failing over", "what a day", "deploy checkout"]
    )


def test_json_holds_all_of_it_and_the_picture_is_drawn(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = data / "confusion.svg"
    arguments = ["--data", str(data / "dev"), "--json", "--errors", "--svg", str(picture)]
    assert run(["nlu", "evaluate", *arguments]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["figures"]["overall"] == pytest.approx(3 / 5)
    assert record["intents"]["out_of_scope"]["recall"] == 0.5
    assert record["entities"]["incident_id"]["f1"] == 1.0
    assert record["confusions"] == [
        {"meant": "acknowledge_incident", "understood": "resolve_incident", "times": 1},
        {"meant": "out_of_scope", "understood": "help", "times": 1},
    ]
    assert len(record["errors"]) == 3
    assert "acknowledge_incident → resolve_incident: 1 of 2" in "".join(
        ET.parse(picture).getroot().itertext()
    )


@pytest.mark.parametrize(
    ("bounds", "code", "said"),
    [
        ("oos=0.5,rejected=0", 0, ""),
        ("intent=0.7", 1, "im: not good enough: intent is 0.6667, wanted at least 0.7"),
        ("accuracy=0.7", 2, "im: --min: `accuracy=0.7` is not NAME=0.97; names are intent"),
    ],
)
def test_bounds_decide_the_exit_code(
    data: Path, bounds: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nlu", "evaluate", "--data", str(data / "dev"), "--min", bounds]) == code
    assert said in capsys.readouterr().err


def test_without_examples_there_is_nothing_to_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nlu", "evaluate", "--data", str(tmp_path)]) == 1
    assert "there are no examples in" in capsys.readouterr().err
    (tmp_path / "a.yml").write_text("nlu: 3")
    assert run(["nlu", "evaluate", "--data", str(tmp_path)]) == 1
    assert "a.yml is not in Rasa's training format" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_said(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IM_NLU_URL", "http://127.0.0.1:9")
    assert run(["nlu", "evaluate", "--data", str(data / "dev")]) == 1
    assert "the language service does not answer" in capsys.readouterr().err


def test_overlap_is_told_by_voice_and_intent(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["nlu", "overlap", "--train", str(data / "train"), "--dev", str(data / "dev")]
    assert run([*arguments, "--pairs", "--max", "2"]) == 0
    told = capsys.readouterr()
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[0].endswith("2 are in both, 0 nearly (40.0% of dev)")
    assert "harbor / oncall 2 0" in lines
    assert "acknowledge_incident 1 0" in lines
    assert "exact deploy checkout deploy checkout out_of_scope / greet" in lines
    assert "1 of them have another intent in training" in told.err
    assert run([*arguments, "--json", "--max", "1"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["by_voice"] == {"harbor / oncall": {"exact": 2, "near": 0}}
    assert "dev shares 2 examples with training; at most 1 are wanted" in told.err
