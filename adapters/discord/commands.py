"""The command `/im` as Discord lists it, and what a person filled in there as the text they would type.

A command becomes a subcommand, an argument an option of it. Arguments by place keep their plain names;
those by name are called `--sev`, as in the text: the incoming option says no more than its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from adapters import look
from adapters.discord.escape import one_line
from adapters.discord.limits import (
    MAX_COMMAND_DESCRIPTION,
    MAX_COMMAND_NAME,
    MAX_COMMAND_OPTIONS,
    MAX_COMMAND_TEXT,
)
from adapters.inbound import Argument, CommandSpec

NAME: Final = "im"
RUN: Final = "run"
"""The subcommand for what has no subcommand of its own; its option is a text as it would be typed."""
RUN_OPTION: Final = "text"
BY_NAME: Final = "--"

# https://docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-option-type
SUBCOMMAND: Final = 1
STRING: Final = 3

# https://docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-naming
_NAME: Final = re.compile(rf"[a-z0-9_-]{{1,{MAX_COMMAND_NAME}}}")
_BARE: Final = re.compile(r"[\w@<>:./+=#-]+")
"""What the router's parser reads as one word without quotes."""
_ESCAPED: Final = re.compile(r'[\\"“”„‟«»＂]')
"""Typographic quotes too, as the router's parser reads them like the plain one."""
_BACKSLASH: Final = r"\\\g<0>"
_DESCRIPTION_ROOMS: Final = (MAX_COMMAND_DESCRIPTION, 60, 40, 20, 1)


class Choice(msgspec.Struct, frozen=True):
    """A value that can be picked; other bots' commands have numbers too."""

    name: str
    value: str | float


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A subcommand, or an option of one."""

    name: str
    description: str
    type: int
    required: bool | UnsetType = UNSET
    choices: tuple[Choice, ...] | UnsetType = UNSET
    options: tuple[Option, ...] | UnsetType = UNSET


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The command with all that is in it."""

    name: str = NAME
    type: int = 1
    description: str
    options: tuple[Option, ...]


class Given(msgspec.Struct, frozen=True):
    """An option as it comes in: a subcommand with its options, or a value."""

    name: str
    type: int
    value: str | int | float | bool = ""
    options: tuple[Given, ...] = ()


def registrations(specs: Sequence[CommandSpec]) -> tuple[Registration, ...]:
    """What the application registers in the server: the one command, or none where there are no specs."""
    return (registration(specs),) if specs else ()


def registration(specs: Sequence[CommandSpec]) -> Registration:
    """The command for these specs, within Discord's 25 subcommands and 8000 characters.

    What does not fit stays usable by `/im run text: …`; descriptions are cut where all would be too long.
    """
    fitting = [spec for spec in specs if _NAME.fullmatch(spec.name) and spec.name != RUN]
    whole = len(fitting) == len(specs) <= MAX_COMMAND_OPTIONS
    own = fitting if whole else fitting[: MAX_COMMAND_OPTIONS - 1]
    for room in _DESCRIPTION_ROOMS:
        subcommands = tuple(_subcommand(spec, room) for spec in own) + (() if whole else (_run(room),))
        found = Registration(description=_described("Incident management", room), options=subcommands)
        if _weight(found.options) + len(NAME) + len(found.description) <= MAX_COMMAND_TEXT:
            break
    return found


def text(given: Sequence[Given], order: Mapping[str, Sequence[str]]) -> str:
    """What follows `/im`: the subcommand, its values by place, then those by name.

    `order` is the order of the arguments by place, by subcommand: Discord sends options in the order in
    which the person filled them in.
    """
    sub = next((option for option in given if option.type == SUBCOMMAND), None)
    if sub is None:
        return ""
    if sub.name == RUN:
        return " ".join(_shown(option.value) for option in sub.options).strip()
    places = {name: place for place, name in enumerate(order.get(sub.name, ()))}
    by_place = [option for option in sub.options if not option.name.startswith(BY_NAME)]
    by_place.sort(key=lambda option: places.get(option.name, len(places)))
    by_name = [option for option in sub.options if option.name.startswith(BY_NAME)]
    words = [sub.name, *(quoted(_shown(option.value)) for option in by_place)]
    words += [word for option in by_name for word in (option.name, quoted(_shown(option.value)))]
    return " ".join(words)


def unordered(given: Sequence[Given]) -> bool:
    """Whether two arguments by place were filled in, so that their order matters."""
    subs = [option for option in given if option.type == SUBCOMMAND and option.name != RUN]
    return any(sum(not o.name.startswith(BY_NAME) for o in sub.options) > 1 for sub in subs)


def order_of(options: Iterable[Option]) -> dict[str, tuple[str, ...]]:
    """The order of the arguments by place, by subcommand, as they are registered."""
    return {
        sub.name: tuple(option.name for option in sub.options or () if not option.name.startswith(BY_NAME))
        for sub in options
        if sub.type == SUBCOMMAND
    }


def quoted(value: str) -> str:
    """The value as one word of a command: in double quotes unless it is plain."""
    if _BARE.fullmatch(value) and not value.startswith("-"):
        return value
    return f'"{_ESCAPED.sub(_BACKSLASH, value)}"'


def _subcommand(spec: CommandSpec, room: int) -> Option:
    return Option(
        name=spec.name,
        description=_described(spec.help or spec.name, room),
        type=SUBCOMMAND,
        options=tuple(_arguments(spec.arguments, room))[:MAX_COMMAND_OPTIONS],
    )


def _arguments(arguments: Sequence[Argument], room: int) -> Iterable[Option]:
    """The arguments in the spec's order by place, then by name.

    Discord wants required options first; one that follows an optional one is left to the router to ask for.
    """
    seen: set[str] = set()
    required = True
    for argument in sorted(arguments, key=lambda argument: argument.option):
        name = (BY_NAME if argument.option else "") + argument.name.lower()
        required = required and argument.required
        if _NAME.fullmatch(name) and name not in seen:
            seen.add(name)
            yield _argument(name, argument, required, room)


def _argument(name: str, argument: Argument, required: bool, room: int) -> Option:
    choices = tuple(Choice(choice, choice) for choice in argument.choices)
    listed = choices and len(choices) <= MAX_COMMAND_OPTIONS
    return Option(
        name=name,
        description=_described(argument.help or argument.name, room),
        type=STRING,
        required=required,
        choices=choices if listed else UNSET,
    )


def _run(room: int) -> Option:
    words = Option(
        name=RUN_OPTION,
        description=_described("As you would type it: ack INC-1 on it", room),
        type=STRING,
        required=True,
    )
    return Option(
        name=RUN, description=_described("Any command, typed", room), type=SUBCOMMAND, options=(words,)
    )


def _described(help: str, room: int) -> str:
    return look.cut(one_line(help), room) or "-"


def _weight(options: Iterable[Option]) -> int:
    """The characters that Discord counts in options and all below them."""
    return sum(
        len(option.name)
        + len(option.description)
        + sum(len(choice.name) + len(str(choice.value)) for choice in option.choices or ())
        + _weight(option.options or ())
        for option in options
    )


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else str(value).lower()
