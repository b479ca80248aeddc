"""A message's buttons and menus as the actions of a Mattermost attachment, leading nowhere yet.

See https://docs.mattermost.com/developers/integrate/plugins/interactive-messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from adapters.contract import Action, Choice, Menu, Message
from adapters.mattermost import escape
from adapters.mattermost.escape import fit, plain
from adapters.mattermost.limits import MAX_BUTTON, MAX_CHOICES

_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9]")


class Integration(msgspec.Struct, frozen=True):
    """Where a pressed button goes, and what is sent along; the server never shows it to clients."""

    url: str
    context: dict[str, Any]


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """A button of an attachment. Ids are letters and digits only, or presses end in a 404."""

    id: str
    name: str
    style: str
    type: str = "button"
    integration: Integration | None = None


class SelectOption(msgspec.Struct, frozen=True):
    """An entry of a select; neither part may be empty."""

    text: str
    value: str


class Select(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A menu of an attachment: either with options, or of the server's people (`data_source`)."""

    id: str
    name: str
    type: str
    data_source: str = ""
    options: tuple[SelectOption, ...] = ()
    integration: Integration | None = None


Control = Button | Select


def sources(message: Message) -> tuple[Action | Menu, ...]:
    """What the message's controls are made of, in their order; a menu with nothing to choose is none."""
    return (*message.actions, *(menu for menu in message.menus if menu.people or choices(menu)))


def choices(menu: Menu) -> tuple[Choice, ...]:
    """The entries of a menu that can be shown and chosen."""
    return tuple(choice for choice in menu.choices if choice.value)[:MAX_CHOICES]


def controls(message: Message) -> tuple[Control, ...]:
    """The controls of `sources(message)`, one each."""
    shown = sources(message)
    return tuple(_control(source, name) for source, name in zip(shown, _ids(shown), strict=True))


def label(source: Action | Menu, how: escape.Escape) -> str:
    """What stands on a control; its id in words where the label is empty."""
    return fit(source.label, MAX_BUTTON, how) or source.id.replace("_", " ").title() or "Choose"


def _ids(shown: Iterable[Action | Menu]) -> Iterator[str]:
    taken: set[str] = set()
    for source in shown:
        base = _NOT_IN_ID.sub("", source.id) or "action"
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}{count}"
        taken.add(name)
        yield name


def _control(source: Action | Menu, id: str) -> Control:
    if isinstance(source, Action):
        return Button(id=id, name=label(source, plain), style=source.style)
    if source.people:
        return Select(id=id, name=label(source, plain), type="select", data_source="users")
    options = tuple(
        SelectOption(fit(choice.label, MAX_BUTTON, plain) or choice.value, choice.value)
        for choice in choices(source)
    )
    return Select(id=id, name=label(source, plain), type="select", options=options)
