"""The component's training: from sentences and settings to what the model keeps. Imports TensorFlow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from nlu_model.components.augment import varier
from nlu_model.components.encoder import package_folder, read_weights
from nlu_model.components.learning import Learned, Settings, learn
from nlu_model.components.reading import Reader
from nlu_model.components.scope import OUT_OF_SCOPE
from nlu_model.components.sentences import Sentence


class Taught(NamedTuple):
    """A trained model and the tokenizer it reads with."""

    learned: Learned
    tokenizer: Path


def taught(
    sentences: Sequence[Sentence], config: dict[str, Any], tell: Callable[[float, str], None]
) -> Taught:
    """Trains with `config["learning"]` (fields of `Settings`); the same seed and data give the same model."""
    tf.config.experimental.enable_op_determinism()
    folder = package_folder(config["encoder"])
    learned = learn(
        sentences,
        read_weights(folder),
        Reader(folder / "tokenizer.json"),
        Settings(**config["learning"]),
        vary=varier(sentences),
        untagged=frozenset(
            {OUT_OF_SCOPE}
        ),  # what is in there is nobody's entity, though it may look like one
        tell=tell,
    )
    return Taught(learned, folder / "tokenizer.json")
