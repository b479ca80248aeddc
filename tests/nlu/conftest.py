"""The real environment of the language service, a small model that trains in seconds, and the real one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nlu_model import environment, training
from nlu_model.models import Model, Shelf
from nlu_model.programs import in_lines
from router.settings import read

SMALL = {
    "config.yml": """
recipe: default.v1
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: LogisticRegressionClassifier
""",
    "domain.yml": 'version: "3.1"\nintents: [incident_status, resolve_incident]\n',
    "data/few.yml": """
version: "3.1"
nlu:
- intent: incident_status
  examples: |
    - status of INC-1
    - what is going on with INC-2
    - how is the incident
- intent: resolve_incident
  examples: |
    - resolve INC-1
    - INC-2 is fixed
    - mark it as resolved
""",
}


@pytest.fixture(scope="session")
def env() -> Path:
    """Rasa's environment, made when it is missing."""
    found = read().nlu_env
    environment.ensure(found, tell=in_lines(print), pulse=lambda: None)
    return found


@pytest.fixture(scope="session")
def small(env: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shelf, Model, training.Recipe]:
    """A model of six sentences."""
    place = tmp_path_factory.mktemp("small")
    for name, text in SMALL.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    recipe = training.Recipe(
        data=place / "data", config=place / "config.yml", domain=place / "domain.yml", components=place / "no"
    )
    shelf = Shelf(place / "nlu")
    model = training.ensure(shelf, env, tell=in_lines(print), pulse=lambda: None, recipe=recipe)
    return shelf, model, recipe


@pytest.fixture(scope="session")
def trained(env: Path) -> tuple[Shelf, Model]:
    """The real model, trained where it is missing: minutes. It stays in the data folder for the next run."""
    shelf = Shelf(read().data_dir / "nlu")
    recipe = training.Recipe()
    return shelf, training.ensure(shelf, env, tell=in_lines(print), pulse=lambda: None, recipe=recipe)


def shelf_with(folder: Path, model: Model, archive: Path, *names: str) -> Shelf:
    """A shelf of its own with copies of a model under some names, the first in force."""
    shelf = Shelf(folder / "nlu")
    shelf.models.mkdir(parents=True)
    for name in names or (model.name,):
        copy = shelf.models / f".{name}"
        shutil.copy(archive, copy)
        shelf.put(Model(name, model.trained_at, model.seconds), copy)
    shelf.promote((names or (model.name,))[0])
    return shelf


def plain_environ(**more: str) -> dict[str, str]:
    """The environment for commands under test, which look for a language service."""
    kept = {name: value for name, value in os.environ.items() if name != "IM_NLU_URL"}
    return kept | more
