"""The training cache: what names a model, when it is trained, and what a failure leaves behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nlu_model.models import Shelf
from nlu_model.programs import NluError, Progress, held
from nlu_model.training import Recipe, ensure, ingredients, name_of, wanted

SCRIPT = """
import argparse, json, pathlib, sys
parser = argparse.ArgumentParser()
for name in ("--data", "--config", "--domain", "--out", "--seed"):
    parser.add_argument(name, required=True)
given = parser.parse_args()
here = pathlib.Path(__file__).parent
with (here / "runs").open("a") as runs:
    runs.write("run\\n")
print(json.dumps({"stage": "epoch 1", "done": 0.5}))
print("a library prints")
if (here / "broken").exists():
    sys.exit("a Traceback\\nthe config names no component Foo")
if not (here / "nothing").exists():
    data = sorted(path.relative_to(given.data).as_posix() for path in pathlib.Path(given.data).rglob("*.yml"))
    pathlib.Path(given.out).write_text(" ".join(data))
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    place = tmp_path / "project"
    files = {
        "train/oncall/acting.yml": "a",
        "train/world/asking.yml": "b",
        "config.yml": "c",
        "domain.yml": "d",
        "components/one.py": "e",
        "components/__pycache__/one.pyc": "f",
        "lock": "g",
        "train.py": SCRIPT,
    }
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return Recipe(
        data=place / "train",
        config=place / "config.yml",
        domain=place / "domain.yml",
        components=place / "components",
        lock=place / "lock",
        train=place / "train.py",
    )


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """An environment whose Python is this one."""
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path / "env"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "nlu")


def trained(shelf: Shelf, env: Path, recipe: Recipe, *, force: bool = False) -> tuple[str, list[Progress]]:
    told: list[Progress] = []
    model = ensure(shelf, env, tell=told.append, pulse=lambda: None, recipe=recipe, force=force)
    return model.name, told


def runs(recipe: Recipe) -> int:
    return len((recipe.train.parent / "runs").read_text().splitlines())


def test_a_model_is_trained_once_and_then_found(shelf: Shelf, env: Path, recipe: Recipe) -> None:
    name, told = trained(shelf, env, recipe)
    assert shelf.file(name).read_text() == "oncall/acting.yml world/asking.yml"
    assert Progress("training", 0.5, "epoch 1") in told
    assert told[-1].done == 1.0
    assert trained(shelf, env, recipe) == (name, [])
    assert runs(recipe) == 1
    assert trained(shelf, env, recipe, force=True)[0] == name
    assert runs(recipe) == 2


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("train/oncall/acting.yml", True),
        ("train/new/more.yml", True),
        ("config.yml", True),
        ("domain.yml", True),
        ("components/one.py", True),
        ("lock", True),
        ("components/__pycache__/one.pyc", False),
        ("train/oncall/notes.txt", False),
        ("train/oncall/.acting.yml.swp", False),
    ],
)
def test_the_name_follows_from_what_a_model_is_made_of(
    file: str, counts: bool, shelf: Shelf, recipe: Recipe
) -> None:
    before = wanted(shelf, recipe)
    changed = recipe.config.parent / file
    changed.parent.mkdir(exist_ok=True)
    changed.write_text("changed")
    assert (wanted(shelf, recipe) != before) is counts


def test_peoples_own_examples_are_learned_from(shelf: Shelf, env: Path, recipe: Recipe) -> None:
    before = wanted(shelf, recipe)
    shelf.examples.mkdir(parents=True)
    (shelf.examples / "reviewed.yml").write_text("x")
    name, _ = trained(shelf, env, recipe)
    assert name != before
    assert "own/reviewed.yml" in shelf.file(name).read_text()


def test_moving_text_between_files_changes_the_name() -> None:
    assert name_of({"a": b"xy", "b": b""}) != name_of({"a": b"x", "b": b"y"})
    assert name_of({"a": b"1", "b": b"2"}) == name_of({"b": b"2", "a": b"1"})
    assert len(name_of({})) == 12


def test_nothing_to_learn_from_is_said(shelf: Shelf, recipe: Recipe) -> None:
    for file in recipe.data.rglob("*.yml"):
        file.unlink()
    with pytest.raises(NluError, match="no examples to learn from"):
        ingredients(recipe, shelf)


def test_a_part_that_is_missing_is_named(shelf: Shelf, recipe: Recipe) -> None:
    recipe.domain.unlink()
    with pytest.raises(NluError, match=r"domain\.yml cannot be read"):
        ingredients(recipe, shelf)


def test_a_failure_is_the_scripts_last_sentence_and_leaves_nothing(
    shelf: Shelf, env: Path, recipe: Recipe
) -> None:
    (recipe.train.parent / "broken").touch()
    with pytest.raises(NluError, match=r"could not be trained: the config names no component Foo$"):
        trained(shelf, env, recipe)
    (recipe.train.parent / "broken").unlink()
    (recipe.train.parent / "nothing").touch()
    with pytest.raises(NluError, match="ended without one"):
        trained(shelf, env, recipe)
    assert [path.name for path in shelf.models.iterdir()] == [".lock"]


def test_what_a_killed_training_left_is_removed(shelf: Shelf, env: Path, recipe: Recipe) -> None:
    (shelf.models / ".training-old" / "data").mkdir(parents=True)
    trained(shelf, env, recipe)
    assert not (shelf.models / ".training-old").exists()


def test_who_waits_for_the_same_model_finds_it_trained(shelf: Shelf, env: Path, recipe: Recipe) -> None:
    given = ingredients(recipe, shelf)
    name = name_of(given)
    shelf.models.mkdir(parents=True)
    with held(shelf.models / ".lock", lambda: None):
        pulses = 0

        class GiveUp(Exception):
            pass

        def pulse() -> None:
            nonlocal pulses
            pulses += 1
            if pulses > 2:
                raise GiveUp

        with pytest.raises(GiveUp):
            ensure(shelf, env, tell=lambda _: None, pulse=pulse, recipe=recipe)
    assert not (recipe.train.parent / "runs").exists()
    assert trained(shelf, env, recipe)[0] == name


def test_giving_up_ends_the_training(shelf: Shelf, env: Path, recipe: Recipe) -> None:
    recipe.train.write_text("import time, sys; print('{}', flush=True); time.sleep(60)")

    class GiveUp(Exception):
        pass

    def pulse() -> None:
        raise GiveUp

    with pytest.raises(GiveUp):
        ensure(shelf, env, tell=lambda _: None, pulse=pulse, recipe=recipe)
    assert shelf.all() == []
