"""Discord for the adapters' common suite, with a small reader of Discord's markdown as its judge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from adapters.discord import PLATFORM
from adapters.discord.config import DiscordConfig
from tests.contract.subject import Subject
from tests.fakes.base import Posted
from tests.fakes.discord import DiscordFake

CHANNEL = "102020202020202020"

# Discord reads from left to right: in code nothing is an escape, and an address is read whole.
_TOKEN = re.compile(
    r"\\(?P<escaped>[^0-9A-Za-z\s])|```\n?(?P<block>.*?)```|`(?P<code>[^`]+)`"
    r"|<(?P<quiet>https?://[^\s<>]+)>|(?P<address>https?://[^\s<>\\]+)",
    re.DOTALL,
)
_OUR_TIME = re.compile(r"<t:\d+:R>")
_OUR_BOLD = re.compile(r"^((?:[^\w\s*]+ )?)\*\*([^*]+)\*\*|\*\*([^*\n]+:)\*\*", re.MULTILINE)
"""Bold from the start of a line, after an emoji at most, or of a label that ends with a colon."""
_MARKUP = {
    "mention of everybody": r"@(?:everyone|here)",
    "mention, emoji or time": r"<(?:@|#|/|:|a:|t:|id:)",
    "masked link": r"\]\(",
    "bold or italics": r"\*|__|\b_[^_]+_\b",
    "strike-through": r"~~",
    "spoiler": r"\|\|",
    "code": r"`",
    "heading, quote or list": r"^\s*(?:#{1,3} |-# |>|[-*+] |\d+\. )",
    "emoji": r":[^\s:]+:",
}


@contextmanager
def subject() -> Iterator[Subject]:
    """Discord with a running fake."""
    with DiscordFake() as fake:
        config = config_for(fake)
        yield Subject(
            platform=PLATFORM,
            config=config,
            bad_config=msgspec.structs.replace(config, bot_token="MTA5.wrong.but-secret-all-the-same-98765"),
            fake=fake,
            channel=CHANNEL,
            missing_channel=fake.missing_channel,
            user_query="@dana",
            user_id="201234567890123456",
            visible=visible,
            buttons=buttons,
            pings=pings,
            sends_path=r"/channels/\d+/messages",
        )


def config_for(fake: DiscordFake) -> DiscordConfig:
    """A provider that points at the fake."""
    return DiscordConfig(
        bot_token=fake.token,
        application_id=fake.application_id,
        public_key=fake.public_key,
        guild_id=fake.guild_id,
        default_channel=CHANNEL,
        api_base=f"{fake.url}/api/v10",
    )


def texts(shown: dict[str, Any]) -> list[str]:
    """All texts of a message in which Discord reads markdown."""
    found = [shown.get("content") or ""]
    for embed in shown.get("embeds", []):
        found += [embed.get("title", ""), embed.get("description", "")]
        for field in embed.get("fields", []):
            found += [field["name"], field["value"]]
    return [text for text in found if text]


def visible(posted: Posted) -> str:
    """What a person reads: markup taken away, escapes resolved."""
    return "\n".join([*(read(text) for text in texts(posted.shown)), *buttons(posted)])


def read(text: str) -> str:
    """One text as it is shown."""
    bold = re.compile(rf"{_TOKEN.pattern}|\*\*", re.DOTALL)
    return bold.sub(lambda token: token.group(token.lastgroup) if token.lastgroup else "", text)


def buttons(posted: Posted) -> list[str]:
    """The labels in order."""
    return [button["label"] for row in posted.shown.get("components", []) for button in row["components"]]


def pings(posted: Posted) -> list[str]:
    """What would notify or format, apart from the adapter's and a template's own bold, code and times."""
    shown = posted.shown
    allowed = shown.get("allowed_mentions")
    found = [] if allowed == {"parse": []} else [f"allowed_mentions is {allowed}"]
    bodies = [embed.get("description") for embed in shown.get("embeds", [])]
    for text in texts(shown):
        found += [f"{name} in {text!r}" for name in markup(text, code=text not in bodies)]
    return found


def markup(text: str, *, code: bool = True) -> list[str]:
    """The kinds of markup that would take effect in a text; `code` says whether code is one of them."""
    if _OUR_TIME.fullmatch(text):
        return []
    kept = {"escaped": "x", "code": "`", "block": "`"} if code else {"escaped": "x"}
    plain = _TOKEN.sub(lambda token: kept.get(token.lastgroup or "", ""), text)
    plain = _OUR_BOLD.sub(r"\1\2\3", plain)
    return [name for name, pattern in _MARKUP.items() if re.search(pattern, plain, re.MULTILINE)]
