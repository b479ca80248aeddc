"""Buttons and menus under a message, and the ids by which a press of them comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters import look
from adapters.contract import Action, Menu
from adapters.discord.escape import one_line
from adapters.discord.limits import (
    MAX_BUTTON_URL,
    MAX_BUTTONS_IN_ROW,
    MAX_CUSTOM_ID,
    MAX_LABEL,
    MAX_OPTION_TEXT,
    MAX_OPTIONS,
    MAX_PLACEHOLDER,
    MAX_ROWS,
)

# https://docs.discord.com/developers/components/reference#button-button-styles
_STYLES: Final = {"primary": 1, "default": 2, "danger": 4}
_LINK: Final = 5

BUTTON: Final = "im"
MENU: Final = "im-menu"
"""Menus have a prefix of their own: a menu and a button may name the same action and the same incident,
and Discord refuses two components of one custom_id."""
_CUSTOM_ID: Final = re.compile(rf"(?:{BUTTON}|{MENU}):([^:]+):(.*)", re.DOTALL)


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """A button: with `custom_id` it comes back to the router, with `url` it opens a page."""

    type: Literal[2] = 2
    style: int
    label: str
    custom_id: str | UnsetType = UNSET
    url: str | UnsetType = UNSET


class SelectOption(msgspec.Struct, frozen=True):
    """A line of a menu."""

    label: str
    value: str
    default: bool | UnsetType = UNSET


class StringSelect(msgspec.Struct, frozen=True, kw_only=True):
    """A menu of the router's choices."""

    type: Literal[3] = 3
    custom_id: str
    placeholder: str | UnsetType = UNSET
    options: tuple[SelectOption, ...]
    required: bool | UnsetType = UNSET
    """Only in a modal."""


class UserSelect(msgspec.Struct, frozen=True, kw_only=True):
    """A menu of the server's people."""

    type: Literal[5] = 5
    custom_id: str
    placeholder: str | UnsetType = UNSET
    required: bool | UnsetType = UNSET
    """Only in a modal."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of up to five buttons, or of one menu."""

    type: Literal[1] = 1
    components: tuple[Button, ...] | tuple[StringSelect | UserSelect]


def custom_id(prefix: str, id: str, value: str) -> str | None:
    """What comes back of a press; None where Discord would refuse it or cut what has to come back whole."""
    whole = f"{prefix}:{id}:{value}"
    return whole if len(whole) <= MAX_CUSTOM_ID and whole.isprintable() else None


def parse_custom_id(text: str) -> tuple[str, str] | None:
    """An action's id and value; None for what this router did not make."""
    found = _CUSTOM_ID.fullmatch(text)
    return (found.group(1), found.group(2)) if found else None


def rows(actions: Sequence[Action], menus: Sequence[Menu]) -> tuple[Row, ...]:
    """Five rows at most: a menu each, and the buttons in those that are left, above them."""
    below = [Row(components=(select,)) for menu in menus if (select := _select(menu))][:MAX_ROWS]
    return (*_button_rows(actions, MAX_ROWS - len(below)), *below)


def options(choices: Iterable[tuple[str, str]], chosen: str = "") -> tuple[SelectOption, ...]:
    """(value, label) as lines of a menu: at most 25, no value twice, none that would be cut."""
    lines = {
        value: SelectOption(
            look.cut(one_line(label) or value, MAX_OPTION_TEXT), value, True if value == chosen else UNSET
        )
        for value, label in choices
        if 0 < len(value) <= MAX_OPTION_TEXT
    }
    return tuple(lines.values())[:MAX_OPTIONS]


def _select(menu: Menu) -> StringSelect | UserSelect | None:
    own = custom_id(MENU, menu.id, menu.about)
    placeholder = look.cut(one_line(menu.label) or menu.id, MAX_PLACEHOLDER)
    if own is None:
        return None
    if menu.people:
        return UserSelect(custom_id=own, placeholder=placeholder)
    lines = options((choice.value, choice.label) for choice in menu.choices)
    return StringSelect(custom_id=own, placeholder=placeholder, options=lines) if lines else None


def _button_rows(actions: Sequence[Action], room: int) -> Iterable[Row]:
    buttons = _without_repeats(button for action in actions if (button := _button(action)))
    buttons = buttons[: room * MAX_BUTTONS_IN_ROW]
    for start in range(0, len(buttons), MAX_BUTTONS_IN_ROW):
        yield Row(components=tuple(buttons[start : start + MAX_BUTTONS_IN_ROW]))


def _button(action: Action) -> Button | None:
    label = look.cut(one_line(action.label) or action.id, MAX_LABEL)
    if action.url:
        url = look.link(action.url, MAX_BUTTON_URL)
        return Button(style=_LINK, label=label, url=url) if url else None
    own = custom_id(BUTTON, action.id, action.value)
    return Button(style=_STYLES[action.style], label=label, custom_id=own) if own else None


def _without_repeats(buttons: Iterable[Button]) -> list[Button]:
    """Two buttons of a message must not share a custom_id."""
    return list({(b.custom_id, b.url): b for b in buttons}.values())
