"""What comes in from a chat platform: the interface of an adapter that also listens.

    platform ──raw bytes──► Receives.receive ──ChatInput──► router (inbox) ► its work, behind the answer
             ◄──HttpAnswer── Receives.acknowledge              │
             ◄──────────── Receives.answer / open_form ◄───────┘

`receive` verifies the raw bytes before it parses any of them, and believes nothing that the platform's
signature does not cover. Whatever a person typed stays text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, Protocol, runtime_checkable

import msgspec

from adapters.contract import Message


class Refusal(StrEnum):
    """Why input was not believed: the one closed list for logs, metrics and `im chatops webhooks`."""

    NOT_CONFIGURED = "not_configured"
    """The provider lacks the secret that would verify it."""
    NO_SIGNATURE = "no_signature"
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"
    """Signed, but too long ago (or in the future)."""
    WRONG_WORKSPACE = "wrong_workspace"
    """Genuine, but of another workspace, tenant, server, team or application."""
    MALFORMED = "malformed"
    """Verified, but not of a shape that the platform documents."""
    KEYS_UNAVAILABLE = "keys_unavailable"
    """The platform's keys could not be fetched; it may be sent again."""

    @property
    def status(self) -> int:
        """The HTTP status that says so."""
        return {Refusal.MALFORMED: 400, Refusal.KEYS_UNAVAILABLE: 503}.get(self, 401)


class Refused(Exception):
    """Input that is not taken. `detail` is one sentence for an admin, without anything of the input."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal
        self.detail = detail


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request of a platform as it came. Headers are looked up by their lower-case names."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    @property
    def media_type(self) -> str:
        """Of the body, in lower case and without parameters; nobody signs it."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __repr__(self) -> str:
        """Without any value: headers and body hold tokens."""
        return f"Incoming(headers={sorted(self.headers)}, body={len(self.body)} bytes, at={self.received_at})"


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform's request is answered with."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who it was, on the platform's own terms. Only `id` identifies; a name is decoration."""

    id: str
    name: str = ""
    email: str | None = None
    """Only where the platform itself vouches for it."""


class ChatInput(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person did in chat, verified and parsed."""

    key: str
    """The platform's own id of it (event, trigger, interaction, activity); the same when it is sent again."""
    kind: Literal["command", "action", "form", "mention", "reaction"]
    user: Person
    workspace: str
    """Slack team, Teams tenant, Discord server, Mattermost team: with `user.id` it identifies the person."""
    channel: str
    """As deliveries name it (see Adapter.post)."""
    channel_name: str = ""
    channel_kind: Literal["channel", "direct", "external"] = "channel"
    """`external`: shared with another organisation, where the platform says so."""
    thread: str | None = None
    """The message that the thread hangs on, as MessageRef.message_id names it."""
    message: str | None = None
    """The message that was pressed or reacted to, as MessageRef.message_id names it; of a mention the message
    itself, where its answer begins a thread, which then has its name."""
    text: str = ""
    """command: what follows `/im`, as typed. mention: the text without the mention of the bot; mentions of
    people are `<@id>`."""
    action: str = ""
    """action and form: the id that the router gave it. reaction: `+1` or `-1`; others are not reported."""
    value: str = ""
    """action: the button's value, or the option that was chosen. form: the form's value."""
    fields: Mapping[str, str] = {}
    """form: what was filled in, by field id."""
    reply: Mapping[str, str] = {}
    """What `answer` and `open_form` need (response_url, interaction token, …). It is a secret: it is sealed
    where it rests, and empty in a rehearsal, where there is nobody to answer."""

    def __repr__(self) -> str:
        """Without the values of `reply`, and without what was said: it may end up in a traceback or a log."""
        return (
            f"ChatInput(kind={self.kind!r}, key={self.key!r}, user={self.user.id!r}, reply={[*self.reply]})"
        )


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A verified request: what people did, or a handshake's answer (url_verification, PING) and nobody."""

    inputs: tuple[ChatInput, ...] = ()
    answer: HttpAnswer = HttpAnswer()
    """For a request without inputs; one with an input is answered by `acknowledge`."""
    note: str = ""
    """Which handshake it was, or why nothing follows from it (`url_verification`, `a bot's message`)."""


class Option(msgspec.Struct, frozen=True):
    """A choice of a menu: what comes back, and what is shown."""

    value: str
    label: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a form. `select` needs options; `user` offers the people of the workspace."""

    id: str
    label: str
    kind: Literal["text", "multiline", "select", "user"] = "text"
    required: bool = True
    value: str = ""
    """What is filled in already."""
    hint: str = ""
    options: tuple[Option, ...] = ()
    max_length: int = 3000


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A dialog (Slack modal, Discord modal, Mattermost dialog, Teams card) that comes back as kind `form`."""

    id: str
    """Comes back as ChatInput.action."""
    value: str
    """Comes back as ChatInput.value, at most 100 characters: what the form is about."""
    title: str
    submit: str
    fields: tuple[Field, ...]


MAX_FORM_FIELDS: Final = 5
"""Discord's limit is the smallest: https://docs.discord.com/developers/components/reference#text-input"""


@runtime_checkable
class Receives(Protocol):
    """Optional: an adapter whose platform sends input to the router."""

    async def receive(self, incoming: Incoming) -> Received:
        """Verify, then parse; raises only Refused."""
        ...

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:
        """The immediate answer: deferred, or the form where the platform takes it that way. Pure."""
        ...

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        """Open the form for the person, within the 3 s that a trigger lives; raises DeliveryError.

        True when it is open, also where `acknowledge` has opened it; False where this platform has no form
        here, and the router asks in words.
        """
        ...

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        """Tell the person (`private`), or the channel or thread, what came of it; raises DeliveryError.

        Called once the work is done, possibly twice with one `nonce`. Where the platform cannot answer in
        private it answers in the thread. Nothing to do in a rehearsal (`reply` is empty).
        """
        ...

    async def workspace(self) -> str:
        """What ChatInput.workspace is for this provider; raises DeliveryError where it must be asked for."""
        ...


@runtime_checkable
class Rehearses(Protocol):
    """Optional: can make a genuine request to itself, as it holds the secret that the platform signs with."""

    def rehearsal(self, kind: Literal["command", "action"], *, key: str, text: str, at: datetime) -> Incoming:
        """A signed request of a made-up person: `/im <text>`, or a press of the action `<text>`."""
        ...


@runtime_checkable
class Vouches(Protocol):
    """Optional: a platform that knows people's e-mail addresses for certain."""

    async def email_of(self, user: str) -> str | None:
        """The address of a member of the workspace, if the platform has verified it; raises DeliveryError.

        It links the person to the account of that address: one that anybody may enter for themselves, or that
        is a guest's, is none.
        """
        ...


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that was made for an incident."""

    channel: str
    name: str
    url: str = ""
    """Opens it in the platform's client."""


@runtime_checkable
class Rooms(Protocol):
    """Optional: can make channels. Every method may be called twice, and raises only DeliveryError."""

    async def open_room(self, name: str, topic: str) -> Room:
        """Make the channel, or find the one of that name that this bot made. `name` is [a-z0-9-]{1,60}."""
        ...

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        """Invite people by their ids; those whom the platform does not let in are returned."""
        ...

    async def close_room(self, channel: str, name: str) -> None:
        """Archive the channel, or rename it to `name` where the bot cannot archive."""
        ...


class Listen(Protocol):
    """What the gateway role runs for a provider whose platform is heard over a kept connection."""

    def __call__(
        self, config: Any, deliver: Callable[[ChatInput], Awaitable[None]], *, stop: asyncio.Event
    ) -> Awaitable[None]:
        """Hand over what people do until `stop` is set; an input may come twice, with the same key.

        Raises DeliveryError where connecting again does not help, as with a wrong token.
        """
        ...


@runtime_checkable
class Registers(Protocol):
    """Optional: a platform on which the bot's commands are registered through its API (Discord)."""

    async def register_commands(self, commands: tuple[CommandSpec, ...]) -> None:
        """Make the platform offer exactly these; raises DeliveryError."""
        ...


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """A command's argument or option, as help and a platform's own command form show it."""

    name: str
    """`id`, `note`; of an option without its dashes: `sev`."""
    help: str
    option: bool = False
    """Given as `--name value` rather than by place."""
    required: bool = False
    rest: bool = False
    """Takes all words that are left."""
    choices: tuple[str, ...] = ()


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command as people see it in help and in a platform's list of commands."""

    name: str
    help: str
    arguments: tuple[Argument, ...] = ()
