"""A message as a Teams activity with one Adaptive Card; pure.

What people typed stands in text runs, which know no markup, or escaped in facts and templates, which are
Markdown. Runs are preferred because clients differ in how they read escapes
(https://github.com/microsoft/AdaptiveCards/issues/5590).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from adapters import look, templates
from adapters.contract import Action, IncidentCard, Message
from adapters.http import encode
from adapters.teams import limits
from adapters.teams.card import (
    CONTENT_TYPE,
    SCHEMA,
    VERSION,
    Activity,
    AdaptiveCard,
    Attachment,
    Block,
    Colour,
    Container,
    Execute,
    Fact,
    FactSet,
    Image,
    OpenUrl,
    Pressed,
    RichTextBlock,
    Style,
    Submit,
    TeamsOnly,
    TextBlock,
    TextRun,
)
from adapters.teams.escape import cut_escaped, markdown, one_line, plain, tagless
from adapters.teams.menu import calls, mentions, menus

_BUDGET: Final = limits.MESSAGE_BYTES_UTF16 - limits.ENVELOPE_BYTES_UTF16
NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_SMALLEST: Final = 1
_NOTHING: Final = look.ELLIPSIS
"""In place of an empty text, which Teams would not show."""

# Cards know names of colours only; the ground tells SEV-2 and SEV-3 apart.
_LOOKS: Final[Mapping[str, tuple[Style, Colour]]] = {
    look.COLOURS["SEV-1"]: ("attention", "Attention"),
    look.COLOURS["SEV-2"]: ("warning", "Warning"),
    look.COLOURS["SEV-3"]: ("emphasis", "Warning"),
    look.COLOURS["SEV-4"]: ("accent", "Accent"),
    look.COLOUR_DONE: ("good", "Good"),
}
_PLAIN: Final[tuple[Style, Colour]] = ("emphasis", "Default")
_STYLES: Final[Mapping[str, str]] = {"default": "default", "primary": "positive", "danger": "destructive"}
_BREAKS: Final = re.compile(r"\n+")


def render(message: Message, names: Mapping[str, str] = NOBODY) -> Activity:
    """The activity to post; its longest texts are cut until it is within the budget.

    `names` are of the people whom it mentions, by id.
    """
    activity = _activity(message, limits.MAX_TEXT, names)
    return activity if fits(activity) else _shrunk(message, names)


def _shrunk(message: Message, names: Mapping[str, str]) -> Activity:
    """The activity with all texts cut at the largest common length that fits."""
    low, high = _SMALLEST, limits.MAX_TEXT
    best = _activity(message, low, names)
    while low < high - 1:
        middle = (low + high) // 2
        activity = _activity(message, middle, names)
        if fits(activity):
            best, low = activity, middle
        else:
            high = middle
    return best


def fits(activity: Activity) -> bool:
    """Whether an activity is within the budget."""
    payload = encode(activity)
    if 2 * len(payload) <= _BUDGET:  # no character is longer in UTF-16 than twice its UTF-8
        return True
    return len(payload.decode().encode("utf-16-le")) <= _BUDGET


def _activity(message: Message, longest: int, names: Mapping[str, str]) -> Activity:
    blocks = _templated(message, longest) if message.template else _default(message, longest)
    called = mentions(message, names)
    summary = _summary(message)
    card = AdaptiveCard(
        schema=SCHEMA,
        version=VERSION,
        fallback_text=markdown(summary),
        body=(*calls(called), *blocks, *_picture(message), *menus(message, longest)),
        actions=tuple(_buttons(message.actions)),
        msteams=TeamsOnly(called) if called else None,
    )
    return Activity(summary=summary, attachments=(Attachment(content_type=CONTENT_TYPE, content=card),))


def _summary(message: Message) -> str:
    incident = message.incident
    what = f"{incident.id}: {incident.title}" if incident else message.text
    lead = look.headline(message).strip() or message.event
    whole = f"{lead} · {what}" if what.strip() else lead
    return look.cut(tagless(whole[: limits.MAX_TEXT]), limits.MAX_SUMMARY)


def _default(message: Message, longest: int) -> Iterator[Block]:
    incident = message.incident
    yield _head(message, longest)
    if incident:
        yield from _facts((("ID", incident.id), *look.facts(incident)), longest)
        yield _started(incident.started_at)
        yield from _paragraph(incident.description, longest)
    yield from _paragraph(message.text, longest)
    yield from _note(message, longest)
    yield from _facts(message.facts, longest)
    yield from _steps(message.steps, longest)


def _head(message: Message, longest: int) -> Container:
    style, colour = _LOOKS.get(look.colour(message), _PLAIN)
    headline = TextBlock(
        text=_marked(one_line(look.headline(message)), longest) or _NOTHING,
        wrap=True,
        weight="Bolder",
        size="Medium",
        color=colour,
    )
    return Container(style=style, bleed=True, items=(headline, *_title(message.incident, longest)))


def _title(incident: IncidentCard | None, longest: int) -> tuple[RichTextBlock, ...]:
    if incident is None or not incident.title.strip():
        return ()
    return (RichTextBlock(inlines=(_run(one_line(incident.title), longest, bold=True),)),)


def _templated(message: Message, longest: int) -> Iterator[Block]:
    """The template in place of the body; TEST and the like must not get lost with the headline."""
    style, colour = _LOOKS.get(look.colour(message), _PLAIN)
    filled = templates.fill(message.template or "", message, lambda value: _marked(value, longest))
    text = _BREAKS.sub("\n\n", plain(filled))  # a single line break is none in Markdown
    if longest == _SMALLEST:
        text = cut_escaped(text, limits.MAX_TEMPLATE_LAST_RESORT)
    body = TextBlock(text=text or _NOTHING, wrap=True)
    yield Container(style=style, bleed=True, items=(*_badges(message, colour, longest), body))


def _badges(message: Message, colour: Colour, longest: int) -> Iterator[TextBlock]:
    if message.badges:
        marks = _marked(one_line(" ".join(f"[{badge}]" for badge in message.badges)), longest)
        yield TextBlock(text=marks, wrap=True, weight="Bolder", color=colour)


def _marked(text: str, longest: int) -> str:
    return markdown(look.cut(text.strip(), longest))


def _run(text: str, longest: int, *, bold: bool = False, subtle: bool = False) -> TextRun:
    return TextRun(
        text=plain(look.cut(text, longest)), weight="Bolder" if bold else "Default", is_subtle=subtle
    )


def _paragraph(text: str | None, longest: int) -> Iterator[RichTextBlock]:
    if text and text.strip():
        yield RichTextBlock(inlines=(_run(text, longest),))


def _note(message: Message, longest: int) -> Iterator[RichTextBlock]:
    note, actor = (message.note or "").strip(), (message.actor or "").strip()
    if note:
        lead = f"Note by {look.cut(actor, longest)}: " if actor else "Note: "
        yield RichTextBlock(inlines=(_run(lead, len(lead), bold=True), _run(note, longest)))
    elif actor:
        yield RichTextBlock(inlines=(_run("By ", 3), _run(actor, longest)))


def _facts(rows: Iterable[tuple[str, str]], longest: int) -> Iterator[FactSet]:
    given = [(title, value) for title, value in rows if value.strip()]
    facts = [_fact(title, value, longest) for title, value in given[: limits.MAX_FACTS]]
    if len(given) > limits.MAX_FACTS:
        facts.append(Fact(look.ELLIPSIS, f"and {len(given) - limits.MAX_FACTS} more"))
    if facts:
        yield FactSet(facts=tuple(facts))


def _fact(title: str, value: str, longest: int) -> Fact:
    return Fact(_marked(one_line(title), longest), _marked(one_line(value), longest))


def _started(at: datetime) -> TextBlock:
    """The start in the reader's own time zone and language: Teams has no relative times."""
    stamp = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return TextBlock(
        text=f"Started {{{{DATE({stamp}, SHORT)}}}} at {{{{TIME({stamp})}}}}", wrap=True, is_subtle=True
    )


def _steps(steps: tuple[str, ...], longest: int) -> Iterator[RichTextBlock]:
    """The newest steps, one on a line, and how many came before them."""
    left_out = len(steps) - limits.MAX_STEPS
    if left_out > 0:
        lead = f"{look.ELLIPSIS} {left_out} earlier steps"
        yield RichTextBlock(inlines=(_run(lead, len(lead), subtle=True),), spacing="Small")
    for step in filter(str.strip, steps[-limits.MAX_STEPS :]):
        yield RichTextBlock(inlines=(_run("• ", 2), _run(step, longest)), spacing="Small")


def _picture(message: Message) -> Iterator[Image]:
    """The picture, or nothing where Teams could not fetch it."""
    picture = message.picture
    if picture and _is_link(picture.url):
        yield Image(url=picture.url, alt_text=look.cut(one_line(plain(picture.alt)), limits.MAX_SUMMARY))


def _buttons(actions: tuple[Action, ...]) -> Iterator[Execute | OpenUrl]:
    for action in actions[: limits.MAX_ACTIONS]:
        title = plain(look.cut(one_line(action.label), limits.MAX_LABEL)).strip() or action.id
        if action.url and _is_link(action.url):
            yield OpenUrl(title=title, url=action.url)
        elif len(action.value) <= limits.MAX_VALUE:  # a cut value would come back as another one
            yield _press(action, title)


def _press(action: Action, title: str) -> Execute:
    data = Pressed(action.id, action.value)
    return Execute(
        title=title,
        verb=action.id,
        data=data,
        style=_STYLES[action.style],  # type: ignore[arg-type]
        fallback=Submit(title=title, data=data),
    )


def _is_link(url: str) -> bool:
    """Whether Teams may be given the address: http(s) only, no blanks, not of absurd length."""
    if len(url) > limits.MAX_URL or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
