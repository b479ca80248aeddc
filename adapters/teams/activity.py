"""What Teams sends: the parts of an incoming activity that we read; all else in it is ignored.

Sources: https://github.com/microsoft/botframework-sdk/blob/main/specs/botframework-activity/botframework-activity.md,
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/channel-and-group-conversations
and https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model (the invoke of a button)
"""

from __future__ import annotations

from typing import Any

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Names as on the wire; null counts as left out."""


class Account(_Part, frozen=True, kw_only=True):
    """A person or a bot. `id` is `29:…` or `28:…`, its own for each bot that asks."""

    id: str
    name: str | None = None
    role: str | None = None


class ConversationAccount(_Part, frozen=True, kw_only=True):
    """Where it happened."""

    id: str
    conversation_type: str | None = None
    """`personal`, `groupChat` or `channel`."""
    tenant_id: str | None = None
    name: str | None = None


class Tenant(_Part, frozen=True, kw_only=True):
    """The directory of an organisation."""

    id: str | None = None


class ChannelInfo(_Part, frozen=True, kw_only=True):
    """A channel of a team."""

    id: str | None = None
    name: str | None = None


class ChannelData(_Part, frozen=True, kw_only=True):
    """What is Teams' own in an activity."""

    tenant: Tenant | None = None
    channel: ChannelInfo | None = None


class Entity(_Part, frozen=True, kw_only=True):
    """Something about the text; of type `mention` it says who `text` stands for."""

    type: str | None = None
    text: str | None = None
    mentioned: Account | None = None


class Reaction(_Part, frozen=True, kw_only=True):
    """A reaction by its name, such as `like`."""

    type: str


class Activity(_Part, frozen=True, kw_only=True):
    """An activity of any type; `value` depends on it and is read apart."""

    type: str
    id: str
    channel_id: str
    service_url: str
    from_: Account = msgspec.field(name="from")
    conversation: ConversationAccount
    recipient: Account | None = None
    name: str | None = None
    text: str | None = None
    text_format: str | None = None
    timestamp: str | None = None
    reply_to_id: str | None = None
    channel_data: ChannelData | None = None
    entities: list[Entity] | None = None
    reactions_added: list[Reaction] | None = None
    value: Any = None


class Clicked(_Part, frozen=True, kw_only=True):
    """The action of a card that was executed; `data` holds the values of all inputs too."""

    data: Any = None


class Invoked(_Part, frozen=True, kw_only=True):
    """`value` of the invoke `adaptiveCard/action`."""

    action: Clicked
    trigger: str | None = None
    """`manual` when somebody pressed it, `automatic` for a refresh."""
