"""Listening to Discord's interactions, and answering them: at once, by their token, or in the channel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from adapters.contract import DeliveryError, Message, Reason
from adapters.discord import commands, forms, interactions
from adapters.discord.api import Api
from adapters.discord.config import DiscordConfig
from adapters.discord.errors import UNKNOWN_INTERACTION, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, DiscordError
from adapters.discord.limits import EPOCH_MS
from adapters.discord.render import Payload, answering, for_one, marked, render
from adapters.discord.verify import verify
from adapters.inbound import (
    ChatInput,
    CommandSpec,
    Form,
    HttpAnswer,
    Incoming,
    Received,
    Refusal,
    Refused,
)

# https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type
_THINKING: Final = HttpAnswer(body=b'{"type":5,"data":{"flags":64}}')
"""Promises an answer that only the person sees."""
_UNCHANGED: Final = HttpAnswer(body=b'{"type":6}')
"""The message with the button stays as it is."""
_MODAL: Final = 9

_ACKNOWLEDGED: Final[Mapping[str, HttpAnswer]] = {
    "command": _THINKING,
    "form": _THINKING,
    "action": _UNCHANGED,
}
_OPENS_FORMS: Final = frozenset({"command", "action"})
"""A modal cannot follow a modal, and a mention is no interaction."""

_NOT_YET: Final = frozenset({UNKNOWN_INTERACTION, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK})
"""What Discord answers when the work was done before it had read the acknowledgement."""
_NOT_YET_WAITS: Final = (0.2, 0.5, 1.0)
_FRESH_SECONDS: Final = 30.0
_LOOK_UP_SECONDS: Final = 1.0
"""Of the 3 s in which Discord wants an answer, how many may go to each thing that is asked before it."""


class Inbound:
    """See adapters.inbound.Receives and Registers."""

    def __init__(self, api: Api, config: DiscordConfig, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._config = config
        self._clock = clock
        self._order: dict[str, tuple[str, ...]] = {}

    async def receive(self, incoming: Incoming) -> Received:
        """Verify, then parse; raises only Refused."""
        verify(self._config.public_key, incoming)
        found = interactions.parse(incoming, self._config)
        await self._require_member(interactions.alone_with(found))
        command = interactions.command_of(found)
        if command:
            await self._learn_order(command.options)
        return interactions.received(found, self._config, partial(commands.text, order=self._order))

    def acknowledge(self, given: ChatInput, form: Form | None) -> HttpAnswer:
        """The form, or the promise of an answer; a mention needs neither."""
        window = forms.modal(form) if form and given.kind in _OPENS_FORMS else None
        if window:
            return HttpAnswer(body=msgspec.json.encode({"type": _MODAL, "data": window}))
        return _ACKNOWLEDGED.get(given.kind, HttpAnswer())

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        """Whether `acknowledge` has opened it; Discord takes forms in no other way."""
        return bool(given.reply) and given.kind in _OPENS_FORMS and forms.modal(form) is not None

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        """Answer a command or form in place, a press below the message, anything else as a reply.

        An answer to a press is the only one that a second try may show twice: Discord keeps no nonce of it.
        """
        token = given.reply.get("token")
        if not given.reply:
            return
        if token is None:
            await self._reply(given, render(message), nonce)
        elif private or not await self._told_channel(given, render(message), nonce):
            await self._told_person(given, token, render(message))
        elif given.kind != "action":
            await self._patiently(given, partial(self._api.withdraw, token))

    async def register_commands(self, specs: tuple[CommandSpec, ...]) -> None:
        """Make `/im` with these subcommands the server's only command of this application, or no command."""
        registered = commands.registrations(specs)
        await self._api.register(registered)
        for command in registered:
            self._order = commands.order_of(command.options)

    async def _require_member(self, user: str | None) -> None:
        """Refused where who acts in direct messages is not in the server (any more): nothing else says so."""
        if user is None:
            return
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                member = await self._api.roles_of(user)
        except (DeliveryError, TimeoutError):
            raise Refused(
                Refusal.KEYS_UNAVAILABLE, "whether the person is in the server could not be asked of Discord"
            ) from None
        if member is None:
            raise Refused(Refusal.WRONG_WORKSPACE, "in direct messages, of somebody who is not in guild_id")

    async def _learn_order(self, given: Sequence[commands.Given]) -> None:
        """Ask once how arguments are registered, when somebody gave two; else they stay as they came."""
        if not commands.unordered(given) or all(option.name in self._order for option in given):
            return
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                listed = await self._api.commands_here()
        except (DeliveryError, TimeoutError):
            return
        for command in listed:
            if command.name == commands.NAME:
                self._order = commands.order_of(command.options)

    async def _told_person(self, given: ChatInput, token: str, payload: Payload) -> None:
        add = partial(self._api.follow_up, token, for_one(payload))
        if given.kind == "action":
            await self._patiently(given, add)
            return
        try:
            await self._patiently(given, partial(self._api.answer, token, payload))
        except DiscordError as error:
            # Acknowledged with a form that the person was not to have: no answer was promised to fill in.
            # https://github.com/Pycord-Development/pycord/issues/2238
            if error.code != UNKNOWN_MESSAGE:
                raise
            await add()

    async def _told_channel(self, given: ChatInput, payload: Payload, nonce: str) -> bool:
        """False where the bot may not write: commands work in channels that it cannot see."""
        try:
            await self._reply(given, payload, nonce)
        except DeliveryError as error:
            if error.reason is Reason.FORBIDDEN:
                return False
            raise
        return True

    async def _reply(self, given: ChatInput, payload: Payload, nonce: str) -> None:
        """Below the message that it is about, if any, in its channel or thread."""
        sent, about = marked(payload, nonce), given.reply.get("message")
        await self._api.create(
            given.reply["channel"], answering(sent, about, must_exist=False) if about else sent
        )

    async def _patiently(self, given: ChatInput, call: Callable[[], Awaitable[None]]) -> None:
        for wait in _NOT_YET_WAITS:
            try:
                return await call()
            except DiscordError as error:
                if error.code not in _NOT_YET or not self._fresh(given):
                    raise
            await asyncio.sleep(wait)
        return await call()

    def _fresh(self, given: ChatInput) -> bool:
        """Whether it was made just now; an interaction's id holds its time."""
        made = (int(given.key) >> 22) + EPOCH_MS if given.key.isdecimal() else 0
        return abs(self._clock() - made / 1000) < _FRESH_SECONDS
