"""Which model is in force: promoting, going back, what counts as worse, what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from nlu_model.models import ENDING, KEPT, Model, Scores, Shelf, may_replace, worse, write_whole
from nlu_model.programs import NluError

GOOD = Scores(intent_accuracy=0.970, oos_recall=0.940, entity_f1=0.960)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    found = Shelf(tmp_path / "nlu")
    for number, name in enumerate(("aaa", "bbb", "ccc")):
        put(found, name, number)
    return found


def put(shelf: Shelf, name: str, minute: int, scores: Scores | None = None) -> None:
    shelf.models.mkdir(parents=True, exist_ok=True)
    archive = shelf.models / f".new-{name}"
    archive.write_text(name)
    at = datetime(2026, 1, 5, 10, tzinfo=UTC) + timedelta(minutes=minute)
    shelf.put(Model(name, at, 1.0, scores), archive)


def test_the_newest_model_is_listed_first(shelf: Shelf) -> None:
    assert [model.name for model in shelf.all()] == ["ccc", "bbb", "aaa"]


def test_a_promoted_model_is_in_force_and_remembers_the_one_before(shelf: Shelf) -> None:
    assert shelf.in_force() is None
    shelf.promote("aaa")
    shelf.promote("bbb")
    found = shelf.in_force()
    assert found is not None
    assert (found.current, found.previous) == ("bbb", "aaa")


def test_promoting_the_model_in_force_changes_nothing(shelf: Shelf) -> None:
    shelf.promote("aaa")
    before = shelf.promote("bbb")
    assert shelf.promote("bbb") == before


def test_a_rollback_goes_back_and_a_second_one_forth(shelf: Shelf) -> None:
    shelf.promote("aaa")
    shelf.promote("bbb")
    assert shelf.rollback().current == "aaa"
    assert shelf.rollback().current == "bbb"


def test_a_rollback_without_a_model_before_says_so(shelf: Shelf) -> None:
    for prepare in (lambda: None, lambda: shelf.promote("aaa")):
        prepare()
        with pytest.raises(NluError, match="no model before"):
            shelf.rollback()


def test_a_model_that_is_not_here_cannot_be_promoted(shelf: Shelf) -> None:
    with pytest.raises(NluError, match="no model zzz"):
        shelf.promote("zzz")


def test_a_model_whose_archive_is_gone_is_not_in_force(shelf: Shelf) -> None:
    shelf.promote("aaa")
    shelf.file("aaa").unlink()
    assert shelf.in_force() is None


def test_scores_are_kept_with_the_model_and_with_what_is_in_force(shelf: Shelf) -> None:
    shelf.promote("aaa")
    shelf.note_scores("aaa", GOOD)
    shelf.note_scores("bbb", GOOD)
    model, found = shelf.model("bbb"), shelf.in_force()
    assert model is not None
    assert found is not None
    assert model.scores == found.scores == GOOD
    assert shelf.promote("bbb").scores == GOOD


def test_old_models_are_removed_but_not_those_in_force_and_before(shelf: Shelf) -> None:
    shelf.promote("aaa")
    for number in range(3, 3 + KEPT + 2):
        put(shelf, f"m{number}", number)
    shelf.promote(f"m{2 + KEPT + 2}")
    left = {model.name for model in shelf.all()}
    assert left == {"aaa", *(f"m{number}" for number in range(5, 5 + KEPT))}
    assert {path.name.split(".")[0] for path in shelf.models.glob("*.json")} == left
    assert {path.name.removesuffix(ENDING) for path in shelf.models.glob(f"*{ENDING}")} == left


@pytest.mark.parametrize(
    ("change", "may"),
    [
        ({}, True),
        ({"intent_accuracy": 0.99}, True),
        ({"intent_accuracy": 0.965}, True),
        ({"intent_accuracy": 0.9649}, False),
        ({"oos_recall": 0.935}, True),
        ({"oos_recall": 0.93}, False),
        ({"entity_f1": 0.955}, True),
        ({"entity_f1": 0.95, "intent_accuracy": 1.0}, False),
    ],
)
def test_no_score_may_fall_by_more_than_half_a_point(change: dict[str, float], may: bool) -> None:
    after = msgspec.structs.replace(GOOD, **change)
    assert may_replace(GOOD, after) is may
    assert bool(worse(GOOD, after)) is not may


def test_what_was_never_measured_stands_in_nobodys_way() -> None:
    assert may_replace(None, GOOD)
    assert may_replace(GOOD, None)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "current.json"
    write_whole(file, b"one")
    with pytest.raises(TypeError):
        write_whole(file, "two")  # type: ignore[arg-type]
    assert file.read_bytes() == b"one"
    assert list(file.parent.iterdir()) == [file]
