"""A message as a Mattermost post: the news in the message itself, the rest in one coloured attachment.

Telephones show the message and the attachment's fallback in the notification, so that these two say what
happened without being opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final

import msgspec

from adapters import look, templates
from adapters.contract import Action, IncidentCard, Message
from adapters.mattermost import escape
from adapters.mattermost.controls import Control, controls, label
from adapters.mattermost.escape import fit, inline, plain
from adapters.mattermost.limits import (
    MAX_ACTOR,
    MAX_ALT,
    MAX_FALLBACK,
    MAX_FIELDS,
    MAX_HEADLINE,
    MAX_ID,
    MAX_LABEL,
    MAX_MENTIONS,
    MAX_MESSAGE,
    MAX_NOTE,
    MAX_PARAGRAPH,
    MAX_STEP,
    MAX_STEPS,
    MAX_TEMPLATED,
    MAX_TITLE,
    MAX_VALUE,
    SHORT_VALUE,
)

_CODE: Final = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)
_EVERYBODY: Final = re.compile(r"(?:all|channel|here)\b", re.IGNORECASE)
_STASHED: Final = re.compile("\x00([0-9]+)\x00")
_HALVED: Final = re.compile(r"(?:&#?[a-z0-9]{0,4}|<https?:[^>\s]*|<|(?<!\\)(?:\\\\)*\\)\Z")


_NOBODY: Final[Mapping[str, str]] = {}

NOTHING: Final = "–"
"""In place of what would be empty and make the post invalid."""


class Field(msgspec.Struct, frozen=True):
    """A label and its value; two short ones share a row."""

    title: str
    value: str
    short: bool


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """See https://docs.mattermost.com/developers/integrate/reference/message-attachments."""

    fallback: str
    color: str
    text: str = ""
    fields: tuple[Field, ...] = ()
    actions: tuple[Control, ...] = ()
    image_url: str = ""
    footer: str = ""

    def has_content(self) -> bool:
        """Whether anything of it is seen; an empty attachment makes the post invalid."""
        return bool(self.text or self.fields or self.actions or self.image_url)


class Props(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A post's properties. A patch replaces all of them, so that what must stay is always sent."""

    from_bot: str
    """`true`: the server sets it when a bot posts, and an edit that leaves it out would take it away."""
    attachments: tuple[Attachment, ...] = ()
    im_nonce: str = ""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What people see; where it goes is added when it is sent."""

    message: str
    props: Props


def render(message: Message, names: Mapping[str, str] = _NOBODY) -> Post:
    """The post for a message. Its buttons lead nowhere yet: adapters/mattermost/buttons.py connects them.

    `names` are the user names of the people in `message.mentions` by their ids: Mattermost notifies by name.
    A template that fills to nothing is as good as none: a page must go out.
    """
    body = _templated(message) if message.template else ""
    templated = not escape.blank(body)
    people = _people(message, names)
    text = _joined(people, _mark(message) if templated else _news(message, len(people)), by="\n")
    shown = bool(text) and not templated
    attachment = _attachment(
        message,
        text=_joined(body if templated else "\n\n".join(_paragraphs(message)), _links(message.actions)),
        fields=() if templated else tuple(_fields(message))[:MAX_FIELDS],
        fallback=_fallback(message, shown=shown),
    )
    attachments = (attachment,) if attachment else ()
    return Post(
        message=text if text or attachments else NOTHING,
        props=Props(from_bot="true", attachments=attachments),
    )


def _people(message: Message, names: Mapping[str, str]) -> str:
    """Who is notified; whose name is not known is shown as the id, which notifies nobody."""
    people = message.mentions[:MAX_MENTIONS]
    return " ".join(f"@{names[one]}" if one in names else fit(one, MAX_LABEL, inline) for one in people)


def _mark(message: Message) -> str:
    """What stays of the message beside a template: the headline, when it has badges to show."""
    return _headline(message) if message.badges else ""


def _headline(message: Message) -> str:
    headline = fit(look.headline(message), MAX_HEADLINE, inline)
    return f"**{headline}**" if headline else ""


def _news(message: Message, taken: int) -> str:
    if message.incident:
        second = _name(message.incident)
    else:
        room = MAX_MESSAGE - MAX_HEADLINE - len("****\n\n") - taken
        second = fit(message.text.strip("\r\n"), room)
    return _joined(_headline(message), second, by="\n")


def _joined(*parts: str, by: str = "\n\n") -> str:
    return by.join(part for part in parts if part)


def _name(incident: IncidentCard) -> str:
    """`**[INC-2024-001](https://…)**: Database connection timeout`."""
    id_, title = fit(incident.id, MAX_ID, inline), fit(incident.title, MAX_TITLE, inline)
    url = escape.link_target(incident.url)
    parts = [f"**[{id_}]({url})**" if url else f"**{id_}**"] if id_ else []
    return ": ".join([*parts, title] if title else parts)


def _attachment(
    message: Message, *, text: str, fields: tuple[Field, ...], fallback: str
) -> Attachment | None:
    picture = escape.link_target(message.picture.url) if message.picture else None
    attachment = Attachment(
        fallback=fallback,
        color=look.colour(message),
        text=text,
        fields=fields,
        actions=controls(message),
        image_url=picture or "",
        footer=fit(message.picture.alt, MAX_ALT, plain) if message.picture and picture else "",
    )
    return attachment if attachment.has_content() else None


def _paragraphs(message: Message) -> Iterator[str]:
    incident = message.incident
    if incident:
        for text in (incident.description or "", message.text):
            if not escape.blank(text):
                yield fit(text.strip("\r\n"), MAX_PARAGRAPH)
    note, actor = fit((message.note or "").strip(), MAX_NOTE), fit(message.actor or "", MAX_ACTOR, inline)
    if note:
        yield f"**Note** ({actor}): {note}" if actor else f"**Note**: {note}"
    elif actor:
        yield f"**By**: {actor}"
    if message.steps:
        yield "\n".join(_steps(message.steps))


def _steps(steps: tuple[str, ...]) -> Iterator[str]:
    yield "**Meanwhile**:"
    left_out = len(steps) - MAX_STEPS
    if left_out > 0:
        yield f"• … {left_out} earlier"
    for step in steps[-MAX_STEPS:]:
        yield f"• {fit(step, MAX_STEP, inline)}"


def _links(actions: tuple[Action, ...]) -> str:
    """Mattermost has no buttons that are links; so that what leads somewhere is always a link in the text."""
    targets = ((action, escape.link_target(action.url)) for action in actions)
    return " · ".join(f"[{label(action, inline)}]({url})" for action, url in targets if url)


def _fields(message: Message) -> Iterator[Field]:
    incident = message.incident
    if incident:
        for label, value in look.facts(incident):
            yield _field(label, value)
        yield _field("Started", f"{incident.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    for label, value in message.facts:
        yield _field(label, value)


def _field(label: str, value: str) -> Field:
    """Labels are shown as they are; values are markdown."""
    shown = fit(value, MAX_VALUE, inline) or NOTHING
    return Field(title=fit(label, MAX_LABEL, plain), value=shown, short=len(value) <= SHORT_VALUE)


def _fallback(message: Message, *, shown: bool) -> str:
    """What a notification says after the message; all of it where the message itself is empty."""
    incident = message.incident
    parts = [] if shown else [look.headline(message)]
    if incident:
        parts += [] if shown else [f"{incident.id}: {incident.title}"]
        parts += [value for _, value in look.facts(incident)]
    return fit(" · ".join(parts), MAX_FALLBACK, plain) or NOTHING


def _templated(message: Message) -> str:
    """The filled template; a value within the template's code is shown as code shows it."""
    values: list[str] = []

    def stash(value: str) -> str:
        values.append(value)
        return f"\x00{len(values) - 1}\x00"

    filled = templates.fill((message.template or "").replace("\x00", ""), message, stash)
    return _cut_markup("".join(_with_values(part, values) for part in _CODE.split(filled)))


def _with_values(part: str, values: list[str]) -> str:
    how = (
        escape.code_block if part.startswith("```") else escape.code_span if part[:1] == "`" else escape.block
    )
    fitted: dict[str, str] = {}

    def value(match: re.Match[str]) -> str:
        raw = values[int(match.group(1))]
        if raw not in fitted:
            fitted[raw] = fit(raw, MAX_PARAGRAPH, how)
        # `@{{.Assignee}}` may mention somebody; nobody may type their way to everybody.
        at = match.string[match.start() - 1 : match.start()] == "@"
        return escape.ZERO_WIDTH_SPACE + fitted[raw] if at and _EVERYBODY.match(raw) else fitted[raw]

    return _STASHED.sub(value, part)


def _cut_markup(text: str) -> str:
    if len(text) <= MAX_TEMPLATED:
        return text
    return _HALVED.sub("", text[: MAX_TEMPLATED - 1]) + look.ELLIPSIS
