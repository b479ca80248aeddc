"""What can be recognised by its shape alone: incident ids, severities with a number, mentions of people."""

import re
from typing import NamedTuple

INCIDENT_ID = re.compile(
    r"""
    \#?(?<![\w.])inc
    (?: \s?[-\u2010-\u2013_]\s?\#? | \s?\#\s? | \s )?   # INC-7, INC - 7, INC#7, INC 7, INC7
    \d+ (?: [-\u2010-\u2013]\d+ )*                      # 2024-001
    (?![\w%]|[.:,]\d)
    """,
    re.IGNORECASE | re.VERBOSE,
)
SEVERITY = re.compile(
    r"""
    (?<![\w.-]) (?:
        sev [\s_\u2010-\u2013-]{0,2} (?: [0-5] | one | two | three | four )
      | p [\s-]? [1-4]
    ) s? (?![\w%] | [.:,]\d | -\d)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# The level alone, where the word is said before it.
LEVEL = re.compile(
    r"\b(?:severity|priority)(?:\s+level)?(?:\s+(?:to|of|is))?[\s:=]+(?P<level>[0-5]|one|two|three|four)\b(?![.:,]\d|-\d|%)",
    re.IGNORECASE,
)
MENTION = re.compile(
    r"<@[!&]?[\w.|:-]+>|<at>[^<>]{1,60}</at>|(?<![\w.@/])@[^\W_][\w.-]*[^\W_]|(?<![\w.@/])@\w\b"
)
LINK = re.compile(r"<?https?://[^\s>]+>?", re.IGNORECASE)

# Mentions that call a group: no incident can be assigned to them.
GROUPS = re.compile(
    r"^@(?:here|channel|everyone|all|team|.*(?:on-?call|team|support|squad|ops|sre)s?)$", re.IGNORECASE
)


class Mark(NamedTuple):
    """A stretch of the text (offsets in code points) whose shape says what it is; `link` is no entity."""

    start: int
    end: int
    kind: str


def find_marks(text: str) -> list[Mark]:
    """All marks in the text, in order; of two that overlap, what begins first, or else the longer one."""
    found = [Mark(*match.span("level"), "severity") for match in LEVEL.finditer(text)]
    found += [
        Mark(match.start(), match.end(), kind)
        for kind, pattern in (
            ("link", LINK),
            ("incident_id", INCIDENT_ID),
            ("user", MENTION),
            ("severity", SEVERITY),
        )
        for match in pattern.finditer(text)
        if kind != "user" or not GROUPS.match(match.group())
    ]
    return _without_overlaps(found)


def _without_overlaps(marks: list[Mark]) -> list[Mark]:
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda m: (m.start, -m.end)):
        if not kept or mark.start >= kept[-1].end:
            kept.append(mark)
    return kept
