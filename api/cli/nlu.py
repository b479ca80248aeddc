"""`im nlu`: the language model: train it, serve it, ask it, and which one is in force."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from api.cli.errors import CliError
from api.cli.groups import Group
from api.cli.nlu_evaluate import evaluate, overlap
from api.cli.nlu_review import review
from api.cli.output import json_option, note, print_json, print_table, tick, when
from api.cli.session import settings_or_fail

if TYPE_CHECKING:
    from nlu_model.models import Model, Shelf
    from nlu_model.programs import Tell
    from router.settings import Settings


@click.group(cls=Group)
def nlu() -> None:
    """The language model: train and serve it, ask what it makes of a sentence.

    \b
    Example:
      im nlu parse "who is on call for payments?"
    """


for beside in (review, evaluate, overlap):
    nlu.add_command(beside)


@nlu.command()
@click.option("--force", is_flag=True, help="Train again what is there already.")
@json_option
def train(force: bool, as_json: bool) -> None:
    """Train the model of the examples that are there now, and put it in force unless it is worse.

    Does nothing where that model is there already. Minutes; progress on stderr. Makes the environment first
    where it is missing.

    \b
    Example:
      im nlu train
    """
    from nlu_model.promotion import take_over  # noqa: PLC0415

    settings = settings_or_fail()
    with _explained(), _progress() as tell:
        shelf, model = _trained(settings, tell, force=force)
        lost = take_over(shelf, model, settings.nlu_env, pulse=_no_pulse)
    if as_json:
        print_json({"model": _shown(model), "in_force": not lost, "worse": lost})
    elif not lost:
        tick(True, f"Model {model.name} in force (trained {when(model.trained_at)} in {model.seconds:.0f} s)")
    if lost:
        raise CliError(f"model {model.name} is worse than the one in force, which stays: {', '.join(lost)}")


@nlu.command()
def serve() -> None:
    """Serve the language model only; prepares what is missing, and takes a newer model over when it is there.

    Listens on IM_NLU_BIND (127.0.0.1:5005, or any free port), without a password: keep it on loopback or a
    private network. Of several on one data folder one serves and the others wait.

    \b
    Example:
      im nlu serve
    """
    from router.settings import ROOT, environment  # noqa: PLC0415

    environ = {**os.environ, **environment(settings_or_fail())}
    paths = [str(ROOT), *filter(None, [environ.get("PYTHONPATH")])]
    environ["PYTHONPATH"] = os.pathsep.join(paths)
    # In place of this process, so that signals reach the role itself. -P: a folder `worker` where the command
    # is called must not be taken for ours.
    os.execve(sys.executable, [sys.executable, "-P", "-m", "worker.nlu"], environ)  # noqa: S606


@nlu.command()
@click.argument("texts", metavar="TEXT...", nargs=-1)
@click.option(
    "--jsonl",
    metavar="FILE",
    type=click.File(encoding="utf-8-sig", errors="replace"),
    help='A sentence a line, plain or as {"text": ...}; `-` is stdin. Answers JSON lines, in order.',
)
@json_option
def parse(texts: Sequence[str], jsonl: Any, as_json: bool) -> None:
    """What the model makes of sentences: each TEXT, or each line of a file.

    Asks the language service that runs, or starts one for its own duration. Of a text the first 1,000
    characters are read.

    \b
    Examples:
      im nlu parse "ack INC-7" "who is on call for payments?"
      im nlu parse --jsonl sentences.txt
    """
    if bool(texts) == (jsonl is not None):
        raise click.UsageError("give sentences, or a file of them by --jsonl")
    from api.cli.understanding import asked, sentence_of  # noqa: PLC0415

    # Not splitlines(): a separator of Unicode inside a sentence ends no line.
    lines = [] if jsonl is None else jsonl.read().removesuffix("\n").split("\n")
    sentences = list(texts) or [sentence_of(line.removesuffix("\r")) for line in lines]
    settings = settings_or_fail()
    with _explained(), _address(settings) as address:
        records = asked(settings, address, sentences)
        if jsonl is not None:
            _print_lines(records)
            return
        found = list(records)
    if as_json:
        print_json(found)
        return
    print_table(
        ("Text", "Intent", "Confidence", "Entities"),
        [(row["text"], row["intent"], f"{row['confidence']:.2f}", _entities(row)) for row in found],
    )


@nlu.command()
@json_option
def models(as_json: bool) -> None:
    """The trained models that are here, how good they are, and which is in force.

    \b
    Example:
      im nlu models
    """
    shelf = _shelf(settings_or_fail())
    force = shelf.in_force()
    place = {force.previous: "before", force.current: "in force"} if force else {}
    rows = [_shown(model) | {"state": place.get(model.name, "")} for model in shelf.all()]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Model", "Trained (UTC)", "Seconds", "Intents", "Out of scope", "Entities", "State"),
        [
            (
                row["name"],
                when(row["trained_at"]),
                f"{row['seconds']:.0f}",
                *(f"{number:.3f}" for number in (row["scores"] or {}).values()),
                *("" for _ in range(0 if row["scores"] else 3)),
                row["state"],
            )
            for row in rows
        ],
        empty="there is no model yet; `im nlu train` makes one",
    )


@nlu.command()
@json_option
def rollback(as_json: bool) -> None:
    """Put the model before back in force; whoever serves takes it over within seconds.

    \b
    Example:
      im nlu rollback
    """
    with _explained():
        found = _shelf(settings_or_fail()).rollback()
    if as_json:
        print_json({"in_force": found.current, "before": found.previous})
    else:
        tick(True, f"Model {found.current} in force again, in place of {found.previous}")


def _shelf(settings: Settings) -> Shelf:
    from nlu_model.models import Shelf  # noqa: PLC0415

    return Shelf(settings.data_dir / "nlu")


def _trained(settings: Settings, tell: Tell, *, force: bool) -> tuple[Shelf, Model]:
    """The model of what is there now, with the environment that it needs."""
    from nlu_model import environment, training  # noqa: PLC0415

    shelf = _shelf(settings)
    environment.ensure(settings.nlu_env, tell=tell, pulse=_no_pulse)
    model = training.ensure(
        shelf, settings.nlu_env, tell=tell, pulse=_no_pulse, recipe=training.Recipe(), force=force
    )
    return shelf, model


@contextmanager
def _address(settings: Settings) -> Iterator[str]:
    """Where a language service answers: the one that runs, else one for the duration of the block."""
    from nlu_model.client import Away, address_in, read_state  # noqa: PLC0415
    from nlu_model.serving import answers  # noqa: PLC0415
    from router.settings import NLU_OFF  # noqa: PLC0415

    if settings.nlu_url and settings.nlu_url != NLU_OFF:
        yield settings.nlu_url
        return
    try:
        address = address_in(read_state(settings.data_dir))
    except Away:
        address = ""
    if address and answers(address):
        yield address
        return
    with ExitStack() as stack:
        yield _own(stack, settings)


def _own(stack: ExitStack, settings: Settings) -> str:
    """The address of a server of our own, which ends with the stack; its model is trained where none is."""
    from nlu_model import environment  # noqa: PLC0415
    from nlu_model.programs import Progress  # noqa: PLC0415
    from nlu_model.serving import borrowed, rasa_in  # noqa: PLC0415

    shelf = _shelf(settings)
    with _progress() as tell:
        found = shelf.in_force()
        if found is None:
            shelf, model = _trained(settings, tell, force=False)
            found = shelf.promote(model.name)
        environment.ensure(settings.nlu_env, tell=tell, pulse=_no_pulse)
        tell(Progress("loading", 0.0, "no language service runs; starting one for this command"))
        server = borrowed(shelf, found.current, rasa_in(settings.nlu_env), _no_pulse)
        return stack.enter_context(server)


@contextmanager
def _explained() -> Iterator[None]:
    """What the language model's parts raise, as a CliError."""
    from nlu_model.client import Away  # noqa: PLC0415
    from nlu_model.programs import NluError  # noqa: PLC0415

    try:
        yield
    except (NluError, Away) as error:
        raise CliError(str(error)) from None


@contextmanager
def _progress() -> Iterator[Tell]:
    """Progress on stderr: a bar on a terminal, lines elsewhere."""
    from nlu_model.programs import in_lines, sentence  # noqa: PLC0415

    if not sys.stderr.isatty():
        yield in_lines(note)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda now: bar.update(task, completed=now.done, description=sentence(now))


def _no_pulse() -> None:
    """Ctrl-C ends a command by itself."""


def _print_lines(records: Iterator[dict[str, Any]]) -> None:
    import msgspec  # noqa: PLC0415

    for record in records:
        click.echo(msgspec.json.encode(record).decode())


def _entities(row: dict[str, Any]) -> str:
    return ", ".join(f"{one['entity']}={one['value']}" for one in row["entities"])


def _shown(model: Model) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415

    shown: dict[str, Any] = msgspec.to_builtins(model)
    return shown
