"""The Slack Web API: messages, the connection test, channels and people."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from adapters import http
from adapters.config import current
from adapters.contract import (
    Answer,
    Channel,
    Check,
    DeliveryError,
    Message,
    MessageRef,
    Platform,
    Reason,
    Receipt,
    Resources,
    User,
)
from adapters.slack import limits
from adapters.slack.config import SlackConfig
from adapters.slack.render import render

SCOPES: Final = ("chat:write", "commands", "app_mentions:read", "channels:read", "users:read")
"""What the bot needs: sending, slash commands, mentions, listing channels, looking people up."""
METADATA_EVENT: Final = "im_delivery"

LOOK_BACK_THREADS: Final = timedelta(days=1)
"""How old a thread may be in which `find` still looks for a reply."""
MAX_PAGES: Final = 200
"""Of any list; a cursor that goes on for longer is not followed."""
MAX_HISTORY_PAGES: Final = 10
_CLOCK_SKEW: Final = timedelta(seconds=30)

_NO_MATCH: Final = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_USER_ID: Final = re.compile(r"(?:<@)?([UW][A-Z0-9]{5,})>?\Z")
_SAFE_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,60}\Z")
_SAFE_SCOPES: Final = re.compile(r"[a-z][a-z0-9:._,-]{0,100}\Z")

# https://docs.slack.dev/reference/methods/chat.postMessage#errors and …/chat.update#errors
_REASONS: Final[Mapping[str, Reason]] = {
    code: reason
    for reason, codes in {
        Reason.RATE_LIMITED: "ratelimited rate_limited",
        Reason.UNAUTHORIZED: (
            "invalid_auth not_authed account_inactive token_revoked token_expired org_login_required "
            "two_factor_setup_required user_removed_from_team"
        ),
        Reason.FORBIDDEN: (
            "missing_scope no_permission not_in_channel is_archived is_inactive access_denied accesslimited "
            "not_allowed_token_type app_access_restricted ekm_access_denied enterprise_is_restricted "
            "team_access_not_granted restricted_action restricted_action_read_only_channel "
            "restricted_action_thread_only_channel restricted_action_non_threadable_channel "
            "restricted_action_thread_locked messages_tab_disabled cannot_dm_bot cant_update_message "
            "message_limit_exceeded"
        ),
        Reason.CHANNEL_NOT_FOUND: "channel_not_found team_not_found user_not_found",
        Reason.MESSAGE_GONE: "message_not_found thread_not_found cannot_reply_to_message edit_window_closed",
        Reason.SERVER_ERROR: (
            "internal_error fatal_error service_unavailable request_timeout update_failed "
            "team_added_to_org external_channel_migrating streaming_state_conflict"
        ),
    }.items()
    for code in codes.split()
}

# "It's possible some aspect of the operation succeeded before the error was raised."
_MAY_HAVE_ARRIVED: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "update_failed"}
)

_MENDS: Final[Mapping[Reason, str]] = {
    Reason.UNAUTHORIZED: "copy the Bot User OAuth Token (xoxb-…) again from OAuth & Permissions",
    Reason.CHANNEL_NOT_FOUND: "set default_channel to the channel's id (C…); invite the bot if it is private",
    Reason.FORBIDDEN: "look at the app's OAuth & Permissions page and reinstall the app",
}
_MEND_NETWORK: Final = "check the network and api_base, then test again"


class _Said(msgspec.Struct):
    """What every answer of Slack's has: `ok`, or the error's code and the scope that was needed."""

    ok: bool
    error: str = ""
    needed: str = ""


class _Sent(_Said):
    channel: str = ""
    ts: str = ""


class _Identity(_Said):
    team_id: str = ""


class _Conversation(msgspec.Struct):
    id: str
    name: str = ""
    is_member: bool = False
    is_archived: bool = False


class _Info(_Said):
    channel: _Conversation | None = None


class _More(msgspec.Struct):
    next_cursor: str = ""


class _Page(_Said):
    response_metadata: _More | None = None


class _Conversations(_Page):
    channels: list[_Conversation] = []


class _Metadata(msgspec.Struct):
    event_type: str = ""
    event_payload: dict[str, Any] = {}


class _Post(msgspec.Struct):
    ts: str
    metadata: _Metadata | None = None
    latest_reply: str = ""


class _History(_Page):
    messages: list[_Post] = []


class _Profile(msgspec.Struct):
    email: str | None = None
    display_name: str = ""
    real_name: str = ""


class _Person(msgspec.Struct):
    id: str
    name: str = ""
    deleted: bool = False
    profile: _Profile = msgspec.field(default_factory=_Profile)


class _PersonFound(_Said):
    user: _Person | None = None


class _People(_Page):
    members: list[_Person] = []


S = TypeVar("S", bound=_Said)
P = TypeVar("P", bound=_Page)


def refusal(code: str, needed: str, answer: Answer) -> DeliveryError:
    """The DeliveryError for `ok: false`; an unknown code is named and not retried."""
    shown = code if _SAFE_CODE.match(code) else "an unknown error"
    scope = f" ({needed})" if needed and _SAFE_SCOPES.match(needed) else ""
    return DeliveryError(
        _REASONS.get(code, Reason.REJECTED),
        f"Slack refused: {shown}{scope}",
        retry_after=http.retry_after(answer.headers),
        may_have_arrived=code in _MAY_HAVE_ARRIVED,
    )


def _broken(answer: Answer) -> DeliveryError:
    """For a status that is not 200. Slack says everything but 429 in the body, so a 404 is no channel's."""
    if answer.status == 404:
        return DeliveryError(Reason.REJECTED, "Slack answered 404; api_base is not that of Slack's Web API")
    return http.failure(answer, "Slack")


class Slack:
    """See adapters.contract.Adapter and LooksBack."""

    def __init__(self, config: SlackConfig, resources: Resources) -> None:
        self._config = config
        self._http = resources.http
        self._base = config.api_base.rstrip("/")
        bearer = {"authorization": f"Bearer {current(config.bot_token)}"}
        self._json = {**bearer, "content-type": "application/json; charset=utf-8"}
        self._form = {**bearer, "content-type": "application/x-www-form-urlencoded"}

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:
        return await self._send("chat.postMessage", message, channel=channel, metadata=_metadata(nonce))

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:
        # Without `metadata` the message keeps the one it has.
        return await self._send("chat.update", message, channel=ref.channel, ts=ref.message_id)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:
        return await self._send(
            "chat.postMessage",
            message,
            channel=ref.channel,
            thread_ts=ref.message_id,
            metadata=_metadata(nonce),
        )

    async def find(self, channel: str, *, nonce: str, since: datetime) -> MessageRef | None:
        """See LooksBack; FORBIDDEN without channels:history, OUTCOME_UNKNOWN when too much was said since."""
        start = since - _CLOCK_SKEW
        async for post in self._history("conversations.history", start - LOOK_BACK_THREADS, channel=channel):
            if _carries(post, nonce):
                return MessageRef(channel=channel, message_id=post.ts)
            if post.latest_reply < _ts(start):
                continue
            async for reply in self._history("conversations.replies", start, channel=channel, ts=post.ts):
                if _carries(reply, nonce):
                    return MessageRef(channel=channel, message_id=reply.ts)
        return None

    async def check(self) -> tuple[Check, ...]:
        try:
            identity, scopes = await self._identity()
        except DeliveryError as error:
            return _not_connected(f"Not connected to Slack: {error.detail}", _mend(error))
        if self._config.team_id and identity.team_id != self._config.team_id:
            return _not_connected(
                "The bot token belongs to another Slack workspace",
                f"use a token of {self._config.team_id}, or change team_id",
            )
        return (
            Check(name="connection", ok=True, text="Connected to Slack workspace"),
            _permissions(scopes),
            await self._default_channel(scopes),
            _slash_commands(self._config, scopes),
        )

    async def channels(self) -> tuple[Channel, ...]:
        try:
            found = await self._conversations("public_channel,private_channel")
        except DeliveryError as error:
            if error.reason is not Reason.FORBIDDEN:
                raise
            # Private channels need groups:read, which is not among the scopes that the bot must have.
            found = await self._conversations("public_channel")
        return tuple(sorted(found, key=lambda channel: (channel.name, channel.id)))

    async def find_user(self, query: str) -> User | None:
        wanted = query.strip()
        by_id = _USER_ID.match(wanted)
        if by_id:
            return await self._person("users.info", user=by_id.group(1))
        if "@" in wanted[1:]:
            return await self._person("users.lookupByEmail", email=wanted)
        return await self._named(wanted.removeprefix("@"))

    # The API.

    async def _send(self, method: str, message: Message, **to: object) -> Receipt:
        payload = msgspec.structs.asdict(render(message)) | to
        sent = await self._call(method, self._json, http.encode(payload), _Sent)
        if not sent.ts or not sent.channel:
            raise DeliveryError(
                Reason.BAD_ANSWER, "Slack answered without a message id", may_have_arrived=True
            )
        return Receipt(ref=MessageRef(channel=sent.channel, message_id=sent.ts))

    async def _ask(self, method: str, kind: type[S], **arguments: object) -> S:
        # Reading methods take forms only: https://docs.slack.dev/apis/web-api#methods
        return await self._call(method, self._form, urlencode(arguments).encode(), kind)

    async def _call(self, method: str, headers: dict[str, str], body: bytes, kind: type[S]) -> S:
        _, said = await self._exchange(method, headers, body, kind)
        return said

    async def _exchange(
        self, method: str, headers: dict[str, str], body: bytes, kind: type[S]
    ) -> tuple[Answer, S]:
        answer = await self._http.request("POST", f"{self._base}/{method}", headers=headers, body=body)
        if answer.status != 200:
            raise _broken(answer)
        said = http.decode(answer, kind, "Slack")
        if not said.ok:
            raise refusal(said.error, said.needed, answer)
        return answer, said

    async def _pages(self, method: str, kind: type[P], pages: int, **arguments: object) -> AsyncIterator[P]:
        cursor = ""
        for _ in range(pages):
            page = await self._ask(method, kind, limit=limits.PAGE_SIZE, **arguments, cursor=cursor)
            yield page
            cursor = page.response_metadata.next_cursor if page.response_metadata else ""
            if not cursor:
                return
        raise DeliveryError(Reason.OUTCOME_UNKNOWN, f"Slack's {method} goes on for more than {pages} pages")

    async def _history(self, method: str, start: datetime, **where: str) -> AsyncIterator[_Post]:
        async for page in self._pages(
            method,
            _History,
            MAX_HISTORY_PAGES,
            oldest=_ts(start),
            include_all_metadata="true",
            **where,
        ):
            for post in page.messages:
                yield post

    async def _identity(self) -> tuple[_Identity, frozenset[str] | None]:
        """Whose token it is, and its scopes as the header says; None when a proxy took the header away."""
        answer, said = await self._exchange("auth.test", self._form, b"", _Identity)
        header = answer.headers.get("x-oauth-scopes")
        scopes = None if header is None else frozenset(part.strip() for part in header.split(","))
        return said, scopes

    async def _default_channel(self, scopes: frozenset[str] | None) -> Check:
        try:
            info = await self._ask("conversations.info", _Info, channel=self._config.default_channel)
        except DeliveryError as error:
            return _bad("default_channel", f"Default channel not accessible: {error.detail}", _mend(error))
        channel = info.channel
        if channel is None:
            return _bad("default_channel", "Default channel not accessible: no answer", _MEND_NETWORK)
        if channel.is_archived:
            return _bad("default_channel", "Default channel is archived", "unarchive it or choose another")
        if not channel.is_member and "chat:write.public" not in (scopes or ()):
            return _bad(
                "default_channel",
                "The bot is not a member of the default channel",
                "write `/invite @` and the bot's name in that channel",
            )
        return Check(name="default_channel", ok=True, text="Default channel accessible")

    async def _conversations(self, types: str) -> list[Channel]:
        return [
            Channel(id=found.id, name=found.name or found.id, member=found.is_member)
            async for page in self._pages(
                "conversations.list", _Conversations, MAX_PAGES, types=types, exclude_archived="true"
            )
            for found in page.channels
        ]

    async def _person(self, method: str, **query: str) -> User | None:
        answer = await self._http.request(
            "POST", f"{self._base}/{method}", headers=self._form, body=urlencode(query).encode()
        )
        if answer.status != 200:
            raise _broken(answer)
        said = http.decode(answer, _PersonFound, "Slack")
        if said.error in _NO_MATCH:
            return None
        if not said.ok:
            raise refusal(said.error, said.needed, answer)
        return _user(said.user) if said.user and not said.user.deleted else None

    async def _named(self, name: str) -> User | None:
        """By handle, else by a display or real name that only one person has: names are not unique."""
        folded = name.casefold()
        if not folded:
            return None
        same: list[_Person] = []
        async for page in self._pages("users.list", _People, MAX_PAGES):
            for person in page.members:
                if person.deleted:
                    continue
                if person.name.casefold() == folded:
                    return _user(person)
                names = (person.profile.display_name.casefold(), person.profile.real_name.casefold())
                same += [person] if folded in names else []
        return _user(same[0]) if len(same) == 1 else None


def _ts(at: datetime) -> str:
    """A time as Slack writes it; these texts sort like the times."""
    return f"{at.timestamp():.6f}"


def _metadata(nonce: str) -> dict[str, object]:
    # https://docs.slack.dev/messaging/message-metadata
    return {"event_type": METADATA_EVENT, "event_payload": {"nonce": nonce}}


def _carries(post: _Post, nonce: str) -> bool:
    metadata = post.metadata
    return (
        metadata is not None
        and metadata.event_type == METADATA_EVENT
        and metadata.event_payload.get("nonce") == nonce
    )


def _user(person: _Person) -> User:
    profile = person.profile
    name = profile.display_name or profile.real_name or person.name or person.id
    return User(id=person.id, name=name, email=profile.email)


def _bad(name: Any, text: str, mend: str) -> Check:
    return Check(name=name, ok=False, text=text, mend=mend)


def _mend(error: DeliveryError) -> str:
    return _MENDS.get(error.reason, _MEND_NETWORK)


def _not_connected(text: str, mend: str) -> tuple[Check, ...]:
    first = "mend the connection first"
    return (
        _bad("connection", text, mend),
        _bad("permissions", "Bot permissions not checked", first),
        _bad("default_channel", "Default channel not checked", first),
        _bad("slash_commands", "Slash commands not checked", first),
    )


def _permissions(scopes: frozenset[str] | None) -> Check:
    if scopes is None:
        return _bad(
            "permissions",
            "Slack did not say which permissions the token has",
            "let the header x-oauth-scopes through where api_base leads",
        )
    missing = [scope for scope in SCOPES if scope not in scopes]
    if missing:
        return _bad(
            "permissions",
            f"Bot permissions missing: {', '.join(missing)}",
            "add these under OAuth & Permissions, Bot Token Scopes, and reinstall the app",
        )
    return Check(name="permissions", ok=True, text="Bot permissions verified")


def _slash_commands(config: SlackConfig, scopes: frozenset[str] | None) -> Check:
    """Slack lets a bot see that it may have commands, not which it has or where they lead."""
    if not config.enable_slash_commands:
        return Check(name="slash_commands", ok=True, text="Slash commands are switched off")
    if "commands" not in (scopes or ()):
        return _bad(
            "slash_commands",
            "Slash commands not configured: the scope commands is missing",
            "create /im under Slash Commands and reinstall the app, or set enable_slash_commands to false",
        )
    mend = "" if config.signing_secret else "set signing_secret: without it, what Slack sends is refused"
    return Check(name="slash_commands", ok=True, text="Slash commands configured", mend=mend)


PLATFORM: Final = Platform(
    name="slack",
    title="Slack",
    config=SlackConfig,
    build=Slack,
    render=render,
    limits=limits.RATES,
    lease_seconds=30.0,
)
