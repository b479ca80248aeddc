"""An answer to the question that was asked: a value, a yes, a no, a correction, or something else."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from nlu_model.parse import Entity
from router.chat.asked import Asks
from router.chat.questions import CONFIRMATION
from router.chat.usage import INCIDENT
from router.dialogue import bare
from router.dialogue.intents import BY_COMMAND, INTENTS
from router.dialogue.meaning import SURE, Meaning, arguments

_FREE: Final = ("title", "note", "text", "description", "reason")
"""Slots whose values are words of one's own: any sentence can be one."""
_MAX_NAME_WORDS: Final = 3
"""Of a service's name."""


_LEAD: Final = re.compile(
    r"(?:[\w' ]{1,30}[:=]|it'?s|just|call it|title it|please|say|write|put|the (?:title|note) is)\s*[\"'“]?",
    re.IGNORECASE,
)
"""What may come before a title or a note."""


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer comes to."""

    kind: Literal["yes", "no", "given", "again", "other"]
    """`given`: arguments for the call; `again`: the question stands; `other`: no answer at all."""
    arguments: dict[str, str] = {}


YES: Final = Answering(kind="yes")
NO: Final = Answering(kind="no")
AGAIN: Final = Answering(kind="again")
OTHER: Final = Answering(kind="other")


def given(slot: str, value: str) -> Answering:
    """The value that was asked for."""
    return Answering(kind="given", arguments={slot: value})


def without_model(asks: Asks, text: str, known: str | None) -> Answering | None:
    """What a bare answer comes to; None where it takes a model. `known` is the value that the text is."""
    if bare.is_cancel(text):
        return NO
    if asks.slot == CONFIRMATION:
        return YES if bare.is_yes(text) else NO if bare.is_no(text) else None
    if bare.is_no(text):
        return NO
    found = bare.chosen(text, asks.choices) or known
    if found is None and bare.is_yes(text) and len(asks.choices) == 1:
        found = asks.choices[0]
    return given(asks.slot, found) if found else None


def away(asks: Asks, text: str) -> Answering | None:
    """What a sentence comes to that nothing can read now: words of one's own, where those were asked for."""
    return given(asks.slot, text) if asks.slot in _FREE else None


def by_model(asks: Asks, meant: Meaning) -> Answering:
    """What an answer comes to that the model has read."""
    if meant.intent == "cancel":
        return NO
    slots = _taken(asks, meant)
    if meant.intent in ("affirm", "deny", "inform"):
        return _short(asks, meant, slots)
    if asks.slot in _FREE:
        return _free(asks, meant, slots)
    if asks.slot == CONFIRMATION and BY_COMMAND.get(asks.call.command) == meant.intent and not meant.sure:
        return _short(asks, meant, slots)
    if meant.intent in INTENTS and meant.confidence >= SURE:
        return _command(asks, meant, slots)
    return Answering(kind="given", arguments=slots) if _fits(asks, slots) else AGAIN


def _short(asks: Asks, meant: Meaning, slots: dict[str, str]) -> Answering:
    if asks.slot in _FREE and meant.intent == "inform" and (meant.wordy or _marks_words(meant)):
        return _written(asks, meant, slots)
    slots = _named_whole(asks, meant, slots)
    news = {name: value for name, value in slots.items() if asks.call.arguments.get(name) != value}
    if news:
        return Answering(kind="given", arguments=news)
    if meant.intent == "deny":
        return NO
    if meant.intent == "affirm":
        return YES if asks.slot == CONFIRMATION else AGAIN
    return AGAIN


def _named_whole(asks: Asks, meant: Meaning, slots: dict[str, str]) -> dict[str, str]:
    """The slots, with a service by all of its words where the model marks some of a bare answer (`card
    issuing`); one of the catalogue is known by any."""
    said = bare.trimmed(meant.text)
    marked = next((each for each in meant.entities if each.entity == "service"), None)
    if asks.slot != "service" or marked is None or len(meant.entities) > 1:
        return slots
    unknown = slots.get("service") == marked.text and marked.text in said
    whole = len(said.split()) <= _MAX_NAME_WORDS and len(bare.clauses(said)) == 1
    return slots | {"service": said} if unknown and whole else slots


def _marks_words(meant: Meaning) -> bool:
    return any(each.entity in _FREE for each in meant.entities)


def _free(asks: Asks, meant: Meaning, slots: dict[str, str]) -> Answering:
    """A sentence instead of a title or a note is one, unless it clearly asks for something else."""
    if _switches(asks, meant):
        return OTHER
    return _written(asks, meant, slots)


def _written(asks: Asks, meant: Meaning, slots: dict[str, str]) -> Answering:
    """The whole sentence as a title or a note, or what the model marks as one where it says more than that:
    a severity, a service, words that lead to it."""
    marked = next((each for each in meant.entities if each.entity == asks.slot), None)
    if marked is not None and asks.slot in slots:
        led = _LEAD.fullmatch(meant.text[: marked.start]) is not None
        if asks.slot == "title":
            slots = _titled(asks, meant, marked, slots)
        if led or (asks.slot == "title" and slots.keys() - {*_FREE}):
            return Answering(kind="given", arguments=slots)
    return given(asks.slot, meant.text.strip())


def _titled(asks: Asks, meant: Meaning, title: Entity, slots: dict[str, str]) -> dict[str, str]:
    """The slots of a title that is answered. A service belongs to it where it runs on from one (`card
    terminals are offline`), and says nothing new where the call has one."""
    runs_on = [
        each
        for each in meant.entities
        if each.entity == "service"
        and each.end <= title.start
        and not meant.text[each.end : title.start].strip()
    ]
    if runs_on:
        slots = slots | {"title": meant.text[runs_on[0].start : title.end]}
    if runs_on or "service" in asks.call.arguments:
        slots = {name: value for name, value in slots.items() if name != "service"}
    return slots


def _switches(asks: Asks, meant: Meaning) -> bool:
    doing = INTENTS.get(meant.intent)
    if doing is None or meant.confidence < SURE or doing.command == asks.call.command:
        return False
    return bool(meant.incidents) or not doing.acts or (doing.command == "declare" and asks.slot != "title")


def _command(asks: Asks, meant: Meaning, slots: dict[str, str]) -> Answering:
    """The same command said again with what was missing, or another one."""
    if BY_COMMAND.get(asks.call.command) == meant.intent and _fits(asks, slots):
        return Answering(kind="given", arguments=slots)
    return OTHER


def _fits(asks: Asks, slots: dict[str, str]) -> bool:
    return asks.slot in slots or (asks.slot == "service" and INCIDENT in slots)


def _taken(asks: Asks, meant: Meaning) -> dict[str, str]:
    """The values of an answer that the call takes."""
    intent = BY_COMMAND.get(asks.call.command)
    doing = INTENTS.get(intent or "")
    names = {*(doing.takes if doing else ()), *(("incident_id",) if doing and doing.incident else ())}
    if asks.slot not in (CONFIRMATION, INCIDENT):
        names.add(asks.slot)
    return arguments(meant.slots, sorted(names))
