"""The commands: a usage line, a sentence of help and what to do; built-in ones and those that teams add."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import msgspec

from adapters.contract import Message
from adapters.inbound import CommandSpec
from router.chat.asked import Asked, Run, World, said
from router.chat.usage import INCIDENT, Usage, usage

ALIASES: Final[Mapping[str, str]] = {
    "acknowledge": "ack",
    "create": "declare",
    "new": "declare",
    "note": "update",
    "severity": "escalate",
    "on-call": "oncall",
    "who": "oncall",
    "show": "status",
    "history": "timeline",
    "mute": "silence",
    "?": "help",
}


Complete = Callable[[World, Asked], Awaitable[Asked]]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command of `/im`."""

    name: str
    usage: Usage
    help: str
    """One sentence."""
    example: str
    run: Run
    states: tuple[str, ...] = ()
    """In which states the incident must be for this to make sense; empty: any."""
    role: str = "responder"
    """Who may, where the policy file does not name the command."""
    complete: Complete | None = None
    """Fills in what is left out and the policy has to know."""
    instead: str = ""
    """The argument that makes an incident unnecessary."""
    group: str = "Incidents"

    def about_one(self, arguments: Mapping[str, str]) -> bool:
        """Whether a call with these arguments is about one incident, named or not."""
        named = INCIDENT in arguments
        return self.usage.takes_incident and (named or not self.instead or self.instead not in arguments)


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """A custom button or menu: what pressing it does. `run` finds the value under the argument `value`."""

    id: str
    run: Run
    role: str = "responder"


def command(name: str, line: str, help: str, run: Run, *, example: str = "", **more: object) -> Command:
    """A command from its usage line; ValueError when the line cannot be read."""
    made = Command(name=name, usage=usage(name, line), help=help, example=example or f"/im {name}", run=run)
    return msgspec.structs.replace(made, **more)


class Commands:
    """All commands and custom buttons by name."""

    def __init__(self, commands: Iterable[Command], buttons: Iterable[Button] = ()) -> None:
        self.all: dict[str, Command] = {each.name: each for each in commands}
        self.buttons: dict[str, Button] = {each.id: each for each in buttons}

    def find(self, name: str) -> Command | None:
        """A command by its name or a common other word for it."""
        name = name.lower().removeprefix("/")
        return self.all.get(name) or self.all.get(ALIASES.get(name, ""))

    def nearest(self, name: str) -> str | None:
        """The command that a mistyped word may have meant."""
        names = [*self.all, *ALIASES]
        near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        return ALIASES.get(near[0], near[0]) if near else None

    def specs(self) -> tuple[CommandSpec, ...]:
        """As platforms are told that list commands themselves."""
        return tuple(
            CommandSpec(name=each.name, help=each.help, arguments=each.usage.arguments)
            for each in self.all.values()
        )

    def help_for(self, name: str | None) -> Message:
        """The list of commands, or one command's page."""
        if name is None:
            return self._overview()
        found = self.find(name)
        if found is None:
            return self.unknown(name)
        return said(
            f"/im {found.name}", f"{found.help}\nUsage: {found.usage.shown}\nExample: {found.example}"
        )

    def _overview(self) -> Message:
        groups: dict[str, list[str]] = {}
        for each in self.all.values():
            groups.setdefault(each.group, []).append(f"{each.usage.shown} – {each.help}")
        text = "\n\n".join(f"{group}\n" + "\n".join(lines) for group, lines in groups.items())
        return said("What I can do", text + "\n\n/im help <command> says more about one.")

    def unknown(self, name: str) -> Message:
        """What to say to a word that is no command."""
        near = self.nearest(name)
        hint = f"Did you mean `/im {near}`? " if near else ""
        return said("I do not know that command.", f"{hint}`/im help` lists what I can do.")
