"""The verdict of a kill test: the client's list of 202s against what the fake platforms recorded.

Every event carries marks that no escaping changes: `E00042S3` is the actor of step 3 of incident 42 and
`N00042S3` its note. A message shows a step when it holds its mark, as the newest or among those merged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

_MARK: Final = re.compile(r"([EN])(\d{5})S(\d)")


class Accepted(msgspec.Struct, frozen=True):
    """An event that was answered with 202."""

    incident: int
    step: int
    noted: bool = False


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a fake's records, as a person would see it: what a message says after a post or an edit."""

    incident: int
    message: str
    steps: frozenset[int]
    notes: frozenset[int] = frozenset()
    root: bool = True
    """In the channel itself, not in a thread."""
    edit: bool = False
    nonce: str = ""
    """The router's mark of the delivery, on platforms that keep one."""


class Double(msgspec.Struct, frozen=True):
    """A post that says again what an earlier one of its stream said."""

    place: str
    nonce: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What went wrong on one platform; each entry names the incident and the step."""

    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    """Incidents whose message does not show their last step in the end."""
    reordered: tuple[str, ...] = ()
    doubled: tuple[Double, ...] = ()
    overwritten: tuple[str, ...] = ()
    """No fault, but worth knowing: notes that only the announcement showed, until an edit replaced it."""

    @property
    def lost_or_reordered(self) -> tuple[str, ...]:
        """What is never excused."""
        return self.missing + self.stale + self.reordered


def actor_mark(incident: int, step: int) -> str:
    """The actor to send with an event."""
    return f"E{incident:05d}S{step}"


def note_mark(incident: int, step: int) -> str:
    """The note to send with an event."""
    return f"N{incident:05d}S{step}"


def read_records(path: Path) -> list[Shown]:
    """The lines of a fake's records file, in the order in which the platform showed them."""
    with path.open() as lines:
        return [shown for line in lines if (shown := shown_by(json.loads(line))) is not None]


def shown_by(row: Mapping[str, object]) -> Shown | None:
    """One record; None for a message that is about no incident of the test."""
    marks = _MARK.findall(json.dumps(row["payload"]))
    if not marks:
        return None
    return Shown(
        incident=int(marks[0][1]),
        message=str(row["id"]),
        steps=frozenset(int(step) for kind, _, step in marks if kind == "E"),
        notes=frozenset(int(step) for kind, _, step in marks if kind == "N"),
        root=row["parent"] is None,
        edit=row["what"] == "edit",
        nonce=str(row["nonce"] or ""),
    )


def judge(accepted: Iterable[Accepted], shown: Iterable[Shown]) -> Verdict:
    """The verdict on one platform."""
    streams: dict[int, list[Shown]] = {}
    for each in shown:
        streams.setdefault(each.incident, []).append(each)
    expected: dict[int, list[Accepted]] = {}
    for event in accepted:
        expected.setdefault(event.incident, []).append(event)
    missing: list[str] = []
    stale: list[str] = []
    overwritten: list[str] = []
    for incident, events in expected.items():
        stream = streams.get(incident, [])
        missing += _missing(events, stream)
        stale += _stale(events, stream)
        overwritten += _overwritten(events, stream)
    return Verdict(
        tuple(missing),
        tuple(stale),
        tuple(place for stream in streams.values() for place in _reordered(stream)),
        tuple(place for stream in streams.values() for place in _doubled(stream)),
        tuple(overwritten),
    )


def _missing(events: Sequence[Accepted], stream: Sequence[Shown]) -> Iterator[str]:
    """Steps and notes that were never shown."""
    steps = {step for each in stream for step in each.steps}
    notes = {step for each in stream for step in each.notes}
    for event in events:
        if event.step not in steps:
            yield actor_mark(event.incident, event.step)
        elif event.noted and event.step not in notes:
            yield note_mark(event.incident, event.step)


def _overwritten(events: Sequence[Accepted], stream: Sequence[Shown]) -> Iterator[str]:
    shown = {step for each in stream for step in each.notes}
    readable = {step for each in _last_of_each(stream) for step in each.notes}
    for event in events:
        if event.noted and event.step in shown - readable:
            yield note_mark(event.incident, event.step)


def _stale(events: Sequence[Accepted], stream: Sequence[Shown]) -> Iterator[str]:
    last = max(events, key=lambda event: event.step)
    newest = max(
        (max(each.steps) for each in _last_of_each(stream) if each.root and each.steps), default=None
    )
    if newest is not None and newest < last.step:
        yield f"{actor_mark(last.incident, last.step)} (shows {newest})"


def _reordered(stream: Sequence[Shown]) -> Iterator[str]:
    """Places where a stream goes back to an older state."""
    newest = 0
    for each in stream:
        step = max(each.steps, default=0)
        if step < newest:
            yield f"{actor_mark(each.incident, step)} after {newest}"
        newest = max(newest, step)


def _doubled(stream: Sequence[Shown]) -> Iterator[Double]:
    said: set[int] = set()
    for each in stream:
        if each.edit:
            continue
        if said & each.steps:
            yield Double(actor_mark(each.incident, max(each.steps)), each.nonce)
        said |= each.steps


def _last_of_each(stream: Sequence[Shown]) -> list[Shown]:
    """Every message as it stands in the end."""
    return list({each.message: each for each in stream}.values())
