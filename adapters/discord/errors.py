"""Discord's answers that are no success, as reasons for a delivery's failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters import http
from adapters.contract import Answer, DeliveryError, Reason

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json-json-error-codes
# A code that is not here is named in the error and judged by the answer's status.
CODES: Final[Mapping[int, tuple[Reason, str]]] = {
    10003: (Reason.CHANNEL_NOT_FOUND, "unknown channel"),
    10004: (Reason.FORBIDDEN, "unknown server, or the bot is not in it"),
    10008: (Reason.MESSAGE_GONE, "unknown message"),
    10015: (Reason.EXPIRED, "the interaction is too old, or was not acknowledged"),
    10062: (Reason.EXPIRED, "the interaction is too old, or was not acknowledged"),
    20016: (Reason.RATE_LIMITED, "the channel's slow mode"),
    20022: (Reason.RATE_LIMITED, "too many edits of announcements"),
    20028: (Reason.RATE_LIMITED, "the channel's write limit"),
    20029: (Reason.RATE_LIMITED, "the server's write limit"),
    30046: (Reason.RATE_LIMITED, "too many edits of messages older than an hour"),
    40001: (Reason.UNAUTHORIZED, "the bot's token is not accepted"),
    40004: (Reason.SERVER_ERROR, "sending is switched off for the moment"),
    40006: (Reason.SERVER_ERROR, "this function is switched off for the moment"),
    50001: (Reason.FORBIDDEN, "the bot has no access"),
    50005: (Reason.FORBIDDEN, "the message is somebody else's"),
    50007: (Reason.FORBIDDEN, "this person takes no messages from the bot"),
    50008: (Reason.REJECTED, "the channel takes no text messages"),
    50009: (Reason.FORBIDDEN, "the channel's verification level is too high"),
    50013: (Reason.FORBIDDEN, "the bot lacks a permission"),
    50014: (Reason.UNAUTHORIZED, "the bot's token is not accepted"),
    50027: (Reason.EXPIRED, "the interaction's token is no longer valid"),
    50035: (Reason.REJECTED, "invalid form"),
    50083: (Reason.FORBIDDEN, "the thread is archived"),
    50278: (Reason.FORBIDDEN, "this person shares no server with the bot"),
    130000: (Reason.SERVER_ERROR, "Discord is overloaded"),
    160002: (Reason.FORBIDDEN, "the bot may not read the message history, so it cannot answer"),
    160005: (Reason.FORBIDDEN, "the thread is locked"),
    200000: (Reason.REJECTED, "blocked by the server's automatic moderation"),
    240000: (Reason.REJECTED, "blocked by the filter of harmful links"),
}
INVALID_FORM: Final = 50035
UNKNOWN_MESSAGE: Final = 10008
UNKNOWN_WEBHOOK: Final = 10015
UNKNOWN_INTERACTION: Final = 10062
UNKNOWN_MEMBER: Final = 10007
UNKNOWN_USER: Final = 10013
_SERVER_WIDE: Final = 20029

# A reply whose parent is gone is an invalid form; the code was REPLIES_UNKNOWN_MESSAGE, and is
# MESSAGE_REFERENCE_UNKNOWN_MESSAGE since 2025.
_PARENT_GONE: Final = re.compile(r"message_reference\S* \w*UNKNOWN_MESSAGE")
_FIELD: Final = re.compile(r"[a-z_]{1,30}|[0-9]{1,2}")
_FAULT: Final = re.compile(r"[A-Z_]{1,60}")


class DiscordError(DeliveryError):
    """A DeliveryError with Discord's own number for it; 0 where it gave none."""

    code: int = 0


class _Problem(msgspec.Struct, frozen=True):
    code: int = 0
    errors: Any = None
    retry_after: float | None = None
    is_global: bool = msgspec.field(name="global", default=False)


def error_of(answer: Answer) -> DiscordError:
    """The failure that an answer with a status outside 200 to 299 stands for."""
    problem = _problem(answer)
    error = _limited(answer, problem) if answer.status == 429 else _failed(answer, problem or _Problem())
    error.code = problem.code if problem else 0
    return error


def _problem(answer: Answer) -> _Problem | None:
    try:
        return msgspec.json.decode(answer.body, type=_Problem)
    except http.UNREADABLE:
        return None


def _failed(answer: Answer, problem: _Problem) -> DiscordError:
    by_status = http.failure(answer, "Discord", wait=_wait(problem))
    reason, words = CODES.get(problem.code, (by_status.reason, ""))
    if problem.code == INVALID_FORM:
        words = f"{words}: {_fault(problem.errors)}"
        if _PARENT_GONE.search(words):
            reason, words = Reason.MESSAGE_GONE, "the message to answer no longer exists"
    return DiscordError(
        reason,
        _sentence(answer.status, problem.code, words),
        retry_after=by_status.retry_after,
        may_have_arrived=by_status.may_have_arrived,
    )


def _limited(answer: Answer, problem: _Problem | None) -> DiscordError:
    """A 429. Without Discord's JSON it comes from Cloudflare, which has shut out this whole address.

    https://discord.com/developers/docs/topics/rate-limits
    """
    whole = (
        problem is None
        or problem.is_global
        or problem.code == _SERVER_WIDE
        or answer.headers.get("x-ratelimit-scope") == "global"
        or answer.headers.get("x-ratelimit-global") == "true"
    )
    problem = problem or _Problem()
    _, words = CODES.get(problem.code, (Reason.RATE_LIMITED, "too many requests"))
    return DiscordError(
        Reason.RATE_LIMITED,
        _sentence(429, problem.code, words),
        retry_after=http.failure(answer, "Discord", wait=_wait(problem)).retry_after,
        whole_provider=whole,
    )


def _wait(problem: _Problem) -> float | None:
    """The body's `retry_after` in seconds: it has the fractions that the header rounds away."""
    if problem.retry_after is None or not problem.retry_after >= 0:
        return None
    return min(problem.retry_after, http.MAX_RETRY_AFTER_SECONDS)


def _sentence(status: int, code: int, words: str) -> str:
    number = f" (code {code})" if code else ""
    return f"Discord answered {status}{number}{': ' if words else ''}{words}"


def _fault(errors: Any, path: str = "") -> str:
    """Where a form is wrong first and how: `embeds.0.title BASE_TYPE_MAX_LENGTH`.

    Only Discord's own words for fields and faults are taken over, never what the form held.
    """
    if not isinstance(errors, dict):
        return "unknown"
    for fault in errors.get("_errors") or ():
        code = str(fault.get("code", "")) if isinstance(fault, dict) else ""
        return f"{path or 'form'} {code if _FAULT.fullmatch(code) else 'unknown'}"
    for name, inner in errors.items():
        if _FIELD.fullmatch(name) and path.count(".") < 8:
            return _fault(inner, f"{path}.{name}" if path else name)
    return "unknown"
