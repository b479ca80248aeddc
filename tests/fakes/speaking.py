"""The other half of a fake platform: its people, who type, press, choose and fill in, and see answers.

A fake that speaks makes the very request that its platform would send (`Signal`), signed with what it shares
with the bot; the test posts it to the router and gives the HTTP response back by `heard`. What people are
shown, from that response, by response_url or by the API, gathers in `answers` and `forms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.fakes.base import Posted


@dataclass(frozen=True)
class Signal:
    """A request on its way to the router: POST these bytes with these headers to the provider's webhook."""

    body: bytes
    headers: dict[str, str]
    key: str
    """The id by which the platform knows it (trigger_id, interaction id, activity id, …)."""


@dataclass(frozen=True)
class Shown:
    """Something that people were shown in answer: to one person (`to`), or to a channel (`to` is None)."""

    to: str | None
    channel: str
    text: str
    """All that is legible, escapes resolved, without the labels of buttons."""
    posted: Posted
    """The payload, for `press` and `choose`; `posted.id` need not be a message id of the platform."""
    buttons: tuple[str, ...] = ()
    """Labels in order."""
    menus: tuple[str, ...] = ()
    """Placeholders or labels in order."""
    thread: str | None = None


@dataclass(frozen=True)
class Dialog:
    """A form that was opened for a person."""

    to: str
    title: str
    fields: dict[str, str]
    """Labels by the fields' ids."""
    raw: Any = field(repr=False, default=None)


class Speaking(Protocol):
    """What every speaking fake can do. Users and channels are the platform's ids.

    The fake refuses (AssertionError) what its platform would refuse: pressing a button that is not there,
    a response that the platform would not accept, a form with fields beyond its limits.
    """

    answers: list[Shown]
    forms: list[Dialog]
    people: tuple[str, str]
    """Two users who are known."""

    def command(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """`/im <text>` as this platform brings it."""
        ...

    def mention(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """`@bot <text>`; Discord's comes by the Gateway instead, see tests/fakes/discord_gateway.py."""
        ...

    def press(self, user: str, posted: Posted, label: str) -> Signal:
        """Press the button with this label on a message as it stands now."""
        ...

    def choose(self, user: str, posted: Posted, menu: str, option: str) -> Signal:
        """Choose from a menu (by its label or placeholder) the option with this label, or a person by id."""
        ...

    def submit(self, user: str, dialog: Dialog, **fields: str) -> Signal:
        """Fill a form in and send it off."""
        ...

    def react(self, user: str, posted: Posted, emoji: str) -> Signal | None:
        """Add 👍 (`+1`) or 👎 (`-1`); None where reactions come another way."""
        ...

    def heard(self, signal: Signal, status: int, headers: dict[str, str], body: bytes) -> None:
        """Take the router's HTTP response; AssertionError where the platform would show an error."""
        ...
