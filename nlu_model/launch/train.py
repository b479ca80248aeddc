"""Trains the language model: `python launch/train.py --data DIR --config FILE --domain FILE --out FILE`.

Run in Rasa's environment. Progress comes as lines of JSON on standard output, a failure as one sentence on
standard error with exit code 1. The same files and seed give a model that answers the same.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_MAX_CACHE_SIZE": "0",  # ours is by hash of all inputs; Rasa's would copy each model
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONHASHSEED": "0",
}
CORES = 2


def main() -> int:
    """Train as the arguments say; the exit code."""
    asked = _arguments()
    os.environ.update(QUIET)
    sys.path.insert(0, str(ROOT))
    from nlu_model.components.progress import tell  # noqa: PLC0415 - found only now

    tell("starting", 0.0)
    try:
        _train(asked)
    except (Exception, SystemExit) as error:  # Rasa raises dozens of kinds, and exits on some
        if os.environ.get("IM_NLU_TRACE"):
            raise
        sys.stderr.write(f"the model could not be trained: {_sentence(error)}\n")
        return 1
    tell("done", 1.0)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the language model.")
    parser.add_argument("--data", type=Path, required=True, help="folder with training examples (*.yml)")
    parser.add_argument("--config", type=Path, required=True, help="the pipeline")
    parser.add_argument("--domain", type=Path, required=True, help="intents and entities")
    parser.add_argument("--out", type=Path, required=True, help="the model to write (*.tar.gz)")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def _train(asked: argparse.Namespace) -> None:
    out = asked.out.resolve()
    if not out.name.endswith(".tar.gz"):
        raise ValueError(f"--out must end in .tar.gz, not be {out.name}")
    data, domain = _there(asked.data), _there(asked.domain)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yml")
        config.write_text(_seeded(_there(asked.config), asked.seed), encoding="utf-8")
        os.chdir(folder)  # Rasa leaves a `.rasa` folder where it runs
        _train_with_rasa(data, config, domain, out)


def _train_with_rasa(data: Path, config: Path, domain: Path, out: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415 - after QUIET

    tf.config.threading.set_intra_op_parallelism_threads(CORES)
    tf.config.threading.set_inter_op_parallelism_threads(CORES)
    from rasa.model_training import train_nlu  # noqa: PLC0415

    out.parent.mkdir(parents=True, exist_ok=True)
    made = train_nlu(str(config), str(data), str(out.parent), fixed_model_name=out.name, domain=str(domain))
    if made is None:
        raise ValueError(f"there are no training examples in {data}")


def _seeded(config: Path, seed: int) -> str:
    """The pipeline with the seed for every component that takes one."""
    import yaml  # noqa: PLC0415

    whole = yaml.safe_load(config.read_text(encoding="utf-8"))
    for component in whole["pipeline"]:
        if component["name"].startswith("nlu_model."):
            component.setdefault("learning", {})["seed"] = seed
        elif component["name"] == "DIETClassifier":
            component["random_seed"] = seed
    return str(yaml.safe_dump(whole, sort_keys=False))


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    return path.resolve()


def _sentence(error: BaseException) -> str:
    while error.__cause__ is not None:  # Rasa wraps what went wrong in "error running component"
        error = error.__cause__
    words = " ".join(str(error).split()) or type(error).__name__
    return words[:400]


if __name__ == "__main__":
    sys.exit(main())
