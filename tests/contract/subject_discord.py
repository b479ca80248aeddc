"""Discord for the adapters' common suite, with a small reader of Discord's markdown as its judge."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapters.contract import (
    Action,
    Choice,
    DeliveryError,
    Menu,
    Message,
)
from adapters.discord import PLATFORM
from adapters.discord.config import DiscordConfig
from adapters.discord.outbound import Discord
from adapters.http import Http
from adapters.inbound import (
    ChatInput,
    Form,
    HttpAnswer,
    Incoming,
    Received,
    Refusal,
    Refused,
)
from tests.contract.cases import card
from tests.contract.subject import Subject
from tests.fakes.base import Posted
from tests.fakes.discord import DiscordFake
from tests.fakes.discord_reading import TOKEN, read, texts
from tests.fakes.speaking import Signal

CHANNEL = "102020202020202020"
DANA, DAN = DiscordFake.people
ACKNOWLEDGE = Action(id="acknowledge", label="Acknowledge", value="INC-2024-001", style="primary")
LINK = Action(id="details", label="Details", value="1", url="https://im.example.com/i/1")
SEVERITY = Menu(
    id="severity",
    label="Change the severity",
    about="INC-2024-001",
    choices=(Choice("SEV-1", "Critical"), Choice("SEV-2", "High")),
)
ASSIGN = Menu(id="assign", label="Assign to", about="INC-2024-001", people=True)

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


def visible(posted: Posted) -> str:
    """What a person reads: markup taken away, escapes resolved."""
    return "\n".join([*(read(text) for text in texts(posted.shown)), *buttons(posted)])


def buttons(posted: Posted) -> list[str]:
    """The labels in order."""
    rows = posted.shown.get("components", [])
    return [one["label"] for row in rows for one in row["components"] if one["type"] == 2]


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
    plain = TOKEN.sub(lambda token: kept.get(token.lastgroup or "", ""), text)
    plain = _OUR_BOLD.sub(r"\1\2\3", plain)
    return [name for name, pattern in _MARKUP.items() if re.search(pattern, plain, re.MULTILINE)]


# What a conversation needs.


def incoming(signal: Signal, *, received_at: datetime | None = None, **headers: str) -> Incoming:
    at = received_at or datetime.now(UTC)
    return Incoming(headers=signal.headers | headers, body=signal.body, received_at=at)


async def take(adapter: Discord, fake: DiscordFake, signal: Signal, form: Form | None = None) -> ChatInput:
    """What the router does first: receive, and answer the request."""
    received = await adapter.receive(incoming(signal))
    [found] = received.inputs
    hear(fake, signal, adapter.acknowledge(found, form))
    return found


def hear(fake: DiscordFake, signal: Signal, answer: HttpAnswer) -> None:
    fake.heard(signal, answer.status, {"content-type": answer.media_type}, answer.body)


async def refusal(adapter: Discord, given: Incoming) -> Refusal:
    with pytest.raises(Refused) as caught:
        await adapter.receive(given)
    return caught.value.refusal


async def announced(adapter: Discord, fake: DiscordFake, **more: Any) -> Posted:
    usual: dict[str, Any] = {"actions": (ACKNOWLEDGE, LINK), "menus": (SEVERITY, ASSIGN)}
    message = Message(event="incident.created", headline="New", incident=card(), **(usual | more))
    receipt = await adapter.post(CHANNEL, message, nonce="announced")
    return fake.messages[receipt.ref.message_id]


def told(text: str) -> Message:
    return Message(event="text", headline="Done", text=text)


async def failing(call: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await call
    return caught.value


def received_by(fake: DiscordFake, raw: bytes) -> Received | None:
    """What a signed body says; None when it is refused. Nothing is asked of the network for it."""
    config = DiscordConfig(
        bot_token=fake.token,
        application_id=fake.application_id,
        public_key=fake.public_key,
        guild_id=fake.guild_id,
        default_channel=CHANNEL,
        api_base="http://127.0.0.1:9/api/v10",
    )
    try:
        return asyncio.run(Discord(config, Http()).receive(incoming(fake.signed(raw))))
    except Refused as refused:
        expected(refused)
        return None


def expected(refused: Refused) -> None:
    """Garbage is malformed, or happens to name another server, or direct messages (nobody can be asked)."""
    assert refused.refusal in (Refusal.MALFORMED, Refusal.WRONG_WORKSPACE, Refusal.KEYS_UNAVAILABLE)
