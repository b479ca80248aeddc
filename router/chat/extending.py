"""What a team writes its own commands and buttons with: a decorated function from a Request to a Reply.

    from router.chat.extending import Reply, Request, command

    @command("deploy", "<service> [environment]", help="Deploy a service.", role="commander")
    async def deploy(request: Request) -> Reply:
        return Reply(f"Deployment initiated for {request.arguments['service']}")

The decorators leave the function as it is, so that it can be called in a team's own tests. docs/commands.md
says the rest.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import msgspec

from adapters.contract import IncidentCard
from router.problems import Problem

__all__ = ["Button", "DeclarationError", "Declined", "Reply", "Request", "User", "button", "command"]

MARK: Final = "__im_declared__"
"""Where a function keeps what it was declared as."""

_ID: Final = re.compile(r"[a-z0-9_.-]{1,40}")
_MAX_VALUE: Final = 50
_MAX_LABEL: Final = 75
"""What a button shows on every platform: https://docs.slack.dev/reference/block-kit/block-elements/button-element"""


class Declined(Problem):
    """Raise it to say no: the person is told the sentence, and the outcome is `refused`."""


class DeclarationError(ValueError):
    """A command or button is declared as none can be; the text says what to change."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. Only `account` and `role` prove something; anybody may call themselves anything."""

    id: str = ""
    """The platform's own id of the person."""
    label: str = ""
    account: str | None = None
    """None for a person in chat who is linked to no account."""
    role: str = "responder"


class Button(msgspec.Struct, frozen=True):
    """A button under a reply; the function that `@button(id)` stands over is called when it is pressed.

    DeclarationError where the id is not [a-z0-9_.-]{1,40}, the value more than 50 ASCII characters, or the
    label empty or longer than 75 characters.
    """

    id: str
    label: str
    value: str = ""
    """Comes back as `Request.value`."""
    style: Literal["default", "primary", "danger"] = "default"

    def __post_init__(self) -> None:
        require_id(self.id)
        if len(self.value) > _MAX_VALUE or not self.value.isascii() or not self.value.isprintable():
            raise DeclarationError(
                f"the value of button `{self.id}` must be at most {_MAX_VALUE} ASCII characters"
            )
        if not 0 < len(self.label) <= _MAX_LABEL:
            raise DeclarationError(f"the label of button `{self.id}` must have 1 to {_MAX_LABEL} characters")
        if self.style not in ("default", "primary", "danger"):
            raise DeclarationError(f"the style of button `{self.id}` must be default, primary or danger")


class Reply(msgspec.Struct, frozen=True):
    """What the person is told, without any platform's markup; the first line is shown in bold."""

    text: str
    buttons: tuple[Button, ...] = ()


def _nowhere(text: str, buttons: Sequence[Button]) -> None:
    """In a team's own tests nothing is posted unless they say where to."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. Every text in it may hold anything that a person can type."""

    command: str = ""
    """The command's name, or the pressed button's id."""
    args: Sequence[str] = ()
    """The arguments that were given, in the order of the usage line."""
    arguments: Mapping[str, str] = {}
    """The same by their names in the usage line; one that was left out is missing."""
    value: str = ""
    """Of the button that was pressed."""
    user: User = User()
    provider: str = ""
    channel: str = ""
    """The platform's own id of it."""
    channel_name: str = ""
    thread: str | None = None
    incident: IncidentCard | None = None
    """The incident, where the usage line has `[incident-id]`."""
    id: str = ""
    """The same when the same request is worked on a second time, as after a crash."""
    said: str = ""
    """As it was typed: `/im deploy checkout`."""
    at: datetime = datetime.fromtimestamp(0, UTC)
    outlet: Callable[[str, Sequence[Button]], None] = _nowhere
    """Where `post` puts things."""

    def post(self, text: str, buttons: Sequence[Button] = ()) -> None:
        """Say something in the channel now, for everybody there; at most 20 times in a request.

        Not awaited: the message is put into the outbox beside the function, and before its reply. It has the
        receipts and retries that notifications have. Invalid when there is no text.
        """
        self.outlet(text, buttons)


Answered = Reply | str | None
"""What a function gives back: a reply, its text, or nothing where "Done." will do."""
Function = Callable[[Request], Answered | Awaitable[Answered]]
"""A function of a team; one that is not async runs in a thread of its own."""
F = TypeVar("F", bound=Callable[[Request], Any])


class DeclaredCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What `@command` says of a function."""

    name: str
    usage: str
    help: str
    role: str
    example: str
    instead: str
    function: Function


class DeclaredButton(msgspec.Struct, frozen=True, kw_only=True):
    """What `@button` says of a function."""

    id: str
    role: str
    function: Function


Declared = DeclaredCommand | DeclaredButton


def command(
    name: str,
    usage: str = "",
    *,
    help: str,
    role: str = "responder",
    example: str = "",
    instead: str = "",
) -> Callable[[F], F]:
    """Declare a command of `/im`; see router/chat/usage.py for what a usage line can say.

    `role` may give it, unless the access policy names the command. `instead` is the argument that makes
    `[incident-id]` unnecessary; without it a request that names no incident is about that of the channel.
    """

    def declare(function: F) -> F:
        made = DeclaredCommand(
            name=name,
            usage=usage,
            help=help,
            role=role,
            example=example,
            instead=instead,
            function=function,
        )
        return _marked(function, made)

    return declare


def button(id: str, *, role: str = "responder") -> Callable[[F], F]:
    """Declare what pressing the buttons of this id does; DeclarationError where it is no id."""
    require_id(id)
    return lambda function: _marked(function, DeclaredButton(id=id, role=role, function=function))


def declared(function: object) -> tuple[Declared, ...]:
    """What a function was declared as; nothing for any other object."""
    found = getattr(function, MARK, ())
    return found if isinstance(found, tuple) else ()


def require_id(id: str) -> None:
    """DeclarationError unless a button can have this id."""
    if not _ID.fullmatch(id):
        raise DeclarationError(f"`{id[:60]}` is no id of a button; use 1 to 40 of a-z, 0-9, `_`, `.` and `-`")


def _marked(function: F, made: Declared) -> F:
    setattr(function, MARK, (*declared(function), made))
    return function
