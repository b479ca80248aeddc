"""casbin over the access policy's files: which effect their lines have, and what decides between several."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import casbin  # type: ignore[import-untyped]

from router.policy.file import (
    ANY,
    EFFECTS,
    KINDS,
    LINES,
    MODEL,
    Fault,
    Lines,
    PolicyError,
    content,
    lines,
    unknown,
)
from router.policy.reasons import Outcome, Question

_DEFINITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "r": ("role", "command", "kind", "channel", "severity", "effect"),
    "p": ("role", "command", "place", "severity", "effect"),
}
"""The columns of a request and of a line, as the code gives them to casbin."""


class Loaded:
    """The files as they were when it was made; PolicyError where they cannot be used."""

    def __init__(self, folder: Path, commands: Collection[str]) -> None:
        self.lines = lines(content(folder / LINES), commands)
        self._enforcer = _enforcer(content(folder / MODEL), self.lines)

    def outcome(self, asked: Question) -> Outcome:
        """Deny before confirm before allow; without any of them, the role that a custom command brings."""
        effect = next((each for each in EFFECTS if self._says(asked, each)), None)
        if effect == "deny":
            return "refuse"
        if effect == "confirm":
            return "confirm"
        return "allow" if effect == "allow" or self._by_default(asked) else "refuse"

    def _says(self, asked: Question, effect: str) -> bool:
        """Whether a line with this effect holds."""
        channel = f"{asked.place.provider}:{asked.place.channel}"
        given = (asked.role, asked.command, asked.place.kind, channel, asked.severity or "", effect)
        return bool(self._enforcer.enforce(*given))

    def _by_default(self, asked: Question) -> bool:
        if asked.default_role is None or self.lines.names(asked.command):
            return False
        return bool(self._enforcer.get_role_manager().has_link(asked.role, asked.default_role))


def _enforcer(text: str, given: Lines) -> casbin.Enforcer:
    """casbin over a model and checked lines; PolicyError when the model is not one for them."""
    try:
        enforcer = _built(text, given)
        unheard = next((rule for rule in given.rules if not enforcer.enforce(*_sample(rule))), None)
    except PolicyError:
        raise
    except Exception as error:  # casbin raises whatever a bad model makes it stumble over
        why = f"casbin cannot use it ({type(error).__name__}); restore it from the release"
        raise PolicyError(Fault(MODEL, 0, why)) from error
    if unheard:
        why = f"its matcher misses the line `p, {', '.join(unheard)}`; restore it from the release"
        raise PolicyError(Fault(MODEL, _line_of(text, "m"), why))
    return enforcer


def _built(text: str, given: Lines) -> casbin.Enforcer:
    model = casbin.Model()
    model.load_model_from_text(text)
    for section, expected in _DEFINITIONS.items():
        _require(model, section, expected, _line_of(text, section))
    for rule in given.rules:
        model.add_policy("p", "p", list(rule))
    for pair in given.inherited:
        model.add_policy("g", "g", list(pair))
    # It tells of every question that it says no to, which is its daily work here.
    logging.getLogger("casbin").setLevel(logging.ERROR)
    enforcer = casbin.Enforcer(model)
    enforcer.build_role_links()
    for name, function in _FUNCTIONS.items():
        enforcer.add_function(name, function)
    return enforcer


def _sample(rule: tuple[str, ...]) -> tuple[str, ...]:
    """A request that a line must hold for."""
    role, commands, place, severity, effect = rule
    command = "" if commands == ANY or commands.startswith("!") else commands.split("|")[0]
    kind = place if place in KINDS else KINDS[0]
    return role, command, kind, place, "" if severity == ANY else severity.split("|")[0], effect


def _require(model: casbin.Model, section: str, expected: tuple[str, ...], line: int) -> None:
    """That a definition has the columns that the code speaks of."""
    found = tuple(token.partition("_")[2] for token in model.model[section][section].tokens)
    wrong = next((unknown(name, expected) for name in found if name not in expected), None)
    if wrong:
        raise PolicyError(Fault(MODEL, line, f"column {wrong}"))
    if found != expected:
        raise PolicyError(Fault(MODEL, line, f"must be `{section} = {', '.join(expected)}`"))


def _line_of(text: str, section: str) -> int:
    """Where the model defines a section; 0 where it does not."""
    starts = (raw.partition("=")[0].strip() for raw in text.splitlines())
    return next((number for number, start in enumerate(starts, 1) if start == section), 0)


# What the model's matcher calls.


def _among(command: str, cell: str) -> bool:
    if cell.startswith("!"):
        return command not in cell[1:].split("|")
    return cell == ANY or command in cell.split("|")


def _within(kind: str, channel: str, cell: str) -> bool:
    return cell in (ANY, kind) or (":" in cell and fnmatchcase(channel, cell))


def _rated(severity: str, cell: str) -> bool:
    return cell == ANY or severity in cell.split("|")


_FUNCTIONS: Final = {"among": _among, "within": _within, "rated": _rated}
