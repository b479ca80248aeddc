"""What Teams and its login say when they refuse, as the reasons of the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.contract import Answer, DeliveryError, Reason
from adapters.http import UNREADABLE, failure, retry_after

WHO: Final = "Microsoft Teams"
LOGIN: Final = "the Microsoft login"

# https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability
# #status-codes-from-agent-conversational-apis; BadSyntax and ForbiddenOperationException
# stand elsewhere in the vendor's documents.
CODES: Final[Mapping[str, tuple[Reason, str]]] = {
    "BadArgument": (Reason.REJECTED, "the request was malformed"),
    "BadSyntax": (Reason.REJECTED, "the request was malformed"),
    "MessageSizeTooBig": (Reason.REJECTED, "the message was too large"),
    "BotNotRegistered": (Reason.UNAUTHORIZED, "the bot is not registered for Teams"),
    "BotDisabledByAdmin": (Reason.FORBIDDEN, "the organisation's admin has disabled the bot"),
    "BotNotInConversationRoster": (Reason.FORBIDDEN, "the bot is not installed in that team or chat"),
    "ConversationBlockedByUser": (Reason.FORBIDDEN, "the bot is blocked there"),
    "ForbiddenOperationException": (Reason.FORBIDDEN, "the bot is not installed for that person"),
    "InvalidBotApiHost": (Reason.FORBIDDEN, "service_url is not that of the organisation's cloud"),
    "NotEnoughPermissions": (Reason.FORBIDDEN, "the bot lacks a permission"),
    "ActivityNotFoundInConversation": (Reason.MESSAGE_GONE, "the message no longer exists"),
    "ConversationNotFound": (Reason.CHANNEL_NOT_FOUND, "there is no such conversation"),
    "PreconditionFailed": (Reason.SERVER_ERROR, "other changes to the conversation were under way"),
    "Throttled": (Reason.RATE_LIMITED, "too many requests"),
    "ServiceError": (Reason.SERVER_ERROR, "the service failed"),
}

# https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response
_LOGIN_REFUSES: Final = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "invalid_grant"}
)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_. ]{0,59}")
_AADSTS: Final = re.compile(r"AADSTS\d{1,8}")


class _Refusal(msgspec.Struct, frozen=True):
    """Both forms: the connector's `{"error": {"code"}}` and the login's `{"error": "…"}`."""

    error: Any = None
    error_description: Any = None


def refused(answer: Answer) -> DeliveryError:
    """The error for an answer of the connector that is not a success.

    A code that is not in the table is named, and judged by the answer's status.
    """
    code = _code(answer)
    reason, hint = CODES.get(code.replace(" ", ""), (None, ""))
    plain = failure(answer, WHO)
    if reason is None or answer.status >= 500:  # whatever it says, a 5xx may pass
        reason = plain.reason
    said = " ".join(filter(None, (plain.detail, code)))
    return DeliveryError(
        reason,
        f"{said}: {hint}" if hint else said,
        retry_after=plain.retry_after,
        may_have_arrived=plain.may_have_arrived,
    )


def login_refused(answer: Answer) -> DeliveryError:
    """The error for a token that was not given; the message itself never left."""
    refusal = _refusal(answer)
    code = refusal.error if isinstance(refusal.error, str) else ""
    if code in _LOGIN_REFUSES or answer.status in (400, 401, 403, 404):
        said = " ".join(filter(None, (_named(code), *_AADSTS.findall(str(refusal.error_description))[:1])))
        return DeliveryError(Reason.UNAUTHORIZED, f"{LOGIN} refused the app: {said or answer.status}")
    reason = failure(answer, LOGIN).reason
    return DeliveryError(
        reason,
        f"{LOGIN} answered {answer.status}",
        retry_after=retry_after(answer.headers),
        whole_provider=reason is Reason.RATE_LIMITED,
    )


def _code(answer: Answer) -> str:
    error = _refusal(answer).error
    code = error.get("code") if isinstance(error, dict) else None
    return _named(code) if isinstance(code, str) else ""


def _named(code: str) -> str:
    """The code if it is a name; anything else could be a part of the body."""
    return code if _NAME.fullmatch(code) else ""


def _refusal(answer: Answer) -> _Refusal:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except UNREADABLE:
        return _Refusal()
