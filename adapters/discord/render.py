"""Messages as Discord shows them: a line for the notification, an embed in the severity's colour, buttons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from adapters import look, templates
from adapters.contract import Action, IncidentCard, Message, Picture
from adapters.discord.components import Row, rows
from adapters.discord.config import is_snowflake
from adapters.discord.escape import clean, cut_escaped, escape_quietly, escaped, one_line, verbatim
from adapters.discord.limits import (
    MAX_BUTTON_URL,
    MAX_CONTENT,
    MAX_DESCRIPTION,
    MAX_EMBEDS_TOTAL,
    MAX_FIELD_NAME,
    MAX_FIELD_VALUE,
    MAX_MENTIONS,
    MAX_NONCE,
    MAX_PICTURE_URL,
)

MARK: Final = "im·"
"""Begins the footer that carries a delivery's nonce; see `marked`."""
MARK_ROOM: Final = len(MARK) + MAX_NONCE

# How the room is shared; what is left of MAX_EMBEDS_TOTAL goes to the description.
_HEADLINE_ROOM: Final = 300
_ID_ROOM: Final = 100
_TITLE_ROOM: Final = MAX_CONTENT - _HEADLINE_ROOM - _ID_ROOM - 20
_SHORT_ROOM: Final = 200
_STEP_ROOM: Final = 200
_FACTS_ROOM: Final = 1_500
_MAX_FACTS: Final = 15
_ALT_ROOM: Final = 300

# https://docs.discord.com/developers/resources/message#message-object-message-flags
_EPHEMERAL: Final = 1 << 6

_COLOURS: Final = {
    name: int(name[1:], 16) for name in (*look.COLOURS.values(), look.COLOUR_DONE, look.COLOUR_PLAIN)
}
_CODE: Final = re.compile(r"(```.*?```|`[^`]+`)", re.DOTALL)


class Field(msgspec.Struct, frozen=True):
    """A name and a value in an embed."""

    name: str
    value: str
    inline: bool = False


class Footer(msgspec.Struct, frozen=True):
    """The small print of an embed; no markup works in it."""

    text: str


class Image(msgspec.Struct, frozen=True):
    """A picture by its address."""

    url: str


class Embed(msgspec.Struct, frozen=True, kw_only=True):
    """The box with a coloured edge; see https://discord.com/developers/docs/resources/message#embed-object."""

    color: int
    description: str | UnsetType = UNSET
    fields: tuple[Field, ...] | UnsetType = UNSET
    footer: Footer | UnsetType = UNSET
    image: Image | UnsetType = UNSET


class Mentions(msgspec.Struct, frozen=True):
    """Whom a message may notify; by default nobody, whatever its text says."""

    parse: tuple[str, ...] = ()
    users: tuple[str, ...] | UnsetType = UNSET


class Reference(msgspec.Struct, frozen=True):
    """The message that is answered; without it there is no answer."""

    message_id: str
    fail_if_not_exists: bool = True


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A message's body. An edit sends content, embeds and components even if empty, or the old ones stay."""

    content: str
    embeds: tuple[Embed, ...]
    components: tuple[Row, ...]
    allowed_mentions: Mentions = Mentions()
    nonce: str | UnsetType = UNSET
    enforce_nonce: bool | UnsetType = UNSET
    message_reference: Reference | UnsetType = UNSET
    flags: int | UnsetType = UNSET


def render(message: Message) -> Payload:
    """The payload for a message, within all of Discord's limits with room for a mark.

    The content is what a phone's notification shows: the headline and, unless a template words it, the
    incident. A template replaces the embed's body; headline, colour and buttons stay.
    """
    people = _people(message.mentions)
    called = " ".join(f"<@{person}>" for person in people)
    content = _content(message, len(called))
    fields = () if message.template else _fields(message)
    pictures = _pictures(message)
    room = min(MAX_DESCRIPTION, MAX_EMBEDS_TOTAL - MARK_ROOM - _ALT_ROOM * len(pictures) - _size(fields))
    description = (
        _from_template(message.template, message, room) if message.template else _body(message, room)
    )
    if not description and not fields:
        # An embed must hold something: a headline on its own moves into it.
        content, description = "", content or "—"
    embed = Embed(
        color=_COLOURS[look.colour(message)], description=description or UNSET, fields=fields or UNSET
    )
    return Payload(
        content="\n".join(line for line in (called, content) if line),
        embeds=(embed, *pictures),
        components=rows(message.actions, message.menus),
        allowed_mentions=Mentions(users=people) if people else Mentions(),
    )


def marked(payload: Payload, nonce: str) -> Payload:
    """The payload with a delivery's nonce, for Discord and, in the embed's footer, for looking back.

    Discord does not keep the nonce with the message (only the answer to the post and the gateway's event
    have it), so that a message can be found again only by something it shows.
    """
    first, *others = payload.embeds
    return msgspec.structs.replace(
        payload,
        embeds=(msgspec.structs.replace(first, footer=Footer(MARK + nonce)), *others),
        nonce=nonce,
        enforce_nonce=True,
    )


def answering(payload: Payload, message_id: str, *, must_exist: bool = True) -> Payload:
    """The payload as an answer to a message; unless it must exist, a plain message where that is gone."""
    return msgspec.structs.replace(payload, message_reference=Reference(message_id, must_exist))


def for_one(payload: Payload) -> Payload:
    """The payload as only the person who pressed or typed sees it."""
    return msgspec.structs.replace(payload, flags=_EPHEMERAL)


def _people(mentions: Sequence[str]) -> tuple[str, ...]:
    """Only ids: anything else between `<@` and `>` could be other markup."""
    return tuple(dict.fromkeys(person for person in mentions if is_snowflake(person)))[:MAX_MENTIONS]


def _pictures(message: Message) -> tuple[Embed, ...]:
    """The picture in an embed of its own, as an embed has one footer, and the words beside it."""
    picture: Picture | None = message.picture
    if picture is None:
        return ()
    url = look.link(picture.url, MAX_PICTURE_URL)
    words = escaped(one_line(picture.alt), _ALT_ROOM)
    if not url and not words:
        return ()
    image = Image(url) if url else UNSET
    return (Embed(color=_COLOURS[look.colour(message)], description=words or UNSET, image=image),)


def _content(message: Message, taken: int) -> str:
    headline = _line(look.headline(message), _HEADLINE_ROOM)
    lines = [f"**{headline}**"] if headline else []
    if message.incident and not message.template:
        lines.append(_subject(message.incident, _TITLE_ROOM - taken))
    return "\n".join(line for line in lines if line)


def _subject(incident: IncidentCard, room: int) -> str:
    number = _line(incident.id, _ID_ROOM)
    title = _line(incident.title, room)
    return ": ".join(part for part in (f"**{number}**" if number else "", title) if part)


def _line(text: str, limit: int) -> str:
    return cut_escaped(escape_quietly(one_line(text)[: limit + 1]), limit)


def _body(message: Message, room: int) -> str:
    description = message.incident.description or "" if message.incident else ""
    text = escaped(message.text, room // 2 if description.strip() else room)
    if not text:
        return escaped(description, room)
    above = escaped(description, room - len(text) - 2)
    return f"{above}\n\n{text}" if above else text


def _fields(message: Message) -> tuple[Field, ...]:
    incident = message.incident
    return (
        *(_incident_fields(incident, message.actions) if incident else ()),
        *_short([("By", message.actor or "")] if not _filled(message.note) else []),
        *_note(message),
        *_facts(message.facts),
        *_steps(message.steps),
    )


def _incident_fields(incident: IncidentCard, actions: Sequence[Action]) -> Iterable[Field]:
    yield from _short(look.facts(incident))
    yield Field("Started", f"<t:{int(incident.started_at.timestamp())}:R>", inline=True)
    if incident.url and not any(action.url for action in actions):
        yield from _short([("Details", incident.url)], MAX_BUTTON_URL)


def _short(rows: Iterable[tuple[str, str]], room: int = _SHORT_ROOM) -> Iterable[Field]:
    for name, value in rows:
        if _filled(value):
            yield Field(name, escaped(value, room), inline=True)


def _note(message: Message) -> Iterable[Field]:
    if _filled(message.note):
        author = escaped(one_line(message.actor or ""), _SHORT_ROOM)
        name = f"Note from {author}" if author else "Note"
        yield Field(name, escaped(message.note or "", MAX_FIELD_VALUE))


def _facts(facts: Sequence[tuple[str, str]]) -> Iterable[Field]:
    left = _FACTS_ROOM
    for label, value in facts[:_MAX_FACTS]:
        name = escaped(one_line(label), min(MAX_FIELD_NAME, left)) or "—"
        text = escaped(value, max(0, min(MAX_FIELD_VALUE, left - len(name))))
        if text.strip(look.ELLIPSIS):
            left -= len(name) + len(text)
            yield Field(name, text, inline=True)


def _steps(steps: Sequence[str]) -> Iterable[Field]:
    """The steps as a list; where they do not all fit, the oldest give way."""
    lines = [f"• {escaped(one_line(step), _STEP_ROOM)}" for step in steps if _filled(step)]
    kept, room = [], MAX_FIELD_VALUE - _SHORT_ROOM
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    if len(kept) < len(lines):
        kept.append(f"{look.ELLIPSIS} and {len(lines) - len(kept)} before")
    if kept:
        yield Field("Since the last message", "\n".join(reversed(kept)))


def _from_template(template: str, message: Message, left: int) -> str:
    """The template filled, at most `left` long, no code block left open where it is cut."""
    pieces: list[str] = []
    for index, piece in enumerate(_CODE.split(template)):
        text = _code(piece, message, left) if index % 2 else _fill(piece, message, _value)
        pieces.append(cut_escaped(text, left))
        left -= len(text)
        if left <= 0:
            break
    return "".join(pieces).strip()


def _fill(piece: str, message: Message, escaping: Callable[[str], str]) -> str:
    # templates.fill drops line breaks at both ends, which belong to a piece; the bars keep them.
    return templates.fill(f"|{piece}|", message, escaping)[1:-1]


def _value(text: str) -> str:
    return escaped(text, MAX_DESCRIPTION)


def _code(piece: str, message: Message, room: int) -> str:
    fence = "```" if piece.startswith("```") else "`"
    inside = _fill(piece[len(fence) : -len(fence)], message, verbatim)
    space = room - 2 * len(fence)
    return f"{fence}{look.cut(inside, space)}{fence}" if space > 0 else look.ELLIPSIS


def _filled(text: str | None) -> bool:
    return bool(text and clean(text).strip())


def _size(fields: Iterable[Field]) -> int:
    return sum(len(field.name) + len(field.value) for field in fields)
