"""Forms as Discord's modals, and what comes back when one is sent off.

Each field is in a Label (type 18), the only place for menus in a modal and the documented one for texts:
https://docs.discord.com/developers/components/reference#label
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters import look
from adapters.discord.components import BUTTON, StringSelect, UserSelect, custom_id, options
from adapters.discord.escape import clean, one_line
from adapters.discord.limits import (
    MAX_CUSTOM_ID,
    MAX_FIELD_HINT,
    MAX_FIELD_LABEL,
    MAX_FIELDS_IN_FORM,
    MAX_FORM_TITLE,
    MAX_OPTIONS,
    MAX_TEXT_INPUT,
)
from adapters.inbound import Field, Form

# https://docs.discord.com/developers/components/reference#text-input-text-input-styles
_STYLES: Final[Mapping[str, Literal[1, 2]]] = {"multiline": 2}
_PEOPLE: Final = 5
"""A user select's type."""


class TextInput(msgspec.Struct, frozen=True, kw_only=True):
    """A field to type in: one line, or a paragraph."""

    type: Literal[4] = 4
    custom_id: str
    style: Literal[1, 2]
    required: bool
    max_length: int
    value: str | UnsetType = UNSET


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A field with the words above it."""

    type: Literal[18] = 18
    label: str
    description: str | UnsetType = UNSET
    component: TextInput | StringSelect | UserSelect


class Modal(msgspec.Struct, frozen=True, kw_only=True):
    """See https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-response-object-modal."""

    custom_id: str
    title: str
    components: tuple[Label, ...]


def modal(form: Form) -> Modal | None:
    """The form as a modal; None where Discord has no room for it, so that the router asks in words."""
    own = custom_id(BUTTON, form.id, form.value)
    ids = {field.id for field in form.fields if 0 < len(field.id) <= MAX_CUSTOM_ID}
    if own is None or not 0 < len(ids) == len(form.fields) <= MAX_FIELDS_IN_FORM:
        return None
    return Modal(
        custom_id=own,
        title=look.cut(one_line(form.title), MAX_FORM_TITLE) or form.id[:MAX_FORM_TITLE],
        components=tuple(_label(field) for field in form.fields),
    )


def _label(field: Field) -> Label:
    return Label(
        label=look.cut(one_line(field.label), MAX_FIELD_LABEL) or field.id[:MAX_FIELD_LABEL],
        description=look.cut(one_line(field.hint), MAX_FIELD_HINT) or UNSET,
        component=_input(field),
    )


def _input(field: Field) -> TextInput | StringSelect | UserSelect:
    """The menu, or a text where a menu could not show every option."""
    if field.kind == "user":
        return UserSelect(custom_id=field.id, required=field.required)
    lines = options(((option.value, option.label) for option in field.options), field.value)
    if field.kind == "select" and 0 < len(lines) == len(field.options) <= MAX_OPTIONS:
        return StringSelect(custom_id=field.id, options=lines, required=field.required)
    longest = max(1, min(field.max_length, MAX_TEXT_INPUT))
    return TextInput(
        custom_id=field.id,
        style=_STYLES.get(field.kind, 1),
        required=field.required,
        max_length=longest,
        value=clean(field.value)[:longest] or UNSET,
    )


class Filled(msgspec.Struct, frozen=True):
    """A field as it comes back: a text's value, or what was chosen in a menu."""

    custom_id: str
    type: int
    value: str = ""
    values: tuple[str, ...] = ()


class FilledLabel(msgspec.Struct, frozen=True):
    """A Label as it comes back; other components of a modal hold nothing to read."""

    component: Filled | None = None


def filled(labels: tuple[FilledLabel, ...]) -> dict[str, str]:
    """What was filled in, by field id; a person who was chosen is `@<id>`, an empty menu an empty text."""
    fields: dict[str, str] = {}
    for given in (label.component for label in labels):
        if given is not None:
            chosen = given.values[0] if given.values else given.value
            fields[given.custom_id] = f"@{chosen}" if chosen and given.type == _PEOPLE else chosen
    return fields
