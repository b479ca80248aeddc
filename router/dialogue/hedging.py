"""Sentences that speak of an act and do not ask for it: `don't resolve INC-5 yet`, `maybe close it`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from nlu_model.parse import Entity
from router.dialogue.intents import FREE_TEXT
from router.dialogue.referring import without

_ACT: Final = (
    r"(?:ack\w*|acknowledg\w*|tak(?:e|ing)\b|resolv\w*|clos(?:e|ed|ing)\b|fix(?:ed|ing)?\b|escalat\w*|rais(?:e|ing)\b"
    r"|bump\w*|lower\w*|downgrad\w*|upgrad\w*|assign\w*|reassign\w*|declar\w*|open(?:ing)?\b|creat(?:e|ing)\b|silenc\w*"
    r"|mut(?:e|ing)\b|snooz\w*|touch\w*|chang(?:e|ing)\b|do\b|mark\w*)"
)
_NOT: Final = (
    r"(?:don['’]?t|do not|doesn['’]?t|does not|not|never|nobody|no one|noone|no-one|none of you|without"
    r"|won['’]?t|wouldn['’]?t|shouldn['’]?t|mustn['’]?t|aren['’]?t|isn['’]?t|refrain from|avoid|stop"
    r"|hold off(?: on)?|wait (?:with|before)|before (?:you|we|anyone|anybody|somebody|i))"
)
_DENIED: Final = re.compile(
    rf"\b{_NOT}\s+(?:(?:you|we|i|it|that|this|to|be|anyone|anybody|just|yet|dare|please|should|must|may|can|is|are"
    rf"|going|allowed|want(?:s|ed)?|need(?:s|ed)?|have|has|them|one)\s+){{0,4}}{_ACT}",
    re.IGNORECASE,
)
_ASKED: Final = re.compile(
    r"\b(?:don['’]?t|do not|never) (?:forget|hesitate|wait)\b|\bwhy (?:don['’]?t|not)\b|\bnot only\b"
    r"|\b(?:can|could|would|will|won)['’]?(?:n['’]?t|t)? (?:you|someone|somebody|we)\b[^.?!]*\?"
    r"|\bif (?:you )?(?:do ?n['’]?t|not) mind\b",
    re.IGNORECASE,
)
_HEDGED: Final = re.compile(
    r"\b(?:maybe|perhaps|possibly|some ?day|eventually|at some point|sooner or later|might"
    r"|not sure (?:if|whether)|wonder(?:ing)? (?:if|whether)|should (?:i|we)\b|shall we\b"
    r"|thinking (?:of|about)|considering"
    r"|(?:do|does|did) (?:we|you|anyone|anybody|they|he|she) (?:think|reckon|feel)"
    r"|should (?:inc\S*|it|this|that|the \S+)(?: one| incident)? be)\b"
    r"|\b(?:should|ought to) be \w+(?: \w+)?\s*\?",
    re.IGNORECASE,
)


def denied(text: str, entities: Sequence[Entity]) -> bool:
    """Whether it says that something is not to be done."""
    left = _outside(text, entities)
    return bool(_DENIED.search(left)) and not _ASKED.search(left)


def hedged(text: str, entities: Sequence[Entity]) -> bool:
    """Whether it only thinks of it aloud."""
    return bool(_HEDGED.search(_outside(text, entities)))


def _outside(text: str, entities: Sequence[Entity]) -> str:
    """What is not written down for others: notes and titles may speak of anything."""
    return without(text, [each for each in entities if each.entity in FREE_TEXT])
