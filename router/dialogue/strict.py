"""Commands in a mention, as they are typed after `/im`: what is certain without any model."""

from __future__ import annotations

from typing import Final

from router.chat import words
from router.chat.asked import Call, World
from router.chat.commands import Command
from router.chat.typed import typed
from router.chat.usage import INCIDENT, Misused
from router.dialogue.intents import BY_COMMAND

_ALONE: Final = frozenset({"list", "help", "oncall", "count", "metrics"})
"""Commands that need nothing else and change nothing."""
_SAID: Final = frozenset({"reopen", "why", "link", "runbook", "broadcast"})
"""Built-in commands that no sentence stands for: they are typed in mentions too."""


def typed_out(world: World, text: str, said: str) -> Call | None:
    """The call of what can only be a typed command: one with options, or one that no intent stands for."""
    command = _command(world, text)
    if command is None:
        return None
    with_options = any(word.text.startswith("--") and not word.quoted for word in words.split(text))
    if with_options:
        return typed(world, text, said)  # Misused is told: nobody writes options by accident
    if command.name not in _SAID:
        return None
    call = _read(world, text, said)
    return call if call is not None and _whole(world, command, call) else None


def without_model(world: World, text: str, said: str) -> Call | None:
    """The call of what is a command by its words alone: with the incident's id, where it is about one."""
    command = _command(world, text)
    if command is None or (command.name not in BY_COMMAND and command.name not in _SAID):
        return None
    call = _read(world, text, said)
    if call is None:
        return None
    if command.usage.takes_incident:
        return call if INCIDENT in call.arguments else None
    return call if command.name in _ALONE or call.arguments else None


def _command(world: World, text: str) -> Command | None:
    first, _, _ = text.partition(" ")
    return world.commands.find(first) if first else None


def _read(world: World, text: str, said: str) -> Call | None:
    try:
        return typed(world, text, said)
    except Misused:
        return None


def _whole(world: World, command: Command, call: Call) -> bool:
    """Whether the arguments are of the kinds that the command wants, and no sentence that begins alike."""
    if command.name == "runbook":
        return world.roster.live.current.service(call.arguments.get("service", "")) is not None
    if command.name == "link":
        return len(call.said.split()) <= 2
    if command.usage.takes_incident:
        return INCIDENT in call.arguments
    return True
