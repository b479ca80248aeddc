"""How an incident looks on every platform: colours, emoji, fact lines, and cutting with an ellipsis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from adapters.contract import IncidentCard, Message

ELLIPSIS: Final = "…"

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters (but tab and newline), those that turn the direction of writing, and lone surrogates."""

_NOT_IN_ADDRESS: Final = frozenset(' "<>|\\^`{}')

COLOURS: Final[Mapping[str, str]] = {
    "SEV-1": "#d92d20",
    "SEV-2": "#f79009",
    "SEV-3": "#fdd835",
    "SEV-4": "#2e90fa",
}
"""By severity; anything that is over is COLOUR_DONE."""
COLOUR_DONE: Final = "#12b76a"
COLOUR_PLAIN: Final = "#667085"

STATUS_WORDS: Final[Mapping[str, str]] = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "closed": "Closed",
}


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis where something was left out."""
    return text if len(text) <= limit else (text[: limit - 1] + ELLIPSIS if limit > 0 else "")


def visible(text: str) -> str:
    """The text with every character that hides or reorders others made visible as `�`."""
    return _UNSEEN.sub("�", text.replace("\r\n", "\n"))


def link(url: str | None, limit: int = 2000) -> str | None:
    """The address if it may become a link: http or https, whole, at most `limit` characters; else None."""
    if not url or len(url) > limit or not url.isprintable() or not _NOT_IN_ADDRESS.isdisjoint(url):
        return None
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def colour(message: Message) -> str:
    """The message's colour as `#rrggbb`."""
    incident = message.incident
    if incident is None:
        return COLOUR_PLAIN
    if incident.status in ("resolved", "closed"):
        return COLOUR_DONE
    return COLOURS.get(incident.severity, COLOUR_PLAIN)


def headline(message: Message) -> str:
    """The first line, with its badges: `[TEST] 🚨 New Incident Declared`."""
    marks = "".join(f"[{badge}] " for badge in message.badges)
    return f"{marks}{message.headline}"


def facts(incident: IncidentCard) -> tuple[tuple[str, str], ...]:
    """Label and value, in the order they are shown: severity, status, service, assignee."""
    rows = [
        ("Severity", incident.severity),
        ("Status", STATUS_WORDS.get(incident.status, incident.status)),
    ]
    if incident.service:
        rows.append(("Service", incident.service))
    if incident.assignee:
        rows.append(("Assignee", incident.assignee))
    return tuple(rows)
