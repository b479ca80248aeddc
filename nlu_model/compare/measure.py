"""Measures a trained model: `python nlu_model/compare/measure.py MODEL.tar.gz DATA/dev [OUT.json]`.

Run in the Rasa environment. Prints accuracy, seconds to load, milliseconds a parse, resident size, file size.
"""

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main(model: str, data: str, out: str = "") -> None:
    """Loads, parses every example twice (the second time by the clock), and reports."""
    os.environ.update(RASA_TELEMETRY_ENABLED="false", TF_CPP_MIN_LOG_LEVEL="3", OPENBLAS_NUM_THREADS="1")
    sys.path.insert(0, str(ROOT))
    began = time.perf_counter()
    from rasa.core.agent import Agent  # noqa: PLC0415 - by the clock, and after the environment is set

    _hush()
    agent = Agent.load(model)
    loaded = time.perf_counter() - began
    from nlu_model.evaluation import evaluate, read_examples, report  # noqa: PLC0415

    examples = read_examples(Path(data))
    parses, seconds = asyncio.run(_parses(agent, [example.text for example in examples]))
    scores = evaluate(examples, [_answer(parse) for parse in parses])
    figures = {
        "load_s": round(loaded, 1),
        "p50_ms": round(1000 * seconds[len(seconds) // 2], 1),
        "p95_ms": round(1000 * seconds[int(len(seconds) * 0.95)], 1),
        "resident_mb": _resident_mb(),
        "file_mb": round(Path(model).stat().st_size / 1e6, 1),
    }
    sys.stdout.write(report(scores) + "\n" + json.dumps(figures) + "\n")
    if out:
        Path(out).write_text(json.dumps({"figures": figures, "parses": parses}), encoding="utf-8")


async def _parses(agent: Any, texts: list[str]) -> tuple[list[dict[str, Any]], list[float]]:
    parses = [await agent.parse_message(text) for text in texts]
    seconds = []
    for text in texts:
        began = time.perf_counter()
        await agent.parse_message(text)
        seconds.append(time.perf_counter() - began)
    return parses, sorted(seconds)


def _answer(parse: dict[str, Any]) -> Any:
    from nlu_model.evaluation import Answer, Span  # noqa: PLC0415

    spans = [
        Span(entity["entity"], parse["text"][entity["start"] : entity["end"]], entity["start"], entity["end"])
        for entity in parse["entities"]
    ]
    return Answer(parse["intent"]["name"], tuple(spans))


def _hush() -> None:
    import structlog  # noqa: PLC0415

    logging.disable(logging.INFO)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _resident_mb() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
