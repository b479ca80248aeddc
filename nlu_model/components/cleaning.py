"""Entities as people would mark them: ends without signs and joining words, no half of a split one."""

import re
from collections.abc import Sequence

from nlu_model.components.units import FREE_TEXT, Span

Found = tuple[Span, float]

# What stands at the ends of a span and belongs to none; a bracket or quote may close what it opened inside.
FRONT = " \t\r\n.,;:!?-–—>\"'“”‘’«»`*_~|=/([{"
BACK = " \t\r\n.,;:!?-–—<\"'“”‘’«»`*_~|=/)]}"
PAIRS = {")": "(", "]": "[", "}": "{", '"': '"', "”": "“", "’": "‘", "»": "«"}
JOINING = re.compile(r"^(?:because|and|for|about|that|note|with|the)\b[\s:,]+", re.IGNORECASE)
LEADS = {
    "service": re.compile(r"^(?:the|our|my|your|a|an|on|for|in)\s+", re.IGNORECASE),
    "note": re.compile(r"^(?:because|note|notes?:|reason:)[\s:,-]+", re.IGNORECASE),
    "duration": re.compile(r"^(?:for|the next|next)\s+", re.IGNORECASE),
}
WHOLE = frozenset({"user", "incident_id"})  # `<@U02>` and `#INC-9` keep their signs
MANNERS = re.compile(r"[\s,]+(?:please|pls|plz|thanks|thank you|thx|asap)$", re.IGNORECASE)
# Where the sentence goes on: "until 1pm, people are at lunch" ends at the comma, "until Monday, 9:00" not.
GOES_ON = re.compile(r"(?:[;!?]|,(?!\s+(?:\d|at\b|and\b))|\.(?=\s))(?=\s)")
CLOSE = 4  # code points between two halves of one free text


def cleaned(text: str, found: Sequence[Found]) -> list[Found]:
    """The spans of a text, halves of free text joined, ends trimmed, empty ones dropped."""
    trimmed = [(_trimmed(text, span), sure) for span, sure in _joined(text, found)]
    return [(span, sure) for span, sure in trimmed if span.end > span.start]


def _joined(text: str, found: Sequence[Found]) -> list[Found]:
    """Two neighbours of the same free text with only signs and blanks between them are one."""
    joined: list[Found] = []
    for span, sure in found:
        before = joined[-1] if joined else None
        if before and span.entity in FREE_TEXT and before[0].entity == span.entity:
            between = text[before[0].end : span.start]
            if len(between) <= CLOSE and not any(sign.isalnum() for sign in between):
                joined[-1] = (before[0]._replace(end=span.end), min(before[1], sure))
                continue
        joined.append((span, sure))
    return joined


def _trimmed(text: str, span: Span) -> Span:
    start, end = span.start, span.end
    lead = LEADS.get(span.entity)
    if lead and (match := lead.match(text[start:end])):
        start += match.end()
    if span.entity in WHOLE:
        return span._replace(start=start, end=end)
    while start < end and text[start] in FRONT and not _opens(text, start, end):
        start += 1
    while start < end and text[end - 1] in BACK and not _closes(text, start, end):
        end -= 1
    if span.entity not in FREE_TEXT and (rest := GOES_ON.search(text, start, end)):
        end = rest.start()
    if span.entity not in FREE_TEXT and (manners := MANNERS.search(text[start:end])):
        end = start + manners.start()
    return span._replace(start=start, end=end)


def _closes(text: str, start: int, end: int) -> bool:
    """Whether the last sign closes what was opened inside the span."""
    opener = PAIRS.get(text[end - 1])
    return opener is not None and text.find(opener, start, end - 1) >= 0


def _opens(text: str, start: int, end: int) -> bool:
    """Whether the first sign opens what is closed inside the span, before its end."""
    closer = {opener: closer for closer, opener in PAIRS.items()}.get(text[start])
    return closer is not None and 0 <= text.find(closer, start + 1, end) < end - 1
