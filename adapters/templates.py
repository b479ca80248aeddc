"""Message templates: the `{{.Title}}` placeholders of the documentation, filled with escaped values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Final

from adapters.contract import Message

MAX_TEMPLATE_LENGTH: Final = 10_000

_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")

_VALUES: Final[Mapping[str, Callable[[Message], str]]] = {
    "ID": lambda m: m.incident.id if m.incident else "",
    "Title": lambda m: m.incident.title if m.incident else m.headline,
    "Description": lambda m: (m.incident.description if m.incident else m.text) or "",
    "Severity": lambda m: m.incident.severity if m.incident else "",
    "Status": lambda m: m.incident.status if m.incident else "",
    "Service": lambda m: (m.incident.service if m.incident else "") or "",
    "Assignee": lambda m: (m.incident.assignee if m.incident else "") or "",
    "URL": lambda m: (m.incident.url if m.incident else "") or "",
    "StartedAt": lambda m: f"{m.incident.started_at:%Y-%m-%d %H:%M} UTC" if m.incident else "",
    "Event": lambda m: m.event,
    "Headline": lambda m: m.headline,
    "Actor": lambda m: m.actor or "",
    "Note": lambda m: m.note or "",
    "Message": lambda m: m.text,
    "Steps": lambda m: "\n".join(m.steps),
}

PLACEHOLDERS: Final = tuple(_VALUES)


class TemplateError(ValueError):
    """A template cannot be used; the text names the placeholder and the mend."""


def parse(text: str) -> tuple[str, ...]:
    """The placeholders that a template uses; TemplateError names one that does not exist."""
    if len(text) > MAX_TEMPLATE_LENGTH:
        raise TemplateError(f"the template is longer than {MAX_TEMPLATE_LENGTH} characters")
    names = tuple(_name(match.group(1)) for match in _PLACEHOLDER.finditer(text))
    for name in names:
        if name not in _VALUES:
            raise TemplateError(f"unknown placeholder `{{{{.{name}}}}}`; {_hint(name)}")
    left = _PLACEHOLDER.sub("", text)
    if "{{" in left:
        raise TemplateError("a `{{` has no matching `}}`")
    return names


def fill(text: str, message: Message, escape: Callable[[str], str]) -> str:
    """The template with every value escaped for the platform; the template's own markup stays as it is.

    A placeholder that does not exist (parse() refuses it) stays as it is written: a page must go out.
    """
    return fill_part(text, message, escape).strip("\n")


def fill_part(text: str, message: Message, escape: Callable[[str], str]) -> str:
    """As fill, for a piece of a template: newlines at its ends are kept."""

    def value(match: re.Match[str]) -> str:
        known = _VALUES.get(_name(match.group(1)))
        return escape(known(message)) if known else match.group(0)

    return _PLACEHOLDER.sub(value, text)


def _name(inner: str) -> str:
    return inner.removeprefix("-").removesuffix("-").strip().removeprefix(".")


def _hint(name: str) -> str:
    by_folded = {known.lower(): known for known in _VALUES}
    near = difflib.get_close_matches(name.lower(), by_folded, n=1)
    if near:
        return f"did you mean `{{{{.{by_folded[near[0]]}}}}}`?"
    return f"known are {', '.join(_VALUES)}"
