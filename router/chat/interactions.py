"""What is pressed, chosen and filled in: buttons and menus as commands, and the forms that some open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from adapters.inbound import ChatInput, Field, Form, Option
from router.chat import words
from router.chat.asked import Call
from router.chat.commands import ALIASES
from router.chat.questions import CANCEL, CHOOSE, CONFIRM
from router.chat.usage import INCIDENT, Misused, Usage, arguments, usage
from router.events import SEVERITIES
from router.problems import Conflict

NOTE: Final = "note"
_MAX_OPTIONS: Final = 25
_DECLARE: Final = "declare"

_PRESSED: Final[Mapping[str, str]] = {
    "acknowledge": "ack",
    "resolve": "resolve",
    "close": "close",
    "reopen": "reopen",
    "escalate": "escalate",
    "assign": "assign",
    "update": "update",
    "war_room": "room",
    "details": "status",
}
"""By button: its command."""

_CHOSEN: Final[Mapping[str, Callable[[str], tuple[str, dict[str, str]]]]] = {
    "set_severity": lambda value: ("escalate", {"severity": value}),
    "assign_to": lambda value: ("assign", {"user": f"<{value}>" if value.startswith("@") else value}),
    "set_service": lambda value: ("update", {"service": value}),
    "set_status": lambda value: (_PRESSED.get(value, value), {}),
}
"""By menu: the command and the argument that was chosen. A person comes back as `@<id>`."""

FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "resolve": ("Resolve", "What fixed it?"),
    "update": ("Status Update", "What is new?"),
}
"""Buttons that open a form for a note: its title, and what it asks."""


RESERVED: Final = frozenset({*_PRESSED, *_CHOSEN, *FORMS, _DECLARE, CHOOSE, CONFIRM, CANCEL})
"""Ids of buttons, menus and forms that nobody else's may have."""


def called(given: ChatInput) -> Call:
    """The command that a press, a choice or a filled form stands for. Conflict where there is none."""
    if given.kind == "form":
        return _filled(given)
    if given.action in _PRESSED:
        return _call(_PRESSED[given.action], {INCIDENT: given.value}, given)
    if given.action in _CHOSEN:
        incident, _, value = given.value.partition(" ")
        command, more = _CHOSEN[given.action](value)
        return _call(command, {INCIDENT: incident, **more}, given)
    raise Conflict("I do not know that button any more")


def _call(command: str, named: Mapping[str, str], given: ChatInput) -> Call:
    said = " ".join(each for each in (command, *named.values()) if each)
    return Call(
        command=command, arguments={k: v for k, v in named.items() if v}, said=f"[{given.action}] {said}"
    )


def _filled(given: ChatInput) -> Call:
    fields = {name: value.strip() for name, value in given.fields.items() if value.strip()}
    if given.action == _DECLARE:
        return Call(command=_DECLARE, arguments=fields, said="[declare form]")
    if given.action in FORMS:
        return _call(given.action, {INCIDENT: given.value, **fields}, given)
    raise Conflict("I do not know that form any more")


def form_for(given: ChatInput, services: Sequence[str]) -> Form | None:
    """The form that an input opens, if it does; pure, as some platforms must be answered with it at once."""
    if given.kind == "action" and given.action in FORMS:
        return note_form(given.action, given.value)
    if given.kind == "command":
        return _for_command(given.text, services)
    return None


def _for_command(text: str, services: Sequence[str]) -> Form | None:
    """`declare` without a word more, and `update INC-7` without a note."""
    command, _, rest = words.plain(text).partition(" ")
    command = command.lower().removeprefix("/")
    command = ALIASES.get(command, command)
    if command == _DECLARE and not rest.strip():
        return declare_form(services)
    if command == "update":
        try:
            found = arguments(_UPDATE, rest)
        except Misused:
            return None
        if set(found) == {INCIDENT}:
            return note_form("update", found[INCIDENT])
    return None


_UPDATE: Final[Usage] = usage("update", "[incident-id] [note...]")


def note_form(action: str, incident: str) -> Form:
    """A form for a note on an incident."""
    title, label = FORMS[action]
    needed = action == "update"
    note = Field(id=NOTE, label=label, kind="multiline", required=needed)
    return Form(
        id=action, value=incident, title=f"{title} {incident}"[:24], submit=title[:24], fields=(note,)
    )


def declare_form(services: Sequence[str]) -> Form:
    """The form that declares an incident."""
    service = Field(id="service", label="Service", required=False)
    if services:
        options = tuple(Option(name, name) for name in services[:_MAX_OPTIONS])
        service = Field(id="service", label="Service", kind="select", required=False, options=options)
    return Form(
        id=_DECLARE,
        value="new",
        title="Declare an incident",
        submit="Declare",
        fields=(
            Field(id="title", label="What is broken?", max_length=200),
            Field(
                id="severity",
                label="Severity",
                kind="select",
                value="SEV-3",
                options=tuple(Option(each, each) for each in SEVERITIES),
            ),
            service,
            Field(id="description", label="What is known so far?", kind="multiline", required=False),
        ),
    )
