"""What is kept of a sentence: its words without what is private, how it was read, and what came of it.

It is what `im chat` shows of a turn, and what people judge in `im nlu review`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from nlu_model.parse import Parse
from router.chat import words
from router.chat.asked import Answer, Asked
from router.chat.questions import CONFIRMATION
from router.chat.undoing import UNDO
from router.chat.usage import INCIDENT
from router.dialogue import times
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


def outcome_of(answer: Answer, asked: Asked, *, cancelled: bool = False) -> Outcome:
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
    did = _did(answer, asked)
    return Outcome(does=(did,) if did else ())


def _did(answer: Answer, asked: Asked) -> dict[str, Any] | None:
    call = asked.call
    command = BY_COMMAND.get(call.command) or (call.command if call.command in _UNSAID else None)
    if command is None:
        return None
    given = {name: value for name, value in call.arguments.items() if name != "value"}
    slots = {slot_of(name): _value(name, value, asked) for name, value in given.items()}
    if answer.incident is not None and command != "declare_incident" and "service" not in slots:
        slots["incident_id"] = answer.incident.display_id
    if command == "assign_incident" and answer.incident is not None:
        slots["user"] = answer.incident.assignee
    return {"command": command, **slots}


_UNSAID: Final = frozenset({UNDO, "reopen", "why", "runbook", "broadcast"})
"""Commands without an intent that a mention can carry out."""


def _value(name: str, value: str, asked: Asked) -> object:
    if name == "duration":
        lasting = times.duration(value, asked.at, ZoneInfo("UTC"))
        return round(lasting.total_seconds()) if isinstance(lasting, timedelta) else value
    if name == "user" and value.lower() in ("me", "myself", "@me"):
        return asked.name
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
    whole = redacted(given.text)
    # As the model read them, so that quotes of a phone do not make a part of it look foreign.
    now, begun = words.plain(whole), words.plain(redacted(asked.call.said))
    kept: Mapping[str, Any] = {
        "id": asked.id,
        "at": at,
        "provider": asked.provider.name,
        "key": given.key,
        "channel": given.channel,
        "speaker": asked.speaker.label,
        "text": whole,
        "intent": parse.intent if parse else None,
        "confidence": parse.confidence if parse else None,
        "parse": msgspec.json.encode(_parse(parse, now)).decode() if parse else None,
        "outcome": msgspec.json.encode(_outcome(outcome, f"{now}\n{begun}")).decode(),
    }
    await connection.execute(statement("dialogue.keep"), kept)


def _parse(parse: Parse, whole: str) -> Parse:
    """The parse with what may be kept of its words."""
    entities = tuple(msgspec.structs.replace(each, text=_part(each.text, whole)) for each in parse.entities)
    return msgspec.structs.replace(parse, text=redacted(parse.text), entities=entities)


def _outcome(outcome: Outcome, whole: str) -> Outcome:
    """The outcome with what may be kept of its words; `whole` is what was said now and when it was begun."""
    does = tuple({name: _kept(name, value, whole) for name, value in each.items()} for each in outcome.does)
    return msgspec.structs.replace(outcome, does=does)


_WORDS: Final = ("title", "note", "description", "text")
"""Slots that hold words as they were said."""


def _kept(name: str, value: Any, whole: str) -> Any:
    if not isinstance(value, str):
        return value
    # A person is named by their account, which nobody needs to have said: `me`, `<@U024BE7LH>`.
    return _part(value, whole) if name in _WORDS else redacted(value) if name == "user" else value


def _part(text: str, whole: str) -> str:
    """A part of what was said as far as it is kept: what the whole does not show, its parts do not."""
    return next((each for each in (text, redacted(text)) if each in whole), "<redacted>")
