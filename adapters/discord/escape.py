"""Making what people typed literal in Discord's markdown, and cutting it without harming an escape."""

from __future__ import annotations

import re
from typing import Final

from adapters import look

# https://discord.com/developers/docs/reference#message-formatting, and for markdown
# https://support.discord.com/hc/en-us/articles/210298617. A backslash makes any punctuation literal.
# An address is left as it is: Discord reads it whole, and an escape inside would break the link.
_SPECIAL: Final = re.compile(
    r"(?P<url>https?://[A-Za-z0-9.-]+(?::[0-9]+)?"
    r"(?:[/?#](?:[A-Za-z0-9_/?#%&=+.,:;!$'~-]|@(?!everyone|here))*)?)"
    r"|(?P<lead>^[^\S\n]*[0-9]*)(?=[-+.])"  # lists, and `-#`; only at the start of a line
    r"|(?P<mark>[\\*_~|`<>#\[\]@]|:(?=//|\S{0,64}:))",
    re.MULTILINE,
)


def clean(text: str) -> str:
    """The text with characters that hide or reorder others made visible; line breaks are kept as `\n`."""
    return text if text.isprintable() else look.visible(text)


def one_line(text: str) -> str:
    """The text cleaned, on one line."""
    return clean(text).replace("\n", " ").strip()


def escape(text: str) -> str:
    """The text so that Discord shows it as typed: no markup, mention, emoji or timestamp takes effect."""
    return _SPECIAL.sub(_literal, clean(text))


def escape_quietly(text: str) -> str:
    """Like `escape`, with links in `<…>`, which keeps Discord from adding a preview of their target."""
    return _SPECIAL.sub(_literal_quiet, clean(text))


def verbatim(text: str) -> str:
    """The text for the inside of a code block, where nothing is markup but the closing back-ticks."""
    return clean(text).replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}") or " "


def cut_escaped(escaped: str, limit: int) -> str:
    """At most `limit` characters; an escape at the end is kept whole or left out, never halved."""
    if len(escaped) <= limit:
        return escaped
    if limit <= 0:
        return ""
    kept = escaped[: limit - 1]
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept[: len(kept) - backslashes % 2] + look.ELLIPSIS


def escaped(text: str, limit: int) -> str:
    """The text escaped in at most `limit` characters, without white space around, which Discord drops."""
    # Escaping never shortens, so that what lies beyond the limit need not be looked at.
    return cut_escaped(escape(clean(text).strip()[: limit + 1]), limit)


def _literal(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "mark":
        return "\\" + match.group()
    return match.group() + "\\" if kind == "lead" else match.group()


def _literal_quiet(match: re.Match[str]) -> str:
    return f"<{match.group()}>" if match.lastgroup == "url" else _literal(match)
