"""Making the language environment, with stand-ins for uv and Python: made once and whole, or said why not."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from nlu_model import environment
from nlu_model.environment import STAMP, Stamp, clean, ensure, find_uv, pythons, ready, runs
from nlu_model.programs import NluError, Progress, in_lines, run

UV = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], sorted(os.environ)]) + "\\n")
if sys.argv[1] == "venv":
    env = pathlib.Path(sys.argv[-1])
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").write_text("")
elif sys.argv[1:3] == ["pip", "sync"]:
    if (here / "no-network").exists():
        sys.exit("error: could not fetch rasa")
    env = pathlib.Path(sys.argv[sys.argv.index("--python") + 1]).parents[1]
    rasa = env / "lib/python3.10/site-packages/rasa"
    rasa.mkdir(parents=True)
    (rasa / "__init__.py").write_text("")
elif sys.argv[1] == "python":
    sys.exit("error: no download")
"""


@pytest.fixture(autouse=True)
def python_from_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of these tests is not found beside the one that runs them."""
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "nowhere" / "3.11.7"))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is PATH, with a uv and a python3.10 in it."""
    folder = tmp_path / "tools"
    folder.mkdir()
    program(folder / "uv", UV.format(python=sys.executable))
    program(folder / "python3.10", "#!/bin/sh\necho 3 10\n")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(environment, "find_uv", lambda: str(folder / "uv"))
    return folder


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.lock"
    file.write_text("rasa==3.6.21 \\\n    --hash=sha256:00\n")
    return file


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def calls(tools: Path) -> list[list[str]]:
    file = tools / "calls"
    return [json.loads(line)[0] for line in file.read_text().splitlines()] if file.exists() else []


def made(env: Path, lock: Path) -> list[Progress]:
    told: list[Progress] = []
    ensure(env, tell=told.append, pulse=lambda: None, lock=lock)
    return told


def test_an_environment_is_made_once_with_hashes_required(tools: Path, tmp_path: Path, lock: Path) -> None:
    env = tmp_path / "place" / ".nlu"
    told = made(env, lock)
    assert ready(env, lock)
    assert told[0].phase == "environment"
    assert told[-1].done == 1.0
    venv, sync = calls(tools)
    assert "--relocatable" in venv
    assert {"--require-hashes", str(lock)} <= set(sync)
    assert made(env, lock) == []
    assert len(calls(tools)) == 2
    assert {path.name for path in env.parent.iterdir()} == {".nlu", ".nlu.lock"}


def test_another_lock_file_makes_it_anew(tools: Path, tmp_path: Path, lock: Path) -> None:
    env = tmp_path / ".nlu"
    made(env, lock)
    (env / "old").touch()
    lock.write_text("rasa==3.6.22\n")
    assert not ready(env, lock)
    made(env, lock)
    assert ready(env, lock)
    assert not (env / "old").exists()


def test_what_fails_halfway_is_not_used_and_is_made_again(tools: Path, tmp_path: Path, lock: Path) -> None:
    env = tmp_path / ".nlu"
    (tools / "no-network").touch()
    with pytest.raises(NluError, match=r"could not be installed: error: could not fetch rasa$"):
        made(env, lock)
    assert not env.exists()
    (tools / "no-network").unlink()
    made(env, lock)
    assert ready(env, lock)


def test_an_environment_made_elsewhere_is_used_as_it_is(tools: Path, tmp_path: Path, lock: Path) -> None:
    env = tmp_path / "image"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").touch()
    (env / "lib/python3.10/site-packages/rasa").mkdir(parents=True)
    (env / "lib/python3.10/site-packages/rasa/__init__.py").touch()
    assert made(env, lock) == []
    assert calls(tools) == []


def test_a_folder_of_somebody_elses_is_refused_and_left_alone(
    tools: Path, tmp_path: Path, lock: Path
) -> None:
    env = tmp_path / "documents"
    env.mkdir()
    (env / "thesis.txt").touch()
    with pytest.raises(NluError, match="IM_NLU_ENV"):
        made(env, lock)
    assert (env / "thesis.txt").exists()


def test_without_python_one_sentence_says_what_is_missing(tools: Path, tmp_path: Path, lock: Path) -> None:
    (tools / "python3.10").unlink()
    with pytest.raises(NluError, match=r"needs Python 3\.10, which is not here and could not be downloaded"):
        made(tmp_path / ".nlu", lock)
    assert ["python", "install", "--quiet", "3.10"] in calls(tools)


def test_a_shim_that_does_not_run_is_passed_over_for_pyenvs_own_pythons(tools: Path, tmp_path: Path) -> None:
    program(tools / "python3.10", "#!/bin/sh\necho 'version 3.10 is not installed' >&2\nexit 127\n")
    for version in ("3.10.9", "3.10.13", "3.11.7"):
        folder = tmp_path / ".pyenv" / "versions" / version / "bin"
        folder.mkdir(parents=True)
        program(folder / "python", "#!/bin/sh\necho 3 10\n")
    found = list(pythons())
    assert [path.parents[1].name for path in found[1:]] == ["3.10.13", "3.10.9"]
    assert [runs(path) for path in found] == [False, True, True]


@pytest.mark.parametrize("where", ["shim", "sibling"])
def test_under_another_home_pyenvs_pythons_are_found_all_the_same(
    where: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    python = elsewhere / "versions" / "3.10.13" / "bin" / "python"
    python.parent.mkdir(parents=True)
    program(python, "#!/bin/sh\necho 3 10\n")
    if where == "shim":
        (elsewhere / "shims").mkdir()
        program(elsewhere / "shims" / "python3.10", "#!/bin/sh\nexit 127\n")
        monkeypatch.setenv("PATH", str(elsewhere / "shims"))
    else:
        (tools / "python3.10").unlink()
        monkeypatch.setattr(sys, "base_prefix", str(elsewhere / "versions" / "3.11.7"))
    assert python in list(pythons())


def test_another_python_is_not_taken_for_3_10(tmp_path: Path) -> None:
    assert not runs(Path(sys.executable))
    assert not runs(tmp_path / "nowhere")


def test_uv_of_the_project_goes_before_that_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NluError, match="make setup"):
        find_uv(tmp_path)
    program(tmp_path / "uv", "#!/bin/sh\n")
    assert find_uv(tmp_path) == str(tmp_path / "uv")
    own = tmp_path / ".tools" / "bin" / "uv"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_uv(tmp_path) == str(own)


def test_programs_get_no_secrets_and_send_nothing_home() -> None:
    given = {"PATH": "/bin", "DATABASE_URL": "x", "REDIS_URL": "x", "IM_SECRET_KEY": "x", "IM_TOKEN": "x"}
    found = clean(given)
    assert not {"DATABASE_URL", "REDIS_URL", "IM_SECRET_KEY", "IM_TOKEN"} & set(found)
    assert found["PATH"] == "/bin"
    assert found["RASA_TELEMETRY_ENABLED"] == "false"
    assert found["TRANSFORMERS_OFFLINE"] == "1"


def test_uv_gets_no_secrets_either(
    tools: Path, tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IM_SECRET_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("https_proxy", "http://proxy")
    made(tmp_path / ".nlu", lock)
    for line in (tools / "calls").read_text().splitlines():
        names = set(json.loads(line)[1])
        assert not {"IM_SECRET_KEY", "DATABASE_URL"} & names
        assert "https_proxy" in names


def test_the_lock_has_a_hash_for_every_package_and_no_address() -> None:
    text = environment.LOCK.read_text()
    entries = [part for part in text.split("\n") if part[:1].isalnum()]
    assert len(entries) > 100
    assert all(entry.endswith("\\") for entry in entries)
    assert "://" not in text
    assert "--index-url" not in text
    assert "rasa==3.6.21" in text


def test_a_stamp_is_readable(tools: Path, tmp_path: Path, lock: Path) -> None:
    made(tmp_path / ".nlu", lock)
    stamp = msgspec.json.decode((tmp_path / ".nlu" / STAMP).read_bytes(), type=Stamp)
    assert stamp.python == "3.10"
    assert len(stamp.lock) == 64


# Programs and progress.


def test_lines_of_a_program_come_whole_and_its_last_words_explain_a_failure() -> None:
    code = (
        "import sys, time\n"
        "sys.stdout.write('on'); sys.stdout.flush(); time.sleep(0.3); print('e'); print('two')\n"
        "sys.stderr.write('warning\\nthe reason\\n')\n"
        "sys.exit(3)"
    )
    lines: list[bytes] = []
    pulses: list[int] = []
    with pytest.raises(NluError, match=r"^it failed: the reason$"):
        run(
            [sys.executable, "-c", code],
            environ=os.environ,
            pulse=lambda: pulses.append(1),
            what="it failed",
            on_line=lines.append,
        )
    assert lines == [b"one", b"two"]
    assert len(pulses) >= 2


def test_progress_in_lines_is_told_by_tenths_and_now_and_then() -> None:
    said: list[str] = []
    now = 0.0
    clock: Callable[[], float] = lambda: now  # noqa: E731
    tell = in_lines(said.append, clock)
    for hundredth in range(30):
        tell(Progress("training", hundredth / 100, "epoch 1"))
    assert said == [
        "language model: training: epoch 1",
        "language model: training 10%: epoch 1",
        "language model: training 20%: epoch 1",
    ]
    now = 20.0
    tell(Progress("training", 0.29, "epoch 1"))
    tell(Progress("loading", 0.0, "the model"))
    assert said[3:] == ["language model: training 29%: epoch 1", "language model: loading: the model"]
