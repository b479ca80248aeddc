"""Two requests in one sentence: `ack INC-7 and bump it to sev2`."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from router import ids
from router.chat.asked import Answer, said
from router.dialogue.intents import FREE_TEXT, INTENTS
from router.dialogue.meaning import Meaning

_JOINT: Final = re.compile(
    r"\s*[,;.]?\s+(?:and then|and also|and|then|&)\s+(?:(?:then|also|please|pls|you can)\s+)*"
    r"(?=(?:ack|acknowledge|resolve|close|escalate|bump|raise|lower|downgrade|upgrade|assign|reassign|give|hand"
    r"|set|put|make|mark|silence|mute|snooze|note|add|open|start|declare|create|show|list|tell|get|take)\b)",
    re.IGNORECASE,
)


def first_of(id: str) -> str:
    """The id of the first of two acts of an input; the second has the input's own."""
    return ids.named(f"first of {id}")


def halves(meant: Meaning) -> tuple[str, str] | None:
    """The two parts of a sentence that may ask for two things; None where it is one, or where what is written
    down for others goes across."""
    text = meant.text
    words = [each for each in meant.entities if each.entity in FREE_TEXT]
    for joint in _JOINT.finditer(text):
        if not any(each.start < joint.end() and joint.start() < each.end for each in words):
            return text[: joint.start()], text[joint.end() :]
    return None


def are_two(*both: Meaning) -> bool:
    """Whether there are two parts, and both are clearly requests of their own."""
    if len(both) != 2 or not all(each.sure and each.intent in INTENTS for each in both):
        return False
    return both[0].intent != both[1].intent and any(INTENTS[each.intent].acts for each in both)


def joined(first: Answer, second: Answer) -> Answer:
    """One answer to both: what the first came to, then the second."""
    if first.message is None or second.message is None:
        return second
    told = said(f"{first.message.headline} {second.message.headline}", second.message.text)
    message = msgspec.structs.replace(second.message, headline=told.headline, text=told.text)
    return msgspec.structs.replace(second, message=message)


def only_first(answer: Answer, rest: str) -> Answer:
    """The answer to a first part that is not done yet, with what is to be said again after it."""
    if answer.message is None:
        return answer
    text = f"{answer.message.text}\nAfter that say “{rest}” again; I have not done it.".strip()
    return msgspec.structs.replace(answer, message=msgspec.structs.replace(answer.message, text=text))
