"""Progress of a training as lines of JSON on standard output, for the program that started it."""

import json
import sys


def tell(stage: str, done: float, detail: str = "") -> None:
    """One line: `{"stage": "training", "done": 0.42, "detail": "epoch 4 of 8"}`; `done` is 0..1 of all."""
    line = {"stage": stage, "done": round(done, 4)} | ({"detail": detail} if detail else {})
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
