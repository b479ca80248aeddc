"""What is kept of a sentence: its words without what is private, how it was read, and what came of it.

It is what `im chat` shows of a turn, and what people judge in `im nlu review`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from nlu_model.parse import Parse
from router.chat.asked import Answer, Asked, Call
from router.chat.questions import CONFIRMATION
from router.chat.undoing import UNDO
from router.chat.usage import INCIDENT
from router.dialogue.intents import BY_COMMAND, slot_of
from router.store import statement
from router.store.database import Connection

_PRIVATE: Final = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"(?<=://)[^/\s@]+@"), "<login>@"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token|api[-_ ]?key|bearer)(\s*[:=]\s*|\s+is\s+|\s+)\S+"),
        r"\1 <secret>",
    ),
    (re.compile(r"\b(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{24,}"), "<secret>"),
    (re.compile(r"(?<![\w-])\+?\d[\d\s().-]{8,}\d(?![\w-])"), "<number>"),
)
"""What is not kept, and what stands for it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a turn, in the shape that `im chat --json` prints beside the messages."""

    asks_for: str | None = None
    """The slot that the bot asked for."""
    offers: tuple[str, ...] = ()
    """Incidents that were offered to choose from."""
    confirm: bool = False
    """Whether a yes or no was asked for."""
    does: tuple[dict[str, Any], ...] = ()
    """What was done: `{"command": intent, slots…}`."""
    refused: bool = False
    cancelled: bool = False


def outcome_of(answer: Answer, call: Call, *, cancelled: bool = False) -> Outcome:
    """What came of a turn."""
    if cancelled:
        return Outcome(cancelled=True)
    if answer.outcome == "asked":
        asks = answer.asks
        if asks is None:
            return Outcome()
        confirm = asks.slot == CONFIRMATION
        return Outcome(
            asks_for=None if confirm else slot_of(asks.slot),
            offers=asks.choices if asks.slot == INCIDENT else (),
            confirm=confirm,
        )
    if answer.outcome != "done":
        return Outcome(refused=True)
    did = _did(answer, call)
    return Outcome(does=(did,) if did else ())


def _did(answer: Answer, call: Call) -> dict[str, Any] | None:
    command = BY_COMMAND.get(call.command) or (call.command if call.command in _UNSAID else None)
    if command is None:
        return None
    slots = {slot_of(name): _value(name, value) for name, value in call.arguments.items() if name != "value"}
    if answer.incident is not None and command != "declare_incident" and "service" not in slots:
        slots["incident_id"] = answer.incident.display_id
    if command == "assign_incident" and answer.incident is not None:
        slots["user"] = answer.incident.assignee
    return {"command": command, **slots}


_UNSAID: Final = frozenset({UNDO, "reopen", "why", "runbook", "broadcast"})
"""Commands without an intent that a mention can carry out."""


def _value(name: str, value: str) -> object:
    if name == "duration":
        return int(value[:-1]) * 60 if re.fullmatch(r"\d+m", value) else value
    if name == "status":
        return value.split(",") if "," in value else value
    if name == "period":
        since, slash, until = value.partition("/")
        return {"since": since, "until": until} if slash else value
    return value


def redacted(text: str) -> str:
    """The text without addresses, numbers and secrets that say nothing about what was meant."""
    for pattern, instead in _PRIVATE:
        text = pattern.sub(instead, text)
    return text


async def keep(
    connection: Connection, asked: Asked, parse: Parse | None, outcome: Outcome, at: datetime
) -> None:
    """Keep a turn in the transaction that writes it down."""
    given = asked.given
    kept: Mapping[str, Any] = {
        "id": asked.id,
        "at": at,
        "provider": asked.provider.name,
        "key": given.key,
        "channel": given.channel,
        "speaker": asked.speaker.label,
        "text": redacted(given.text),
        "intent": parse.intent if parse else None,
        "confidence": parse.confidence if parse else None,
        "parse": msgspec.json.encode(_without_words(parse)).decode() if parse else None,
        "outcome": msgspec.json.encode(outcome).decode(),
    }
    await connection.execute(statement("dialogue.keep"), kept)


def _without_words(parse: Parse) -> Parse:
    """The parse with the words in it redacted; places in a text that changed would mislead."""
    if redacted(parse.text) == parse.text:
        return parse
    entities = tuple(msgspec.structs.replace(each, text=redacted(each.text)) for each in parse.entities)
    return msgspec.structs.replace(parse, text=redacted(parse.text), entities=entities)
