"""Reads one YAML text into nodes that know their lines, safely and without YAML 1.1's guesses.

Scalars stay text here: what is a number, a truth or a text is decided where a type is expected, so that
`no`, `on` and `22:00` can be answered with a mend. Tags, merge keys, repeated keys and second documents are
refused; depth and size (with aliases written out) are limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 30
MAX_NODES: Final = 200_000

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LEFT_OPEN: Final = ("end of stream", "expected ',' or ")
_KINDS: Final = {
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:null": "nothing",
}


class Scalar(msgspec.Struct, frozen=True):
    """A single value, as written."""

    text: str
    line: int
    quoted: bool

    @property
    def reads_as(self) -> str | None:
        """What YAML 1.1 would make of an unquoted text: "a number", "true or false"; None for a text."""
        if self.quoted:
            return None
        resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(self.text[:1], [])
        return next((_KINDS.get(tag) for tag, pattern in resolvers if pattern.match(self.text)), None)


class Seq(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    line: int


class Map(msgspec.Struct, frozen=True):
    """Keys and values, in the order of the file."""

    items: tuple[tuple[Scalar, Node], ...]
    line: int


Node = Scalar | Seq | Map


class Unreadable(Exception):
    """The text is not YAML that rule files may hold. `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


def read(text: str) -> Node | None:
    """The nodes of a YAML text; None when it is empty. Raises Unreadable."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Unreadable(0, "larger than 1 MiB; split it into several files")
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax(text, error) from None
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise Unreadable(0, f"not readable as YAML: {str(error).splitlines()[0][:120]}") from None


def _syntax(text: str, error: yaml.MarkedYAMLError) -> Unreadable:
    lines = text.splitlines()
    mark = error.problem_mark or error.context_mark
    if error.context_mark and any(sign in str(error.problem) for sign in _LEFT_OPEN):
        mark = error.context_mark  # where it began says more than where the file ended
    line = mark.line if mark else -1
    if 0 <= line < len(lines) and lines[line].lstrip(" ").startswith("\t"):
        return Unreadable(line + 1, "indented with a tab; YAML wants spaces")
    return Unreadable(
        line + 1,
        f"not readable as YAML ({error.problem}); check indentation, colons and brackets of this line and "
        "the one above, and put texts with special characters in quotes",
    )


class _Composer:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        next(self._events)  # the stream starts
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # the document ends
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise Unreadable(
                following.start_mark.line + 1, "a second document (`---`); use one file for each"
            )
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, line)
        if event.tag is not None:
            raise Unreadable(line, f"the tag `{event.tag[:60]}` is not allowed; leave it out")
        if depth > MAX_DEPTH:
            raise Unreadable(line, f"nested more than {MAX_DEPTH} levels deep")
        before = self._nodes
        self._count(1, line)
        node = self._content(event, line, depth)
        if event.anchor:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _content(self, event: Any, line: int, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, line, quoted=bool(event.style))
        if isinstance(event, yaml.SequenceStartEvent):
            return Seq(tuple(self._node(e, depth + 1) for e in self._until(yaml.SequenceEndEvent)), line)
        return Map(tuple(self._pairs(depth)), line)

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _pairs(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise Unreadable(key.line, "a list or mapping used as a key")
            if key.text == "<<" and not key.quoted:
                raise Unreadable(key.line, "merge keys (`<<`) are not supported; write the entries out")
            if key.text in seen:
                text = f"`{key.text[:60]}` is given twice (first on line {seen[key.text]}); keep one"
                raise Unreadable(key.line, text)
            seen[key.text] = key.line
            yield key, self._node(next(self._events), depth + 1)

    def _alias(self, event: Any, line: int) -> Node:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise Unreadable(line, f"`*{event.anchor[:40]}` refers to itself or to nothing above it")
        node, size = known
        self._count(size, line)
        return node

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise Unreadable(
                line, f"more than {MAX_NODES:,} entries, with aliases written out; split the file"
            )
