"""What an adapter is: the one interface between the router and a chat platform.

    router ──Message──► Adapter.post / edit / reply ──HTTP──► platform
           ◄─Receipt──                              ◄────────
           ◄─DeliveryError(reason, retry_after)──── (on any failure)

An adapter knows its platform and nothing of the router. Everything typed by a person that is in a
Message is untrusted: the adapter escapes it and cuts it to the platform's limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

Severity = Literal["SEV-1", "SEV-2", "SEV-3", "SEV-4"]
Status = Literal["open", "acknowledged", "resolved", "closed"]


class Reason(StrEnum):
    """Why a delivery did not succeed: the one closed list for retries, logs and metric labels."""

    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    CHANNEL_NOT_FOUND = "channel_not_found"
    MESSAGE_GONE = "message_gone"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NO_PROVIDER = "no_provider"
    TEMPLATE = "template"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anybody changing anything."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        Reason.RATE_LIMITED,
        Reason.TIMEOUT,
        Reason.UNREACHABLE,
        Reason.SERVER_ERROR,
        Reason.BAD_ANSWER,
        Reason.OUTCOME_UNKNOWN,
    }
)


class DeliveryError(Exception):
    """A platform did not take what was sent.

    `detail` is one sentence for people and never holds a token, a body or an address with a secret.
    `retry_after` is in seconds, as the platform asked. `may_have_arrived` is True when the request left
    and its outcome is not known (a time-out, a broken or unreadable answer).
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        retry_after: float | None = None,
        may_have_arrived: bool = False,
        whole_provider: bool = False,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived
        self.whole_provider = whole_provider
        """A rate limit that holds for the whole provider, not only for this channel."""


class IncidentCard(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an incident that a message shows. All texts are untrusted."""

    id: str
    title: str
    severity: Severity
    status: Status
    started_at: datetime
    service: str | None = None
    description: str | None = None
    assignee: str | None = None
    url: str | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A button. `id` names what it does; `value` comes back when it is pressed; `url` makes it a link.

    Both are the router's own: `id` is [a-z0-9_.-]{1,40}, `value` at most 50 ASCII characters.
    """

    id: str
    label: str
    value: str
    style: Literal["default", "primary", "danger"] = "default"
    url: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """An entry of a menu: what comes back (at most 50 ASCII characters), and what is shown."""

    value: str
    label: str


class Menu(msgspec.Struct, frozen=True, kw_only=True):
    """A list to choose one of. The choice comes back as an action of this id.

    `about` is at most 50 ASCII characters; what comes back as the value is `about`, a space and the choice.
    """

    id: str
    label: str
    about: str
    choices: tuple[Choice, ...] = ()
    """At most 25."""
    people: bool = False
    """Offer the people of the workspace where the platform can; `choices` are for where it cannot."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture by its address, and its meaning in words."""

    url: str
    alt: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What people are to see, without any platform's markup.

    `headline` and the labels in `facts` are the router's own words; `text`, `note`, `actor`, the values
    in `facts`, `steps` and everything in `incident` may hold what somebody typed and are escaped.
    """

    event: str
    """The event's type (`incident.created`), or `text` for a plain message of an admin."""
    headline: str
    text: str = ""
    incident: IncidentCard | None = None
    actor: str | None = None
    note: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    steps: tuple[str, ...] = ()
    """What happened since the last message, where waiting updates were merged; oldest first."""
    badges: tuple[str, ...] = ()
    """Short marks of the router's own, such as TEST or UNROUTED, shown beside the headline."""
    actions: tuple[Action, ...] = ()
    menus: tuple[Menu, ...] = ()
    mentions: tuple[str, ...] = ()
    """Ids of people on this platform who are to be notified, named before everything else."""
    picture: Picture | None = None
    template: str | None = None
    """A template's text (see adapters/templates.py), which replaces the default body."""


class MessageRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message is, on the platform's own terms."""

    channel: str
    message_id: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The platform took a message: its ids there."""

    ref: MessageRef


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `im chatops test`: `✓ Connected to Slack workspace`, or what to mend.

    After the four lines, one of `features` for each optional feature that is off for want of a scope or a
    setting: `ok`, with `off` set, and in `mend` what would switch it on.
    """

    name: Literal["connection", "permissions", "default_channel", "slash_commands", "features"]
    ok: bool
    off: bool = False
    text: str
    mend: str = ""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as the platform lists it."""

    id: str
    name: str
    member: bool = True
    """Whether the bot can post there."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person on a platform. Identity is (workspace, id), never a name."""

    id: str
    name: str
    email: str | None = None


class Window(msgspec.Struct, frozen=True):
    """At most `count` messages in any `seconds`."""

    count: int
    seconds: float


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform allows: all windows hold together, per channel and over the whole provider."""

    channel: tuple[Window, ...] = ()
    provider: tuple[Window, ...] = ()


class Adapter(Protocol):
    """A configured connection to one platform. Every method raises only DeliveryError."""

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        """Post a new message. `nonce` (≤ 25 ASCII characters) is the same on every try of one delivery.

        A channel `@<user id>` is a direct message to that person; the receipt's message id then holds all
        that `edit` and `reply` need beside that channel.
        """
        ...

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        """Replace a message in place; MESSAGE_GONE when it no longer exists."""
        ...

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        """Post in the thread of (or as an answer to) a message."""
        ...

    async def check(self) -> tuple[Check, ...]:
        """The lines of the connection test: connection, permissions, default channel, commands, features.

        Platform failures are lines that are not ok, never exceptions.
        """
        ...

    async def channels(self) -> tuple[Channel, ...]:
        """All channels the bot can see, by name."""
        ...

    async def find_user(self, query: str) -> User | None:
        """Look a person up by id, e-mail or exact name (with or without @)."""
        ...


@runtime_checkable
class LooksBack(Protocol):
    """Optional: can tell whether an earlier try of a delivery arrived."""

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        """The message that carries `nonce`, if it is in `channel` since then; None when it is not."""
        ...


class Outbound(Protocol):
    """What an adapter needs of the outside: HTTP; adapters/http.py implements it."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  it is httpx's
    ) -> Answer:
        """Send and read one HTTP request; DeliveryError TIMEOUT or UNREACHABLE when there is no answer."""
        ...


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer, read whole. Headers are looked up by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Shelf(Protocol):
    """Where the sandbox keeps its messages, so that it needs no account anywhere."""

    async def put(self, channel: str, payload: bytes, *, nonce: str, parent: str | None) -> str:
        """Keep a message and return its id; the same nonce again returns the first one's id."""
        ...

    async def replace(self, channel: str, message_id: str, payload: bytes) -> bool:
        """Replace a message; False when there is none."""
        ...

    async def find(self, channel: str, nonce: str) -> str | None:
        """The id of the message with this nonce."""
        ...

    async def channels(self) -> tuple[str, ...]:
        """The channels that have messages."""
        ...


class Resources(msgspec.Struct, frozen=True):
    """The outside world, as it is handed to an adapter when it is built."""

    http: Outbound
    shelf: Shelf


class AppFile(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin uploads to a platform to make the app there."""

    name: str
    media_type: str
    content: bytes


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the registry: all the router has to know of a platform without a connection."""

    name: str
    title: str
    config: type[Any]
    """A subclass of adapters.config.ProviderConfig."""
    build: Callable[[Any, Resources], Adapter]
    render: Callable[[Message], Any]
    """The platform's payload for a message, for previews; pure."""
    limits: Limits
    lease_seconds: float = 30.0
    """How long a worker may hold a delivery before its outcome counts as unknown."""
    app_file: Callable[[str, Any, str, frozenset[str]], AppFile] | None = None
    """The app's manifest or package from the provider's name, its configuration, this server's public address
    and optional features; ConfigError names an unknown feature, or a key that is missing."""
    listener: str = ""
    """The module whose `listen` (see adapters.inbound.Listen) hears what comes over a connection that the bot
    keeps open; by name, as it is heavy and only the gateway role needs it."""
    internal: bool = False
    """Its input is signed by nobody and authenticated by the router's own edge (the sandbox)."""
    nonce_window_seconds: float = 0.0
    """How long the platform itself drops a second post with the same nonce; 0 where it does not."""
