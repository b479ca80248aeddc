"""A form as an Adaptive Card with inputs, and what comes back of it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters import look
from adapters.inbound import Field, Form
from adapters.teams import limits
from adapters.teams.card import (
    CONTENT_TYPE,
    SCHEMA,
    VERSION,
    Activity,
    AdaptiveCard,
    Attachment,
    ChoiceSet,
    Execute,
    InputChoice,
    Submit,
    Submitted,
    TextBlock,
    TextInput,
)
from adapters.teams.escape import markdown, one_line, plain
from adapters.teams.render import fits

FIELD: Final = "field:"
"""Keeps the names of inputs apart from what a button sends itself."""
_LENGTHS: Final = (3000, 1500, 700, 300, 50)
"""Of what is filled in already, until the card is within Teams' limit."""


def form_activity(form: Form) -> Activity:
    """The message that shows the form."""
    activity = _activity(form, _LENGTHS[0])
    for longest in _LENGTHS[1:]:
        if fits(activity):
            break
        activity = _activity(form, longest)
    return activity


def form_card(form: Form) -> AdaptiveCard:
    """The card alone, as an invoke is answered with it."""
    return form_activity(form).attachments[0].content


def said_card(text: str) -> AdaptiveCard:
    """A card with one line of our own."""
    return _card(text, (TextBlock(text=text, wrap=True),))


def filled_in(data: Mapping[str, Any]) -> dict[str, str]:
    """What was filled in, by the fields' ids."""
    return {
        name.removeprefix(FIELD): value
        for name, value in data.items()
        if name.startswith(FIELD) and isinstance(value, str)
    }


def _activity(form: Form, longest: int) -> Activity:
    title = plain(one_line(look.cut(form.title, limits.MAX_SUMMARY))) or form.id
    head = TextBlock(text=markdown(title), wrap=True, weight="Bolder", size="Medium")
    card = _card(title, (head, *(_input(field, longest) for field in form.fields)), (_submit(form),))
    return Activity(summary=title, attachments=(Attachment(content_type=CONTENT_TYPE, content=card),))


def _card(text: str, body: tuple[Any, ...], actions: tuple[Execute, ...] = ()) -> AdaptiveCard:
    return AdaptiveCard(
        schema=SCHEMA, version=VERSION, fallback_text=markdown(text), body=body, actions=actions
    )


def _input(field: Field, longest: int) -> ChoiceSet | TextInput:
    label = plain(look.cut(one_line(field.label), limits.MAX_SUMMARY)) or field.id
    shared: dict[str, Any] = {
        "id": FIELD + field.id,
        "label": label,
        "placeholder": plain(look.cut(one_line(field.hint), limits.MAX_SUMMARY)),
        "value": look.cut(field.value, min(longest, field.max_length)),
        "is_required": field.required,
        "error_message": "Please fill this in." if field.required else "",
    }
    if field.options:  # a `user` field too: its options are the people to offer
        return ChoiceSet(choices=_options(field), **shared)
    return TextInput(is_multiline=field.kind == "multiline", max_length=field.max_length, **shared)


def _options(field: Field) -> tuple[InputChoice, ...]:
    return tuple(
        InputChoice(plain(look.cut(one_line(option.label), limits.MAX_LABEL)) or option.value, option.value)
        for option in field.options[: limits.MAX_OPTIONS]
    )


def _submit(form: Form) -> Execute:
    title = plain(look.cut(one_line(form.submit), limits.MAX_LABEL)) or "Send"
    data = Submitted(form.id, form.value)
    return Execute(
        title=title,
        verb=form.id,
        data=data,
        style="positive",
        fallback=Submit(title=title, data=data),
    )
