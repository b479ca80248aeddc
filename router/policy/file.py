"""The access policy's files: read and checked, with file, line and the likely mend of every mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.events import SEVERITIES
from rules.reading import nearest, shown

RANKS: Final = ("viewer", "responder", "commander", "admin")
"""The roles that an account can have, the least first."""
UNLINKED: Final = "unlinked"
"""The role of people in chat without an account."""
ROLES: Final = (*RANKS, UNLINKED)
KINDS: Final = ("direct", "room", "incident", "management", "other", "external")
EFFECTS: Final = ("deny", "confirm", "allow")
"""The strongest first."""
COMMANDS: Final = (
    "declare",
    "ack",
    "resolve",
    "close",
    "reopen",
    "escalate",
    "assign",
    "update",
    "status",
    "list",
    "count",
    "timeline",
    "help",
    "oncall",
    "why",
    "metrics",
    "silence",
    "room",
    "broadcast",
    "link",
    "deploy",
    "github",
    "metric",
    "runbook",
    "maintenance",
)
ANY: Final = "*"
MODEL: Final = "model.conf"
LINES: Final = "policy.csv"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a file; line 0 where no line is to blame."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class PolicyError(Exception):
    """The files cannot be used; says the first fault, and holds all."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(str(faults[0]))
        self.faults = faults


class Lines(msgspec.Struct, frozen=True):
    """What policy.csv says."""

    rules: tuple[tuple[str, ...], ...]
    """role, command, place, severity, effect"""
    inherited: tuple[tuple[str, str], ...]
    """A role, and one whose lines hold for it too."""

    def names(self, command: str) -> bool:
        """Whether a line speaks of the command by its name (and not only of all others)."""
        return any(command in rule[1].split("|") for rule in self.rules)


def content(path: Path) -> str:
    """A file's text; PolicyError when it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError(Fault(path.name, 0, "is not UTF-8; save it as UTF-8")) from None
    except OSError as error:
        raise PolicyError(Fault(path.name, 0, f"cannot be read: {error.strerror}")) from None


def lines(text: str, commands: Collection[str]) -> Lines:
    """The lines of policy.csv; PolicyError names every one that makes no sense.

    `commands` are the names that a line may speak of.
    """
    rules: list[tuple[str, ...]] = []
    inherited: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        kind, *cells = [cell.strip() for cell in raw.split(",")]
        wrong = tuple(_wrong(kind, cells, commands))
        faults += [Fault(LINES, number, text) for text in wrong]
        if not wrong and kind == "p":
            rules.append(tuple(cells))
        elif not wrong:
            inherited.append((cells[0], cells[1]))
            faults += [Fault(LINES, number, text) for text in _circles(inherited)]
    if not rules and not faults:
        faults.append(Fault(LINES, 0, "holds no line, so that every command would be refused; restore it"))
    if faults:
        raise PolicyError(*faults)
    return Lines(tuple(rules), tuple(inherited))


def _wrong(kind: str, cells: list[str], commands: Collection[str]) -> Iterable[str]:
    """What is wrong with one line."""
    columns = _COLUMNS.get(kind)
    if columns is None:
        yield f"{shown(kind)}: a line begins with `p` (who may what) or `g` (a role and the one below it)"
    elif len(cells) != len(columns):
        yield f"has {len(cells)} columns after `{kind}`; it needs {len(columns)}: {', '.join(columns)}"
    else:
        for (name, check), cell in zip(columns.items(), cells, strict=True):
            wrong = check(cell, commands)
            if wrong:
                yield f"{name} {wrong}"


Check = Callable[[str, Collection[str]], str | None]


def _role(cell: str, _: Collection[str]) -> str | None:
    return unknown(cell, ROLES)


def _effect(cell: str, _: Collection[str]) -> str | None:
    return unknown(cell, EFFECTS)


def _severity(cell: str, _: Collection[str]) -> str | None:
    return None if cell == ANY else _first(unknown(word, SEVERITIES) for word in cell.split("|"))


def _place(cell: str, _: Collection[str]) -> str | None:
    if ":" in cell:
        provider, _, channel = cell.partition(":")
        return None if provider and channel else f"{shown(cell)}: write it as provider:channel"
    return unknown(cell, (*KINDS, ANY))


def _command(cell: str, commands: Collection[str]) -> str | None:
    if cell == ANY:
        return None
    return _first(unknown(word, commands) for word in cell.removeprefix("!").split("|"))


_COLUMNS: Final[Mapping[str, Mapping[str, Check]]] = {
    "p": {"role": _role, "command": _command, "place": _place, "severity": _severity, "effect": _effect},
    "g": {"role": _role, "inherited role": _role},
}


def unknown(word: str, known: Collection[str]) -> str | None:
    """What to say of a word that is not among the known ones."""
    if word in known:
        return None
    meant = nearest(word, known)
    mend = f"did you mean `{meant}`?" if meant else f"there are {', '.join(known)}"
    return f"{shown(word)} is unknown; {mend}"


def _first(found: Iterable[str | None]) -> str | None:
    return next((text for text in found if text), None)


def _circles(inherited: list[tuple[str, str]]) -> Iterable[str]:
    """Whether the newest of the lines closes a circle."""
    role, below = inherited[-1]
    reached, waiting = {below}, [below]
    while waiting:
        at = waiting.pop()
        fresh = {to for start, to in inherited if start == at} - reached
        reached |= fresh
        waiting += fresh
    if role in reached:
        yield f"`{below}` inherits from `{role}` already, or is the same; remove one of the lines"
