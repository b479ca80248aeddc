"""The language role, with a stand-in for Rasa's Python: what it does first, and what it does without."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from nlu_model import promotion
from nlu_model.client import State, read_state
from nlu_model.models import Model, Scores, Shelf
from nlu_model.programs import NluError
from nlu_model.training import Recipe, wanted
from router.health import language
from router.settings import Settings, SettingsError, read
from tests.unit.test_nlu_serving import SERVER
from worker.errors import CannotStartError
from worker.nlu import Language, run

PYTHON = f"""#!{sys.executable}
import pathlib, sys
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
here = pathlib.Path(__file__).parent
if "--out" in given:
    with (here / "trainings").open("a") as trainings:
        trainings.write("one\\n")
    if (here / "broken").exists():
        sys.exit("the examples contradict each other")
    pathlib.Path(given["--out"]).write_text("new")
else:
    sys.argv = [sys.argv[0], given["--model"], given["--fd"]]
    exec((here / "server.py").read_text())
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    env = tmp_path / "env"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").write_text(PYTHON)
    (env / "bin" / "python").chmod(0o755)
    (env / "bin" / "server.py").write_text(SERVER)
    (env / "lib/python3.10/site-packages/rasa").mkdir(parents=True)
    (env / "lib/python3.10/site-packages/rasa/__init__.py").touch()
    return Settings(data_dir=tmp_path / "var", nlu_env=env, nlu_bind="127.0.0.1:0")


@pytest.fixture(autouse=True)
def logging_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role sets up the log of its process, and this one is the tests'."""
    monkeypatch.setattr("router.log.configure", lambda **_: None)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "train").mkdir()
    file = tmp_path / "train" / "acting.yml"
    file.write_text("examples")
    return Recipe(data=tmp_path / "train", config=file, domain=file, components=tmp_path / "no", lock=file)


def shelf_of(settings: Settings) -> Shelf:
    return Shelf(settings.data_dir / "nlu")


def put(settings: Settings, name: str, scores: Scores | None = None) -> None:
    shelf = shelf_of(settings)
    shelf.models.mkdir(parents=True, exist_ok=True)
    (shelf.models / ".new").write_text(name)
    shelf.put(Model(name, datetime.now(UTC), 1.0, scores), shelf.models / ".new")


def trainings(settings: Settings) -> int:
    file = settings.nlu_env / "bin" / "trainings"
    return len(file.read_text().splitlines()) if file.exists() else 0


def serve_until(
    settings: Settings, recipe: Recipe, reached: Callable[[State], bool], *, beside: bool = False
) -> list[State]:
    """Run the role until its state is such; all states that were written, in order."""
    seen: list[State] = []
    deadline = time.monotonic() + 20

    def stopping() -> bool:
        assert time.monotonic() < deadline, seen
        state = read_state(settings.data_dir)
        if state is not None and (not seen or seen[-1] != state):
            seen.append(state)
        return state is not None and reached(state)

    Language(settings, stopping, recipe).run(beside=beside)
    return seen


def ready(state: State) -> bool:
    return state.phase == "ready" and not state.detail


def current(settings: Settings) -> str:
    found = shelf_of(settings).in_force()
    assert found is not None
    return found.current


def test_the_first_start_trains_and_serves(settings: Settings, recipe: Recipe) -> None:
    seen = serve_until(settings, recipe, ready)
    assert [seen[0].phase, seen[-1].phase] == ["training", "ready"]
    assert seen[-1].address.startswith("http://127.0.0.1:")
    assert current(settings) == wanted(shelf_of(settings), recipe)
    assert read_state(settings.data_dir) is None  # removed at the end


def test_a_later_start_serves_what_is_there(settings: Settings, recipe: Recipe) -> None:
    serve_until(settings, recipe, ready)
    serve_until(settings, recipe, ready)
    assert trainings(settings) == 1


def test_new_examples_are_learned_while_the_old_model_answers(
    settings: Settings, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "card_at", lambda _: Scores(0.97, 0.93, 0.96))
    put(settings, "old")
    shelf_of(settings).promote("old")
    seen = serve_until(settings, recipe, lambda state: ready(state) and current(settings) != "old")
    assert seen[-1].address
    assert current(settings) == wanted(shelf_of(settings), recipe)


def test_a_model_that_somebody_rolled_back_from_stays_back(settings: Settings, recipe: Recipe) -> None:
    put(settings, "old")
    shelf_of(settings).promote("old")
    put(settings, wanted(shelf_of(settings), recipe))
    serve_until(settings, recipe, ready)
    assert current(settings) == "old"
    assert trainings(settings) == 0


def test_the_old_model_is_served_on_where_training_fails(settings: Settings, recipe: Recipe) -> None:
    put(settings, "old")
    shelf_of(settings).promote("old")
    (settings.nlu_env / "bin" / "broken").touch()
    seen = serve_until(settings, recipe, lambda state: "contradict" in state.detail)
    assert (seen[-1].phase, seen[-1].address != "") == ("ready", True)
    assert trainings(settings) == 1


def test_without_anything_to_serve_it_ends_with_the_reason(settings: Settings, recipe: Recipe) -> None:
    (settings.nlu_env / "bin" / "broken").touch()
    with pytest.raises(NluError, match="could not be trained: the examples contradict each other"):
        serve_until(settings, recipe, ready)


def test_beside_others_the_reason_is_said_once_and_it_stays(
    settings: Settings, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("worker.nlu.RETRY_SECONDS", 0.1)
    (settings.nlu_env / "bin" / "broken").touch()
    seen = serve_until(
        settings, recipe, lambda state: state.phase == "failed" and trainings(settings) > 2, beside=True
    )
    assert "contradict each other" in seen[-1].detail
    said = capsys.readouterr()
    assert (said.out + said.err).count("nlu_not_available") == 1


def test_a_second_role_waits_for_the_end_of_the_first(settings: Settings, recipe: Recipe) -> None:
    asked = 0

    def reached(_: State) -> bool:
        nonlocal asked

        def stopping() -> bool:
            nonlocal asked
            asked += 1
            return asked > 3

        Language(settings, stopping, recipe).run(beside=False)
        return True

    serve_until(settings, recipe, reached)
    assert asked == 4


def test_a_service_elsewhere_is_not_served_here() -> None:
    for url in ("http://nlu.example.com", "off"):
        with pytest.raises(CannotStartError, match="IM_NLU_URL"):
            run(Settings(nlu_url=url))


@pytest.mark.parametrize(
    ("state", "judged"),
    [
        (None, "away"),
        (State("environment", 0.1, "", "", 0.0), "preparing"),
        (State("training", 0.1, "", "", 0.0), "preparing"),
        (State("loading", 0.0, "", "", 0.0), "preparing"),
        (State("failed", 0.0, "no Python", "", 0.0), "away"),
        (State("ready", 1.0, "", "http://127.0.0.1:5005", 0.0), "ok"),
        (State("training", 0.1, "", "http://127.0.0.1:5005", 0.0), "ok"),
    ],
)
async def test_readiness_shows_how_the_language_service_is(
    state: State | None, judged: str, tmp_path: Path
) -> None:
    if state is not None:
        (tmp_path / "nlu").mkdir()
        living = msgspec.structs.replace(state, at=time.time())
        (tmp_path / "nlu" / "state.json").write_bytes(msgspec.json.encode(living))
    assert await language(Settings(data_dir=tmp_path)) == judged


async def test_a_service_elsewhere_is_judged_by_whether_it_listens(tmp_path: Path) -> None:
    assert await language(Settings(data_dir=tmp_path, nlu_url="http://127.0.0.1:1")) == "away"
    assert await language(Settings(data_dir=tmp_path, nlu_url="off")) == "off"


@pytest.mark.parametrize(
    ("name", "value"),
    [("IM_NLU_URL", "nlu:5005"), ("IM_NLU_BIND", "5005"), ("IM_NLU_BIND", "host:99999")],
)
def test_settings_that_cannot_be_used_are_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read({name: value})


def test_settings_of_the_language_service_are_read() -> None:
    found = read({"IM_NLU_URL": "off", "IM_NLU_BIND": "[::1]:5005", "IM_NLU_ENV": "/opt/nlu"})
    assert (found.nlu_url, found.nlu_bind, found.nlu_env) == ("off", "[::1]:5005", Path("/opt/nlu"))
