"""What a conversation was expected to come to, and in what it differs; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

FREE: Final = ("title", "note", "description")
"""Slots that hold a person's own words: compared by them."""
_ARTICLES: Final = frozenset({"a", "an", "the"})
_WORD: Final = re.compile(r"[\w'’-]+")


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a turn is to come to. What is left out is not compared, but `does` always is."""

    does: tuple[dict[str, Any], ...] = ()
    """Only the slots that are named are compared."""
    asks_for: str | msgspec.UnsetType | None = msgspec.UNSET
    offers: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    confirm: bool | msgspec.UnsetType = msgspec.UNSET
    refused: bool | msgspec.UnsetType = msgspec.UNSET
    cancelled: bool | msgspec.UnsetType = msgspec.UNSET
    says: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A turn: who says what, and where."""

    who: str = msgspec.field(name="as")
    user: str
    channel: str = "incidents"
    expect: Expect = Expect()


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An incident that is there before."""

    id: str
    title: str
    severity: str = "SEV-3"
    service: str | None = None
    status: str = "open"
    assignee: str | None = None
    description: str | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A conversation of a file."""

    name: str
    turns: tuple[Said, ...]
    given: tuple[Given, ...] = ()
    after: tuple[dict[str, Any], ...] = ()
    """By `id`, what is true of an incident at the end."""


def conversations(folder: Path) -> Iterator[tuple[str, Conversation]]:
    """(`file: name`, conversation) of all files; ValidationError names what is wrong with one."""
    for path in sorted(folder.glob("*.yaml")):
        for raw in yaml.safe_load(path.read_text()):
            yield f"{path.stem}: {raw.get('name')}", msgspec.convert(raw, Conversation)


def differences(expect: Expect, record: Mapping[str, Any]) -> list[str]:
    """In what a turn's record (as `im chat --json` prints it) differs, a sentence each.

    The incidents in a menu are shown with the message, so they count as said.
    """
    found = list(_done(expect.does, record["does"]))
    for name in ("asks_for", "confirm", "refused", "cancelled"):
        wanted = getattr(expect, name)
        if wanted is not msgspec.UNSET and wanted != record[name]:
            found.append(f"{name} is {record[name]!r}, not {wanted!r}")
    if expect.offers is not msgspec.UNSET and set(expect.offers) != set(record["offers"]):
        found.append(f"offers {sorted(record['offers'])}, not {sorted(expect.offers)}")
    messages = "\n".join((*record["messages"], *record["offers"])).lower()
    return found + [f"does not say {word!r}" for word in expect.says if word.lower() not in messages]


def _done(wanted: Sequence[Mapping[str, Any]], does: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(wanted) != len(does):
        yield f"does {list(does)}, not {list(wanted)}"
        return
    for expected, act in zip(wanted, does, strict=True):
        for slot, value in expected.items():
            if not alike(slot, value, act.get(slot)):
                yield f"{act['command']}: {slot} is {act.get(slot)!r}, not {value!r}"


def alike(slot: str, wanted: Any, found: Any) -> bool:
    """Whether a slot has the value that was expected."""
    if slot in FREE:
        return _words(wanted) == _words(found)
    if isinstance(wanted, list) or isinstance(found, list):
        return _set(wanted) == _set(found)
    return str(wanted).lower() == str(found).lower()


def _words(text: Any) -> list[str]:
    """The words of a text in lower case, without articles."""
    words = (word.strip("'’-").replace("’", "'") for word in _WORD.findall(str(text or "").lower()))
    return [word for word in words if word and word not in _ARTICLES]


def _set(value: Any) -> set[str]:
    return {str(each) for each in (value if isinstance(value, list) else [value])}
