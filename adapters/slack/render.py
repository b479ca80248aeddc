"""A message as Block Kit: the headline and title on top, everything else beside a coloured bar.

The headline is a top-level block because without one Slack shows the notification's `text` as a line of
its own above the attachment; and what is in an attachment may be folded away, which a title must not be.
What people typed stands in `plain_text` objects, where Slack formats nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from adapters import look
from adapters.contract import IncidentCard, Message, Picture
from adapters.slack import controls, limits
from adapters.slack.blocks import Actions, Block, Context, Header, Image, Mrkdwn, Plain, Section
from adapters.slack.markup import cut, fill, fit, mention, pieces

# How the text budget of a message (limits.MAX_ALL_BLOCKS) is shared out. Description and text, which may
# be long, get what the others leave.
TITLE: Final = 500
ROW_VALUE: Final = 150
LABEL: Final = 50
NOTE: Final = 900
STEP: Final = 200
STEPS: Final = 1200
FACTS: Final = 15
FALLBACK: Final = 500
MENTIONS: Final = 50
ALT: Final = 300
TEMPLATE_VALUE: Final = 1500
ROWS_IN_SECTION: Final = limits.MAX_FIELDS // 2

NOTHING: Final = "–"


class Attachment(msgspec.Struct, frozen=True):
    """Blocks beside a coloured bar."""

    color: str
    blocks: tuple[Block, ...]


class Payload(msgspec.Struct, frozen=True):
    """The arguments of chat.postMessage and chat.update that make up a message's look."""

    text: str
    """Shown in notifications only, as there are always top-level blocks."""
    blocks: tuple[Block, ...]
    attachments: tuple[Attachment, ...]
    mrkdwn: bool = False
    parse: str = "none"
    link_names: bool = False
    unfurl_links: bool = False
    unfurl_media: bool = False


def render(message: Message) -> Payload:
    """The message as Slack is given it, without a channel; deterministic and within every limit."""
    top = (*_mentions(message), *(_template_top(message) if message.template else _top(message)))
    after = (*_picture(message.picture), *controls.rows(message.actions, message.menus))
    room = limits.MAX_ALL_BLOCKS - _length((*top, *after))
    body = _template_body(message, room) if message.template else _body(message, room)
    below = (*body, *after)
    bar = (Attachment(color=look.colour(message), blocks=below),) if below else ()
    return Payload(text=_fallback(message), blocks=top, attachments=bar)


def _line(text: str) -> str:
    return " ".join(text.split())


def _headline(message: Message) -> str:
    return _line(look.headline(message)) or message.event or NOTHING


def _name(incident: IncidentCard) -> str:
    return ": ".join(part for part in (_line(incident.id), _line(incident.title[: TITLE * 2])) if part)


def _fallback(message: Message) -> str:
    detail = _name(message.incident) if message.incident else _line(message.text[:FALLBACK])
    return fit(" · ".join(part for part in (_headline(message), detail) if part), FALLBACK)


def _mentions(message: Message) -> tuple[Block, ...]:
    """On top of the coloured bar: a mention inside an attachment notifies nobody."""
    named = [shown for person in message.mentions[:MENTIONS] if (shown := mention(person))]
    return (Section(Mrkdwn(" ".join(named))),) if named else ()


def _picture(picture: Picture | None) -> tuple[Block, ...]:
    url = look.link(picture.url, limits.MAX_IMAGE_URL) if picture else None
    if picture is None or url is None:
        return ()
    return (Image(image_url=url, alt_text=fit(_line(picture.alt), ALT) or NOTHING),)


def _top(message: Message) -> tuple[Block, ...]:
    header = Header(Plain(fit(_headline(message), limits.MAX_HEADER)))
    name = _name(message.incident) if message.incident else ""
    return (header, Section(Plain(fit(name, TITLE)))) if name else (header,)


def _template_top(message: Message) -> tuple[Block, ...]:
    """A small line that names the incident and keeps the badges, as a template may hold neither."""
    marks = [f"[{badge}]" for badge in message.badges]
    name = _line(message.incident.id) if message.incident else _headline(message)
    return (Context((Plain(fit(" ".join((*marks, name)).strip() or NOTHING, limits.MAX_HEADER)),)),)


def _template_body(message: Message, room: int) -> tuple[Block, ...]:
    filled = fill(message.template or "", message, value_limit=TEMPLATE_VALUE)
    text = cut(filled, min(room, 2 * limits.MAX_SECTION))
    return tuple(Section(Mrkdwn(piece)) for piece in pieces(text, limits.MAX_SECTION))


def _body(message: Message, room: int) -> tuple[Block, ...]:
    incident = message.incident
    rows = _rows([*_incident_rows(incident), *_started(incident.started_at)]) if incident else ()
    after = (*_facts(message.facts), *_note(message), *_steps(message.steps))
    room -= _length((*rows, *after))
    described = (incident.description if incident else None) or ""
    share = room // 2 if message.text else room
    description = _paragraphs(described, min(share, limits.MAX_SECTION))
    text = _paragraphs(message.text, min(room - _length(description), 2 * limits.MAX_SECTION))
    return (*rows, *description, *text, *after)


def _paragraphs(text: str, limit: int) -> tuple[Block, ...]:
    if not text.strip():
        return ()
    return tuple(Section(Plain(piece)) for piece in pieces(fit(text, limit), limits.MAX_SECTION))


Row = tuple[Mrkdwn, Plain | Mrkdwn]


def _row(label: str, value: str) -> Row:
    shown = fit(_line(value[: ROW_VALUE * 2]), ROW_VALUE) or NOTHING
    return _label(label), Plain(shown)


@lru_cache(maxsize=256)
def _label(label: str) -> Mrkdwn:
    """Labels are the router's own words, and few."""
    return Mrkdwn(f"*{fit(_line(label), LABEL) or NOTHING}*")


def _incident_rows(incident: IncidentCard) -> Iterable[Row]:
    return (_row(label, value) for label, value in look.facts(incident))


def _started(at: datetime) -> Iterable[Row]:
    # https://docs.slack.dev/messaging/formatting-message-text#date-formatting : in the reader's time zone.
    utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    yield (
        Mrkdwn("*Started*"),
        Mrkdwn(f"<!date^{int(at.timestamp())}^{{ago}} ({{date_short_pretty}} at {{time}})|{utc}>"),
    )


def _rows(rows: Sequence[Row]) -> tuple[Block, ...]:
    """Rows of label and value: Slack sets fields in two columns, left to right."""
    parts = (rows[at : at + ROWS_IN_SECTION] for at in range(0, len(rows), ROWS_IN_SECTION))
    return tuple(Section(fields=tuple(field for row in part for field in row)) for part in parts)


def _facts(facts: Sequence[tuple[str, str]]) -> tuple[Block, ...]:
    shown = _rows([_row(label, value) for label, value in facts[:FACTS]])
    left = len(facts) - FACTS
    return (*shown, Section(Plain(f"… and {left} more"))) if left > 0 else shown


def _note(message: Message) -> tuple[Block, ...]:
    actor = fit(_line((message.actor or "")[: ROW_VALUE * 2]), ROW_VALUE)
    note = (message.note or "").strip()
    if note:
        start = f"Note from {actor}: " if actor else "Note: "
        return (Section(Plain(start + fit(note, NOTE))),)
    return (Section(Plain(f"By {actor}")),) if actor else ()


def _steps(steps: Sequence[str]) -> tuple[Block, ...]:
    """What happened meanwhile, oldest first; where there is too much, the newest are shown."""
    lines: list[str] = []
    room = STEPS
    for step in reversed(steps):
        line = f"• {fit(_line(step[: STEP * 2]), STEP) or NOTHING}\n"
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    left = len(steps) - len(lines)
    earlier = f"… {left} earlier\n" if left else ""
    text = "Meanwhile:\n" + earlier + "".join(reversed(lines))
    return (Section(Plain(text.rstrip())),) if steps else ()


def _length(blocks: Sequence[Block]) -> int:
    return sum(len(text) for block in blocks for text in _texts(block))


def _texts(block: Block) -> Iterable[str]:
    match block:
        case Header(text=text):
            yield text.text
        case Section(text=text, fields=fields):
            yield text.text if text else ""
            yield from (field.text for field in fields or ())
        case Context(elements=elements):
            yield from (element.text for element in elements)
        case Image(alt_text=alt):
            yield alt
        case Actions():
            yield from controls.texts(block)
