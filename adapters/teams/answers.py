"""What people get back in Teams: the immediate answer, the outcome, and forms.

A bot cannot answer one person in a channel: what is asked in a thread is answered in it, for all to see.
In a chat with one person everything is private.
"""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.contract import DeliveryError, Reason
from adapters.inbound import ChatInput, Form, HttpAnswer
from adapters.teams.card import CONTENT_TYPE, Activity, MessageData
from adapters.teams.connector import Connector
from adapters.teams.forms import form_activity, form_card, said_card
from adapters.teams.inbound import invoke_answer, invoke_message
from adapters.teams.verify import is_service

ON_IT: Final = "On it."
SENT: Final = "Sent. What comes of it is told in this conversation."

_EMPTY: Final = HttpAnswer()


def acknowledge(given: ChatInput, form: Form | None) -> HttpAnswer:
    """The answer to the request itself: a card in the place of the pressed one, a short text, or nothing.

    Only whoever pressed sees such a card
    (https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/universal-actions-for-adaptive-cards/user-specific-views).
    """
    if "invoke" not in given.reply:
        return _EMPTY
    if form is not None:
        return invoke_answer(200, CONTENT_TYPE, form_card(form))
    if given.kind == "form":  # in the place of the form, so that nobody sends it twice
        return invoke_answer(200, CONTENT_TYPE, said_card(SENT))
    return invoke_message(ON_IT)


class Answers:
    """Sends what follows an input, to the address that was signed with it."""

    def __init__(self, connector: Connector, base: str) -> None:
        self._connector = connector
        self._base = base

    async def open_form(self, given: ChatInput, form: Form) -> bool:
        """Show the form in the conversation, unless the acknowledgement has; False where nobody asked."""
        if not given.reply or given.kind == "reaction":
            return False
        if "invoke" not in given.reply:
            await self._send(given, form_activity(form))
        return True

    async def answer(self, given: ChatInput, activity: Activity, *, nonce: str) -> None:
        """Send an activity as the answer; nothing in a rehearsal."""
        if given.reply:
            await self._send(given, msgspec.structs.replace(activity, channel_data=MessageData(nonce=nonce)))

    async def _send(self, given: ChatInput, activity: Activity) -> None:
        reply = given.reply
        base = reply.get("service_url", "")
        if not is_service(base, self._base):  # the configuration may have changed since
            raise DeliveryError(Reason.REJECTED, "the address to answer to is not of service_url any more")
        to = msgspec.structs.replace(activity, reply_to_id=reply.get("activity"))
        await self._connector.answer(reply.get("conversation", ""), to, base=base)
