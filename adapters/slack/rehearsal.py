"""Requests to ourselves, signed as Slack signs: they prove the way in without anybody typing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

from adapters.inbound import Incoming
from adapters.slack.controls import OURS
from adapters.slack.verify import SIGNATURE, TIMESTAMP, sign

PERSON: Final = "U_REHEARSAL"
CHANNEL: Final = "C_REHEARSAL"


def request(
    kind: Literal["command", "action"], *, secret: str, team: str, key: str, text: str, at: datetime
) -> Incoming:
    """See Rehearses.rehearsal. It has no response_url, so there is nobody to answer."""
    fields = _command(team, key, text) if kind == "command" else _action(team, key, text, at)
    body = urlencode(fields).encode()
    timestamp = str(int(at.timestamp()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        TIMESTAMP: timestamp,
        SIGNATURE: sign(secret, timestamp, body),
    }
    return Incoming(headers=headers, body=body, received_at=at)


def _command(team: str, key: str, text: str) -> dict[str, str]:
    return {
        "command": "/im",
        "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "team_id": team,
        "user_id": PERSON,
        "user_name": "rehearsal",
        "channel_id": CHANNEL,
        "channel_name": "rehearsal",
        "trigger_id": key,
    }


def _action(team: str, key: str, action: str, at: datetime) -> dict[str, str]:
    payload = {
        "type": "block_actions",
        "user": {"id": PERSON, "username": "rehearsal", "team_id": team},
        "team": {"id": team, "domain": "rehearsal"},
        "channel": {"id": CHANNEL, "name": "rehearsal"},
        "container": {
            "type": "message",
            "message_ts": f"{at.timestamp():.6f}",
            "channel_id": CHANNEL,
            "is_ephemeral": False,
        },
        "trigger_id": key,
        "actions": [{"type": "button", "action_id": f"{OURS}{action}", "value": ""}],
    }
    return {"payload": json.dumps(payload)}
