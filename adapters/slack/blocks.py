"""The parts of Block Kit that the bot uses, as Slack reads them: https://docs.slack.dev/reference/block-kit"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType


class Plain(msgspec.Struct, frozen=True, tag_field="type", tag="plain_text"):
    """A text that Slack shows as it is; with `emoji` off, `:names:` stay names."""

    text: str
    emoji: bool = False


class Mrkdwn(msgspec.Struct, frozen=True, tag_field="type", tag="mrkdwn"):
    """A text in Slack's markup; `verbatim` keeps Slack from making links of what looks like one."""

    text: str
    verbatim: bool = True


class Header(msgspec.Struct, frozen=True, tag_field="type", tag="header"):
    """A line in large letters."""

    text: Plain


class Section(msgspec.Struct, frozen=True, tag_field="type", tag="section"):
    """A paragraph, or fields that Slack sets in two columns."""

    text: Plain | Mrkdwn | UnsetType = UNSET
    fields: tuple[Plain | Mrkdwn, ...] | UnsetType = UNSET


class Context(msgspec.Struct, frozen=True, tag_field="type", tag="context"):
    """A line in small letters."""

    elements: tuple[Plain, ...]


class Image(msgspec.Struct, frozen=True, tag_field="type", tag="image"):
    """A picture that Slack fetches itself; where it cannot, it refuses the whole message."""

    image_url: str
    alt_text: str


class Button(msgspec.Struct, frozen=True, tag_field="type", tag="button"):
    """A button; with a `url` it also opens that page."""

    text: Plain
    action_id: str
    value: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    style: Literal["primary", "danger"] | UnsetType = UNSET


class Entry(msgspec.Struct, frozen=True):
    """One of the options of a select."""

    text: Plain
    value: str


class Select(msgspec.Struct, frozen=True, tag_field="type", tag="static_select"):
    """A list to choose one entry of."""

    action_id: str
    options: tuple[Entry, ...]
    placeholder: Plain | UnsetType = UNSET
    initial_option: Entry | UnsetType = UNSET


class People(msgspec.Struct, frozen=True, tag_field="type", tag="users_select"):
    """A list of the people of the workspace to choose one of."""

    action_id: str
    placeholder: Plain | UnsetType = UNSET
    initial_user: str | UnsetType = UNSET


class Actions(msgspec.Struct, frozen=True, tag_field="type", tag="actions"):
    """A row of buttons, or of menus."""

    elements: tuple[Button | Select | People, ...]


class Typed(msgspec.Struct, frozen=True, tag_field="type", tag="plain_text_input"):
    """A field to type in."""

    action_id: str
    multiline: bool = False
    max_length: int | UnsetType = UNSET
    initial_value: str | UnsetType = UNSET


class Input(msgspec.Struct, frozen=True, tag_field="type", tag="input"):
    """A labelled field of a form."""

    block_id: str
    label: Plain
    element: Typed | Select | People
    optional: bool = False
    hint: Plain | UnsetType = UNSET


Block = Header | Section | Context | Image | Actions
