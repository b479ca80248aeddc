"""`im nlu evaluate` and `im nlu overlap`: how good the model is, and whether that was measured fairly."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from api.cli.errors import CliError
from api.cli.output import json_option, note, print_fields, print_json, print_table, tick
from api.cli.session import settings_or_fail

if TYPE_CHECKING:
    from nlu_model.evaluation import Answer, Example, Scores, Span, Tally
    from nlu_model.measuring import Measured
    from nlu_model.overlap import Overlap, Pair

_DATA: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_TOLD: Final = 100
"""Examples after which it is said how far it is, where there is no terminal."""


@click.command()
@click.option("--data", type=_DATA, help="A folder of annotated *.yml; nlu_model/data/dev without it.")
@click.option(
    "--svg", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw the matrix there."
)
@click.option("--errors", is_flag=True, help="Print each example that was misunderstood, too.")
@click.option(
    "--min", "wanted", default="", metavar="NAME=BOUND,...", help="Exit with 1 where one is missed."
)
@json_option
def evaluate(*, data: Path | None, picture: Path | None, errors: bool, wanted: str, as_json: bool) -> None:
    """How well the model understands sentences that it has not learned from.

    Asks the language service that runs, or starts one for its own duration. Names for --min: intent,
    overall, oos, rejected (at most), entity, value, title, note, words.

    \b
    Example:
      im nlu evaluate --svg confusion.svg --min intent=0.97,oos=0.93,rejected=0.02,entity=0.96
    """
    from nlu_model.measuring import DEV, bounds, missed  # noqa: PLC0415

    try:
        limits = bounds(wanted) if wanted else {}
    except ValueError as error:
        raise click.UsageError(f"--min: {error}") from None
    found = _measured(data or DEV)
    if picture:
        _draw(picture, found.scores, data or DEV)
    if as_json:
        print_json(as_record(found, errors=errors))
    else:
        _print_scores(found.scores)
        if errors:
            _print_errors(found)
    lost = missed(found.scores, limits)
    if lost:
        raise CliError(f"not good enough: {'; '.join(lost)}")


@click.command()
@click.option("--train", "train", type=_DATA, help="A folder of voices; nlu_model/data/train without it.")
@click.option("--dev", type=_DATA, help="The same; nlu_model/data/dev without it.")
@click.option("--max", "most", type=click.IntRange(0), help="Exit with 1 where more are shared.")
@click.option("--pairs", is_flag=True, help="Print each of them, too.")
@json_option
def overlap(*, train: Path | None, dev: Path | None, most: int | None, pairs: bool, as_json: bool) -> None:
    """What the dev set shares with the training set: examples that it has word for word, or nearly.

    Case, punctuation, ids and numbers do not count; nearly is four words of five.

    \b
    Example:
      im nlu overlap --pairs --max 100
    """
    from nlu_model import overlap as comparing  # noqa: PLC0415
    from nlu_model.measuring import DEV  # noqa: PLC0415

    try:
        learned = comparing.read_said(train or DEV.parent / "train")
        found = comparing.overlap(learned, comparing.read_said(dev or DEV))
    except ValueError as error:
        raise CliError(str(error)) from None
    if as_json:
        print_json(_shared(found))
    else:
        _print_overlap(found, pairs)
    if most is not None and len(found.pairs) > most:
        raise CliError(f"dev shares {len(found.pairs)} examples with training; at most {most} are wanted")


def _measured(data: Path) -> Measured:
    """Ask the service that runs, or one of our own, about each example."""
    from api.cli.nlu import _address, _explained  # noqa: PLC0415
    from nlu_model.evaluation import read_examples  # noqa: PLC0415

    try:
        examples = read_examples(data)
    except ValueError as error:
        raise CliError(str(error)) from None
    if not examples:
        raise CliError(f"there are no examples in {data}; give a folder of *.yml in Rasa's training format")
    with _explained(), _address(settings_or_fail()) as address:
        return asyncio.run(_asked(address, examples))


async def _asked(address: str, examples: list[Example]) -> Measured:
    from nlu_model.client import Interpreter  # noqa: PLC0415
    from nlu_model.measuring import PATIENCE_SECONDS, measured  # noqa: PLC0415

    async with Interpreter(lambda: address, timeout=PATIENCE_SECONDS) as interpreter:
        return await measured(interpreter.parse, examples, _tell)


def _tell(done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {of} asked" + ("\r\033[K" if done == of else ""), err=True, nl=False)
    elif done % _TOLD == 0 and done < of:
        note(f"{done} of {of} asked")


def _draw(picture: Path, scores: Scores, data: Path) -> None:
    from nlu_model.drawing import drawn  # noqa: PLC0415

    title = f"{scores.examples} examples of {data.name}: intent accuracy {scores.overall_accuracy:.3f}"
    try:
        picture.write_text(drawn(scores.confusion, title), encoding="utf-8")
    except OSError as error:
        raise CliError(f"{picture} cannot be written ({error.strerror}); give another file") from None
    note(f"the confusion matrix is drawn in {picture}")


def _print_scores(scores: Scores) -> None:
    from nlu_model.measuring import FIGURES, by_intent, confused  # noqa: PLC0415

    print_fields(
        [
            ("examples", scores.examples),
            *((f"{figure.says} ({name})", f"{figure.of(scores):.4f}") for name, figure in FIGURES.items()),
        ]
    )
    click.echo()
    print_table(
        ("Intent", "Precision", "Recall", "F1", "Examples"),
        [(name, *_numbers(tally), tally.true) for name, tally in by_intent(scores).items()],
    )
    click.echo()
    print_table(
        ("Entity", "Precision", "Recall", "F1", "F1 by value", "F1 of words", "Examples"),
        [_entity(scores, name) for name in sorted(scores.exact)],
    )
    click.echo()
    wrong = confused(scores)
    print_table(("Meant", "Understood", "Times"), wrong, empty="no intent was mistaken for another")


def _entity(scores: Scores, name: str) -> tuple[object, ...]:
    tally = scores.exact[name]
    words = f"{scores.words[name].f1:.4f}" if name in scores.words else ""
    return name, *_numbers(tally), f"{scores.valued[name].f1:.4f}", words, tally.true


def _numbers(tally: Tally) -> tuple[str, str, str]:
    return f"{tally.precision:.4f}", f"{tally.recall:.4f}", f"{tally.f1:.4f}"


def _print_errors(found: Measured) -> None:
    click.echo()
    print_table(
        ("Said", "Meant", "Understood", "Marked", "Found"),
        [
            (
                example.text,
                example.intent,
                answer.intent if answer.intent != example.intent else "",
                *(_spans(spans) for spans in _differing(example, answer)),
            )
            for example, answer in found.errors
        ],
        empty="nothing was misunderstood",
    )


def _differing(example: Example, answer: Answer) -> tuple[list[Span], list[Span]]:
    """The spans that only the one has, and those that only the other has."""
    meant, found = frozenset(example.spans), frozenset(answer.spans)
    return (
        [span for span in example.spans if span not in found],
        [span for span in answer.spans if span not in meant],
    )


def _spans(spans: list[Span]) -> str:
    return ", ".join(f"{span.entity}={span.text}" for span in spans)


def as_record(found: Measured, *, errors: bool) -> dict[str, Any]:
    """All figures as JSON has them; with `errors` each example that was misunderstood."""
    from nlu_model.measuring import FIGURES, by_intent, confused  # noqa: PLC0415

    scores = found.scores
    record: dict[str, Any] = {
        "examples": scores.examples,
        "figures": {name: figure.of(scores) for name, figure in FIGURES.items()},
        "intents": {name: _record(tally) for name, tally in by_intent(scores).items()},
        "entities": {
            name: _record(tally)
            | {"value_f1": scores.valued[name].f1}
            | ({"word_f1": scores.words[name].f1} if name in scores.words else {})
            for name, tally in sorted(scores.exact.items())
        },
        "confusions": [
            {"meant": meant, "understood": understood, "times": times}
            for meant, understood, times in confused(scores, most=1000)
        ],
    }
    if errors:
        record["errors"] = [{"example": example, "answer": answer} for example, answer in found.errors]
    return record


def _record(tally: Tally) -> dict[str, float]:
    return {"precision": tally.precision, "recall": tally.recall, "f1": tally.f1, "examples": tally.true}


def _shared(found: Overlap) -> dict[str, Any]:
    def counts(by: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
        return {name: {"exact": exact, "near": near} for name, (exact, near) in by.items()}

    return {
        "train": found.train,
        "dev": found.dev,
        "exact": found.exact,
        "near": found.near,
        "by_intent": counts(found.by(_intent)),
        "by_voice": counts(found.by(_voices)),
        "pairs": found.pairs,
    }


def _print_overlap(found: Overlap, pairs: bool) -> None:
    share = len(found.pairs) / found.dev if found.dev else 0.0
    tick(
        None if found.pairs else True,
        f"{found.dev} dev examples, {found.train} training examples",
        f"{found.exact} are in both, {found.near} nearly ({share:.1%} of dev)",
    )
    for title, by in (("Dev / training voice", found.by(_voices)), ("Intent", found.by(_intent))):
        click.echo()
        print_table((title, "Exact", "Near"), [(name, *counts) for name, counts in by.items()])
    differing = Counter(pair.dev.intent != pair.train.intent for pair in found.pairs)[True]
    if differing:
        note(f"{differing} of them have another intent in training; `--pairs` shows them")
    if pairs:
        click.echo()
        print_table(("Alike", "Dev", "Training", "Intents"), [_pair(pair) for pair in found.pairs])


def _pair(pair: Pair) -> tuple[object, ...]:
    intents = dict.fromkeys((pair.dev.intent, pair.train.intent))
    return (
        "exact" if pair.exact else f"{pair.likeness:.2f}",
        pair.dev.text,
        pair.train.text,
        " / ".join(intents),
    )


def _voices(pair: Pair) -> str:
    return f"{pair.dev.voice} / {pair.train.voice}"


def _intent(pair: Pair) -> str:
    return pair.dev.intent
