"""Calls to a Mattermost server, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from adapters import http
from adapters.contract import Answer, DeliveryError, Outbound, Reason

T = TypeVar("T")

PERMISSIONS: Final = "api.context.permissions.app_error"
NOT_A_ROOT: Final = "api.post.create_post.root_id.app_error"

# The ids are in the server's source (server/i18n/en.json). Those of the store were renamed in version 5.22;
# older servers still say them.
REASONS: Final[Mapping[str, Reason]] = {
    "api.context.session_expired.app_error": Reason.UNAUTHORIZED,
    "api.context.token_provided.app_error": Reason.UNAUTHORIZED,
    "api.context.mfa_required.app_error": Reason.FORBIDDEN,
    PERMISSIONS: Reason.FORBIDDEN,
    "app.channel.get_member.missing.app_error": Reason.FORBIDDEN,
    "store.sql_channel.get_member.missing.app_error": Reason.FORBIDDEN,
    "api.post.create_post.can_not_post_to_deleted.error": Reason.FORBIDDEN,
    "api.post.create_post.can_not_post_in_restricted_dm.error": Reason.FORBIDDEN,
    "api.post.create_post.town_square_read_only": Reason.FORBIDDEN,
    "api.post.update_post.can_not_update_post_in_deleted.error": Reason.FORBIDDEN,
    "app.channel.get.existing.app_error": Reason.CHANNEL_NOT_FOUND,
    "app.channel.get_by_name.missing.app_error": Reason.CHANNEL_NOT_FOUND,
    "app.channel.get_by_name.existing.app_error": Reason.CHANNEL_NOT_FOUND,
    "app.team.get.find.app_error": Reason.CHANNEL_NOT_FOUND,
    "app.team.get_by_name.missing.app_error": Reason.CHANNEL_NOT_FOUND,
    "app.user.get_by_username.app_error": Reason.CHANNEL_NOT_FOUND,
    "app.user.missing_account.const": Reason.CHANNEL_NOT_FOUND,
    "store.sql_user.missing_account.const": Reason.CHANNEL_NOT_FOUND,
    "store.sql_channel.get.existing.app_error": Reason.CHANNEL_NOT_FOUND,
    "store.sql_channel.get_by_name.missing.app_error": Reason.CHANNEL_NOT_FOUND,
    NOT_A_ROOT: Reason.MESSAGE_GONE,
    "api.post.create_post.channel_root_id.app_error": Reason.MESSAGE_GONE,
    "api.post.update_post.find.app_error": Reason.MESSAGE_GONE,
    "api.post.update_post.permissions_details.app_error": Reason.MESSAGE_GONE,
    # PostEditTimeLimit has passed: the message is there, but its news must go into a new one.
    "api.post.update_post.permissions_time_limit.app_error": Reason.MESSAGE_GONE,
    "app.post.get.app_error": Reason.MESSAGE_GONE,
    "app.post.cloud.get.app_error": Reason.MESSAGE_GONE,
    "store.sql_post.get.app_error": Reason.MESSAGE_GONE,
    # Another try with the same nonce is being saved; it is answered with that post in a moment.
    "api.post.deduplicate_create_post.pending": Reason.SERVER_ERROR,
    "api.context.server_busy.app_error": Reason.SERVER_ERROR,
    # A dialog's trigger, which lives for three seconds.
    "interactive_message.decode_trigger_id.expired": Reason.EXPIRED,
    "model.post.is_valid.message_length.app_error": Reason.REJECTED,
    "model.post.is_valid.props.app_error": Reason.REJECTED,
}

_CODE: Final = re.compile(r"[A-Za-z0-9_.]{1,120}")
_NO_CODE: Final = "is base_url the address of Mattermost?"


class Refusal(DeliveryError):
    """Mattermost answered with an error; `code` is its id, or empty when the answer had none."""

    code: str = ""


class _AppError(msgspec.Struct):
    id: str = ""


class Api:
    """The server's REST API for one token. Every call raises only DeliveryError."""

    def __init__(self, base_url: str, token: str, outbound: Outbound) -> None:
        self._root = f"{base_url.rstrip('/')}/api/v4"
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        self._outbound = outbound

    async def call(
        self, method: str, path: str, kind: type[T], payload: Any = None, *, seconds: float = 10.0
    ) -> T:
        """Send one request and read its answer as `kind`; a Refusal for anything but a success."""
        body = None if payload is None else http.encode(payload)
        answer = await self._outbound.request(
            method, self._root + path, headers=self._headers, body=body, timeout=seconds
        )
        if not 200 <= answer.status < 300:
            raise refusal(answer)
        return http.decode(answer, kind, "Mattermost")

    async def respond(self, url: str, payload: Any) -> None:
        """Answer a slash command at its response_url, which takes no token and answers `ok`."""
        headers = {"content-type": "application/json"}
        answer = await self._outbound.request("POST", url, headers=headers, body=http.encode(payload))
        if not 200 <= answer.status < 300:
            raise refusal(answer)

    async def get(self, path: str, kind: type[T]) -> T:
        """`call` for reading."""
        return await self.call("GET", path, kind)


def refusal(answer: Answer) -> Refusal:
    """The failure that an answer means: by its error's id, else by its status."""
    base = http.failure(answer, "Mattermost", wait=_wait(answer.headers))
    code = _code(answer.body)
    reason = REASONS.get(code, _by_status(base.reason))
    error = Refusal(
        reason,
        f"{base.detail}: {code or _NO_CODE}" if _needs_words(answer, code) else base.detail,
        retry_after=base.retry_after,
        may_have_arrived=base.may_have_arrived,
        # The limiter counts a user's requests, wherever they go.
        whole_provider=reason is Reason.RATE_LIMITED,
    )
    error.code = code
    return error


def _by_status(reason: Reason) -> Reason:
    # A 404 whose id is not in the table may be a wrong path or a proxy's: nothing says it is the channel.
    return Reason.REJECTED if reason is Reason.CHANNEL_NOT_FOUND else reason


def _needs_words(answer: Answer, code: str) -> bool:
    return bool(code) or answer.status in (301, 302, 303, 307, 308, 404, 405)


def _code(body: bytes) -> str:
    try:
        code = msgspec.json.decode(body, type=_AppError).id
    except http.UNREADABLE:
        return ""
    # Nothing but the form of an id is repeated in an error, whatever a proxy may have answered.
    return code if _CODE.fullmatch(code) else ""


def _wait(headers: Mapping[str, str]) -> float | None:
    """Retry-After where there is one; else the seconds until the limiter has forgotten everything.

    Both are seconds from now: server/channels/app/ratelimit.go, setRateLimitHeaders.
    """
    return http.retry_after(headers) if "retry-after" in headers else _reset(headers)


def _reset(headers: Mapping[str, str]) -> float | None:
    return http.retry_after({"retry-after": headers.get("x-ratelimit-reset", "")})
