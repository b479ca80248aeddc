"""Training: a model is named by the hash of all that it is made of, and trained only if it is missing."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from nlu_model.environment import HERE, LOCK, clean, python_of
from nlu_model.models import ENDING, Model, Shelf
from nlu_model.programs import NluError, Progress, Pulse, Tell, held, run

TRAIN: Final = HERE / "launch" / "train.py"
SEED: Final = 7
NICE: Final = 5
"""Whoever serves or works on this machine goes first."""
_NAME_CHARACTERS: Final = 12


class Recipe(msgspec.Struct, frozen=True):
    """What a model is made of. Examples are the *.yml of a folder and those below it."""

    data: Path = HERE / "data" / "train"
    config: Path = HERE / "config.yml"
    domain: Path = HERE / "domain.yml"
    components: Path = HERE / "components"
    lock: Path = LOCK
    train: Path = TRAIN
    """The script that trains; not part of the hash: a seed and a recipe make the same model with any."""


class _Said(msgspec.Struct, frozen=True):
    """A line of the training script."""

    stage: str
    done: float


def ingredients(recipe: Recipe, shelf: Shelf) -> dict[str, bytes]:
    """The content of all files that a model is made of, by their names in the hash.

    NluError where there is nothing to learn from, or a part is missing.
    """
    try:
        found = {f"data/{name}": text for name, text in _below(recipe.data, (".yml", ".yaml"))}
        if not found:
            raise NluError(f"there are no examples to learn from in {recipe.data}; add *.yml files")
        found |= {f"data/own/{name}": text for name, text in _below(shelf.examples, (".yml", ".yaml"))}
        found |= {f"components/{name}": text for name, text in _below(recipe.components)}
        single = {"config.yml": recipe.config, "domain.yml": recipe.domain, "requirements.lock": recipe.lock}
        return found | {name: path.read_bytes() for name, path in single.items()}
    except OSError as error:
        raise NluError(
            f"{error.filename} cannot be read ({error.strerror}); the model cannot be trained"
        ) from None


def name_of(ingredients: Mapping[str, bytes]) -> str:
    """The model's name: 12 hex digits over every file's name and content, and the seed."""
    digest = hashlib.sha256(f"seed {SEED}\n".encode())
    for name, text in sorted(ingredients.items()):
        digest.update(f"{name}\n{len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:_NAME_CHARACTERS]


def wanted(shelf: Shelf, recipe: Recipe) -> str:
    """The name that a model trained now would have. Raises NluError."""
    return name_of(ingredients(recipe, shelf))


def ensure(
    shelf: Shelf, env: Path, *, tell: Tell, pulse: Pulse, recipe: Recipe, force: bool = False
) -> Model:
    """The model of what is there now, trained if it is missing (or by `force`), minutes of both processors.

    One process trains at a time; who waits finds the model there. Raises NluError with the script's sentence.
    """
    given = ingredients(recipe, shelf)
    name = name_of(given)
    found = None if force else shelf.model(name)
    if found is not None:
        return found
    asked_at = datetime.now(UTC)
    try:
        shelf.models.mkdir(parents=True, exist_ok=True)
        tell(Progress("training", 0.0, "starting"))
        with held(shelf.models / ".lock", pulse):
            found = shelf.model(name)
            if found is not None and (not force or found.trained_at > asked_at):
                return found
            return _train(shelf, name, given, [python_of(env), recipe.train], tell=tell, pulse=pulse)
    except OSError as error:
        raise NluError(
            f"the model cannot be kept in {shelf.models} ({error.strerror}); free space or set IM_DATA_DIR"
        ) from None


def _train(
    shelf: Shelf, name: str, given: Mapping[str, bytes], train: list[str | Path], *, tell: Tell, pulse: Pulse
) -> Model:
    """Train from copies of what was hashed, so that an edit meanwhile cannot get under the old name."""
    began = time.monotonic()
    for left in shelf.models.glob(".training-*"):  # by one that was killed; we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=shelf.models, prefix=".training-") as folder:
        place = Path(folder)
        _lay_out(place, given)
        archive = place / f"{name}{ENDING}"
        command = [*train, "--seed", str(SEED), "--out", archive]
        command += [
            "--data",
            place / "data",
            "--config",
            place / "config.yml",
            "--domain",
            place / "domain.yml",
        ]
        run(
            command,
            environ=clean(),
            pulse=pulse,
            what="the model could not be trained",
            on_line=lambda line: _pass_on(line, tell),
            nice=NICE,
        )
        if not archive.exists():
            raise NluError("the model could not be trained: the training ended without one")
        model = Model(name, datetime.now(UTC), round(time.monotonic() - began, 1))
        shelf.put(model, archive)
    tell(Progress("training", 1.0, f"trained in {model.seconds:.0f} s"))
    return model


def _lay_out(place: Path, given: Mapping[str, bytes]) -> None:
    for name, text in given.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)


def _pass_on(line: bytes, tell: Tell) -> None:
    """A line of progress; libraries also print what is none."""
    try:
        said = msgspec.json.decode(line, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    tell(Progress("training", min(1.0, max(0.0, said.done)), said.stage))


def _below(folder: Path, endings: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """(path in the folder, content) of its files but compiled and hidden ones; none where it is missing."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith((".", "__pycache__")) for part in name.split("/"))
        if path.is_file() and not hidden and (not endings or path.suffix in endings):
            yield name, path.read_bytes()
