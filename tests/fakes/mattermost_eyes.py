"""How a Mattermost post looks to people: its text, its controls, whom it notifies, what is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.fakes.base import Posted

# What the adapter itself sets in bold, beside the headline and the incident's id.
_OWN_BOLD = {"Note", "By", "Meanwhile"}
_MARKUP = {
    "em_open",
    "s_open",
    "code_inline",
    "code_block",
    "fence",
    "heading_open",
    "blockquote_open",
    "bullet_list_open",
    "ordered_list_open",
    "table_open",
    "hr",
    "html_block",
    "html_inline",
    "image",
}

# The server: channels/app/mention_parser_standard.go. A word is a run of these.
_WORDS = re.compile(r"[\w:.@-]+")
# The web client: utils/text_formatting.tsx, utils/emoticons.tsx.
_AFTERWARDS = {
    "channel": re.compile(r"\B~[a-z0-9.\-_]+", re.IGNORECASE),
    "hashtag": re.compile(r"(?:^|\W)#[^\W\d_][\w\-.]*\w"),
    "emoji": re.compile(r":(?!\d\d:)[A-Za-z0-9_+-]+:"),
    "emoticon": re.compile(r"(?:^|\B)(?::-?[()dDpPsS@\[\]/|$]|:-?[oO]|;-?\)|:-[xX]|<3|</3)(?:$|\B|\b)"),
    "address": re.compile(r"[\w.+-]+@[\w-]+\.\w+"),
}
# Formulas are found in the source, before anything is resolved.
_LATEX = re.compile(r"\$[^$\n]+\$(?!\w)")


def visible(posted: Posted) -> str:
    """All text that people see: markdown resolved, zero-width spaces gone."""
    fields = [entry for attachment in _attachments(posted.shown) for entry in attachment.get("fields", [])]
    footers = [attachment.get("footer", "") for attachment in _attachments(posted.shown)]
    texts = [_text(part) for part in _parts(posted.shown)] + [entry["title"] for entry in fields] + footers
    return "\n".join(texts).replace("\u200b", "").replace("\u00a0", " ")


def buttons(posted: Posted) -> list[str]:
    """The labels of the buttons, in order."""
    return [action["name"] for action in controls(posted) if action["type"] == "button"]


def menus(posted: Posted) -> list[str]:
    """The placeholders of the menus, in order."""
    return [action["name"] for action in controls(posted) if action["type"] == "select"]


def controls(posted: Posted) -> list[dict[str, Any]]:
    """The actions of all attachments."""
    return [action for attachment in _attachments(posted.shown) for action in attachment.get("actions", [])]


def pings(posted: Posted) -> list[str]:
    """Mentions as the server finds them, marks as the clients do, and markup that is not ours."""
    found: list[str] = []
    for number, part in enumerate(_parts(posted.shown)):
        found += [*_mentions(_text(part)), *_marks(part), *_markup(part, first=number == 0)]
    for attachment in _attachments(posted.shown):
        for plain in (attachment["fallback"], *(field["title"] for field in attachment.get("fields", []))):
            found += [*_mentions(plain), *_in_plain(plain)]
    return found


def _attachments(payload: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = payload.get("props", {}).get("attachments", [])
    return found


def _parts(payload: dict[str, Any]) -> list[str]:
    """The texts that are markdown, and in which the server looks for mentions."""
    parts = [payload.get("message", "")]
    for attachment in _attachments(payload):
        parts.append(attachment.get("text", ""))
        parts += [entry["value"] for entry in attachment.get("fields", [])]
    return [part for part in parts if part]


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"breaks": True}).enable(["table", "strikethrough"])


def _leaves(text: str) -> Iterator[Token]:
    for token in _parser().parse(text):
        yield token
        yield from token.children or []


def _text(text: str) -> str:
    """The text as it is read. A code block's is what is in it."""
    shown = {"text", "code_inline", "code_block", "fence", "html_inline", "html_block", "text_special"}
    breaks = {"softbreak", "hardbreak", "paragraph_close"}
    return "".join(
        token.content if token.type in shown else "\n" if token.type in breaks else ""
        for token in _leaves(text)
    )


def _mentions(resolved: str) -> list[str]:
    words = (re.split(r"[.:-]", word) for word in _WORDS.findall(resolved))
    return [part for word in words for part in word if re.match(r"_*@.", part)]


def _marks(markdown: str) -> list[str]:
    """The clients look where text is left after the markdown, outside of links and code."""
    depth = 0
    found = [f"latex: {hit}" for hit in _LATEX.findall(markdown)]
    for token in _leaves(markdown):
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "text" and not depth:
            found += _in_plain(token.content)
    return found


def _in_plain(text: str) -> list[str]:
    return [f"{kind}: {hit.group()}" for kind, look in _AFTERWARDS.items() for hit in look.finditer(text)]


def _markup(markdown: str, *, first: bool) -> list[str]:
    leaves = list(_leaves(markdown))
    found = [token.type for token in leaves if token.type in _MARKUP]
    ours = _at_line_starts(leaves)[:2] if first else []
    for at, token in enumerate(leaves):
        if (
            token.type == "strong_open"
            and at not in ours
            and _inner(leaves, at, "strong_close") not in _OWN_BOLD
        ):
            found.append(f"bold: {_inner(leaves, at, 'strong_close')}")
        if token.type == "link_open" and not (at - 1 in ours or _honest(token)):
            found.append(f"link: {token.attrs['href']}")
    return found


def _at_line_starts(leaves: list[Token]) -> list[int]:
    """Where bold begins a line, as the headline and the incident's id do in the message."""
    texts = [(at, token) for at, token in enumerate(leaves) if token.type != "text" or token.content]
    pairs = pairwise(texts)
    return [
        at
        for (_, before), (at, token) in pairs
        if token.type == "strong_open" and before.type in ("inline", "softbreak")
    ]


def _inner(leaves: list[Token], at: int, end: str) -> str:
    close = next(i for i in range(at, len(leaves)) if leaves[i].type == end)
    return "".join(token.content for token in leaves[at + 1 : close] if token.type == "text")


def _honest(token: Token) -> bool:
    """A typed address may be a link to what it says; the actions' lead to the places the tests name."""
    return token.info == "auto" or str(token.attrs["href"]).startswith("https://im.example")
