"""Teams inbound: from a verified activity to what a person did; pure but for the keys that it fetches.

A person's id is `from.id` (`29:…`): the roster, mentions and a bot's own direct messages use the same one,
and it is always there, which `aadObjectId` is not
(https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from adapters.config import accepted
from adapters.inbound import ChatInput, HttpAnswer, Incoming, Person, Received, Refusal, Refused
from adapters.teams import speech, verify
from adapters.teams.activity import Activity, Invoked
from adapters.teams.card import Pressed, Submitted
from adapters.teams.config import TeamsConfig
from adapters.teams.forms import filled_in
from adapters.teams.keys import Keys
from adapters.teams.place import message_id, split_thread

T = TypeVar("T")

INVOKE: Final = "adaptiveCard/action"
MAX_BODY: Final = 1024 * 1024
"""Ours; Teams lets nobody send 100 KB."""

# Skin tones are suffixes: https://learn.microsoft.com/microsoftteams/platform/agents-in-teams/teams-reactions-reference
REACTIONS: Final[Mapping[str, str]] = {"like": "+1", "yes": "+1", "no": "-1"}

# https://github.com/microsoft/botframework-sdk/blob/main/specs/botframework-activity/botframework-activity.md
NOTES: Final[Mapping[str, str]] = {
    "conversationUpdate": "a conversation changed",
    "installationUpdate": "the app was installed or removed",
    "typing": "somebody is typing",
    "event": "an event",
    "messageUpdate": "an edited message",
    "messageDelete": "a deleted message",
    "endOfConversation": "a conversation ended",
}

# An invoke that nobody handles is answered with 501, as
# https://github.com/microsoft/botbuilder-python does in botbuilder-core/…/activity_handler.py (MIT).
_NOT_IMPLEMENTED: Final = HttpAnswer(status=501)


def invoke_answer(status: int, kind: str, value: Any) -> HttpAnswer:
    """An invoke's answer, in the form of the universal action model.

    https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model#response-format
    """
    return HttpAnswer(body=msgspec.json.encode({"statusCode": status, "type": kind, "value": value}))


def invoke_message(text: str) -> HttpAnswer:
    """An invoke's answer that shows a short text to whoever pressed."""
    return invoke_answer(200, "application/vnd.microsoft.activity.message", text)


_UNKNOWN_ACTION: Final = invoke_answer(
    400,
    "application/vnd.microsoft.error",
    {"code": "BadRequest", "message": "This button is not of this app."},
)
_NOTHING_CHOSEN: Final = invoke_message("Choose something first.")


async def receive(incoming: Incoming, config: TeamsConfig, keys: Keys) -> Received:
    """Verify, then parse; raises only Refused."""
    if not (config.app_id and config.tenant_id and accepted(config.app_password)):
        raise Refused(Refusal.NOT_CONFIGURED, "set app_id, app_password and tenant_id to receive from Teams")
    token = verify.bearer(incoming.headers)
    header = verify.header_of(token)
    ring = await keys.ring_for(header.kid)
    key = verify.key_of(header, ring)
    claims = verify.claims_of(token, header, key)
    verify.check_claims(claims, ring, app_id=config.app_id, now=incoming.received_at)
    activity = _parsed(incoming.body)
    verify.check_activity(activity, claims, key, tenant_id=config.tenant_id, base=config.service_url)
    return understood(activity, tenant=config.tenant_id, service_url=claims.serviceurl)


def understood(activity: Activity, *, tenant: str, service_url: str) -> Received:
    """What a verified activity says; `service_url` is the address that was signed."""
    if _of_a_bot(activity):
        return Received(note="a bot's message")
    read = _READERS.get(activity.type)
    if read is None:
        return Received(note=NOTES.get(activity.type, "an activity of an unknown kind"))
    return read(activity, _common(activity, tenant, service_url))


def _parsed(body: bytes) -> Activity:
    if len(body) > MAX_BODY:
        raise Refused(Refusal.MALFORMED, "the activity is larger than 1 MiB")
    try:
        return msgspec.json.decode(body, type=Activity)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Refused(Refusal.MALFORMED, "the body is not an activity of the Bot Framework") from None


def _of_a_bot(activity: Activity) -> bool:
    sender = activity.from_
    bot = activity.recipient.id if activity.recipient else ""
    return sender.role == "bot" or sender.id == bot or sender.id.startswith("28:")


def _common(activity: Activity, tenant: str, service_url: str) -> ChatInput:
    """What all inputs of an activity share; kind and contents are filled in by its reader."""
    conversation = activity.conversation
    channel, root = split_thread(conversation.id)
    hangs = root and root not in (activity.id, activity.reply_to_id)
    info = activity.channel_data.channel if activity.channel_data else None
    return ChatInput(
        key=message_id(conversation.id, activity.id),
        kind="mention",
        user=Person(id=activity.from_.id, name=activity.from_.name or ""),
        workspace=tenant,
        channel=channel,
        channel_name=(info.name if info else None) or conversation.name or "",
        channel_kind="direct" if conversation.conversation_type == "personal" else "channel",
        thread=message_id(conversation.id, root) if hangs else None,
        reply={"service_url": service_url, "conversation": conversation.id, "activity": activity.id},
    )


def _with(common: ChatInput, **changes: Any) -> ChatInput:
    return msgspec.structs.replace(common, **changes)


# A message: words, or a button of a client without Action.Execute.


def _message(activity: Activity, common: ChatInput) -> Received:
    text = speech.words(activity)
    if isinstance(activity.value, dict) and not text:
        return _clicked(activity, common, activity.value)
    if common.channel_kind != "direct" and not speech.mentions_bot(activity):
        return Received(note="a message that does not mention the bot")
    if not text and common.channel_kind == "direct":
        return Received(note="a message without words")
    asked = speech.command(text)
    if asked is not None:
        return Received(inputs=(_with(common, kind="command", text=asked),))
    return Received(inputs=(_with(common, text=text, message=common.key),))


def _invoke(activity: Activity, common: ChatInput) -> Received:
    if activity.name != INVOKE:
        return Received(answer=_NOT_IMPLEMENTED, note="an invoke of another kind")
    try:
        invoked = msgspec.convert(activity.value, Invoked)
    except msgspec.ValidationError:
        raise Refused(Refusal.MALFORMED, "the invoke has no action") from None
    if invoked.trigger == "automatic":
        return Received(answer=_UNKNOWN_ACTION, note="a card that refreshes itself")
    common = _with(common, reply={**common.reply, "invoke": INVOKE})
    return _clicked(activity, common, invoked.action.data)


def _clicked(activity: Activity, common: ChatInput, data: Any) -> Received:
    """A button of ours that was pressed, a menu's choice, or a form that was sent off."""
    pressed, submitted = _as(data, Pressed), _as(data, Submitted)
    message = message_id(activity.conversation.id, activity.reply_to_id) if activity.reply_to_id else None
    if submitted:
        fields = filled_in(data)
        form = {"action": submitted.form, "value": submitted.value, "fields": fields}
        return Received(inputs=(_with(common, kind="form", message=message, **form),))
    if pressed is None:
        return Received(answer=_UNKNOWN_ACTION, note="a button that is not this app's")
    value = _chosen(pressed, data)
    if value is None:
        return Received(answer=_NOTHING_CHOSEN, note="a menu without a choice")
    return Received(
        inputs=(_with(common, kind="action", message=message, action=pressed.action, value=value),)
    )


def _as(data: Any, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError:
        return None


def _chosen(pressed: Pressed, data: Mapping[str, Any]) -> str | None:
    """A button's value; of a menu `about`, a space and the choice; None where nothing was chosen."""
    if not pressed.menu:
        return pressed.value
    choice = data.get(pressed.menu)
    return f"{pressed.value} {choice}" if isinstance(choice, str) and choice else None


def _reaction(activity: Activity, common: ChatInput) -> Received:
    """Reactions to the bot's messages; Teams reports no others to a bot."""
    if not activity.reply_to_id:
        raise Refused(Refusal.MALFORMED, "the reaction names no message")
    told = {REACTIONS.get(added.type.partition("-tone")[0]) for added in activity.reactions_added or ()}
    message = message_id(activity.conversation.id, activity.reply_to_id)
    reply = {**common.reply, "activity": activity.reply_to_id}
    inputs = tuple(
        _with(
            common,
            kind="reaction",
            # Teams gives a reaction the id of its message, so the id alone is not one of its own:
            # https://github.com/microsoft/botbuilder-js/issues/3823
            key="|".join((common.key, common.user.id, action, activity.timestamp or "")),
            action=action,
            message=message,
            reply=reply,
        )
        for action in sorted(filter(None, told))
    )
    return Received(inputs=inputs, note="" if inputs else "a reaction that means nothing here")


_READERS: Final[Mapping[str, Callable[[Activity, ChatInput], Received]]] = {
    "message": _message,
    "invoke": _invoke,
    "messageReaction": _reaction,
}
