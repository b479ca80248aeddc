"""Scripts of turns for `im chat`: read and checked whole before anything is said."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.cli.errors import WRONG_USAGE, CliError
from api.cli.talking import Place

_KINDS: Final = {str: "a text", int: "a number", float: "a number", bool: "true or false", dict: "an object"}


class Line(msgspec.Struct, frozen=True):
    """A turn of a script: who says what, and where."""

    place: Place
    text: str


def lines(body: bytes, name: str, *, user: str, channel: str) -> tuple[Line, ...]:
    """The turns of a file; `user` and `channel` are for turns that name none.

    CliError names the file, the turn by its index from 0, and the field. Other keys of a turn are left alone.
    """
    try:
        turns = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(name, f"is not JSON: {error}") from None
    if not isinstance(turns, list):
        raise _wrong(name, f"is {_kind(turns)}; give a list of turns")
    return tuple(_line(turn, f"{name}: [{index}]", user, channel) for index, turn in enumerate(turns))


def _line(turn: Any, at: str, user: str, channel: str) -> Line:
    if not isinstance(turn, dict):
        raise _wrong(at, f'is {_kind(turn)}; give an object like {{"user": "ack it", "as": "dana"}}')
    text = _text(turn, at, "user", None)
    who = _text(turn, at, "as", user or None)
    where = _text(turn, at, "channel", channel)
    for field, value in (("as", who), ("channel", where)):
        if not value.strip():
            raise _wrong(f"{at}.{field}", "is empty")
    return Line(Place(who, where), text)


def _text(turn: dict[str, Any], at: str, field: str, otherwise: str | None) -> str:
    value = turn.get(field, otherwise)
    if value is None:
        mend = "; give it, or say who speaks by `--as`" if field == "as" else "; it is what is said"
        raise _wrong(f"{at}.{field}", f"is missing{mend}")
    if not isinstance(value, str):
        raise _wrong(f"{at}.{field}", f"is {_kind(value)}; give a text")
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "a list")


def _wrong(where: str, what: str) -> CliError:
    return CliError(f"{where} {what}", code=WRONG_USAGE)
