"""A command as people type it, after `/im` or to the bot."""

from __future__ import annotations

from router.chat import usage, words
from router.chat.asked import Call, World, sentence
from router.chat.commands import Command
from router.chat.usage import Misused


def typed(world: World, text: str, said: str) -> Call:
    """A command as typed; nothing at all is a call for help."""
    first, _, rest = words.plain(text).partition(" ")
    first, newline, below = first.partition("\n")
    rest = f"{below} {rest}" if newline else rest
    if not first:
        return Call(command="help", said=said)
    command = world.commands.find(first)
    if command is None:
        return Call(command=first[:40].lower(), said=said)
    return Call(command=command.name, arguments=_arguments(command, rest), said=said)


def _arguments(command: Command, rest: str) -> dict[str, str]:
    try:
        return usage.arguments(command.usage, rest)
    except Misused as error:
        raise Misused(
            f"{sentence(str(error))}\nUsage: {command.usage.shown}\nExample: {command.example}"
        ) from None
