"""durable-rules as a stateless matcher: assert a fact, collect what fired, retract it.

`rules.plan` keeps it inside of what it does soundly; here are its calls, and what is done when one fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

import durable_rules_engine as durable

from rules.evaluate import matching
from rules.facts import Facts
from rules.model import Problem, RuleFilesError, RuleSet
from rules.plan import PRIMER, Chunk, plan

_OK: Final = 0
_NO_MATCH: Final = 1
_MAX_FIRINGS: Final = 1_000
"""Far above what a chunk can fire; an endless loop in C must not become one here."""
PROBE_SECONDS: Final = 20.0
"""The trial's processor time is limited to 5 s by itself; this is for a machine that is busy besides."""
_PROBE: Final = (sys.executable, "-m", "rules.probe")
_names = count()


class EngineFailure(Exception):
    """durable-rules reported an error or behaved as it never should."""


class _Process:
    """What belongs to one process: handles do not survive a fork, nor does a lock that was held during it."""

    def __init__(self, chunks: int) -> None:
        self.lock = threading.Lock()
        self.handles: list[int | None] = [None] * chunks


class Engine:
    """Matches facts against a rule set. Safe to share between threads, and to be carried over a fork.

    When durable-rules fails, the plain evaluator answers, and `fallbacks` counts it.
    """

    def __init__(self, rule_set: RuleSet, *, trace: Callable[[int], None] | None = None) -> None:
        """`trace` is told the number of a chunk before durable-rules compiles it."""
        self._rule_set = rule_set
        self._trace = trace
        self._chunks = plan(rule_set.routes)
        self._processes: dict[int, _Process] = {}
        self._closed = False
        self.fallbacks = 0

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """What durable-rules is given."""
        return self._chunks

    def matching(self, facts: Facts) -> tuple[str, ...]:
        """The ids of all routes whose `when` is true, in file order."""
        process = self._process()
        with process.lock:
            if self._closed:  # swapped out while its last decision was waiting
                return matching(self._rule_set, facts)
            try:
                return self._match(process, facts)
            except (EngineFailure, durable.error):
                self.fallbacks += 1
        return matching(self._rule_set, facts)

    def warm(self) -> None:
        """Compiles everything now; otherwise each chunk is compiled when it is first needed. May raise."""
        process = self._process()
        with process.lock:
            for place, chunk in enumerate(self._chunks):
                self._handle(process, place, chunk)

    def close(self) -> None:
        """Gives durable-rules' memory back; later calls are answered by the evaluator."""
        process = self._process()
        with process.lock:
            self._closed = True
            for place in range(len(process.handles)):
                _discard(process, place)

    def _process(self) -> _Process:
        pid = os.getpid()
        known = self._processes.get(pid)
        return known or self._processes.setdefault(pid, _Process(len(self._chunks)))

    def _match(self, process: _Process, facts: Facts) -> tuple[str, ...]:
        found: list[str] = []
        for place, chunk in enumerate(self._chunks):
            if chunk.admits(facts):
                found += [chunk.routes[fired].id for fired in self._fire(process, place, chunk, facts)]
        if len(found) > 1:
            found.sort(key=self._rule_set.order.__getitem__)
        return tuple(found)

    def _fire(self, process: _Process, place: int, chunk: Chunk, facts: Facts) -> set[int]:
        fact = chunk.project(facts)
        try:
            return _fired(self._handle(process, place, chunk), fact)
        except (EngineFailure, durable.error):
            _discard(process, place)  # a fact may have been left behind in it
            raise

    def _handle(self, process: _Process, place: int, chunk: Chunk) -> int:
        handle = process.handles[place]
        if handle is None:
            if self._trace:
                self._trace(place)
            handle = process.handles[place] = _created(chunk.ruleset)
        return handle


def _created(ruleset: str) -> int:
    """A new handle, primed: one action has run in it.

    durable-rules leaves the memory of a state's last action uninitialised until there is one, and frees it in
    delete_state all the same: without the priming, that aborts the process now and then.
    """
    handle: int = durable.create_ruleset(f"im{next(_names)}", ruleset)
    primer = json.dumps(PRIMER)
    code, state = durable.assert_fact(handle, primer)
    if code != _OK or not durable.start_action_for_state(handle, state):
        raise EngineFailure(f"the primer was answered with {code}")
    durable.complete_and_start_action(handle, state)
    durable.retract_fact(handle, primer)
    return handle


def _fired(handle: int, fact: str) -> set[int]:
    """The numbers of the rules that fire for a fact; a rule with alternatives may fire several times."""
    code, state = durable.assert_fact(handle, fact)
    if code == _NO_MATCH:
        return set()
    if code != _OK:
        raise EngineFailure(f"assert_fact answered {code}")
    fired: set[int] = set()
    started = durable.start_action_for_state(handle, state)
    action = started[1] if started else None
    for _ in range(_MAX_FIRINGS):
        if not action:
            break
        fired.add(int(action[3 : action.index('"', 3)]))  # {"r12":{"m":{..}}}
        action = durable.complete_and_start_action(handle, state)
    else:
        raise EngineFailure("durable-rules fires without end")
    durable.retract_fact(handle, fact)
    return fired


def _discard(process: _Process, place: int) -> None:
    """delete_state before delete_ruleset: without it the state's memory stays for good."""
    handle, process.handles[place] = process.handles[place], None
    if handle is None:
        return
    with suppress(durable.error):
        durable.delete_state(handle, "0")
        durable.delete_ruleset(handle)


# The trial of new rules ------------------------------------------------------------------------------


def probe(rule_set: RuleSet, *, seconds: float = PROBE_SECONDS, command: Sequence[str] = _PROBE) -> None:
    """Compiles a rule set and decides generated facts in a process of its own, before it takes effect.

    Raises RuleFilesError when that process hangs, dies, or decides otherwise than the evaluator.
    """
    asked = json.dumps({"sources": rule_set.sources, "timezone": rule_set.default_timezone})
    try:
        done = subprocess.run(
            command,
            input=asked,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=Path(__file__).resolve().parents[1],
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(rule_set, _lines(error.stdout), "did not finish in time") from None
    except OSError as error:  # no process to be had
        raise _failed(rule_set, [], f"could not be started: {error.strerror}") from None
    lines = _lines(done.stdout)
    if done.returncode != 0:
        raise _failed(rule_set, lines, f"ended with status {done.returncode}")
    if lines[-1:] != ["ok"]:
        raise _differs(rule_set, lines[-1] if lines else "no answer")


def _lines(output: str | bytes | None) -> list[str]:
    text = output.decode() if isinstance(output, bytes) else output or ""
    return text.split("\n")[:-1]


def _failed(rule_set: RuleSet, lines: list[str], how: str) -> RuleFilesError:
    """Names the rules that were being compiled when the trial ended."""
    chunks = plan(rule_set.routes)
    last = lines[-1] if lines else ""
    text = f"the trial of these rules in the rules engine {how}; please report these rules"
    if not (last.isdigit() and int(last) < len(chunks)):
        return RuleFilesError((Problem("", 0, "", text),))
    routes = chunks[int(last)].routes
    among = ", ".join(route.id for route in routes)
    return RuleFilesError((Problem(routes[0].file, routes[0].line, "routes", f"{text}: one of {among}"),))


def _differs(rule_set: RuleSet, answer: str) -> RuleFilesError:
    place = rule_set.order.get(answer.removeprefix("differs "))
    route = rule_set.routes[place] if place is not None else None
    text = "the rules engine and its check disagree about this rule; please report it"
    return RuleFilesError((Problem(route.file if route else "", route.line if route else 0, "routes", text),))
