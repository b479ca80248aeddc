"""Making what people typed literal in Mattermost's markdown, so that it formats nothing and pings nobody.

A backslash is not enough: the server looks for mentions, and the clients for mentions, channels, hashtags
and emoji, only after the markdown is resolved (server/channels/app/mention_parser_standard.go,
webapp/channels/src/utils/text_formatting.tsx). What breaks those is a zero-width space after the mark: it is
neither letter nor digit, so that no name follows. The post's props `mentionHighlightDisabled` and
`disable_group_highlight` are not used: they change how a mention looks, not whom it notifies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from adapters import look
from adapters.mattermost.limits import MAX_URL

Escape = Callable[[str], str]

ZERO_WIDTH_SPACE: Final = "\u200b"
_NO_BREAK_SPACE: Final = "\u00a0"

_ENTITIES: Final[Mapping[str, str]] = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}
"""In place of `\\<` and `\\$`, which the web client's parser does not know; browsers know these."""
_HEARTS: Final[Mapping[str, str]] = {"<3": f"&lt;{ZERO_WIDTH_SPACE}3", "</3": f"&lt;{ZERO_WIDTH_SPACE}/3"}
_MARKED: Final[Mapping[str, str]] = {
    **{mark: "\\" + mark for mark in "\\`*_[]|"},
    **{mark: mark + ZERO_WIDTH_SPACE for mark in "@~#:;xX"},
    **{mark: ZERO_WIDTH_SPACE + mark for mark in "-+="},
    **_ENTITIES,
    **_HEARTS,
}

_HASHTAG: Final = r"#(?![0-9])"  # it begins with a letter: #123 stays as it is
_EMOJI: Final = r":(?=//|-|(?![0-9]{2}:)[A-Za-z0-9_+-]+:)"  # or a link; the minutes of 12:30:45 are none
_EMOTICON: Final = r"(?<![A-Za-z0-9_])(?:[:;](?=[-'`’]{0,2}[][()DdOoPpSsXx@/|$])|[xX](?=-[dD]))"

_SPECIAL: Final = re.compile(
    r"(?<![A-Za-z0-9])https?://[^\s<>]+"
    r"|^\ +"  # code by indentation
    r"|^[-+=]|^[0-9]{1,9}[.)](?=\s|$)"  # lists, and lines that make a heading of the line above
    r"|</?3|[\\`*\[\]|&<>$@~]"  # hearts; then what is special anywhere
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it is no markup
    rf"|{_HASHTAG}|{_EMOJI}|{_EMOTICON}",
    re.MULTILINE | re.ASCII,
)
# Only such an address becomes a link: no markup, mention or emoji can be in it.
_PLAIN_URL: Final = re.compile(
    r"https?://(?!\S*:[A-Za-z0-9_+-]+:)[A-Za-z0-9][A-Za-z0-9./?=&%_+,:#-]*", re.ASCII
)
_DRAWN: Final = re.compile(rf"[@~]|<(?=/?3)|{_HASHTAG}|{_EMOJI}|{_EMOTICON}", re.ASCII)
_TRAILING: Final = ".,;:!?)]}'\"*_"
_LINK_SAFE: Final = ":/?#@&+,=%~"
_WEB: Final = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)


def block(text: str) -> str:
    """The text as it was typed, over as many lines, with plain web addresses as links."""
    return _SPECIAL.sub(_literal, look.visible(text).expandtabs(4))


def inline(text: str) -> str:
    """The same on one line."""
    return block(" ".join(text.split()))


def plain(text: str) -> str:
    """The text on one line for places that know no markdown: only what pings, links or draws is broken."""
    return _DRAWN.sub(rf"\g<0>{ZERO_WIDTH_SPACE}", look.visible(" ".join(text.split())))


def code_block(text: str) -> str:
    """The text for the inside of a template's ``` fence, which it cannot close."""
    return look.visible(text).replace("```", f"``{ZERO_WIDTH_SPACE}`")


def code_span(text: str) -> str:
    """The text for the inside of a template's `code`, where a back-tick must become another mark."""
    return look.visible(" ".join(text.split())).replace("`", "ˋ")


def fit(text: str, limit: int, escape: Escape = block) -> str:
    """The escaped text in at most `limit` characters, with `…` for what is left out.

    It is cut before it is escaped, so that no escape is ever halved. A blank text is empty.
    """
    if blank(text):
        return ""
    escaped = escape(look.cut(text, limit))
    if len(escaped) <= limit:
        return escaped
    best, low, high = look.ELLIPSIS, 1, min(len(text), limit) - 1
    while low <= high:
        middle = (low + high) // 2
        candidate = escape(text[:middle] + look.ELLIPSIS)
        if len(candidate) <= limit:
            best, low = candidate, middle + 1
        else:
            high = middle - 1
    return best


def blank(text: str) -> bool:
    """Whether there is nothing to be seen."""
    return not text.replace(ZERO_WIDTH_SPACE, "").strip()


def link_target(url: str | None) -> str | None:
    """The address for use in `[text](…)`; None when it is missing, too long or not http(s)."""
    if not url or not _WEB.match(url):
        return None
    encoded = quote(url.encode("utf-8", "replace"), safe=_LINK_SAFE)
    return encoded if len(encoded) <= MAX_URL else None


def _literal(match: re.Match[str]) -> str:
    found = match.group()
    marked = _MARKED.get(found)
    if marked is not None:
        return marked
    if found[0] == " ":
        return _NO_BREAK_SPACE * len(found)
    return ZERO_WIDTH_SPACE + found if found[0].isdigit() else _address(found)


def _address(found: str) -> str:
    url = found.rstrip(_TRAILING)
    if _PLAIN_URL.fullmatch(url):
        return f"<{url}>" + _SPECIAL.sub(_literal, found[len(url) :])
    scheme, _, rest = found.partition(":")
    return f"{scheme}:{ZERO_WIDTH_SPACE}" + _SPECIAL.sub(_literal, rest)
