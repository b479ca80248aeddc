"""`im nlu review`: what the bot doubtfully understood, what a person says of it, the examples it makes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from api.cli.errors import CliError, Refused
from api.cli.output import cell, json_option, note, print_json, print_table, tick, visible, when
from api.cli.session import api, settings_or_fail

if TYPE_CHECKING:
    from api.cli.session import Api

FILE: Final = ("nlu", "examples", "reviewed.yml")
"""In the data folder: the examples of all verdicts, which `im nlu train` learns from too."""
_KEYS: Final = "accept, intent, mark, ignore, skip or quit"
_WORDS: Final[Mapping[str, str]] = {
    "not_read": "the model did not read it",
    "unsure": "the model was not sure",
    "refused": "nothing was done",
    "out_of_scope": "taken as none of ours",
    "rival": "another intent was likely",
    "undone": "undone at once",
    "corrected": "corrected at once",
}


class Draft(NamedTuple):
    """A verdict that is not given yet."""

    intent: str
    example: str

    @property
    def verdict(self) -> dict[str, Any]:
        """As the API takes it."""
        if self.intent == "out_of_scope":
            return {"intent": self.intent, "entities": []}
        return {"intent": self.intent, "example": self.example}


@click.command()
@click.argument("utterance", metavar="[ID]", required=False)
@click.option("--list", "listing", is_flag=True, help="Print the doubtful ones, and ask nothing.")
@click.option("--intent", help="What was meant with utterance ID.")
@click.option(
    "--example", help='Its text with marks, "ack [INC-7](incident_id)"; else as the model marked it.'
)
@click.option("--ignore", is_flag=True, help="Nothing is to be learned from utterance ID.")
@click.option("--fetch", is_flag=True, help="Only write the examples of all verdicts into the data folder.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
def review(
    *,
    utterance: str | None,
    listing: bool,
    intent: str | None,
    example: str | None,
    ignore: bool,
    fetch: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Go through what the bot may have misunderstood; each verdict makes a training example.

    On a terminal it asks, one by one. The examples are written to nlu/examples/reviewed.yml in the data
    folder, where `im nlu train` finds them.

    \b
    Examples:
      im nlu review
      im nlu review --list --json
      im nlu review 0198c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f --intent resolve_incident
    """
    _check_usage(utterance, intent=intent, example=example, ignore=ignore, others=(listing, fetch))
    with api() as server:
        if utterance and (intent or ignore):
            verdict = {"ignored": True} if ignore else _verdict(intent or "", example)
            _show_judged(server, _judge(server, utterance, verdict), as_json)
        elif utterance:
            _show(server.get("nlu", "utterances", utterance), as_json)
        elif fetch:
            _show_written(*write_examples(server), as_json)
        elif listing or as_json:
            _list(server.get("nlu", "utterances", doubtful="true", limit=limit), as_json)
        elif sys.stdin.isatty():
            _ask_all(server, server.get("nlu", "utterances", doubtful="true", limit=limit))
        else:
            raise CliError("there is no terminal to ask on; give --list, or an ID with --intent or --ignore")


def write_examples(server: Api) -> tuple[int, Path]:
    """Write all that verdicts have made, whole; how many examples, and where. CliError where that fails."""
    from nlu_model.models import write_whole  # noqa: PLC0415

    path = settings_or_fail().data_dir.joinpath(*FILE)
    found = server.get("nlu", "examples", format="json")
    try:
        write_whole(path, found["yaml"].encode()) if found["examples"] else path.unlink(missing_ok=True)
    except OSError as error:
        raise CliError(f"{path} cannot be written ({error.strerror}); the verdicts are kept") from None
    return found["examples"], path


def described(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """An utterance as it is shown to the one who judges it: names and lines."""
    others = [
        f"{other['intent']} ({other['confidence']:.2f})"
        for other in (row["parse"] or {}).get("alternatives", [])
    ]
    understood = f"{row['intent']} ({row['confidence']:.2f})" if row["intent"] else "no model was asked"
    return [
        ("Said", f"{row['text']}"),
        ("By", f"{row['speaker']}, {when(row['at'])} UTC"),
        ("Understood", understood + (f"; else {', '.join(others[:2])}" if others else "")),
        ("Marked", row["marked"]),
        ("Happened", happened(row["outcome"])),
        ("Doubtful", ", ".join(_WORDS.get(doubt, doubt) for doubt in row["doubts"])),
        ("Verdict", row["verdict"] or ""),
    ]


def happened(outcome: Mapping[str, Any]) -> str:
    """What came of a turn, in words."""
    if outcome.get("does"):
        return "; ".join(_done(dict(each)) for each in outcome["does"])
    if outcome.get("offers"):
        return f"asked which of {', '.join(outcome['offers'])}"
    if outcome.get("asks_for"):
        return f"asked for the {outcome['asks_for']}"
    if outcome.get("confirm"):
        return "asked for a yes or no"
    if outcome.get("cancelled"):
        return "dropped what was asked"
    return "refused" if outcome.get("refused") else "answered"


def _done(did: dict[str, Any]) -> str:
    command = did.pop("command", "")
    slots = ", ".join(f"{name}={cell(value)}" for name, value in did.items() if value is not None)
    return f"{command}: {slots}" if slots else str(command)


def _check_usage(
    utterance: str | None, *, intent: str | None, example: str | None, ignore: bool, others: Sequence[bool]
) -> None:
    verdict = bool(intent or example or ignore)
    if verdict and not utterance:
        raise click.UsageError("--intent, --example and --ignore need the ID of an utterance")
    if ignore and (intent or example):
        raise click.UsageError("give --ignore, or --intent with what is marked")
    if example and not intent:
        raise click.UsageError("--example needs the --intent that it is one of")
    if sum((*others, bool(utterance))) > 1:
        raise click.UsageError("give an ID, --list or --fetch, one of them")


def _verdict(intent: str, example: str | None) -> dict[str, Any]:
    return {"intent": intent, **({"example": example} if example else {})}


def _judge(server: Api, utterance: str, verdict: Mapping[str, Any]) -> dict[str, Any]:
    judged: dict[str, Any] = server.post("nlu", "utterances", utterance, "verdict", body=verdict)
    return judged


def _list(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Id", "Time (UTC)", "Said", "Understood", "Happened", "Doubtful"),
        [
            (
                row["id"],
                when(row["at"]),
                row["text"],
                f"{row['intent']} {row['confidence']:.2f}" if row["intent"] else "",
                happened(row["outcome"]),
                row["doubts"],
            )
            for row in rows
        ],
        empty="nothing is doubtful",
    )


def _show(row: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    for name, text in described(row):
        if text:
            click.echo(f"{name + ':':<12}{cell(text)}")


def _show_judged(server: Api, row: Mapping[str, Any], as_json: bool) -> None:
    count, path = write_examples(server)
    if as_json:
        print_json(row)
    elif row["example"]:
        tick(True, f"{row['verdict']}: {row['example']}")
        _note_written(count, path)
    else:
        tick(True, "ignored")


def _show_written(count: int, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"examples": count, "file": str(path)})
    else:
        _note_written(count, path)


def _note_written(count: int, path: Path) -> None:
    kept = (
        f"{count} {'example' if count == 1 else 'examples'} in {path}"
        if count
        else "there are no examples yet"
    )
    note(f"{kept}; `im nlu train` learns from them" if count else kept)


def _ask_all(server: Api, rows: Sequence[Mapping[str, Any]]) -> None:
    """Ask about each, until there are no more or it is enough; then write the examples."""
    judged = 0
    try:
        for number, row in enumerate(rows, 1):
            click.echo(f"\n({number} of {len(rows)})")
            _show(row, False)
            answer = _asked(server, row)
            if answer is None:
                break
            judged += answer
    finally:
        # Ctrl-C ends the questions, not what was answered to those before.
        if judged:
            _note_written(*write_examples(server))
    note(f"{judged} judged" if rows else "nothing is doubtful")


def _asked(server: Api, row: Mapping[str, Any]) -> bool | None:
    """Whether a verdict was given on one; None to end."""
    draft = Draft(row["intent"] or "", row["marked"])
    while True:
        key = click.prompt(f"{_KEYS} [a/i/m/g/s/q]", prompt_suffix=": ").strip().lower()[:6]
        if key in ("q", "quit"):
            return None
        if key in ("s", "skip"):
            return False
        if key in ("i", "intent"):
            draft = draft._replace(intent=_chosen_intent(draft.intent))
        elif key in ("m", "mark"):
            draft = draft._replace(example=click.prompt(_MARKS, default=visible(draft.example)))
        elif key in ("g", "ignore"):
            return _taken(server, row["id"], {"ignored": True})
        elif key in ("a", "accept") and _taken(server, row["id"], draft.verdict):
            return True
        click.echo(f"  {cell(draft.intent or 'no intent yet')}: {cell(draft.example)}")


_MARKS: Final = "the sentence with its marks, like ack [INC-7](incident_id)"


def _taken(server: Api, utterance: str, verdict: Mapping[str, Any]) -> bool:
    """Give a verdict; what is wrong with it is said, and another one can be given."""
    try:
        _judge(server, utterance, verdict)
    except Refused as error:
        click.echo(visible(f"  {error}"))
        return False
    return True


def _chosen_intent(now: str) -> str:
    """An intent by its number or name; what is neither is asked again."""
    from router.dialogue.reviewing import KNOWN  # noqa: PLC0415

    for number, name in enumerate(KNOWN, 1):
        click.echo(f"  {number:>2} {name}")
    while True:
        said = str(click.prompt("intent", default=now or None)).strip()
        found = (
            KNOWN[int(said) - 1]
            if said.isascii() and said.isdigit() and 0 < int(said) <= len(KNOWN)
            else said
        )
        if found in KNOWN:
            return found
        click.echo(visible(f"  there is no intent `{said[:60]}`"))
