"""The parts of the Bot Framework's activity and of Adaptive Cards 1.5 that we send.

Sources: https://adaptivecards.io/explorer/ (the schema is beside the contract tests) and
https://github.com/microsoft/botframework-sdk/blob/main/specs/botframework-activity/botframework-activity.md
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

CONTENT_TYPE: Final = "application/vnd.microsoft.card.adaptive"
SCHEMA: Final = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION: Final = "1.5"

Colour = Literal["Default", "Accent", "Good", "Warning", "Attention"]
Style = Literal["default", "emphasis", "accent", "good", "warning", "attention"]


class _Element(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel", omit_defaults=True
):
    """A card element: `type` is the class's name, and what has its default is left out."""


class TextBlock(_Element, frozen=True, kw_only=True, tag="TextBlock"):
    """Text in Markdown (https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features)."""

    text: str
    wrap: bool
    color: Colour = "Default"
    weight: Literal["Default", "Bolder"] = "Default"
    size: Literal["Default", "Medium"] = "Default"
    is_subtle: bool = False


class TextRun(_Element, frozen=True, kw_only=True, tag="TextRun"):
    """Text that is shown as it is: Markdown is not supported in a run, so nothing in it takes effect."""

    text: str
    weight: Literal["Default", "Bolder"] = "Default"
    is_subtle: bool = False


class RichTextBlock(_Element, frozen=True, kw_only=True, tag="RichTextBlock"):
    """Runs of plain text on one paragraph."""

    inlines: tuple[TextRun, ...]
    spacing: Literal["Default", "Small"] = "Default"


class Fact(msgspec.Struct, frozen=True):
    """A line of a FactSet; both texts are Markdown."""

    title: str
    value: str


class FactSet(_Element, frozen=True, kw_only=True, tag="FactSet"):
    """Labels and values in two columns."""

    facts: tuple[Fact, ...]


class Container(_Element, frozen=True, kw_only=True, tag="Container"):
    """Elements on a coloured ground."""

    items: tuple[TextBlock | RichTextBlock, ...]
    style: Style
    bleed: bool


class Image(_Element, frozen=True, kw_only=True, tag="Image"):
    """A picture by its address."""

    url: str
    alt_text: str
    size: Literal["Auto", "Stretch"] = "Auto"


class InputChoice(msgspec.Struct, frozen=True):
    """A choice of a ChoiceSet: what is shown, and what comes back."""

    title: str
    value: str


class ChoiceSet(_Element, frozen=True, kw_only=True, tag="Input.ChoiceSet"):
    """A list to choose one of; its value goes along with any action of the card."""

    id: str
    label: str
    choices: tuple[InputChoice, ...]
    placeholder: str = ""
    value: str = ""
    is_required: bool = False
    error_message: str = ""


class TextInput(_Element, frozen=True, kw_only=True, tag="Input.Text"):
    """A text to fill in."""

    id: str
    label: str
    placeholder: str = ""
    value: str = ""
    is_multiline: bool = False
    is_required: bool = False
    error_message: str = ""
    max_length: int = 0


class Pressed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes back when a button is pressed; of a menu's button, the input with the choice."""

    action: str
    value: str
    menu: str = ""


class Submitted(msgspec.Struct, frozen=True):
    """What comes back when a form is sent off, beside what was filled in."""

    form: str
    value: str


class Submit(_Element, frozen=True, kw_only=True, tag="Action.Submit"):
    """The older form of a button, for clients without Action.Execute."""

    title: str
    data: Pressed | Submitted


class Execute(_Element, frozen=True, kw_only=True, tag="Action.Execute"):
    """A button, since Adaptive Cards 1.4."""

    title: str
    verb: str
    data: Pressed | Submitted
    fallback: Submit
    style: Literal["default", "positive", "destructive"] = "default"


class OpenUrl(_Element, frozen=True, kw_only=True, tag="Action.OpenUrl"):
    """A button that is a link."""

    title: str
    url: str


class ActionSet(_Element, frozen=True, kw_only=True, tag="ActionSet"):
    """Buttons in the middle of a card."""

    actions: tuple[Execute, ...]


class Mentioned(msgspec.Struct, frozen=True):
    """A person who is mentioned."""

    id: str
    name: str


class Mention(msgspec.Struct, frozen=True):
    """Says for whom a text `<at>…</at>` in the card stands."""

    text: str
    mentioned: Mentioned
    type: str = "mention"


class TeamsOnly(msgspec.Struct, frozen=True):
    """Teams' own addition to a card.

    https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format#mention-support-within-adaptive-cards
    """

    entities: tuple[Mention, ...]


Block = Container | TextBlock | RichTextBlock | FactSet | Image | ChoiceSet | TextInput | ActionSet


class AdaptiveCard(_Element, frozen=True, kw_only=True, tag="AdaptiveCard"):
    """The card."""

    version: str
    fallback_text: str
    body: tuple[Block, ...]
    actions: tuple[Execute | OpenUrl, ...] = ()
    schema: str = msgspec.field(name="$schema")
    msteams: TeamsOnly | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A card in an activity."""

    content_type: str
    content: AdaptiveCard


class Notification(msgspec.Struct, frozen=True):
    """Asks Teams to put the message into people's activity feed too."""

    alert: bool


class MessageData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`channelData` of a message; `nonce` is ours and means nothing to Teams."""

    nonce: str = ""
    notification: Notification | None = None


class Activity(_Element, frozen=True, kw_only=True, tag="message"):
    """A message as the connector takes it. It has no `text`: Teams would split text and card in two."""

    summary: str
    attachments: tuple[Attachment, ...]
    channel_data: MessageData | None = None
    reply_to_id: str | None = None


class Id(msgspec.Struct, frozen=True):
    """Something that is named by its id."""

    id: str


class ThreadData(msgspec.Struct, frozen=True, omit_defaults=True):
    """`channelData` of a new thread: the channel it is to be in."""

    channel: Id
    tenant: Id | None = None


class NewThread(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The body that starts a thread in a channel."""

    is_group: bool
    activity: Activity
    channel_data: ThreadData
    tenant_id: str = ""


class NewChat(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The body that opens (or finds again) the conversation with one person."""

    is_group: bool
    members: tuple[Id, ...]
    tenant_id: str = ""
