"""Whether a request is Mattermost's: a shared token, a button's secret or a dialog's state.

Mattermost signs nothing. What proves a request is inside of its body (a command's also in a header), so that
finding it takes a parse; it is the smallest one, of bounded size, and it reads nothing else: of a form its
fields, of JSON the raw text of three keys. Everything here is pure, and raises only Refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest
from typing import Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec

from adapters.config import accepted
from adapters.http import UNREADABLE
from adapters.inbound import Incoming, Refusal, Refused
from adapters.mattermost import buttons, dialogs
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.limits import MAX_FORM_FIELDS, MAX_INBOUND_BYTES

T = TypeVar("T")
Shape = Literal["command", "mention", "action", "dialog", "unknown"]

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_NO_PROOF: Final = "it carries neither a token nor a button's or dialog's secret"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose proof holds."""

    shape: Shape
    form: Mapping[str, str]
    """A form's fields; empty for JSON."""
    context: Mapping[str, Any]
    """A button's or menu's; empty for other shapes."""
    opened: dialogs.Opened | None
    """What was sealed into a dialog when it was opened."""


class _Envelope(msgspec.Struct, frozen=True):
    """What may be read before anything is proved."""

    shape: Shape = "unknown"
    tokens: tuple[str, ...] = ()
    form: Mapping[str, str] = {}
    context: Mapping[str, Any] = {}
    state: str = ""


class _Proofs(msgspec.Struct, frozen=True):
    token: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()
    state: msgspec.Raw = msgspec.Raw()


def verified(incoming: Incoming, config: MattermostConfig) -> Verified:
    """The request with what its proof covers; Refused says which proof is missing or wrong."""
    envelope = _envelope(incoming)
    opened = _CHECKS[envelope.shape](envelope, incoming, config)
    return Verified(shape=envelope.shape, form=envelope.form, context=envelope.context, opened=opened)


def _envelope(incoming: Incoming) -> _Envelope:
    read = {FORM: _form_envelope, JSON: _json_envelope}.get(incoming.media_type)
    if read is None or len(incoming.body) > MAX_INBOUND_BYTES:
        return _Envelope()
    return read(incoming.body)


def _form_envelope(body: bytes) -> _Envelope:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError:
        return _Envelope()
    form = dict(pairs)
    if "token" not in form and "command" not in form:
        return _Envelope()
    tokens = tuple(value for key, value in pairs if key == "token" and value)
    return _Envelope(shape="command" if "command" in form else "mention", tokens=tokens, form=form)


def _json_envelope(body: bytes) -> _Envelope:
    proofs = _read(body, _Proofs)
    if proofs is None:
        return _Envelope()
    if bytes(proofs.context):
        return _Envelope(shape="action", context=_read(proofs.context, dict[str, Any]) or {})
    if bytes(proofs.state):
        return _Envelope(shape="dialog", state=_read(proofs.state, str) or "")
    token = _read(proofs.token, str)
    return _Envelope(shape="mention", tokens=(token,)) if token else _Envelope()


def _read(raw: bytes | msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE:
        return None


def _command(envelope: _Envelope, incoming: Incoming, config: MattermostConfig) -> None:
    _check_tokens(envelope, incoming, accepted(config.command_token), "command_token")


def _mention(envelope: _Envelope, incoming: Incoming, config: MattermostConfig) -> None:
    _check_tokens(envelope, incoming, accepted(config.webhook_token), "webhook_token")


def _unknown(envelope: _Envelope, incoming: Incoming, config: MattermostConfig) -> None:
    """Of no shape that carries a proof; only the header of a command can still tell who sent it."""
    _check_tokens(envelope, incoming, accepted(config.command_token), "command_token")
    raise Refused(Refusal.MALFORMED, "it has a command's token, but is not a form that Mattermost sends")


def _action(envelope: _Envelope, incoming: Incoming, config: MattermostConfig) -> None:  # noqa: ARG001
    tokens = _bot_tokens(config)
    if not isinstance(envelope.context.get("secret"), str) or not envelope.context["secret"]:
        raise Refused(Refusal.NO_SIGNATURE, _NO_PROOF)
    if not buttons.genuine(envelope.context, tokens):
        raise Refused(Refusal.BAD_SIGNATURE, "the button's secret is not one that this provider made")


def _dialog(envelope: _Envelope, incoming: Incoming, config: MattermostConfig) -> dialogs.Opened:
    if not envelope.state:
        raise Refused(Refusal.NO_SIGNATURE, _NO_PROOF)
    return dialogs.unsealed(envelope.state, _bot_tokens(config), at=incoming.received_at)


_CHECKS: Final[Mapping[Shape, Callable[[_Envelope, Incoming, MattermostConfig], dialogs.Opened | None]]] = {
    "command": _command,
    "mention": _mention,
    "action": _action,
    "dialog": _dialog,
    "unknown": _unknown,
}


def _bot_tokens(config: MattermostConfig) -> tuple[str, ...]:
    tokens = accepted(config.bot_token)
    if not tokens:
        raise Refused(Refusal.NOT_CONFIGURED, "the provider has no bot_token; set it")
    return tokens


def _check_tokens(envelope: _Envelope, incoming: Incoming, expected: Sequence[str], secret: str) -> None:
    """Every token that is there, in the body or in the header, must be one that is configured.

    https://docs.mattermost.com/developers/integrate/slash-commands/custom: the token is in the body, and as
    `Authorization: Token …`. Another scheme is that of an OAuth connection, which proves nothing here.
    """
    if not expected:
        raise Refused(Refusal.NOT_CONFIGURED, f"the provider has no {secret}; set it")
    scheme, _, header = incoming.headers.get("authorization", "").strip().partition(" ")
    given = (*envelope.tokens, header.strip()) if scheme.lower() == "token" else envelope.tokens
    if not given:
        raise Refused(Refusal.NO_SIGNATURE, _NO_PROOF)
    if not all(_known(token, expected) for token in given):
        raise Refused(Refusal.BAD_SIGNATURE, f"the token is not the provider's {secret}")


def _known(token: str, expected: Sequence[str]) -> bool:
    given = token.encode("utf-8", "replace")
    return any(compare_digest(given, secret.encode()) for secret in expected)
