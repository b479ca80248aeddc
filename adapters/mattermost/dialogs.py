"""Forms as Mattermost dialogs, and the sealed state by which a submission is known as an answer to one.

https://docs.mattermost.com/developers/integrate/plugins/interactive-dialogs: the server sends `state` back as
it was, and signs nothing. So the state holds who was asked what and when, under an HMAC of the bot's token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from adapters import look
from adapters.inbound import ChatInput, Field, Form, Refusal, Refused
from adapters.mattermost.controls import SelectOption
from adapters.mattermost.limits import (
    CLOCK_SKEW_SECONDS,
    DIALOG_HELP_BYTES,
    DIALOG_LABEL_BYTES,
    DIALOG_LIFE_SECONDS,
    DIALOG_TEXT_BYTES,
    DIALOG_TEXTAREA_BYTES,
    DIALOG_TITLE_BYTES,
)

_NOT_OURS: Final = "the dialog's state is not one that this provider made"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a dialog since it was opened."""

    form: str
    value: str
    user: str
    key: str
    """The same for every dialog of one trigger."""
    at: int
    """Seconds since 1970."""
    people: tuple[str, ...] = ()
    """The fields whose values are user ids."""
    message: str | None = None
    thread: str | None = None


class Element(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a dialog."""

    display_name: str
    name: str
    type: str
    default: str = ""
    help_text: str = ""
    optional: bool = False
    max_length: int = 0
    data_source: str = ""
    options: tuple[SelectOption, ...] = ()


class Dialog(msgspec.Struct, frozen=True, kw_only=True):
    """What the server shows to a person."""

    callback_id: str
    title: str
    elements: tuple[Element, ...]
    submit_label: str
    state: str
    notify_on_cancel: bool = False


def opened(given: ChatInput, form: Form, *, at: datetime) -> Opened:
    """What is to be remembered of the form that is opened for this input."""
    return Opened(
        form=form.id,
        value=form.value,
        user=given.user.id,
        key=hashlib.sha256(f"{given.key}\n{form.id}".encode("utf-8", "replace")).hexdigest()[:32],
        at=int(at.timestamp()),
        people=tuple(field.id for field in form.fields if field.kind == "user"),
        message=given.message,
        thread=given.thread,
    )


def dialog(form: Form, state: str) -> Dialog:
    """The form within the server's limits."""
    return Dialog(
        callback_id=form.id,
        title=_cut(form.title, DIALOG_TITLE_BYTES) or "Form",
        elements=tuple(_element(field) for field in form.fields),
        submit_label=_cut(form.submit, DIALOG_LABEL_BYTES),
        state=state,
    )


def sealed(told: Opened, token: str) -> str:
    """The state for a dialog: the told in base64, a point, and its HMAC."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(told)).decode()
    return f"{body}.{_mac(body, token)}"


def unsealed(state: str, tokens: Sequence[str], *, at: datetime) -> Opened:
    """What was sealed with one of the tokens at most a day ago; else Refused BAD_SIGNATURE or STALE."""
    body, _, mac = state.rpartition(".")
    given = mac.encode("utf-8", "replace")
    if not any(hmac.compare_digest(given, _mac(body, token).encode()) for token in tokens):
        raise Refused(Refusal.BAD_SIGNATURE, _NOT_OURS)
    try:
        told = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Opened)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError):
        raise Refused(Refusal.MALFORMED, "the dialog was opened by another release; open it again") from None
    age = at.timestamp() - told.at
    if not -CLOCK_SKEW_SECONDS <= age <= DIALOG_LIFE_SECONDS:
        raise Refused(Refusal.STALE, "the dialog was opened more than a day ago; open it again")
    return told


def _mac(body: str, token: str) -> str:
    signed = f"im-dialog\n{body}".encode("utf-8", "replace")
    return hmac.new(token.encode(), signed, hashlib.sha256).hexdigest()


def _element(field: Field) -> Element:
    select = field.kind in ("select", "user")
    kind, limit = ("select", 0) if select else _text_of(field)
    options = tuple(
        SelectOption(look.visible(option.label) or option.value, option.value)
        for option in field.options
        if option.value and field.kind == "select"
    )
    default = field.value if not select or _offered(field) else ""
    return Element(
        display_name=_cut(field.label, DIALOG_LABEL_BYTES) or _cut(field.id, DIALOG_LABEL_BYTES),
        name=field.id,
        type=kind,
        default=_cut(default, limit or DIALOG_TEXTAREA_BYTES),
        help_text=_cut(field.hint, DIALOG_HELP_BYTES),
        optional=not field.required,
        max_length=min(field.max_length, limit),
        data_source="users" if field.kind == "user" else "",
        options=options,
    )


def _text_of(field: Field) -> tuple[str, int]:
    """A long text that is filled in already needs the larger field."""
    if field.kind == "multiline" or len(field.value.encode("utf-8", "replace")) > DIALOG_TEXT_BYTES:
        return "textarea", DIALOG_TEXTAREA_BYTES
    return "text", DIALOG_TEXT_BYTES


def _offered(field: Field) -> bool:
    """A select's default must be among its options; a person's is an id, taken as it is."""
    return field.kind == "user" or field.value in {option.value for option in field.options}


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes, as the server counts, the last character an ellipsis where it was cut."""
    shown = look.visible(text)
    raw = shown.encode("utf-8", "replace")
    if len(raw) <= limit:
        return shown
    return raw[: limit - len(look.ELLIPSIS.encode())].decode("utf-8", "ignore") + look.ELLIPSIS
