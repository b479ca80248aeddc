"""From a Mattermost request to what somebody did: verified, parsed, of this team, in the router's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from adapters.contract import DeliveryError
from adapters.inbound import ChatInput, Incoming, Person, Received, Refusal, Refused
from adapters.mattermost import mentions, payloads
from adapters.mattermost.acknowledge import NOTHING, whisper
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import Directory
from adapters.mattermost.limits import LOOK_UP_SECONDS
from adapters.mattermost.mentions import cleaned
from adapters.mattermost.payloads import Sent
from adapters.mattermost.rehearsal import NOBODY
from adapters.mattermost.verify import Shape, Verified, verified
from adapters.mattermost.workspace import Workspace

_Parser = Callable[[Incoming, Verified], Awaitable[Received]]


class Inbound:
    """See adapters.inbound.Receives."""

    def __init__(self, config: MattermostConfig, directory: Directory, workspace: Workspace) -> None:
        self._config = config
        self._directory = directory
        self._workspace = workspace
        self._parsers: Mapping[Shape, _Parser] = {
            "command": self._command,
            "mention": self._mention,
            "action": self._action,
            "dialog": self._dialog,
        }

    async def receive(self, incoming: Incoming) -> Received:
        """Verify, then parse; raises only Refused."""
        proved = verified(incoming, self._config)
        return await self._parsers[proved.shape](incoming, proved)

    async def _command(self, _: Incoming, proved: Verified) -> Received:
        sent = payloads.from_form(payloads.Command, proved.form)
        workspace = await self._workspace.of(sent.team_id, sent.team_domain)
        if not self._config.enable_slash_commands:
            return Received(note="commands are off", answer=whisper("Slash commands are switched off here."))
        reply = {"trigger": sent.trigger_id, "root": sent.root_id}
        if from_server(sent.response_url, self._config.base_url):
            reply["response_url"] = sent.response_url
        given = _given(
            sent, "command", workspace, reply, text=cleaned(sent.text), thread=sent.root_id or None
        )
        return Received(inputs=(given,))

    async def _mention(self, incoming: Incoming, proved: Verified) -> Received:
        sent = (
            payloads.from_form(payloads.Mention, proved.form)
            if proved.form
            else payloads.from_json(payloads.Mention, incoming.body)
        )
        workspace = await self._workspace.of(sent.team_id, sent.team_domain)
        if await self._is_own(sent.user_id):
            return Received(note="a bot's message", answer=NOTHING)
        text = mentions.without_trigger(cleaned(sent.text), sent.trigger_word)
        text = await mentions.with_ids(text, self._directory)
        root = {"root": sent.post_id}
        given = _given(sent, "mention", workspace, root, text=text, message=sent.post_id or None)
        return Received(inputs=(given,))

    async def _action(self, incoming: Incoming, proved: Verified) -> Received:
        sent = payloads.from_json(payloads.Pressed, incoming.body)
        action, value = payloads.chosen(proved.context)
        workspace = await self._workspace.of(sent.team_id, sent.team_domain)
        reply = {"trigger": sent.trigger_id, "root": sent.post_id}
        given = _given(
            sent, "action", workspace, reply, action=action, value=value, message=sent.post_id or None
        )
        return Received(inputs=(given,))

    async def _dialog(self, incoming: Incoming, proved: Verified) -> Received:
        sent = payloads.from_json(payloads.Submitted, incoming.body)
        told = proved.opened
        if told is None or sent.user_id != told.user or sent.callback_id != told.form:
            raise Refused(Refusal.BAD_SIGNATURE, "the dialog was opened for another person or another form")
        workspace = await self._workspace.of(sent.team_id, sent.team_domain)
        if sent.cancelled:
            return Received(note="a cancelled dialog", answer=NOTHING)
        given = _given(
            sent,
            "form",
            workspace,
            {"root": told.thread or told.message or ""},
            key=told.key,
            action=told.form,
            value=told.value,
            message=told.message,
            thread=told.thread,
            fields={name: cleaned(text) for name, text in payloads.filled(sent, told.people).items()},
        )
        return Received(inputs=(given,))

    async def _is_own(self, user_id: str) -> bool:
        """Whether the bot itself wrote it; while that cannot be asked, it is taken for a person's."""
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                return (await self._directory.me()).id == user_id
        except (DeliveryError, TimeoutError):
            return False


def from_server(url: str, base_url: str) -> bool:
    """Whether an address to answer to is the configured server's own, and nothing but its hook for commands.

    The server builds it from its SiteURL: server/channels/app/command.go.
    """
    try:
        given, base = urlsplit(url), urlsplit(base_url)
        same = (given.scheme, given.hostname, given.port) == (base.scheme, base.hostname, base.port)
    except ValueError:
        return False
    hook = f"{base.path.rstrip('/')}/hooks/commands/"
    name = given.path.removeprefix(hook)
    plain = not (given.query or given.fragment or given.username or given.password)
    return same and plain and given.path.startswith(hook) and name.isalnum() and name.isascii()


def _given(sent: Sent, kind: Any, workspace: str, reply: dict[str, str], **more: Any) -> ChatInput:
    """The input, with an empty `reply` in a rehearsal, where there is nobody to answer."""
    rehearsed = sent.user_id == NOBODY
    answer_to = {name: value for name, value in (reply | {"user": sent.user_id}).items() if value}
    return ChatInput(
        key=more.pop("key", sent.key),
        kind=kind,
        user=Person(id=sent.user_id, name=cleaned(sent.user_name)),
        workspace=workspace,
        channel=sent.channel_id,
        channel_name=cleaned(sent.channel_name),
        channel_kind="direct" if sent.direct else "channel",
        reply={} if rehearsed else answer_to,
        **more,
    )
