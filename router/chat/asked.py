"""The words of chat: what was asked, by whom, where, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from adapters.contract import Action, Choice, Menu, Message
from adapters.inbound import ChatInput
from nlu_model.parse import Parse
from router import compose
from router.batch import Result
from router.bootstrap import Parts
from router.catalogue.oncall import Roster
from router.events import Event
from router.incidents import Incident
from router.people.people import People, Speaker
from router.policy.policy import Place, Policy
from router.targets import Provider
from rules.live import LiveRules

if TYPE_CHECKING:
    from router.chat.commands import Commands
    from router.dialogue.talk import Talks

Outcome = Literal["done", "refused", "asked", "misused", "failed", "ignored"]
"""What became of an input: the label of metrics, the fact of rules, the word of the audit."""

MAX_HEADLINE: Final = 150
"""Slack cuts a header there, the shortest of all: https://docs.slack.dev/reference/block-kit/blocks/header-block"""
_BREAK: Final = re.compile(r"(?P<head>.{1,140}?)(?:; |\. )", re.DOTALL)

ANSWER: Final = "answer"
"""Message.event of an answer: templates are for notifications only."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A command with its arguments, however it was said: typed, pressed, filled in, or in a sentence."""

    command: str
    arguments: dict[str, str] = {}
    """By the names of the usage line."""
    said: str = ""
    """As it was typed, or what stands for it; for the timeline and the audit."""
    confirmed: bool = False
    described: bool = False
    """Whether the incident was found by what was said of it, and not by its id or where it was said."""
    doubtful: bool = False
    """Whether it may not be what was meant at all."""


class Asks(msgspec.Struct, frozen=True, kw_only=True):
    """A question back, as the conversation remembers it."""

    number: str
    """Of the question's row."""
    slot: str
    """What is asked for: an argument, or `confirmation`."""
    call: Call
    choices: tuple[str, ...] = ()
    question: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A call in its setting."""

    id: str
    """The inbox row: what makes doing it twice the same as once."""
    call: Call
    speaker: Speaker
    name: str
    """What others see of the speaker; a name that an account has and they are not linked to is marked."""
    place: Place
    given: ChatInput
    provider: Provider
    at: datetime
    begun: datetime | None = None
    """When the input came, where it was begun before: then it may be done already."""

    def argument(self, name: str) -> str | None:
        """An argument, or None where it was not given."""
        return self.call.arguments.get(name)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is said back, and what became of it."""

    message: Message | None
    outcome: Outcome
    incident: Incident | None = None
    """What it was about, where it was about one."""
    asks: Asks | None = None
    listed: tuple[str, ...] = ()
    """The incidents that it names, in their order: what `the second one` can mean next."""
    undo: str | None = None
    """The question by which it can be undone for a while."""


class Missing(Exception):
    """A call lacks an argument that can be chosen: the question, and what there is to choose from."""

    def __init__(self, slot: str, question: str, choices: Sequence[Choice], *, people: bool = False) -> None:
        super().__init__(question)
        self.slot = slot
        self.question = question
        self.choices = tuple(choices)
        self.people = people


class Understands(Protocol):
    """What reads sentences."""

    async def parse(self, text: str, /) -> Parse:
        """What a sentence means; nlu_model.client.Away where nothing can read it now."""
        ...


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What doing something takes."""

    parts: Parts
    live: LiveRules
    submit: Callable[[Sequence[Event]], Awaitable[tuple[Result, ...]]]
    people: People
    policy: Policy
    roster: Roster
    commands: Commands
    understand: Understands
    talks: Talks
    clock: Callable[[], datetime]


class Run(Protocol):
    """What a command does."""

    def __call__(self, world: World, asked: Asked, incident: Incident | None, /) -> Awaitable[Answer]:
        """Do it; Problem, Misused and Missing are told to the person."""
        ...


def said(headline: str, text: str = "", **more: object) -> Message:
    """An answer in words. What a headline has no room for goes into the text, whole."""
    if len(headline) > MAX_HEADLINE:
        first = _BREAK.match(headline)
        head = f"{first['head']}." if first else headline[: MAX_HEADLINE - 1] + "…"
        rest = sentence(headline[first.end() :]) if first else headline
        headline, text = head, f"{rest}\n{text}".strip()
    return msgspec.structs.replace(Message(event=ANSWER, headline=headline, text=text), **more)


def done(headline: str, incident: Incident | None = None, text: str = "", *, card: bool = False) -> Answer:
    """It is done; `card` shows the incident with what can be done next."""
    message = said(headline, text)
    if incident is not None and card:
        message = msgspec.structs.replace(
            message, incident=compose.card(incident), actions=compose.actions(incident)
        )
    return Answer(message=message, outcome="done", incident=incident)


def refused(detail: str, incident: Incident | None = None) -> Answer:
    """It is not done, and why."""
    return Answer(message=said(sentence(detail)), outcome="refused", incident=incident)


async def stranger(people: People, label: str) -> str:
    """What somebody without an account is called; anybody may call themselves what an account is called."""
    known = bool(await people.candidates(label))
    return f"{label} (not linked)" if known else label


def sentence(detail: str) -> str:
    """A problem's detail as a sentence of its own."""
    text = detail[:1].upper() + detail[1:]
    return text if text.endswith((".", "!", "?", "`", "…")) else text + "."


def menu(id: str, label: str, about: str, choices: Mapping[str, str], *, people: bool = False) -> Menu:
    """A menu from values and their labels; what is beyond the 25th is left out."""
    shown = tuple(Choice(value, text) for value, text in list(choices.items())[:25])
    return Menu(id=id, label=label, about=about, choices=shown, people=people)


def button(id: str, label: str, value: str, *, danger: bool = False, primary: bool = False) -> Action:
    """A button."""
    style: Literal["default", "primary", "danger"] = (
        "danger" if danger else "primary" if primary else "default"
    )
    return Action(id=id, label=label, value=value, style=style)
