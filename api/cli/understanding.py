"""Asking the language service about many sentences, some at a time, in order; entities with their values."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from nlu_model.client import Interpreter
from nlu_model.parse import Entity, Parse
from router.catalogue.catalogue import Catalogue
from router.catalogue.live import LiveCatalogue
from router.dialogue.values import value_of
from router.settings import Settings

AT_ONCE: Final = 4
PATIENCE_SECONDS: Final = 20.0
"""A person waits longer for many than a chat does for one."""


def asked(settings: Settings, address: str, sentences: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The record of each sentence, in order, as soon as it is there. Raises Away.

    {"text", "intent", "confidence", "entities": [{"entity", "text", "value", "start", "end"}],
    "alternatives": [{"intent", "confidence"}]}
    """
    catalogue = LiveCatalogue(settings.catalogue, default_timezone=settings.timezone).current
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    with asyncio.Runner() as runner:
        interpreter = Interpreter(lambda: address, timeout=PATIENCE_SECONDS)
        waiting: deque[asyncio.Task[Parse]] = deque()
        try:
            for sentence in sentences:
                waiting.append(runner.get_loop().create_task(interpreter.parse(sentence)))
                if len(waiting) == AT_ONCE:
                    yield record(runner.run(_result(waiting.popleft())), now, zone, catalogue)
            while waiting:
                yield record(runner.run(_result(waiting.popleft())), now, zone, catalogue)
        finally:
            for task in waiting:
                task.cancel()
            runner.run(interpreter.close())


def record(parse: Parse, now: datetime, zone: ZoneInfo, catalogue: Catalogue) -> dict[str, Any]:
    """A parse as it is printed."""

    def shown(entity: Entity) -> dict[str, Any]:
        value = value_of(entity, now=now, zone=zone, catalogue=catalogue)
        return {
            "entity": entity.entity,
            "text": entity.text,
            "value": value,
            "start": entity.start,
            "end": entity.end,
        }

    return {
        "text": parse.text,
        "intent": parse.intent,
        "confidence": parse.confidence,
        "entities": [shown(entity) for entity in parse.entities],
        "alternatives": msgspec.to_builtins(parse.alternatives),
    }


def sentence_of(line: str) -> str:
    """The sentence of an input line: the `text` of a JSON object, else the line as it is."""
    if line.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(line, type=_Line).text
        except (msgspec.DecodeError, UnicodeEncodeError):
            return line
    return line


class _Line(msgspec.Struct, frozen=True):
    text: str


async def _result(task: asyncio.Task[Parse]) -> Parse:
    return await task
