"""The access policy in force: whether a role may give a command in a place, and how it follows its files."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import msgspec
import structlog

from router.policy.engine import Loaded
from router.policy.file import (
    COMMANDS,
    KINDS,
    LINES,
    MODEL,
    RANKS,
    ROLES,
    UNLINKED,
    Fault,
    PolicyError,
)
from router.policy.reasons import Kind, Outcome, Place, Question, confirmation, refusal
from router.settings import ROOT

__all__ = [
    "COMMANDS",
    "KINDS",
    "RANKS",
    "ROLES",
    "UNLINKED",
    "Fault",
    "Kind",
    "Outcome",
    "Place",
    "Policy",
    "PolicyError",
    "Verdict",
]

CHECK_SECONDS: Final = 1.0
"""How often the files are looked at."""
_CACHE_SIZE: Final = 10_000
_log = structlog.get_logger()

Stamp = tuple[tuple[int, ...], ...]


class Verdict(msgspec.Struct, frozen=True):
    """What the policy says; `reason` is a sentence for the person, empty where the command is allowed."""

    outcome: Outcome
    reason: str = ""


class Policy:
    """The policy in force. It follows its files; bad ones leave the last good state in force."""

    def __init__(self, folder: Path, commands: Collection[str], clock: Callable[[], float]) -> None:
        """`Policy.load` is the way in."""
        self._folder = folder
        self._commands = commands
        self._clock = clock
        self._next_check = clock() + CHECK_SECONDS
        self._stamp = _stamp(folder)
        self._verdicts: dict[Question, Verdict] = {}
        self._loaded = Loaded(folder, commands)
        self._problems: tuple[Fault, ...] = ()

    @classmethod
    def load(
        cls, folder: Path, *, custom: Collection[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> Policy:
        """The policy of a folder; PolicyError names file, line and the likely mend.

        `custom` are the names of commands beside the built-in ones that lines may speak of.
        """
        return cls(folder, (*COMMANDS, *custom), clock)

    @property
    def problems(self) -> tuple[Fault, ...]:
        """Why the files on disk are not in force; empty when they are."""
        return self._problems

    def judge(
        self,
        role: str,
        command: str,
        *,
        place: Place,
        severity: str | None = None,
        default_role: str | None = None,
    ) -> Verdict:
        """Whether the role may give the command there.

        `severity` is that of the incident concerned; of a change of severity, judge both. Without one, only
        the lines for all severities hold. `default_role` is what a custom command was registered with; it
        counts while no line names the command.
        """
        self.refresh()
        asked = Question(role, command, place, severity, default_role)
        known = self._verdicts.get(asked)
        if known is None:
            known = self._verdict(asked)
            if len(self._verdicts) >= _CACHE_SIZE:
                self._verdicts.clear()
            self._verdicts[asked] = known
        return known

    def refresh(self, *, force: bool = False) -> bool:
        """Take changed files into force, at most once a second unless forced; True when that was done."""
        if not force and self._clock() < self._next_check:
            return False
        self._next_check = self._clock() + CHECK_SECONDS
        stamp = _stamp(self._folder)
        if stamp == self._stamp and not force:
            return False
        self._stamp = stamp
        try:
            self._loaded = Loaded(self._folder, self._commands)
        except PolicyError as error:
            self._problems = error.faults
            for fault in error.faults:
                _log.error("access_policy_refused", fault=str(fault))
            return False
        self._verdicts, self._problems = {}, ()
        _log.info("access_policy_in_force", lines=len(self._loaded.lines.rules))
        return True

    def _verdict(self, asked: Question) -> Verdict:
        outcome = self._loaded.outcome(asked)
        if outcome == "allow":
            return Verdict(outcome)
        if outcome == "confirm":
            return Verdict(outcome, confirmation(asked))
        return Verdict(outcome, refusal(asked, self._loaded.outcome, _shown(self._folder)))


def _stamp(folder: Path) -> Stamp:
    """What changes when a file is written or replaced."""
    found = []
    for name in (MODEL, LINES):
        try:
            stat = (folder / name).stat()
            found.append((stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
        except OSError:  # gone or unreadable; reading it says so
            found.append((0, 0, 0, 0))
    return tuple(found)


def _shown(folder: Path) -> str:
    """Where the policy is, for people in chat, who need not know the machine's folders."""
    path = (folder / LINES).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else LINES
