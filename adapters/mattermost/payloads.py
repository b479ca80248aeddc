"""What Mattermost sends, as Structs, once its proof has held.

The fields are those of the server: server/channels/app/command.go (commands),
server/public/model/outgoing_webhook.go (mentions) and server/public/model/integration_action.go (the rest).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from adapters.http import UNREADABLE
from adapters.inbound import Refusal, Refused
from adapters.mattermost.directory import is_id

T = TypeVar("T", bound="Sent")

# server/public/model/channel.go, GetDMNameFromIds: the two ids of a direct message, or a hash of a group's.
_DIRECT: Final = re.compile(r"[a-z0-9]{26}__[a-z0-9]{26}|[0-9a-f]{40}")


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What every request has."""

    user_id: str
    channel_id: str
    user_name: str = ""
    channel_name: str = ""
    team_id: str = ""
    team_domain: str = ""

    @property
    def key(self) -> str:
        """Mattermost's own id of it; empty where it has none, though it must."""
        raise NotImplementedError

    @property
    def ids(self) -> tuple[str, ...]:
        """All that must be ids, where they are not empty."""
        return (self.user_id, self.channel_id, self.team_id)

    @property
    def direct(self) -> bool:
        """Whether it happened in a direct message or a group of people, which belong to no team."""
        return _DIRECT.fullmatch(self.channel_name) is not None


class Command(Sent, frozen=True, kw_only=True):
    """A slash command. `text` is what follows it."""

    command: str
    trigger_id: str
    text: str = ""
    root_id: str = ""
    response_url: str = ""

    @property
    def key(self) -> str:
        return self.trigger_id

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.user_id, self.channel_id, self.team_id, self.root_id)


class Mention(Sent, frozen=True, kw_only=True):
    """An outgoing webhook: a message of a public channel that begins with a trigger word."""

    post_id: str
    text: str = ""
    trigger_word: str = ""

    @property
    def key(self) -> str:
        return self.post_id

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.user_id, self.channel_id, self.team_id, self.post_id)


class Pressed(Sent, frozen=True, kw_only=True):
    """A pressed button, or a choice from a menu; `post_id` of an ephemeral message is no message's."""

    trigger_id: str
    post_id: str = ""

    @property
    def key(self) -> str:
        return self.trigger_id

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.user_id, self.channel_id, self.team_id, self.post_id)


class Submitted(Sent, frozen=True, kw_only=True):
    """A dialog that was filled in or cancelled."""

    callback_id: str
    submission: Mapping[str, str | bool | int | float | None] = {}
    cancelled: bool = False

    @property
    def key(self) -> str:
        return self.callback_id


def from_form(kind: type[T], form: Mapping[str, str]) -> T:
    """A form as `kind`; Refused MALFORMED when it is not one that Mattermost sends."""
    try:
        return _checked(msgspec.convert(dict(form), kind))
    except msgspec.ValidationError:
        raise _malformed() from None


def from_json(kind: type[T], body: bytes) -> T:
    """A JSON body as `kind`; Refused MALFORMED when it is not one that Mattermost sends."""
    try:
        return _checked(msgspec.json.decode(body, type=kind))
    except UNREADABLE:
        raise _malformed() from None


def chosen(context: Mapping[str, Any]) -> tuple[str, str]:
    """The action's id and value in a genuine context; a menu's choice must be one that was offered."""
    if "menu" not in context:
        return str(context.get("action", "")), str(context.get("value", ""))
    option, offered = context.get("selected_option"), context.get("offered", [])
    if not isinstance(option, str) or not (option in offered if offered else is_id(option)):
        raise Refused(Refusal.MALFORMED, "a menu's choice is not one that the menu offered")
    return str(context["menu"]), f"{context.get('about', '')} {option if offered else '@' + option}"


def filled(sent: Submitted, people: tuple[str, ...]) -> dict[str, str]:
    """What was filled in, as text; a person as `@<id>`, what was left out as an empty text."""
    return {name: _text(value, person=name in people) for name, value in sent.submission.items()}


def _text(value: str | bool | int | float | None, *, person: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"@{value}" if person and value else str(value)


def _checked(sent: T) -> T:
    if (
        not sent.key
        or not all(is_id(one) for one in sent.ids if one)
        or not (sent.user_id and sent.channel_id)
    ):
        raise _malformed()
    return sent


def _malformed() -> Refused:
    return Refused(Refusal.MALFORMED, "it is genuine, but not of a shape that Mattermost documents")
