"""Slash commands, buttons, menus and forms, as what people did."""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.inbound import ChatInput, Person, Received, Refusal, Refused
from adapters.slack import controls, forms, place
from adapters.slack.belonging import Home, kind_of, require
from adapters.slack.markup import typed
from adapters.slack.wire import BlockActions, Command, Element, Interaction, ViewSubmission

_NAMELESS: Final = frozenset({"directmessage", "privategroup"})
"""What Slack calls a channel that it does not name."""


def command(given: Command, home: Home) -> Received:
    """`/im …`; Slack takes commands of members of the workspace only, so nobody is external here."""
    organisation = given.enterprise_id if given.is_enterprise_install == "true" else None
    require(home, (given.team_id, organisation))
    done = ChatInput(
        key=given.trigger_id,
        kind="command",
        user=Person(id=given.user_id, name=given.user_name),
        workspace=home.team,
        channel=place.named(given.user_id, given.channel_id, "").channel,
        channel_name="" if given.channel_name in _NAMELESS else given.channel_name,
        channel_kind=kind_of(given.channel_id),
        text=typed(given.text),
        reply=_reply(home, given.response_url, channel=given.channel_id, trigger_id=given.trigger_id),
    )
    return Received(inputs=(done,))


def actions(given: BlockActions, home: Home) -> Received:
    """Presses and choices; normally one."""
    workspace = _workspace(given, home)
    channel = given.container.channel_id or (given.channel.id if given.channel else None)
    ts = given.container.message_ts
    if channel is None or ts is None:
        return Received(note="an action outside of messages")
    found = [done for element in given.actions if (done := _done(element))]
    if not found:
        return Received(note="a link was opened, or nothing was chosen")
    where = _pressed(given, home, workspace, channel, ts)
    inputs = (
        msgspec.structs.replace(where, key=f"{where.key}.{n}" if n else where.key, action=action, value=value)
        for n, (action, value) in enumerate(found)
    )
    return Received(inputs=tuple(inputs))


def _pressed(given: BlockActions, home: Home, workspace: str, channel: str, ts: str) -> ChatInput:
    """Who did it and where, without what it was."""
    thread = given.container.thread_ts or (given.message.thread_ts if given.message else None) or ""
    thread = "" if thread == ts else thread
    at = place.named(given.user.id, channel, ts)
    name = given.channel.name if given.channel else ""
    return ChatInput(
        key=given.trigger_id,
        kind="action",
        user=_person(given),
        workspace=workspace,
        channel=at.channel,
        channel_name="" if name in _NAMELESS else name,
        channel_kind=kind_of(channel, external=workspace != home.team),
        thread=place.named(given.user.id, channel, thread).message_id or None,
        # What only one person sees cannot be edited later.
        message=None if given.container.is_ephemeral else at.message_id,
        reply=_reply(
            home, given.response_url, channel=channel, trigger_id=given.trigger_id, thread_ts=thread
        ),
    )


def submission(given: ViewSubmission, home: Home) -> Received:
    """A form that was filled in; where it began is in the form itself, see forms.Origin."""
    workspace = _workspace(given, home, given.view.app_installed_team_id)
    origin = forms.origin(given.view.private_metadata)
    if origin is None:
        raise Refused(Refusal.MALFORMED, "the form is not one that this bot opened")
    at = place.named(given.user.id, origin.channel, origin.thread)
    done = ChatInput(
        # The form's own id: where our answer got lost, Slack asks to try again, and that has a new trigger.
        key=given.view.id,
        kind="form",
        user=_person(given),
        workspace=workspace,
        channel=at.channel,
        channel_kind=kind_of(origin.channel, external=workspace != home.team),
        thread=at.message_id or None,
        action=given.view.callback_id,
        value=origin.value,
        fields=forms.filled_in(given.view.state),
        reply=_reply(home, origin.response_url, channel=origin.channel, thread_ts=origin.thread)
        or {"channel": origin.channel},
    )
    return Received(inputs=(done,))


def _workspace(given: Interaction, home: Home, installed: str | None = None) -> str:
    """The person's workspace: the provider's, or their own where they are of another organisation.

    A press names as `team` where the app is installed, a form where the person is:
    https://github.com/slackapi/java-slack-sdk/issues/1041 and https://github.com/slackapi/bolt-js/issues/1614
    """
    team = given.team.id if given.team else None
    organisation = given.enterprise.id if given.enterprise else None
    theirs = given.user.team_id
    require(home, (installed, organisation if given.is_enterprise_install else None, team or theirs))
    app = installed or team
    return theirs if theirs and app and app not in (theirs, organisation) else home.team


def _done(element: Element) -> tuple[str, str] | None:
    """The router's action id and value; None where nothing comes of it."""
    known = controls.read(element.action_id)
    if known is None:
        return None
    action, about = known
    match element.type:
        case "button":
            return action, element.value or ""
        case "static_select" if element.selected_option:
            return action, element.selected_option.value
        case "users_select" if element.selected_user:
            return action, f"{about} @{element.selected_user}"
        case _:
            return None


def _person(given: Interaction) -> Person:
    return Person(id=given.user.id, name=given.user.name or given.user.username)


def _reply(home: Home, response_url: str, **where: str) -> dict[str, str]:
    """What an answer needs; nothing without a response_url, which only a rehearsal lacks.

    An address that is not Slack's is left out, so that the answer goes by the Web API.
    """
    if not response_url:
        return {}
    kept = {name: value for name, value in where.items() if value}
    return kept | ({"response_url": response_url} if home.may_answer(response_url) else {})
