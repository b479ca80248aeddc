"""Calls to the Slack Web API: encoding, answers, pages, and why a call failed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from adapters import http
from adapters.config import current
from adapters.contract import Answer, DeliveryError, Outbound, Reason
from adapters.slack import limits
from adapters.slack.config import SlackConfig

MAX_PAGES: Final = 200
"""Of any list; a cursor that goes on for longer is not followed."""

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
        # https://docs.slack.dev/reference/methods/views.open#errors
        Reason.EXPIRED: "expired_trigger_id exchanged_trigger_id",
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


class Said(msgspec.Struct):
    """What every answer of Slack's has: `ok`, or the error's code and the scope that was needed."""

    ok: bool
    error: str = ""
    needed: str = ""


class _More(msgspec.Struct):
    next_cursor: str = ""


class Page(Said):
    """A part of a list, and the cursor of the next."""

    response_metadata: _More | None = None


class Identity(Said):
    """Whose token it is (auth.test)."""

    team_id: str = ""
    user_id: str = ""
    enterprise_id: str | None = None


class Conversation(msgspec.Struct):
    """A channel as the conversations.* methods show it."""

    id: str
    name: str = ""
    creator: str | None = None
    is_member: bool = False
    is_archived: bool = False


class Conversations(Page):
    """A page of conversations.list."""

    channels: tuple[Conversation, ...] = ()


S = TypeVar("S", bound=Said)
P = TypeVar("P", bound=Page)


class Refusal(DeliveryError):
    """Slack answered `ok: false`; `code` is its word for why, for who can do something about it."""

    def __init__(self, code: str, reason: Reason, detail: str, **more: Any) -> None:
        super().__init__(reason, detail, **more)
        self.code = code


def refusal(code: str, needed: str, answer: Answer) -> Refusal:
    """The error for `ok: false`; an unknown code is named and not retried."""
    shown = code if _SAFE_CODE.match(code) else "an unknown error"
    scope = f" ({needed})" if needed and _SAFE_SCOPES.match(needed) else ""
    return Refusal(
        code,
        _REASONS.get(code, Reason.REJECTED),
        f"Slack refused: {shown}{scope}",
        retry_after=http.retry_after(answer.headers),
        may_have_arrived=code in _MAY_HAVE_ARRIVED,
    )


def broken(answer: Answer) -> DeliveryError:
    """For a status that is not 200. Slack says everything but 429 in the body, so a 404 is no channel's."""
    if answer.status == 404:
        return DeliveryError(Reason.REJECTED, "Slack answered 404; api_base is not that of Slack's Web API")
    return http.failure(answer, "Slack")


class WebApi:
    """The methods at `api_base`, called with the bot's token. Everything raises only DeliveryError."""

    def __init__(self, config: SlackConfig, outbound: Outbound) -> None:
        self._http = outbound
        self._base = config.api_base.rstrip("/")
        bearer = {"authorization": f"Bearer {current(config.bot_token)}"}
        self._json = {**bearer, "content-type": "application/json; charset=utf-8"}
        self._form = {**bearer, "content-type": "application/x-www-form-urlencoded"}

    async def tell(self, method: str, payload: object, kind: type[S]) -> S:
        """Call a method with a JSON body."""
        _, said = await self.exchange(method, self._json, http.encode(payload), kind)
        return said

    async def ask(self, method: str, kind: type[S], **arguments: object) -> S:
        """Call a method with a form, as reading ones want it: https://docs.slack.dev/apis/web-api#methods"""
        _, said = await self.exchange(method, self._form, urlencode(arguments).encode(), kind)
        return said

    async def identity(self) -> tuple[Identity, frozenset[str] | None]:
        """Whose token it is, and its scopes as the header says; None when a proxy took the header away."""
        answer, said = await self.exchange("auth.test", self._form, b"", Identity)
        header = answer.headers.get("x-oauth-scopes")
        scopes = None if header is None else frozenset(part.strip() for part in header.split(","))
        return said, scopes

    async def exchange(
        self, method: str, headers: Mapping[str, str], body: bytes, kind: type[S]
    ) -> tuple[Answer, S]:
        """One call: the answer as it came, and as `kind`; Refusal where Slack says `ok: false`."""
        answer = await self._http.request("POST", f"{self._base}/{method}", headers=dict(headers), body=body)
        if answer.status != 200:
            raise broken(answer)
        said = http.decode(answer, kind, "Slack")
        if not said.ok:
            raise refusal(said.error, said.needed, answer)
        return answer, said

    async def pages(self, method: str, kind: type[P], pages: int, **arguments: object) -> AsyncIterator[P]:
        """All pages of a list; OUTCOME_UNKNOWN after `pages` of them."""
        cursor = ""
        for _ in range(pages):
            page = await self.ask(method, kind, limit=limits.PAGE_SIZE, **arguments, cursor=cursor)
            yield page
            cursor = page.response_metadata.next_cursor if page.response_metadata else ""
            if not cursor:
                return
        raise DeliveryError(Reason.OUTCOME_UNKNOWN, f"Slack's {method} goes on for more than {pages} pages")
