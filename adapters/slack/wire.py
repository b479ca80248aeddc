"""What Slack sends, field by field as far as it is used; everything else in a request is passed over.

Commands: https://docs.slack.dev/interactivity/implementing-slash-commands
Interactions: https://docs.slack.dev/reference/interaction-payloads
Events: https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{1,79}\Z")]
"""Of a workspace, person, channel or view."""
Ts = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}\.[0-9]{1,9}\Z")]
"""A message's time in seconds, which is its id in its channel."""
Key = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,300}\Z")]
"""Of an event or a trigger."""


class Kind(msgspec.Struct, frozen=True):
    """All that interactions and events have in common."""

    type: str


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A slash command: a form, so everything is text."""

    command: str
    team_id: Id
    user_id: Id
    channel_id: Id
    trigger_id: Key
    text: str = ""
    user_name: str = ""
    channel_name: str = ""
    response_url: str = ""
    enterprise_id: str = ""
    is_enterprise_install: str = "false"


class Named(msgspec.Struct, frozen=True):
    """A workspace, organisation or channel."""

    id: Id
    name: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it; `name` is the handle."""

    id: Id
    name: str = ""
    username: str = ""
    team_id: Id | None = None


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """What all interactions have. `team` is null where the app is installed for a whole organisation."""

    user: User
    team: Named | None = None
    enterprise: Named | None = None
    is_enterprise_install: bool = False


class Option(msgspec.Struct, frozen=True):
    """What was chosen in a menu."""

    value: str


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """What a person did to an element of a message, or left in one of a form."""

    type: str
    action_id: str = ""
    value: str | None = None
    selected_option: Option | None = None
    selected_user: Id | None = None


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """Where an element was: in a message, in an attachment of one, or elsewhere (no `message_ts`)."""

    message_ts: Ts | None = None
    channel_id: Id | None = None
    thread_ts: Ts | None = None
    is_ephemeral: bool = False


class InThread(msgspec.Struct, frozen=True, kw_only=True):
    """The message that was pressed, as far as it matters."""

    thread_ts: Ts | None = None


class BlockActions(Interaction, frozen=True, kw_only=True):
    """A button was pressed or a menu used."""

    trigger_id: Key
    container: Container
    actions: list[Element]
    channel: Named | None = None
    message: InThread | None = None
    response_url: str = ""


class State(msgspec.Struct, frozen=True):
    """What was filled in, by block and element; an empty list where there is nothing."""

    values: dict[str, dict[str, Element]] | list[msgspec.Raw] = {}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A form."""

    id: Id
    callback_id: str
    private_metadata: str = ""
    state: State = State()
    app_installed_team_id: Id | None = None


class ViewSubmission(Interaction, frozen=True, kw_only=True):
    """A form was sent off."""

    view: View


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """An installation of the app that may see the event."""

    user_id: Id
    team_id: Id | None = None
    enterprise_id: Id | None = None
    is_bot: bool = False
    is_enterprise_install: bool = False


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is around every event."""

    event_id: Key
    event: msgspec.Raw
    team_id: Id | None = None
    context_team_id: Id | None = None
    authorizations: list[Authorization] | None = None
    is_ext_shared_channel: bool = False


class Handshake(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/events/url_verification"""

    challenge: Annotated[str, msgspec.Meta(max_length=1000)]


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """app_mention and message.im; `user_team` and `team` are the author's."""

    channel: Id
    ts: Ts
    user: Id | None = None
    text: str | None = None
    thread_ts: Ts | None = None
    channel_type: str = ""
    subtype: str | None = None
    bot_id: str | None = None
    edited: dict[str, object] | None = None
    team: Id | None = None
    user_team: Id | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What was reacted to."""

    type: str
    channel: Id | None = None
    ts: Ts | None = None


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """https://docs.slack.dev/reference/events/reaction_added"""

    user: Id
    reaction: str
    item: Item
    item_user: Id | None = None
