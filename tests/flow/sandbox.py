"""The sandbox as a place in flow tests: its messages are in the store, and its people need no account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.contract import subject_sandbox
from tests.contract.subject import Subject
from tests.fakes.base import Posted
from tests.fakes.sandbox_person import SandboxPerson
from tests.fakes.speaking import Shown
from tests.flow.stage import SANDBOX, Im


class Stored(Mapping[str, Posted]):
    """A sandbox's messages as they are in the store now, oldest first."""

    def __init__(self, im: Im, provider: str) -> None:
        self._im = im
        self._provider = provider

    def _read(self) -> dict[str, Posted]:
        rows = self._im.sql(
            "SELECT id::text, channel, nonce, parent, payload, posted_at FROM sandbox_messages "
            "WHERE provider = %s ORDER BY id",
            self._provider,
        )
        return {row["id"]: _posted(row) for row in rows}

    def __getitem__(self, id: str) -> Posted:
        return self._read()[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def values(self) -> Any:
        return self._read().values()


def _posted(row: dict[str, Any]) -> Posted:
    return Posted(
        id=row["id"],
        channel=row["channel"],
        payload=row["payload"],
        nonce=row["nonce"],
        parent=row["parent"],
        at=row["posted_at"].timestamp(),
    )


class Person(SandboxPerson):
    """Of all that the sandbox shows, only answers are answers."""

    @property
    def answers(self) -> list[Shown]:
        return [shown for shown in super().answers if shown.posted.shown["event"] == "answer"]


class SandboxPlace:
    """See tests.flow.places.Place."""

    name = "sandbox"

    def __init__(self, subject: Subject, fake: Person) -> None:
        self.subject = subject
        self.fake = fake

    def channel(self, name: str) -> str:
        return name

    def announced(self, channel: str) -> list[Posted]:
        return [p for p in self._in(channel) if p.parent is None and p.shown["event"] != "answer"]

    def replies(self, channel: str) -> list[Posted]:
        return [p for p in self._in(channel) if p.parent is not None]

    def _in(self, channel: str) -> list[Posted]:
        return [p for p in self.fake.messages.values() if p.channel == channel and not p.shown.get("form")]

    def text(self, posted: Posted) -> str:
        return self.subject.visible(posted)


@contextmanager
def sandbox_place(im: Im, named: str, **changes: Any) -> Iterator[SandboxPlace]:
    """A sandbox with a channel for each use."""
    with subject_sandbox.subject() as subject:
        im.add(named, "sandbox", **(SANDBOX | changes))
        yield SandboxPlace(subject, Person(Stored(im, named)))
