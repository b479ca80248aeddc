"""Slack's markup: how what a person typed is shown literally, and where a text may be cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from adapters import look, templates
from adapters.contract import Message

# https://docs.slack.dev/messaging/formatting-message-text#escaping : exactly these three are entities.
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_CHARACTERS: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
_ENTITY: Final = re.compile("|".join(_CHARACTERS))
_MENTIONED: Final = re.compile(r"[UWS][A-Z0-9]{1,40}\Z")
_SPECIAL: Final = re.compile(r"[&<>]")

# Slack has no escape for * _ ~ ` and :emoji:. The fallback of a date that cannot be formatted is always
# shown as it is: https://github.com/yhatt/jsx-slack/blob/main/docs/about-escape-and-exact-mode.md
# Markers inside a word (snake_case) have no effect and stay. A quote sign only works at a line's start,
# where a soft hyphen before it breaks it.
_MARKER: Final = re.compile(r"[`｀]|(?<![^\W_])[*_~＊＿]|[*_~＊＿](?![^\W_])|:(?=[\w+'-]+:)")
_QUOTE: Final = re.compile(r"^(?=\s*(?:&gt;|＞))", re.MULTILINE)
_SHIELD: Final = "<!date^00000000^{_}|%s>"
_SOFT_HYPHEN: Final = "\u00ad"

_LINK: Final = re.compile(r"(<[^<>]*>)")
_ADDRESS: Final = re.compile(r"(?:https?://|mailto:)[^\s<>|]{1,2000}\Z")
# A label cannot hold a date, so there the signs give way to others of the same look.
_IN_LABEL: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "|": "¦",
        "*": "∗",
        "_": "ˍ",
        "~": "∼",
        "`": "ˋ",
        ":": "∶",
        "\n": " ",
    }
)
_LONGEST_VALUE: Final = 300
_LONGEST_MARKUP: Final = 3100
"""A link with the longest address; what looks open for longer is a `<` that a template means as text."""


def mention(id: str) -> str:
    """Names a person (`U…`, `W…`) or a user group (`S…`) so that they are notified; empty for another id."""
    if not _MENTIONED.match(id):
        return ""
    return f"<!subteam^{id}>" if id.startswith("S") else f"<@{id}>"


def typed(text: str) -> str:
    """What somebody typed, out of the markup in which Slack brings it; mentions of people stay `<@id>`.

    https://docs.slack.dev/messaging/formatting-message-text#parsing
    """
    plainer = _LINK.sub(_as_typed, text.replace("\x00", "�"))
    return _ENTITY.sub(lambda entity: _CHARACTERS[entity.group()], plainer)


def _as_typed(markup: re.Match[str]) -> str:
    target, _, label = markup.group()[1:-1].partition("|")
    match target[:1]:
        case "@":
            return f"<{target}>"
        case "#":
            return f"#{label or target[1:]}"
        case "!":
            return label or f"@{target[1:]}"
        case _:
            # Slack makes links of addresses that are typed, with what was typed as the label.
            return f"{label} ({target})" if label and label not in target else label or target


def plain(text: str) -> str:
    """For a `plain_text` object, where nothing but the three entities has a meaning."""
    if text.isascii() and text.isprintable() and not _SPECIAL.search(text):
        return text
    return look.visible(text).translate(_ENTITIES)


def literal(text: str) -> str:
    """For a `mrkdwn` object: no mention, link, formatting, quote or emoji comes of it."""
    shown = "".join(
        _SHIELD % piece if index % 2 else piece.translate(_ENTITIES)
        for index, piece in enumerate(_split_markers(look.visible(text)))
    )
    return _QUOTE.sub(_SOFT_HYPHEN, shown)


def _split_markers(text: str) -> list[str]:
    """Text and markers in turn, beginning and ending with a text."""
    pieces: list[str] = []
    at = 0
    for marker in _MARKER.finditer(text):
        pieces += [text[at : marker.start()], marker.group()]
        at = marker.end()
    return [*pieces, text[at:]]


def fit(text: str, limit: int, escape: Callable[[str], str] = plain) -> str:
    """The text escaped and at most `limit` characters then, with an ellipsis where something is left out."""
    clipped = text[: max(limit, 0)]
    escaped = escape(clipped)
    if len(clipped) == len(text) and len(escaped) <= limit:
        return escaped
    return escaped[: _safe_end(escaped, limit - 1)] + look.ELLIPSIS if limit > 0 else ""


def pieces(escaped: str, limit: int) -> list[str]:
    """An escaped text in pieces of at most `limit` characters, broken at a newline where one is near."""
    found: list[str] = []
    while len(escaped) > limit:
        end = _safe_end(escaped, limit) or limit
        newline = escaped.rfind("\n", limit // 2, end)
        end = newline + 1 if newline >= 0 else end
        found.append(escaped[:end])
        escaped = escaped[end:]
    return [piece for piece in (*found, escaped) if piece.strip()]


def cut(escaped: str, limit: int) -> str:
    """At most `limit` characters of an escaped text, never ending inside an entity or a `<…>`."""
    return escaped if len(escaped) <= limit else escaped[: _safe_end(escaped, limit - 1)] + look.ELLIPSIS


def _safe_end(escaped: str, end: int) -> int:
    end = max(end, 0)
    opened = escaped.rfind("<", max(0, end - _LONGEST_MARKUP), end)
    if opened >= 0 and escaped.find(">", opened, end) < 0 and ">" in escaped[end : end + _LONGEST_MARKUP]:
        end = opened
    entity = escaped.rfind("&", max(0, end - 4), end)
    return entity if entity >= 0 and escaped.find(";", entity, end) < 0 else end


def fill(template: str, message: Message, *, value_limit: int) -> str:
    """A template with its values shown literally; its own markup (`*…*`, `<url|label>`) stays in effect."""

    def outside(value: str) -> str:
        return fit(value, value_limit, literal)

    filled = "".join(
        _fill_link(part, message) if index % 2 else templates.fill_part(part, message, outside)
        for index, part in enumerate(_LINK.split(template))
    )
    return filled.strip("\n")


def _fill_link(link: str, message: Message) -> str:
    """A `<…>` of the template: a value in it is part of the address or of the label, never a mention."""
    address, bar, label = link[1:-1].partition("|")
    address = templates.fill_part(address, message, _in_address)
    label = templates.fill_part(label, message, _in_label)
    return f"<{address}{bar}{label}>" if address else label


def _in_address(value: str) -> str:
    return (
        value.replace("&", "&amp;")
        if _ADDRESS.match(value)
        else quote(value[:_LONGEST_VALUE], safe="", errors="replace")
    )


def _in_label(value: str) -> str:
    return look.visible(value)[:_LONGEST_VALUE].translate(_IN_LABEL)
