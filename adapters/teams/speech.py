"""The words of an incoming message: mentions resolved, markup taken off, `im` told from the rest; pure.

Mentions: https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/channel-and-group-conversations
(“don't rely on the text …, use the `entities` object”).
"""

from __future__ import annotations

import html
import re
from collections import deque
from typing import Final

from adapters.teams.activity import Activity, Entity

_AT: Final = re.compile(r"<at(?: [^<>]*)?>[^<>]*</at>")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*>")
_BREAK: Final = re.compile(r"<(?:br ?/?|/p|/div)>")
_PERSON_TOKEN: Final = re.compile(r"(<@[^<>\s]+>)")
_COMMAND: Final = re.compile(r"/?im(?:\s+|$)", re.IGNORECASE)
_NOT_IN_TOKEN: Final = re.compile(r"[<>\s]")


def mentions_bot(activity: Activity) -> bool:
    """Whether the bot itself is among those who are mentioned."""
    bot = activity.recipient.id if activity.recipient else ""
    return any(_mentioned(entity) == bot for entity in _mentions(activity)) if bot else False


def words(activity: Activity) -> str:
    """The text without the mention of the bot; other people are `<@id>`."""
    text = (activity.text or "").replace("&nbsp;", " ").replace("\N{NO-BREAK SPACE}", " ")
    resolved = _resolved(text, activity)
    return _unmarked(resolved) if activity.text_format == "xml" else resolved.strip()


def command(text: str) -> str | None:
    """What follows `im` or `/im`, as typed; None where the text is no command."""
    found = _COMMAND.match(text)
    return text[found.end() :].strip() if found else None


def _resolved(text: str, activity: Activity) -> str:
    """Each `<at>` that an entity stands for becomes its token; one that was typed stays as it is."""
    bot = activity.recipient.id if activity.recipient else ""
    waiting: dict[str, deque[str]] = {}
    for entity in _mentions(activity):
        waiting.setdefault(entity.text or "", deque()).append(_token(_mentioned(entity), bot))

    def token(found: re.Match[str]) -> str:
        tokens = waiting.get(found[0])
        return tokens.popleft() if tokens else found[0]

    return _AT.sub(token, text)


def _token(person: str, bot: str) -> str:
    return "" if person == bot else f"<@{_NOT_IN_TOKEN.sub('', person)}>"


def _mentions(activity: Activity) -> list[Entity]:
    return [entity for entity in activity.entities or () if entity.type == "mention" and _mentioned(entity)]


def _mentioned(entity: Entity) -> str:
    return entity.mentioned.id if entity.mentioned else ""


def _unmarked(text: str) -> str:
    """A text in Teams' XML as plain text, its tokens kept."""
    parts = _PERSON_TOKEN.split(_BREAK.sub("\n", text))
    plain = (part if index % 2 else html.unescape(_TAG.sub("", part)) for index, part in enumerate(parts))
    return "".join(plain).strip()
