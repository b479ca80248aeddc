"""Answers to what people did: shown to them alone by response_url, or in the channel or its thread."""

from __future__ import annotations

from typing import Final

import msgspec

from adapters import http
from adapters.contract import Message, Outbound
from adapters.inbound import ChatInput, Form
from adapters.slack import forms, place
from adapters.slack.api import Refusal, Said, WebApi, refusal
from adapters.slack.posting import Posting, rendered
from adapters.slack.render import Payload

# https://docs.slack.dev/interactivity/handling-user-interaction#message_responses : a response_url works
# "up to 5 times within 30 minutes"; past that Slack answers 404 with one of these.
_SPENT: Final = frozenset({"used_url", "expired_url"})
_GONE: Final = frozenset({404, 410})

_TYPES: Final = {True: "ephemeral", False: "in_channel"}


class _Spent(Exception):
    """The response_url takes no more answers."""


class Answers:
    """See adapters.inbound.Receives.answer and open_form."""

    def __init__(self, api: WebApi, posting: Posting, outbound: Outbound) -> None:
        self._api = api
        self._posting = posting
        self._http = outbound

    async def answer(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        if not given.reply:
            return
        url = given.reply.get("response_url")
        if url:
            try:
                await self._respond(url, given, message, private=private)
            except _Spent:
                pass
            else:
                return
        await self._say(given, message, private=private, nonce=nonce)

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        trigger = given.reply.get("trigger_id")
        if not trigger:
            return False
        opening = {"trigger_id": trigger, "view": forms.view(form, given.reply)}
        try:
            await self._api.tell("views.open", opening, Said)
        except Refusal as refused:
            # Only this adapter has the trigger, so an earlier try has opened the form.
            if refused.code != "exchanged_trigger_id":
                raise
        return True

    async def _respond(self, url: str, given: ChatInput, message: Message, *, private: bool) -> None:
        to: dict[str, object] = {"response_type": _TYPES[private], "replace_original": False}
        if thread := given.reply.get("thread_ts"):
            to["thread_ts"] = thread

        async def send(payload: Payload) -> None:
            # The address is the authority: the token stays at home.
            answer = await self._http.request(
                "POST",
                url,
                headers={"content-type": "application/json; charset=utf-8"},
                body=http.encode(msgspec.structs.asdict(payload) | to),
            )
            code = _error(answer.body)
            if answer.status in _GONE or code in _SPENT:
                raise _Spent
            if answer.status != 200:
                raise http.failure(answer, "Slack's response_url")
            if code:
                raise refusal(code, "", answer)

        await rendered(message, send)

    async def _say(self, given: ChatInput, message: Message, *, private: bool, nonce: str) -> None:
        conversation, thread = given.reply["channel"], given.reply.get("thread_ts")
        if private and given.channel_kind != "direct":
            in_thread = thread if given.thread else None
            await self._posting.whisper(conversation, given.user.id, message, thread=in_thread)
        elif thread:
            await self._posting.post(given.channel, message, nonce=nonce, thread=(conversation, thread))
        else:
            # A command may come from a conversation of two others, where the bot cannot be.
            channel = f"@{given.user.id}" if place.is_direct(conversation) else conversation
            await self._posting.post(channel, message, nonce=nonce)


def _error(body: bytes) -> str:
    """Slack's word for why; empty for its `ok`, which is plain text or JSON."""
    try:
        return msgspec.json.decode(body, type=Said).error
    except http.UNREADABLE:
        return ""
