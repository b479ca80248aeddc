"""A message as the sandbox shows it: plain text, a colour, and what can be pressed, chosen and filled in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

import msgspec

from adapters import look, templates
from adapters.contract import Action, Choice, IncidentCard, Menu, Message
from adapters.inbound import Form

MAX_TEXT: Final = 16_000
MAX_FIELD: Final = 4_000
"""Of each text that somebody typed, so that a giant one leaves room for the others."""
MAX_ROWS: Final = 100


class SandboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the sandbox shows: text, colour, buttons, menus, a form."""

    text: str
    event: str
    colour: str
    incident: str | None = None
    actions: tuple[Action, ...] = ()
    menus: tuple[Menu, ...] = ()
    form: Form | None = None
    to: str | None = None
    """The only person who sees it; None for everybody in the channel."""


def render(message: Message, *, to: str | None = None) -> SandboxMessage:
    """The message as text; nothing in it is markup, so only characters that hide others are replaced."""
    lines = _from_template(message) if message.template else _lines(message)
    return SandboxMessage(
        text=look.cut("\n".join((*_people(message), *lines, *_picture(message))), MAX_TEXT),
        event=message.event,
        colour=look.colour(message),
        incident=message.incident.id if message.incident else None,
        actions=tuple(_safe(action) for action in message.actions),
        menus=tuple(_safe_menu(menu) for menu in message.menus),
        to=to,
    )


def form_for(form: Form, *, to: str) -> SandboxMessage:
    """A form as a message to the person who is to fill it in."""
    return SandboxMessage(text=shown(form.title), event="form", colour=look.COLOUR_PLAIN, form=form, to=to)


def note(text: str) -> SandboxMessage:
    """Something that the sandbox itself says."""
    return SandboxMessage(text=look.cut(look.visible(text), MAX_TEXT), event="text", colour=look.COLOUR_PLAIN)


def shown(text: str) -> str:
    """A text that somebody typed: cut, and every character visible."""
    return look.visible(look.cut(text, MAX_FIELD))


def _people(message: Message) -> Iterator[str]:
    if message.mentions:
        yield " ".join(f"@{shown(one)}" for one in message.mentions[:MAX_ROWS])


def _picture(message: Message) -> Iterator[str]:
    url = look.link(message.picture.url) if message.picture else None
    if message.picture and url:
        yield f"[{shown(message.picture.alt)}] {url}"


def _from_template(message: Message) -> Iterator[str]:
    if message.badges:
        yield " ".join(f"[{badge}]" for badge in message.badges)
    yield templates.fill(message.template or "", message, shown)


def _lines(message: Message) -> Iterator[str]:
    yield look.headline(message)
    if message.incident:
        yield from _incident_lines(message.incident)
    yield from (f"{label}: {shown(value)}" for label, value in message.facts[:MAX_ROWS])
    if message.text:
        yield shown(message.text)
    yield from _note(message)
    yield from (f"· {shown(step)}" for step in message.steps[-MAX_ROWS:])


def _incident_lines(incident: IncidentCard) -> Iterator[str]:
    yield f"{shown(incident.id)}: {shown(incident.title)}"
    yield " | ".join(f"{label}: {shown(value)}" for label, value in look.facts(incident))
    yield f"Started: {incident.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if incident.description:
        yield shown(incident.description)


def _note(message: Message) -> Iterator[str]:
    actor = shown(message.actor or "")
    if message.note:
        yield f"Note from {actor}: {shown(message.note)}" if actor else f"Note: {shown(message.note)}"
    elif actor:
        yield f"By {actor}"


def _safe(action: Action) -> Action:
    return msgspec.structs.replace(action, label=shown(action.label), url=look.link(action.url))


def _safe_menu(menu: Menu) -> Menu:
    choices = tuple(Choice(choice.value, shown(choice.label)) for choice in menu.choices[:MAX_ROWS])
    return msgspec.structs.replace(menu, label=shown(menu.label), choices=choices)
