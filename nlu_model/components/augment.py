"""Variations of training sentences, so that names, spelling and punctuation are not learned by heart."""

import random
import re
from collections.abc import Callable, Mapping, Sequence

from nlu_model.components.patterns import find_marks
from nlu_model.components.sentences import Sentence
from nlu_model.components.units import FREE_TEXT, Span
from nlu_model.components.vocabulary import AFTER, BEFORE, ENDS, FIRST, HALVES, LAST, PEOPLE, SERVICES

SELF = frozenset({"me", "myself", "mine", "my", "i"})
SWAPPED = {
    "service": 0.5,
    "user": 0.5,
    "period": 0.25,
    "duration": 0.25,
    "title": 0.3,
    "note": 0.4,
    "description": 0.3,
}
TALK = frozenset({"affirm", "deny", "cancel", "greet", "thank", "inform", "help", "out_of_scope"})

Pools = Mapping[str, Sequence[str]]


def varier(sentences: Sequence[Sentence]) -> Callable[[Sentence, random.Random], Sentence]:
    """A function that varies a sentence: other values, a slip of the fingers, other case and manners."""
    pools = _pools(sentences)

    def vary(sentence: Sentence, chance: random.Random) -> Sentence:
        sentence = _with_other_values(sentence, pools, chance)
        if chance.random() < 0.10:
            sentence = _with_a_slip(sentence, chance)
        if chance.random() < 0.15:
            sentence = _in_another_case(sentence, chance)
        if chance.random() < 0.20:
            sentence = _without_last_sign(sentence)
        if chance.random() < 0.10 and sentence.intent not in TALK:
            sentence = _with_manners(sentence, chance)
        if chance.random() < 0.04 and sentence.intent == "out_of_scope":
            sentence = sentence._replace(text=_noise(chance))
        return sentence

    return vary


def replaced(sentence: Sentence, start: int, end: int, words: str) -> Sentence:
    """The sentence with other words at start..end; spans keep their words, or stretch with theirs."""
    grown = len(words) - (end - start)
    spans = tuple(
        Span(
            span.start + (grown if span.start >= end else 0),
            span.end + (grown if span.end >= end else 0),
            span.entity,
        )
        for span in sentence.spans
    )
    return sentence._replace(text=sentence.text[:start] + words + sentence.text[end:], spans=spans)


def _pools(sentences: Sequence[Sentence]) -> dict[str, list[str]]:
    pools: dict[str, list[str]] = {entity: [] for entity in SWAPPED}
    pools["service"] += [*SERVICES, *_pairs(HALVES, ENDS, "-"), *_pairs(HALVES, ENDS, " ")[::3]]
    pools["user"] += [*PEOPLE, *_pairs(FIRST, LAST, " ")[::2]]
    for sentence in sentences:
        for span in sentence.spans:
            said = sentence.text[span.start : span.end]
            if span.entity in pools and said.lower() not in SELF:
                pools[span.entity].append(said)
    return {entity: sorted(set(words)) for entity, words in pools.items()}


def _pairs(first: Sequence[str], last: Sequence[str], between: str) -> list[str]:
    return [f"{one}{between}{other}" for one in first for other in last]


def _with_other_values(sentence: Sentence, pools: Pools, chance: random.Random) -> Sentence:
    for n in range(len(sentence.spans)):
        span = sentence.spans[n]
        said = sentence.text[span.start : span.end]
        if (
            chance.random() < SWAPPED.get(span.entity, 0.0)
            and said.lower() not in SELF
            and pools[span.entity]
        ):
            sentence = replaced(sentence, span.start, span.end, chance.choice(pools[span.entity]))
    return sentence


def _with_a_slip(sentence: Sentence, chance: random.Random) -> Sentence:
    """One letter lost, doubled or swapped with the next, in a word that is no id, mention or link."""
    marks = find_marks(sentence.text)
    words = [
        word
        for word in re.finditer(r"[^\W\d_]{4,}", sentence.text)
        if not any(mark.start < word.end() and word.start() < mark.end for mark in marks)
    ]
    if not words:
        return sentence
    word = chance.choice(words)
    at = chance.randrange(1, len(word.group()) - 1)
    letters = word.group()
    slipped = chance.choice(
        (
            letters[:at] + letters[at + 1 :],
            letters[:at] + letters[at] + letters[at:],
            letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :],
        )
    )
    return replaced(sentence, word.start(), word.end(), slipped)


def _in_another_case(sentence: Sentence, chance: random.Random) -> Sentence:
    change = chance.choice((str.lower, str.lower, str.capitalize, str.upper))
    text = change(sentence.text)
    return sentence._replace(text=text) if len(text) == len(sentence.text) else sentence


def _with_manners(sentence: Sentence, chance: random.Random) -> Sentence:
    """A greeting before, or a plea after a sentence that does not end in something to be written down."""
    end = len(sentence.text)
    if chance.random() < 0.5 or any(span.end == end and span.entity in FREE_TEXT for span in sentence.spans):
        return replaced(sentence, 0, 0, chance.choice(BEFORE) + chance.choice((", ", " ", " - ", "... ")))
    return replaced(sentence, end, end, chance.choice((" ", ", ")) + chance.choice(AFTER))


def _noise(chance: random.Random) -> str:
    """What hits a keyboard, or a line of a log: nothing that anybody asks for."""
    if chance.random() < 0.5:
        keys = chance.choice(("asdfghjkl", "qwertyuiop", "0123456789", "abcdefghijklmnopqrstuvwxyz", "?!.,-"))
        return " ".join(
            "".join(chance.choices(keys, k=chance.randint(2, 8))) for _ in range(chance.randint(1, 4))
        )
    clock = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
    level = chance.choice(("ERROR", "WARN", "INFO", "FATAL", "err", "Traceback:", "panic:", "E0417"))
    about = " ".join(chance.sample((*HALVES, *ENDS), k=chance.randint(2, 5)))
    tail = chance.choice(
        ("code=137", "exit status 1", "null", "at line 88", "0x7f3a", "timeout=30000ms", "rc=-1", "")
    )
    return " ".join(part for part in (chance.choice((clock, "")), level, about, tail) if part)


def _without_last_sign(sentence: Sentence) -> Sentence:
    text = sentence.text.rstrip(".!? ")
    last = max((span.end for span in sentence.spans), default=0)
    return sentence._replace(text=text) if text and len(text) >= last else sentence
