"""Texts of people, so that Teams shows them as they were typed and formats nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from adapters import look

WORD_JOINER: Final = "\N{WORD JOINER}"

# Cards replace {{DATE(…)}} and {{TIME(…)}} even where they know no Markdown.
_FUNCTION: Final = re.compile(r"\{\{(?=(?:DATE|TIME)\()")

_INLINE: Final[Mapping[int, str]] = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_[]~|"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)
_LINE_MARK: Final = re.compile(r"^([-+#=])", re.MULTILINE)
_NUMBERED: Final = re.compile(r"^(\d{1,9})([.)])", re.MULTILINE)
_ESCAPED: Final = re.compile(r"\\.|&(?:amp|lt|gt);|.", re.DOTALL)


def plain(text: str) -> str:
    """The text for a place without markup; what cannot be seen becomes visible, `\\n` stays."""
    if text.isprintable() and "{{" not in text:
        return text
    return _FUNCTION.sub("{" + WORD_JOINER + "{", look.visible(text).replace("\t", " "))


def markdown(text: str) -> str:
    """The text for a place that is read as Markdown, every mark in it escaped."""
    inline = _INDENT.sub("", plain(text)).translate(_INLINE)
    return _NUMBERED.sub(r"\1\\\2", _LINE_MARK.sub(r"\\\1", inline))


def one_line(text: str) -> str:
    """The text with its line breaks as spaces."""
    return " ".join(text.splitlines())


def tagless(text: str) -> str:
    """The text for a notification, which has no escapes: what could be a tag is shown with other brackets."""
    return one_line(plain(text)).replace("<", "‹").replace(">", "›")


def cut_escaped(text: str, limit: int) -> str:
    """At most `limit` characters of Markdown, never ending within an escape."""
    if len(text) <= limit:
        return text
    end = 0
    for found in _ESCAPED.finditer(text):
        if found.end() >= limit:
            break
        end = found.end()
    return text[:end] + look.ELLIPSIS
