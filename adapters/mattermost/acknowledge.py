"""The immediate answers to what Mattermost sends, by what it sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.inbound import ChatInput, Form, HttpAnswer

NOTHING: Final = HttpAnswer(body=b"{}")
"""An action's, a webhook's and a dialog's answer that changes nothing and says nothing."""


def whisper(text: str) -> HttpAnswer:
    """A command's answer that only its author sees.

    https://docs.mattermost.com/developers/integrate/slash-commands/custom, "Response parameters".
    """
    body: Mapping[str, Any] = {"response_type": "ephemeral", "text": text}
    return HttpAnswer(body=msgspec.json.encode(body))


def acknowledgement(given: ChatInput, form: Form | None) -> HttpAnswer:
    """`On it …` to a command that opens no form; nothing to the rest."""
    return whisper("On it …") if given.kind == "command" and form is None else NOTHING
