"""Slack for the adapters' common suite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from adapters.slack import PLATFORM
from adapters.slack.config import SlackConfig
from tests.contract.subject import Subject
from tests.fakes.base import Posted
from tests.fakes.slack import SlackFake
from tests.fakes.slack_blocks import DATE, resolve, texts

_MARKUP = re.compile(r"<[^>]*>")
_FORMATTING = re.compile(
    r"(?:^|(?<=[\s\W]))([*_~])\S(?:[^\n]*?\S)?\1(?=$|[\s\W])|`[^`\n]+`|:[\w+'-]+:|^\s*&gt;", re.MULTILINE
)


def visible(posted: Posted) -> str:
    payload = posted.shown
    return "\n".join(resolve(text) for _, text in texts([payload["blocks"], payload["attachments"]]))


def buttons(posted: Posted) -> list[str]:
    return [
        resolve(element["text"]["text"])
        for attachment in posted.shown["attachments"]
        for block in attachment["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def pings(posted: Posted) -> list[str]:
    """Mentions and links anywhere (the fallback included), and formatting that is not the router's."""
    payload = posted.shown
    found = _markup(payload["text"]) if payload["text"] else []
    if payload.get("parse") != "none" or payload.get("link_names") is not False:
        found.append("names are linked")
    for kind, text in texts([payload["blocks"], payload["attachments"]]):
        found += _markup(text)
        if kind == "mrkdwn" and not re.fullmatch(r"\*[^*_~`<>]+\*", text):
            found += [match.group() for match in _FORMATTING.finditer(DATE.sub("\x01", text))]
    return found


def _markup(text: str) -> list[str]:
    stray = re.findall(r"&(?!amp;|lt;|gt;).{0,6}", text)
    return [*stray, *(match.group() for match in _MARKUP.finditer(DATE.sub("", text)))]


@contextmanager
def subject(**more: Any) -> Iterator[Subject]:
    with SlackFake(**more) as fake:
        config = SlackConfig(
            bot_token=fake.token,
            signing_secret=fake.signing_secret,
            default_channel="C0INCIDENTS",
            team_id=fake.team_id,
            api_base=fake.url,
        )
        yield Subject(
            platform=PLATFORM,
            config=config,
            bad_config=msgspec.structs.replace(config, bot_token="xoxb-9999999999-9999999999-wrongbottoken"),
            fake=fake,
            channel="C0INCIDENTS",
            missing_channel=fake.missing_channel,
            user_query="dana@example.com",
            user_id="U0DANA",
            visible=visible,
            buttons=buttons,
            pings=pings,
            sends_path=r"/chat\.",
        )
