"""`im chat` in the terminal: what is typed, what the bot shows, and numbers for what can be pressed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec

from api.cli.errors import CliError, Refused
from api.cli.output import note, visible
from api.cli.talking import Conversation, Place, Shown, Turn

_PRESS: Final = re.compile(r"/(\d+)(?:\s+(.+))?\Z")
_INDENT: Final = "    "
_HELP: Final = "/1 presses the first button; /as USER, /channel NAME; /im COMMAND gives a command; /quit ends"


class Press(msgspec.Struct, frozen=True):
    """Something that can be pressed; where a `person` is to be chosen, their name comes after `value`."""

    label: str
    action: str
    value: str
    person: bool = False


def talk(conversation: Conversation, place: Place) -> None:
    """Ask for lines until the end of input or `/quit`. What goes wrong with one is said, and ends nothing.

    Raises Refused where the API does not take the caller.
    """
    place = msgspec.structs.replace(place, user=conversation.known_as(place.user))
    presses: tuple[Press, ...] = ()
    while (line := _read(place)) is not None and line != "/quit":
        if moved := _moved(place, line):
            place, presses = moved, ()
            continue
        if not line:
            continue
        try:
            shown = _done(conversation, place, line, presses)
        except CliError as error:
            if isinstance(error, Refused) and error.status in (401, 403):
                raise
            note(f"im: {error}")
        else:
            presses = _presented(shown) if shown else presses
            conversation.send()
    conversation.sent()


def show_turn(place: Place, text: str, turn: Turn) -> None:
    """A turn of a script, as people read it."""
    click.echo(visible(f"{_prompt(place)}{text}"))
    for shown in turn.shown:
        _presented(shown)
    click.echo(visible(f"{_INDENT}→ {'; '.join(_came_of(turn.outcome)) or 'answered'}\n"))


def _came_of(outcome: dict[str, Any]) -> Iterator[str]:
    for act in outcome["does"]:
        slots = " ".join(f"{name}={value}" for name, value in act.items() if name != "command")
        yield f"{act['command']} {slots}".strip()
    if outcome["asks_for"]:
        offers = ", ".join(outcome["offers"])
        yield f"asks for {outcome['asks_for']}{f' of {offers}' if offers else ''}"
    yield from (word for word in ("confirm", "refused", "cancelled") if outcome[word])


def _read(place: Place) -> str | None:
    """A line; None at the end of input."""
    try:
        line = input(_prompt(place) if sys.stdin.isatty() else "")
    except EOFError:
        return None
    return line.encode("utf-8", "replace").decode().strip()


def _prompt(place: Place) -> str:
    return f"{place.user} in {place.channel}> "


def _moved(place: Place, line: str) -> Place | None:
    """Where the talk goes on after `/as` and `/channel`; None for all else."""
    word, _, value = line.partition(" ")
    if not value.strip() or word not in ("/as", "/channel"):
        return None
    return msgspec.structs.replace(place, **{"user" if word == "/as" else "channel": value.strip()})


def _done(conversation: Conversation, place: Place, line: str, presses: tuple[Press, ...]) -> Shown | None:
    """Say it, or do what a line with a slash stands for; None where that shows nothing."""
    if found := _PRESS.match(line):
        return _pressed(conversation, place, presses, int(found[1]), (found[2] or "").strip())
    if line.startswith("/im ") or line == "/im":
        return _filled(conversation, place, conversation.give("command", place, text=line[3:].strip()))
    if line.startswith("/"):
        note(_HELP)
        return None
    return conversation.ask(place, line)


def _pressed(
    conversation: Conversation, place: Place, presses: tuple[Press, ...], number: int, more: str
) -> Shown | None:
    if not 0 < number <= len(presses):
        there = f"/1 to /{len(presses)} are" if presses else "nothing is"
        note(f"there is no /{number}; {there} there to press")
        return None
    press = presses[number - 1]
    if press.person and not more:
        note(f"say whom: /{number} NAME")
        return None
    value = f"{press.value} @{more.removeprefix('@')}" if press.person else press.value
    shown = conversation.give("action", place, action=press.action, value=value)
    return _filled(conversation, place, shown)


def _filled(conversation: Conversation, place: Place, shown: Shown) -> Shown | None:
    """What is shown; a form is filled in first, and one that is left empty is put away."""
    form = shown.get("form")
    if not form:
        return shown
    click.echo(visible(f"{_INDENT}{form['title']} (a field a line; an empty one for what is there already)"))
    fields: dict[str, str] = {}
    for field in form["fields"]:
        value = _asked(field)
        if field["required"] and not value:
            note("nothing was sent: the field is needed")
            return None
        fields[field["id"]] = value
    return conversation.give("form", place, action=form["id"], value=form["value"], fields=fields)


def _asked(field: dict[str, Any]) -> str:
    options = " / ".join(option["label"] for option in field["options"])
    hints = "".join(f" ({each})" for each in (options, field["value"]) if each)
    click.echo(visible(f"{_INDENT}{field['label']}{hints}: "), nl=False)
    try:
        return input().encode("utf-8", "replace").decode().strip() or str(field["value"])
    except EOFError:
        return ""


def _presented(shown: Shown) -> tuple[Press, ...]:
    """Print a message of the bot's; what can be pressed on it, in the order of the numbers."""
    for line in shown["text"].splitlines():
        click.echo(f"{_INDENT}{visible(line)}")
    for action in shown["actions"]:
        if action["url"]:
            click.echo(visible(f"{_INDENT}{action['label']}: {action['url']}"))
    presses = tuple(_presses(shown))
    for number, press in enumerate(presses, 1):
        click.echo(visible(f"{_INDENT}/{number} {press.label}{' NAME' if press.person else ''}"))
    return presses


def _presses(shown: Shown) -> Iterator[Press]:
    for menu in shown["menus"]:
        for choice in menu["choices"]:
            label = f"{menu['label']}: {choice['label']}"
            yield Press(label, menu["id"], f"{menu['about']} {choice['value']}")
        if menu["people"]:
            yield Press(menu["label"], menu["id"], menu["about"], person=True)
    for action in shown["actions"]:
        if not action["url"]:
            yield Press(action["label"], action["id"], action["value"])
