"""Trained models of a data folder: which there are, which is in force, which was before."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from nlu_model.programs import NluError

T = TypeVar("T")

ENDING: Final = ".tar.gz"
MARGIN: Final = 0.005
"""Half a percentage point: a few sentences of the dev set, which another seed moves as well."""
KEPT: Final = 4
"""Models that stay on the disk; those in force and before it always do."""


class Scores(msgspec.Struct, frozen=True):
    """What a model reaches on the dev set, each 0 to 1."""

    intent_accuracy: float
    """Of the sentences that are in scope."""
    oos_recall: float
    """Of those out of scope, how many are seen to be."""
    entity_f1: float


class Model(msgspec.Struct, frozen=True):
    """A trained model; `name` is the hash of what it was trained on."""

    name: str
    trained_at: datetime
    seconds: float
    """How long the training took."""
    scores: Scores | None = None


class InForce(msgspec.Struct, frozen=True):
    """current.json: the model that is served, and the one before it, which a rollback brings back."""

    current: str
    previous: str = ""
    at: datetime | None = None
    scores: Scores | None = None


class Shelf:
    """The folder `nlu` of a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.current = folder / "current.json"
        self.state = folder / "state.json"
        self.examples = folder / "examples"
        """People's own examples, *.yml; they are learned from like those of the project."""

    def file(self, name: str) -> Path:
        """Where a model's archive is."""
        return self.models / f"{name}{ENDING}"

    def has(self, name: str) -> bool:
        return bool(name) and self.file(name).exists()

    def in_force(self) -> InForce | None:
        """What is served; None where nothing is yet, or its archive is gone."""
        found = _read(self.current, InForce)
        return found if found is not None and self.has(found.current) else None

    def model(self, name: str) -> Model | None:
        """What is known of a model that is here."""
        return _read(self._card(name), Model) if self.has(name) else None

    def all(self) -> list[Model]:
        """The models that are here, the newest first."""
        names = (path.name.removesuffix(ENDING) for path in self.models.glob(f"*{ENDING}"))
        found = (model for name in names if (model := self.model(name)) is not None)
        return sorted(found, key=lambda model: model.trained_at, reverse=True)

    def put(self, model: Model, archive: Path) -> None:
        """Take a new archive in; it must be on this disk. The card goes first: no archive lacks one."""
        write_whole(self._card(model.name), msgspec.json.encode(model))
        archive.replace(self.file(model.name))

    def note_scores(self, name: str, scores: Scores) -> None:
        """Remember how good a model was found to be. NluError where it is not here."""
        model = self._known(name)
        write_whole(self._card(name), msgspec.json.encode(msgspec.structs.replace(model, scores=scores)))
        found = self.in_force()
        if found is not None and found.current == name:
            write_whole(self.current, msgspec.json.encode(msgspec.structs.replace(found, scores=scores)))

    def promote(self, name: str) -> InForce:
        """Put a model in force; whoever serves takes it over within seconds. Old ones are then removed."""
        model = self._known(name)
        before = self.in_force()
        if before is not None and before.current == name:
            return before
        found = InForce(name, before.current if before else "", datetime.now(UTC), model.scores)
        write_whole(self.current, msgspec.json.encode(found))
        self._clear(found)
        return found

    def rollback(self) -> InForce:
        """Put the model before back in force. NluError where there is none."""
        found = self.in_force()
        if found is None or not self.has(found.previous):
            raise NluError(
                "there is no model before this one to go back to; `im nlu models` lists those there are"
            )
        return self.promote(found.previous)

    def _known(self, name: str) -> Model:
        model = self.model(name)
        if model is None:
            raise NluError(f"there is no model {name} here; `im nlu models` lists those there are")
        return model

    def _card(self, name: str) -> Path:
        return self.models / f"{name}.json"

    def _clear(self, found: InForce) -> None:
        """Remove all but the newest models and the two that matter."""
        kept = {model.name for model in self.all()[:KEPT]} | {found.current, found.previous}
        for model in self.all():
            if model.name not in kept:
                self.file(model.name).unlink(missing_ok=True)
                self._card(model.name).unlink(missing_ok=True)


def worse(before: Scores | None, after: Scores | None) -> tuple[str, ...]:
    """What the new scores lose by more than MARGIN, in words; nothing where either is not known."""
    if before is None or after is None:
        return ()
    pairs = (
        ("intent accuracy", before.intent_accuracy, after.intent_accuracy),
        ("out-of-scope recall", before.oos_recall, after.oos_recall),
        ("entity F1", before.entity_f1, after.entity_f1),
    )
    return tuple(f"{name} {was:.3f} → {now:.3f}" for name, was, now in pairs if now < was - MARGIN - 1e-9)


def may_replace(before: Scores | None, after: Scores | None) -> bool:
    """Whether a new model may take over: on the dev set no score falls by more than half a percentage point.

    Where one of the two was never measured, there is nothing to hold against the new one.
    """
    return not worse(before, after)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, and nothing in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
