"""`im chat`: talk to the bot in the terminal, or run a script of turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from api.cli.errors import WRONG_USAGE, CliError
from api.cli.output import json_option, note, print_json
from api.cli.session import api, settings_or_fail

if TYPE_CHECKING:
    from api.cli.chat_script import Line
    from api.cli.talking import Conversation
    from router.settings import Settings

CHANNEL: Final = "#incidents"


@click.command()
@click.option("--as", "user", default="", metavar="USER", help="Who speaks: an account's name, or any other.")
@click.option("--channel", default=CHANNEL, show_default=True, metavar="NAME", help="Where; @USER is direct.")
@click.option("--provider", default="sandbox", show_default=True, metavar="NAME", help="A sandbox provider.")
@click.option(
    "--script",
    type=click.File("rb"),
    metavar="FILE",
    help='Turns, as a JSON list of {"user": what is said, "as": who, "channel": where}; `-` is stdin.',
)
@json_option
def chat(*, user: str, channel: str, provider: str, script: BinaryIO | None, as_json: bool) -> None:
    """Talk to the bot as USER, through the sandbox; nothing leaves this machine.

    Type as you would in chat. `/1` presses the first button, `/as omar` and `/channel ops` change who speaks
    and where, `/im list` gives a command, `/quit` ends. With --script the turns of a file are run; --json
    then prints, for each, the bot's messages and what it did. A turn takes 30 seconds at most.

    \b
    Examples:
      im chat --as dana
      im chat --as dana --channel ops --script turns.json --json
    """
    if as_json and script is None:
        raise click.UsageError("`--json` is for scripts; give one by `--script`")
    from api.cli import chat_script, chat_terminal  # noqa: PLC0415
    from api.cli.talking import Conversation, Place  # noqa: PLC0415

    lines = chat_script.lines(script.read(), script.name, user=user, channel=channel) if script else None
    if lines is None and not user.strip():
        raise CliError("say who speaks by `--as USER`", code=WRONG_USAGE)
    with _understood(settings_or_fail()) as settings, api(settings) as server:
        conversation = Conversation(server, provider)
        if lines is None:
            chat_terminal.talk(conversation, Place(user, channel))
            return
        records = _run(conversation, lines, show=not as_json)
    if as_json:
        print_json(records)


def _run(conversation: Conversation, lines: Sequence[Line], *, show: bool) -> list[dict[str, Any]]:
    """Run the turns of a script, and show each where it is to be read; their records."""
    from api.cli import chat_terminal  # noqa: PLC0415

    records = []
    for number, line in enumerate(lines):
        try:
            turn = conversation.say(line.place, line.text)
        except CliError as error:
            raise CliError(f"[{number}]: {error}", code=error.code) from None
        if turn.outcome["does"]:
            conversation.send()
        if show:
            chat_terminal.show_turn(line.place, line.text, turn)
        records.append(turn.record())
    conversation.sent()
    return records


@contextmanager
def _understood(settings: Settings) -> Iterator[Settings]:
    """The settings with a language service in them, which runs for the duration of the block unless one does.

    Where none can be had, typed commands still work.
    """
    if settings.url or settings.nlu_url:
        yield settings
        return
    import msgspec  # noqa: PLC0415

    from api.cli.nlu import _address  # noqa: PLC0415
    from nlu_model.programs import NluError  # noqa: PLC0415

    with ExitStack() as stack:
        try:
            found = stack.enter_context(_address(settings))
        except NluError as error:
            note(f"only commands will be understood: {error}")
        else:
            settings = msgspec.structs.replace(settings, nlu_url=found)
        yield settings
