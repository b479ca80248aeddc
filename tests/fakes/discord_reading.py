"""How Discord shows a message's markdown to a person."""

from __future__ import annotations

import re
from typing import Any

# Discord reads from left to right: in code nothing is an escape, and an address is read whole.
TOKEN = re.compile(
    r"\\(?P<escaped>[^0-9A-Za-z\s])|```\n?(?P<block>.*?)```|`(?P<code>[^`]+)`"
    r"|<(?P<quiet>https?://[^\s<>]+)>|(?P<address>https?://[^\s<>\\]+)",
    re.DOTALL,
)


def texts(shown: dict[str, Any]) -> list[str]:
    """All texts of a message in which Discord reads markdown."""
    found = [shown.get("content") or ""]
    for embed in shown.get("embeds", []):
        found += [embed.get("title", ""), embed.get("description", "")]
        for field in embed.get("fields", []):
            found += [field["name"], field["value"]]
    return [text for text in found if text]


def read(text: str) -> str:
    """One text as it is shown."""
    bold = re.compile(rf"{TOKEN.pattern}|\*\*", re.DOTALL)
    return bold.sub(lambda token: token.group(token.lastgroup) if token.lastgroup else "", text)
