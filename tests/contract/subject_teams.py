"""Microsoft Teams for the adapters' common suite."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from markdown_it import MarkdownIt

from adapters.teams import PLATFORM
from adapters.teams.config import TeamsConfig
from tests.contract.subject import Subject
from tests.fakes.base import Posted
from tests.fakes.teams import TeamsFake

_DATE = re.compile(r"\{\{DATE\((\d{4}-\d\d-\d\d)T[^)]*\)\}\}")
_TIME = re.compile(r"\{\{TIME\(\d{4}-\d\d-\d\dT(\d\d:\d\d):\d\dZ\)\}\}")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_MARKDOWN = MarkdownIt("commonmark").enable("strikethrough").enable("table")
_HARMLESS = frozenset({"text", "softbreak", "hardbreak", "inline", "paragraph_open", "paragraph_close"})
_OF_A_TEMPLATE = frozenset({"strong_open", "strong_close", "em_open", "em_close"})


@contextmanager
def subject() -> Iterator[Subject]:
    """Teams, its fake running."""
    with TeamsFake() as fake:
        config = config_for(fake)
        yield Subject(
            platform=PLATFORM,
            config=config,
            bad_config=msgspec.structs.replace(config, app_password="wr0ng~password_of-the-app_987654321"),
            fake=fake,
            channel="19:incidents@thread.tacv2",
            missing_channel=fake.missing_channel,
            user_query="dana@example.com",
            user_id="29:1dana",
            visible=visible,
            buttons=buttons,
            pings=pings,
            sends_path=r"/v3/conversations",
        )


def config_for(fake: TeamsFake) -> TeamsConfig:
    """A configuration that points at the fake."""
    return TeamsConfig(
        default_channel="19:incidents@thread.tacv2",
        app_id=fake.app_id,
        app_password=fake.app_password,
        tenant_id=fake.tenant,
        team_id=fake.team_id,
        service_url=f"{fake.url}/teams",
        login_base=fake.url,
        openid_metadata_url=f"{fake.url}/v1/.well-known/openidconfiguration",
    )


def card(posted: Posted) -> dict[str, Any]:
    """The card of a message as it stands now."""
    content: dict[str, Any] = posted.shown["attachments"][0]["content"]
    return content


def visible(posted: Posted) -> str:
    """All text of the card, and the summary that notifications show."""
    return "\n".join([posted.shown["summary"], *(text for text, _ in texts(card(posted)["body"]))])


def buttons(posted: Posted) -> list[str]:
    """The labels, in order."""
    return [action["title"] for action in card(posted).get("actions", [])]


def pings(posted: Posted) -> list[str]:
    """What Teams would make of the texts that are Markdown; mentions need entities, which no text can make.

    A template's own emphasis is not told apart from a person's, so emphasis counts only around `x`.
    """
    found = [str(entity) for entity in posted.shown.get("entities", [])]
    found += [str(entity) for entity in card(posted).get("msteams", {}).get("entities", [])]
    found += [f"tag in the summary: {posted.shown['summary']}"] if "<" in posted.shown["summary"] else []
    for raw in markdown_of(posted):
        found += [what for what in effects(raw) if what not in _OF_A_TEMPLATE or "**x**" in raw]
    return found


def markdown_of(posted: Posted) -> list[str]:
    """The texts of a message that Teams reads as Markdown."""
    whole = card(posted)
    return [whole["fallbackText"], *_raw_markdown(whole["body"])]


def _raw_markdown(elements: list[dict[str, Any]]) -> Iterator[str]:
    for element in elements:
        if element["type"] == "TextBlock":
            yield element["text"]
        for fact in element.get("facts", []):
            yield fact["title"]
            yield fact["value"]
        yield from _raw_markdown(element.get("items", []))


def effects(markdown: str) -> list[str]:
    """The markup that takes effect in a text, by CommonMark with strikethrough and tables."""
    tokens = [token for block in _MARKDOWN.parse(markdown) for token in (block, *(block.children or ()))]
    return [token.type for token in tokens if token.type not in _HARMLESS]


def as_read(markdown: str) -> list[str]:
    """The words that a reader of CommonMark sees of a text."""
    tokens = [token for block in _MARKDOWN.parse(markdown) for token in block.children or ()]
    return "".join("\n" if token.type.endswith("break") else token.content for token in tokens).split()


def texts(elements: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each text of the elements as a person sees it, and the kind of its element."""
    for element in elements:
        kind = element["type"]
        if kind == "TextBlock":
            yield read(element["text"]), kind
        elif kind == "RichTextBlock":
            yield "".join(run["text"] for run in element["inlines"]), kind
        for fact in element.get("facts", []):
            yield f"{read(fact['title'])}: {read(fact['value'])}", kind
        yield from texts(element.get("items", []))


def read(markdown: str) -> str:
    """Markdown with its escapes resolved and its dates filled in."""
    dated = _TIME.sub(r"\1 UTC", _DATE.sub(r"\1", markdown))
    return html.unescape(_ESCAPE.sub(r"\1", dated.replace("\n\n", "\n")))
