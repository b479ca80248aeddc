"""Where commands come from: the built-in ones, the shipped ones, installed packages and a folder of files."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Final, NoReturn

import msgspec

from router.chat.built_in import BUTTONS, COMMANDS
from router.chat.commands import ALIASES, Button, Command, Commands
from router.chat.custom import button_of, command_of
from router.chat.extending import Declared, DeclaredButton, DeclaredCommand, declared
from router.chat.interactions import RESERVED
from router.chat.shipped import SHIPPED
from router.policy.policy import RANKS

ENTRY_POINTS: Final = "im.commands"
"""A package names a module, or a decorated function, under this group."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""What every platform takes as the name of a command or of a part of one:
https://docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-naming"""
_MAX_HELP: Final = 100
_TELLING: Final = (ImportError, NameError, AttributeError, SyntaxError)
"""Errors whose text is about the code, and not about what it works with."""


class CommandsError(Exception):
    """Commands cannot be taken into use: one sentence with the file, what is wrong there and the mend."""


class Found(msgspec.Struct, frozen=True):
    """What a file or a package declares."""

    origin: str
    """As errors name it."""
    declared: tuple[Declared, ...]


def commands_of(folder: Path | None) -> Commands:
    """All commands; custom ones from entry points and from `folder`. CommandsError says what to mend."""
    return assembled([*_installed(), *(in_folder(folder) if folder else ())])


def assembled(teams: Iterable[Found]) -> Commands:
    """The built-in and shipped commands with those of teams, which may stand in for shipped ones."""
    commands = {each.name: each for each in (*COMMANDS, *SHIPPED)}
    fixed = {each.name: "a built-in command" for each in COMMANDS}
    buttons = {each.id: each for each in BUTTONS}
    for found in teams:
        for each in found.declared:
            if isinstance(each, DeclaredCommand):
                made = _command(each, found.origin, fixed)
                commands[made.name] = made
                fixed[made.name] = f"declared by {found.origin}"
            else:
                buttons[each.id] = _button(each, found.origin, buttons)
    for name in sorted(buttons.keys() & commands.keys()):
        raise CommandsError(f"the button `{name}` has the name of a command; give it another id")
    return Commands(commands.values(), buttons.values())


def in_folder(folder: Path) -> Iterator[Found]:
    """What the files of a folder declare, by name; those that begin with `_`, `.` or `test_` are left out."""
    if not folder.is_dir():
        raise CommandsError(f"{folder}: there is no such folder; make it, or unset IM_COMMANDS_DIR")
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith(("_", ".", "test_")):
            yield Found(str(path), declared_in(vars(_executed(path))))


def declared_in(names: Mapping[str, object]) -> tuple[Declared, ...]:
    """What the functions of a module are declared as, each once."""
    functions = {id(each): each for each in names.values()}
    return tuple(one for each in functions.values() for one in declared(each))


def _installed() -> Iterator[Found]:
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: (each.name, each.value)):
        origin = f"the entry point `{point.name}` ({point.value})"
        loaded = _loaded(point, origin)
        names = vars(loaded) if isinstance(loaded, ModuleType) else {point.name: loaded}
        yield Found(origin, declared_in(names))


def _loaded(point: EntryPoint, origin: str) -> object:
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        _refuse(origin, error, None)


def _executed(path: Path) -> ModuleType:
    """The module of a file, run in a namespace of its own."""
    name = f"im_commands.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses and structs look up the names in their annotations
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        _refuse(str(path), error, str(path))
    return module


def _refuse(origin: str, error: BaseException, file: str | None) -> NoReturn:
    """CommandsError for a module that does not load. The text of other errors may hold what is secret."""
    if isinstance(error, SyntaxError):
        where, what = f"{error.filename or origin}:{error.lineno or 0}", f"cannot be read: {error.msg}"
    else:
        where = f"{origin}{_line(error, file)}"
        # A declaration's errors are ours; they are named by type, as a file may be loaded in a second copy.
        ours = type(error).__name__ == "DeclarationError"
        text = f": {error}" if ours or isinstance(error, _TELLING) else ""
        what = f"cannot be loaded ({type(error).__name__}{text})"
    raise CommandsError(f"{where}: {what}; mend it there, or take it out") from None


def _line(error: BaseException, file: str | None) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f":{lines[-1]}" if lines else ""


def _command(given: DeclaredCommand, origin: str, taken: Mapping[str, str]) -> Command:
    where = f"{origin}: the command `{given.name[:60]}`"
    if not _NAME.fullmatch(given.name):
        raise CommandsError(f"{where} is no name; use up to 32 of a-z, 0-9 and `-`, a letter first")
    if given.name in taken:
        raise CommandsError(f"{where} is {taken[given.name]} already; give it another name")
    if given.name in ALIASES:
        raise CommandsError(f"{where} is another word for `{ALIASES[given.name]}`; give it another name")
    if not given.help.strip() or len(given.help) > _MAX_HELP or "\n" in given.help:
        raise CommandsError(f"{where} needs a help text: one sentence of at most {_MAX_HELP} characters")
    _require_role(where, given.role)
    try:
        made = command_of(given)
    except ValueError as error:
        raise CommandsError(f"{where}: {error}") from None
    _check_usage(where, made)
    return made


def _check_usage(where: str, made: Command) -> None:
    """What a usage line can say and nobody can use."""
    names = [each.name for each in made.usage.parameters]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled:
        raise CommandsError(f"{where}: its usage names `{doubled}` twice; call one of them differently")
    places = [each for each in made.usage.parameters if not each.flags]
    rest = next((each for each in places[:-1] if each.rest), None)
    if rest:
        raise CommandsError(f"{where}: `{rest.name}...` takes all words; put it last in the usage")
    if made.instead and (made.instead not in names or not made.usage.takes_incident):
        raise CommandsError(f"{where}: `instead` must name an argument of a usage with [incident-id]")


def _button(given: DeclaredButton, origin: str, taken: Mapping[str, Button]) -> Button:
    where = f"{origin}: the button `{given.id}`"
    if given.id in taken or given.id in RESERVED:
        raise CommandsError(f"{where} is there already; give it another id")
    _require_role(where, given.role)
    return button_of(given)


def _require_role(where: str, role: str) -> None:
    if role not in RANKS:
        raise CommandsError(f"{where}: there is no role `{role[:60]}`; there are {', '.join(RANKS)}")
