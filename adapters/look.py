"""How an incident looks on every platform: colours, emoji, fact lines, and cutting with an ellipsis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.contract import IncidentCard, Message

ELLIPSIS: Final = "…"

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
    return text if len(text) <= limit else text[: max(0, limit - 1)] + ELLIPSIS


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
