"""Typed reading of nodes: every wrong value becomes a Problem with file, line, field and a likely mend."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from rules.model import Problem
from rules.nodes import Map, Node, Scalar, Seq

MAX_PROBLEMS: Final = 50
MAX_TEXT: Final = 500
"""Characters of a text in a condition, a name or a pattern."""

_DURATION: Final = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]*")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def shown(text: str) -> str:
    """A text of the file as messages quote it, cut to a readable length."""
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


class Page:
    """One rule file while it is read: collects its problems.

    Every reading method returns None when the value was wrong and has been reported.
    """

    def __init__(self, file: str, timezone: str) -> None:
        self.file = file
        self.timezone = timezone
        self.problems: list[Problem] = []
        self.counts_used: list[tuple[str, int, str]] = []
        """(name, line, field) of every recent.* of the file, to be checked when all counts are known."""

    def wrong(self, node: Node, field: str, text: str) -> None:
        """Reports a problem at a node."""
        self.wrong_at(node.line, field, text)

    def wrong_at(self, line: int, field: str, text: str) -> None:
        """Reports a problem at a line."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self.file, line, field, text))

    def mapping(self, node: Node, field: str, example: str) -> tuple[tuple[Scalar, Node], ...] | None:
        """The entries of a mapping."""
        if isinstance(node, Map):
            return node.items
        self.wrong(node, field, f"{_kind(node)} where `name: value` entries belong, for example {example}")
        return None

    def entries(
        self,
        node: Node,
        field: str,
        known: Iterable[str],
        example: str,
        later: Mapping[str, str] | None = None,
    ) -> dict[str, Node] | None:
        """The entries of a mapping whose keys are known; others are reported with a guess of what was meant.

        `later` names keys that a later release will know, with what they are for.
        """
        items = self.mapping(node, field, example)
        if items is None:
            return None
        names, later, found = tuple(known), later or {}, {}
        for key, value in items:
            if key.text in names:
                found[key.text] = value
            elif key.text in later:
                self.wrong(key, join(field, key.text), not_yet(key.text, later[key.text]))
            else:
                self.wrong(key, join(field, key.text[:60]), unknown("field", key.text, (*names, *later)))
        return found

    def listing(self, node: Node, field: str, example: str) -> tuple[Node, ...] | None:
        """The items of a list."""
        if isinstance(node, Seq):
            return node.items
        self.wrong(node, field, f"{_kind(node)} where a list belongs, for example {example}")
        return None

    def text(self, node: Node, field: str, *, empty: bool = False) -> str | None:
        """A text. What YAML would read as a number, a truth or a date has to be quoted."""
        if not isinstance(node, Scalar):
            self.wrong(node, field, f"{_kind(node)} where a single text belongs")
        elif node.reads_as == "nothing" or (not node.text and not empty):
            self.wrong(node, field, "is empty; give a text")
        elif node.reads_as:
            mend = f'put it in quotes: "{node.text[:60]}"'
            self.wrong(
                node, field, f"{shown(node.text)} is read by YAML as {node.reads_as}, not as a text; {mend}"
            )
        elif len(node.text) > MAX_TEXT:
            self.wrong(node, field, f"longer than {MAX_TEXT} characters")
        else:
            return node.text
        return None

    def name(self, node: Node, field: str) -> str | None:
        """A text that names something: letters, digits, `-`, `_` and `.`."""
        text = self.text(node, field)
        if text is not None and not _NAME.fullmatch(text):
            self.wrong(node, field, f"{shown(text)}: use letters, digits, `-`, `_` and `.` only, at most 100")
            return None
        return text

    def one_of(self, node: Node, field: str, known: Iterable[str], what: str) -> str | None:
        """A text out of a closed list."""
        names = tuple(known)
        text = self.text(node, field)
        if text is None or text in names:
            return text
        self.wrong(node, field, unknown(what, text, names))
        return None

    def truth(self, node: Node, field: str) -> bool | None:
        """`true` or `false`."""
        if isinstance(node, Scalar) and not node.quoted and node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        given = f"not {shown(node.text)}" if isinstance(node, Scalar) else f"not {_kind(node)}"
        self.wrong(node, field, f"write `true` or `false`, {given}")
        return None

    def whole(self, node: Node, field: str, most: int) -> int | None:
        """A whole number from 0 to `most`."""
        if not isinstance(node, Scalar):
            self.wrong(node, field, f"{_kind(node)} where a number belongs")
        elif node.quoted or not _WHOLE.fullmatch(node.text):
            self.wrong(
                node, field, f"{shown(node.text)} is no whole number; write it plainly, without quotes: 3"
            )
        elif len(node.text) > len(str(most)) or not 0 <= int(node.text) <= most:
            self.wrong(node, field, f"{shown(node.text)} is out of range: 0 to {most:,}")
        else:
            return int(node.text)
        return None

    def duration(self, node: Node, field: str, most: int) -> int | None:
        """A duration such as `10m`, in seconds."""
        text = node.text if isinstance(node, Scalar) else ""
        matched = _DURATION.fullmatch(text)
        if matched is None:
            mend = f"; did you mean `{text}m`?" if _WHOLE.fullmatch(text) and text != "0" else ""
            self.wrong(node, field, f"write a number with its unit (s, m, h, d), for example 10m{mend}")
            return None
        seconds = int(matched[1]) * _SECONDS[matched[2]]
        if seconds > most:
            self.wrong(node, field, f"{shown(text)} is too long; at most {most // 86_400}d")
            return None
        return seconds


def join(field: str, key: str) -> str:
    """The path of a key inside a field: `routes[1].when` and `service`."""
    return f"{field}.{key}" if field else key


def unknown(what: str, word: str, names: tuple[str, ...]) -> str:
    """The message for a word that is not in a closed list."""
    meant = nearest(word, names)
    mend = f"; did you mean `{meant}`?" if meant else f"; known: {', '.join(names[:20])}"
    return f"unknown {what}{mend}" if what == "field" else f"{shown(word)}: unknown {what}{mend}"


def not_yet(word: str, purpose: str) -> str:
    """The message for what a later release will know."""
    return f"not yet: `{word}` ({purpose}) comes in a later release; remove it"


def _kind(node: Node) -> str:
    if isinstance(node, Scalar):
        empty = node.reads_as == "nothing" or not node.text
        return "nothing" if empty else f"the single value {shown(node.text)}"
    return "a list" if isinstance(node, Seq) else "a mapping (`name: value`)"
