"""Lifecycle events in a file: one object, an array, or JSON lines; and their way to the API in batches."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from api.cli.errors import WRONG_USAGE, CliError, Refused

MAX_EVENTS: Final = 1000
"""What the API takes at once."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""Half of what the API takes at once."""

_INDEX: Final = re.compile(r"\[(\d+)\]")
_BYTE: Final = re.compile(r" \(byte (\d+)\)")
_AWAY: Final = 500

Post = Callable[[bytes], Sequence[dict[str, Any]]]
"""Posts a JSON array; the results in its order. Raises Refused."""


class Row(msgspec.Struct, frozen=True):
    """An event as it is in the file; `place` is `line 7` or `item 3`."""

    place: str
    body: bytes


class Failed(msgspec.Struct, frozen=True):
    """An event that was not taken, and why."""

    place: str
    detail: str


class Document(msgspec.Struct, frozen=True):
    """The events of a file. `together` are taken all or none: an array that goes in one request."""

    rows: tuple[Row, ...]
    failed: tuple[Failed, ...] = ()
    together: bool = False


def parse(body: bytes, name: str) -> Document:
    """The events of a text; lines that are not JSON are failures, another text that is not is a CliError."""
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        raise CliError(
            f"{name} is empty; give an event, an array, or an event in each line", code=WRONG_USAGE
        )
    try:
        items = msgspec.json.decode(text, type=list[msgspec.Raw] if text[:1] == b"[" else msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _lines(body.removeprefix(b"\xef\xbb\xbf"), name, error)
    if not isinstance(items, list):
        return Document((Row("the event", text),))
    rows = tuple(Row(f"item {number}", bytes(item)) for number, item in enumerate(items, 1))
    return Document(rows, together=len(rows) <= MAX_EVENTS and len(text) <= MAX_BYTES)


def _lines(body: bytes, name: str, whole: Exception) -> Document:
    lines = [(number, line.strip()) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    first = lines[0][1]
    if first[:1] in (b"{", b"[") and _problem(first):  # so these are no lines, but one text over several
        raise CliError(f"{name} is not JSON: {_placed(whole, body)}", code=WRONG_USAGE)
    rows, failed = [], []
    for number, line in lines:
        problem = _problem(line)
        if problem:
            failed.append(Failed(f"line {number}", problem))
        else:
            rows.append(Row(f"line {number}", line))
    return Document(tuple(rows), tuple(failed))


def _problem(line: bytes) -> str:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"is not JSON: {_BYTE.sub('', str(error))}"
    return "" if line[:1] == b"{" else "is not a JSON object"


def _placed(error: Exception, body: bytes) -> str:
    """A decoder's error with line and column instead of its byte."""
    text, found = str(error), _BYTE.search(str(error))
    if not found:
        return text
    before = body[: int(found.group(1)) + len(body) - len(body.lstrip())]
    line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
    return f"line {line}, column {column}: {_BYTE.sub('', text)}"


def batches(rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    """The rows in the portions that the API takes."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        if batch and (len(batch) == MAX_EVENTS or size + len(row.body) > MAX_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(row)
        size += len(row.body) + 1
    if batch:
        yield tuple(batch)


def post_batch(
    batch: Sequence[Row], post: Post, *, together: bool
) -> tuple[list[tuple[Row, dict[str, Any]]], list[Failed]]:
    """Post a batch: what was taken with its results, and what was not.

    The API takes all of a request or none. Unless they go `together`, the event at fault is left out and the
    others are posted again; where the API does not name it, halves are tried. Raises Refused when the API is
    away or does not know the caller.
    """
    taken: list[tuple[Row, dict[str, Any]]] = []
    failed: list[Failed] = []
    waiting = deque([tuple(batch)])
    while waiting:
        part = waiting.popleft()
        try:
            results = post(b"[" + b",".join(row.body for row in part) + b"]")
        except Refused as refused:
            if refused.status >= _AWAY or refused.status in (401, 403):
                raise
            index = _index_of(refused)
            if together:
                failed.append(_failure(part[index or 0] if index is not None else Row("all", b""), refused))
            else:
                waiting.extendleft(reversed(_others(part, index)))
                if index is not None or len(part) == 1:
                    failed.append(_failure(part[index or 0], refused))
        else:
            taken += zip(part, results, strict=True)
    return taken, failed


def _others(part: tuple[Row, ...], index: int | None) -> list[tuple[Row, ...]]:
    if len(part) == 1:
        return []
    middle = len(part) // 2
    parts = (part[:middle], part[middle:]) if index is None else (part[:index], part[index + 1 :])
    return [rows for rows in parts if rows]


def _index_of(refused: Refused) -> int | None:
    for field, _ in refused.fields:
        if found := _INDEX.match(field):
            return int(found.group(1))
    return None


def _failure(row: Row, refused: Refused) -> Failed:
    return Failed(row.place, _INDEX.sub("", str(refused), count=1).strip(" .:"))
