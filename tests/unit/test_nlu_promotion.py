"""A new model takes over only where it is not worse; each is measured once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nlu_model import promotion
from nlu_model.models import Model, Scores, Shelf
from nlu_model.programs import NluError
from nlu_model.promotion import take_over

GOOD = Scores(intent_accuracy=0.97, oos_recall=0.93, entity_f1=0.96)
WORSE = Scores(intent_accuracy=0.97, oos_recall=0.80, entity_f1=0.96)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "nlu")
    made.models.mkdir(parents=True)
    for name in ("old", "new"):
        archive = made.models / f".{name}"
        archive.write_bytes(b"archive")
        made.put(Model(name, datetime(2026, 1, 5, tzinfo=UTC), 1.0), archive)
    return made


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Says how good models are found to be, None for one that does not load; returns which were measured."""

    def say(**scores: Scores | None) -> list[str]:
        asked: list[str] = []

        @contextlib.contextmanager
        def borrowed(_: Shelf, name: str, *__: object) -> Iterator[str]:
            if scores[name] is None:
                raise NluError(f"the model {name} could not be loaded")
            yield name

        def card_at(name: str) -> Scores:
            asked.append(name)
            found = scores[name]
            assert found is not None
            return found

        monkeypatch.setattr(promotion, "borrowed", borrowed)
        monkeypatch.setattr(promotion, "card_at", card_at)
        return asked

    return say


def attempt(shelf: Shelf, name: str) -> tuple[str, ...]:
    model = shelf.model(name)
    assert model is not None
    return take_over(shelf, model, Path("env"), pulse=lambda: None)


def in_force(shelf: Shelf) -> str:
    found = shelf.in_force()
    return found.current if found else ""


def test_the_first_needs_no_measure(shelf: Shelf, measured: Callable[..., list[str]]) -> None:
    asked = measured()
    assert (attempt(shelf, "old"), in_force(shelf), asked) == ((), "old", [])


def test_one_that_is_not_worse_takes_over(shelf: Shelf, measured: Callable[..., list[str]]) -> None:
    asked = measured(old=WORSE, new=GOOD)
    shelf.promote("old")
    assert (attempt(shelf, "new"), in_force(shelf), sorted(asked)) == ((), "new", ["new", "old"])


def test_one_that_is_worse_does_not_and_says_at_what(
    shelf: Shelf, measured: Callable[..., list[str]]
) -> None:
    asked = measured(old=GOOD, new=WORSE)
    shelf.promote("old")
    assert attempt(shelf, "new") == ("out-of-scope recall 0.930 → 0.800",)
    assert in_force(shelf) == "old"
    attempt(shelf, "new")
    assert sorted(asked) == ["new", "old"]


def test_one_that_does_not_load_does_not_take_over(shelf: Shelf, measured: Callable[..., list[str]]) -> None:
    measured(old=GOOD, new=None)
    shelf.promote("old")
    with pytest.raises(NluError, match="could not be loaded"):
        attempt(shelf, "new")
    assert in_force(shelf) == "old"


def test_one_in_force_that_does_not_load_any_more_is_replaced(
    shelf: Shelf, measured: Callable[..., list[str]]
) -> None:
    measured(old=None, new=WORSE)
    shelf.promote("old")
    assert (attempt(shelf, "new"), in_force(shelf)) == ((), "new")
