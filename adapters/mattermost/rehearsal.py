"""Requests as Mattermost would send them, made by the provider to itself."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec

from adapters.config import current
from adapters.inbound import Incoming
from adapters.mattermost import buttons
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import is_id
from adapters.mattermost.verify import FORM, JSON

NOBODY: Final = "rehearsal".ljust(26, "0")
"""The made-up person, channel and team: of the form of an id, but none that a server makes."""


def rehearse(
    config: MattermostConfig, kind: Literal["command", "action"], *, key: str, text: str, at: datetime
) -> Incoming:
    """`/im <text>`, or a press of the button `<id> <value>`; nobody waits for the answer."""
    headers, body = (_command if kind == "command" else _action)(config, key, text)
    return Incoming(headers=headers, body=body, received_at=at)


def _fields(config: MattermostConfig, key: str) -> dict[str, str]:
    by_id = is_id(config.team)
    return {
        "team_id": config.team if by_id else NOBODY,
        "team_domain": "" if by_id else config.team.lower(),
        "channel_id": NOBODY,
        "channel_name": "rehearsal",
        "user_id": NOBODY,
        "user_name": "rehearsal",
        "trigger_id": key,
    }


def _command(config: MattermostConfig, key: str, text: str) -> tuple[dict[str, str], bytes]:
    token = current(config.command_token)
    form = {"token": token, "command": "/im", "text": text, **_fields(config, key)}
    return {"content-type": FORM, "authorization": f"Token {token}"}, urlencode(form).encode()


def _action(config: MattermostConfig, key: str, text: str) -> tuple[dict[str, str], bytes]:
    action, _, value = text.partition(" ")
    secret = buttons.secret_for(current(config.bot_token), key, action, value)
    context = {"action": action, "value": value, "mark": key, "secret": secret}
    payload = {**_fields(config, key), "post_id": "", "type": "button", "data_source": "", "context": context}
    return {"content-type": JSON}, msgspec.json.encode(payload)
