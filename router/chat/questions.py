"""Questions back: a yes or no, or what a call lacks; only the one who was asked answers, for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from adapters.contract import Choice, Menu
from router import ids
from router.chat.asked import Answer, Asked, Asks, Call, World, button, said
from router.incidents import Incident
from router.problems import Conflict

CONFIRM: Final = "confirm"
CANCEL: Final = "cancel"
CHOOSE: Final = "choose"
LIVES_SECONDS: Final = 600.0
CONFIRMATION: Final = "confirmation"
"""The slot of a question that is answered with yes or no."""
MAX_CHOICES: Final = 25


async def confirm(world: World, asked: Asked, question: str, incident: Incident | None) -> Answer:
    """Ask yes or no before doing what was asked."""
    number = await keep(world, asked, CONFIRMATION)
    actions = (button(CONFIRM, "Yes", number, danger=True), button(CANCEL, "No", number))
    asks = Asks(number=number, slot=CONFIRMATION, call=asked.call, question=question)
    return Answer(message=said(question, actions=actions), outcome="asked", incident=incident, asks=asks)


async def choose(
    world: World, asked: Asked, slot: str, question: str, choices: Sequence[Choice], *, people: bool = False
) -> Answer:
    """Ask for an argument: one that can be chosen, or, without choices, one that is to be written."""
    number = await keep(world, asked, slot)
    chosen = Menu(
        id=CHOOSE, label=_label(slot), about=number, choices=tuple(choices)[:MAX_CHOICES], people=people
    )
    cancel = button(CANCEL, "Never mind", number)
    message = said(question, menus=(chosen,) if choices or people else (), actions=(cancel,))
    offered = tuple(each.value for each in chosen.choices)
    asks = Asks(number=number, slot=slot, call=asked.call, choices=offered, question=question)
    return Answer(message=message, outcome="asked", asks=asks)


async def again(world: World, asked: Asked, asks: Asks) -> Answer:
    """Ask the same once more: what was said is no answer to it."""
    held = msgspec.structs.replace(asked, call=asks.call)
    question = f"Sorry, I did not get that. {asks.question}"
    if asks.slot == CONFIRMATION:
        return await confirm(world, held, question.removesuffix(" Yes or no?") + " Yes or no?", None)
    choices = [Choice(each, each) for each in asks.choices]
    asked_again = await choose(world, held, asks.slot, question, choices, people=asks.slot == "user")
    assert asked_again.asks is not None
    plain = msgspec.structs.replace(asked_again.asks, question=asks.question)
    return msgspec.structs.replace(asked_again, asks=plain)


def _label(slot: str) -> str:
    return f"Choose {'an' if slot[0] in 'aeiou' else 'a'} {slot.removesuffix('-id')}"


async def keep(world: World, asked: Asked, slot: str, *, seconds: float = LIVES_SECONDS) -> str:
    """Keep the call for a while; a second time for the same input it is the same question. Its number."""
    number = _number(asked)
    await world.parts.store.run(
        "chat.ask",
        {
            "id": number,
            "provider": asked.provider.name,
            "workspace": asked.given.workspace,
            "user": asked.given.user.id,
            "call": msgspec.json.encode(asked.call).decode(),
            "slot": slot,
            "seconds": seconds,
        },
    )
    return number


def _number(asked: Asked) -> str:
    """One question for one input, so the inbox row's id serves."""
    return asked.id


async def answered(world: World, asked: Asked, number: str, value: str | None) -> Call | None:
    """The call with the answer in it, None where it was a no; Conflict when it cannot be answered."""
    row = await _take(world, asked, number)
    call = msgspec.convert(row["call"], type=Call)
    if value is None:
        return None
    if row["slot"] == CONFIRMATION:
        return msgspec.structs.replace(call, confirmed=True)
    return msgspec.structs.replace(call, arguments={**call.arguments, row["slot"]: value})


async def taken(world: World, asked: Asked, number: str, *, late: str = "") -> Call:
    """The call that a question holds, which is answered with this; Conflict when it cannot be."""
    row = await _take(world, asked, number, late)
    return msgspec.convert(row["call"], type=Call)


async def _take(world: World, asked: Asked, number: str, late: str = "") -> Mapping[str, Any]:
    who = {"workspace": asked.given.workspace, "user": asked.given.user.id}
    if not ids.is_id(number):
        raise Conflict("I do not know that question any more")
    row = await world.parts.store.row("chat.take_question", {"id": number, "inbox": asked.id, **who})
    if row is not None:
        return row
    known = await world.parts.store.row("chat.question", {"id": number})
    if known is None:
        raise Conflict("I do not know that question any more")
    if (known["workspace"], known["user_id"]) != (who["workspace"], who["user"]):
        raise Conflict("only the one who was asked can answer that")
    raise Conflict(
        "that is answered already"
        if known["answered"]
        else late or "that was asked too long ago; say it again"
    )
