"""The text of a mention: without the bot's own name, and with people by their ids."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from adapters.contract import DeliveryError
from adapters.mattermost.directory import Directory
from adapters.mattermost.limits import LOOK_UP_SECONDS, MAX_MENTIONS

# server/public/model/user.go, validUsernameChars; server/channels/app/mention_parser_standard.go.
_NAME: Final = re.compile(r"(?<![\w@])@([A-Za-z][A-Za-z0-9._-]{0,63})", re.ASCII)
_EVERYBODY: Final = frozenset({"all", "channel", "here"})
_AFTER_NAME: Final = re.compile(r"[\s:,]*")


def without_trigger(text: str, trigger_word: str) -> str:
    """The text after the webhook's trigger word, which stands at its beginning."""
    text = text.strip()
    if not trigger_word or not text.startswith(trigger_word):
        return text
    return _AFTER_NAME.sub("", text[len(trigger_word) :], count=1).strip()


def without_bot(text: str, name: str) -> str | None:
    """The text without the mention of the bot; None when it does not name the bot."""
    own = re.compile(rf"(?<![\w@])@{re.escape(name)}(?![\w-])(?!\.\w)[:,]?\s*", re.ASCII | re.IGNORECASE)
    left, count = own.subn("", text)
    return left.strip() if count else None


async def with_ids(text: str, directory: Directory) -> str:
    """The text with `<@id>` for each person's name; as it was typed while Mattermost does not answer."""
    names = list(dict.fromkeys(_candidates(text)))[: 2 * MAX_MENTIONS]
    if not names:
        return text
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            ids = await directory.ids(names)
    except (DeliveryError, TimeoutError):
        return text

    def mention(match: re.Match[str]) -> str:
        for name in _spellings(match.group(1)):
            if name in ids:
                return f"<@{ids[name]}>" + match.group(1)[len(name) :]
        return match.group()

    return _NAME.sub(mention, text)


def _candidates(text: str) -> list[str]:
    found = (name for match in _NAME.finditer(text) for name in _spellings(match.group(1)))
    return [name for name in found if name not in _EVERYBODY]


def _spellings(name: str) -> tuple[str, ...]:
    """A name may end in a point, and so may a sentence."""
    lower = name.lower()
    bare = lower.rstrip(".-_")
    return (lower, bare) if bare != lower and bare else (lower,)


def cleaned(text: str) -> str:
    """The text without the one character that the store cannot hold."""
    return text.replace("\x00", "�")
