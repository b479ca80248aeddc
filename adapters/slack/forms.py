"""Forms as Slack's modals, and what was filled in: https://docs.slack.dev/surfaces/modals"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from adapters import look
from adapters.http import UNREADABLE
from adapters.inbound import Field, Form
from adapters.slack import limits
from adapters.slack.blocks import Entry, Input, People, Plain, Select, Typed
from adapters.slack.markup import fit
from adapters.slack.wire import Element, State

ELEMENT: Final = "value"
"""The action id of every field; the block's id is the field's."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a modal takes along and brings back: what it is about, and where it was asked for.

    A submitted modal names no channel, and has no response_url of its own; people never see this.
    """

    value: str
    channel: str
    thread: str = ""
    response_url: str = ""


class View(msgspec.Struct, frozen=True, tag_field="type", tag="modal"):
    """The `view` of views.open."""

    callback_id: str
    private_metadata: str
    title: Plain
    submit: Plain
    close: Plain
    blocks: tuple[Input, ...]


def view(form: Form, reply: Mapping[str, str]) -> View:
    """The modal for a form that the input with this `reply` asked for, within all limits."""
    taken = Origin(
        value=form.value,
        channel=reply.get("channel", ""),
        thread=reply.get("thread_ts", ""),
        response_url=reply.get("response_url", ""),
    )
    return View(
        callback_id=form.id[: limits.MAX_CALLBACK_ID],
        private_metadata=msgspec.json.encode(taken).decode(),
        title=Plain(fit(form.title, limits.MAX_VIEW_TITLE) or "?"),
        submit=Plain(fit(form.submit, limits.MAX_VIEW_SUBMIT) or "OK"),
        close=Plain("Cancel"),
        blocks=tuple(_input(field) for field in form.fields),
    )


def origin(private_metadata: str) -> Origin | None:
    """What a modal took along; None where it is not one of ours."""
    try:
        return msgspec.json.decode(private_metadata, type=Origin)
    except (*UNREADABLE, UnicodeEncodeError):
        return None


def filled_in(state: State) -> dict[str, str]:
    """What was filled in, by field id; a field that was left empty is not there."""
    if isinstance(state.values, list):
        return {}
    found = {name: _value(block.get(ELEMENT)) for name, block in state.values.items()}
    return {name: value for name, value in found.items() if value}


def _value(element: Element | None) -> str:
    if element is None:
        return ""
    if element.selected_user:
        return f"@{element.selected_user}"
    if element.selected_option:
        return element.selected_option.value
    return (element.value or "").replace("\x00", "�")


def _input(field: Field) -> Input:
    return Input(
        block_id=field.id,
        label=Plain(fit(field.label, limits.MAX_INPUT_LABEL) or field.id),
        element=_element(field),
        optional=not field.required,
        hint=Plain(fit(field.hint, limits.MAX_INPUT_HINT)) if field.hint else UNSET,
    )


def _element(field: Field) -> Typed | Select | People:
    if field.kind == "user":
        chosen = field.value.removeprefix("@")
        return People(action_id=ELEMENT, initial_user=chosen or UNSET)
    if field.kind == "select" and field.options:
        return _select(field)
    longest = max(1, min(field.max_length, limits.MAX_INPUT))
    return Typed(
        action_id=ELEMENT,
        multiline=field.kind == "multiline",
        max_length=longest,
        initial_value=look.visible(field.value)[:longest] or UNSET,
    )


def _select(field: Field) -> Select:
    entries = tuple(
        Entry(
            text=Plain(fit(option.label, limits.MAX_OPTION_TEXT) or option.value),
            value=option.value[: limits.MAX_OPTION_VALUE],
        )
        for option in field.options[: limits.MAX_OPTIONS]
    )
    chosen = [entry for entry in entries if entry.value == field.value]
    return Select(action_id=ELEMENT, options=entries, initial_option=chosen[0] if chosen else UNSET)
