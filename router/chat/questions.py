"""Questions back: a yes or no, or what a call lacks; only the one who was asked answers, for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from adapters.contract import Choice, Menu
from router import ids
from router.chat.asked import Answer, Asked, Call, World, button, said
from router.incidents import Incident
from router.problems import Conflict

CONFIRM: Final = "confirm"
CANCEL: Final = "cancel"
CHOOSE: Final = "choose"
LIVES_SECONDS: Final = 600.0
_TO_CONFIRM: Final = "confirmation"
MAX_CHOICES: Final = 25


async def confirm(world: World, asked: Asked, question: str, incident: Incident | None) -> Answer:
    """Ask yes or no before doing what was asked."""
    number = await _keep(world, asked, _TO_CONFIRM)
    actions = (button(CONFIRM, "Yes", number, danger=True), button(CANCEL, "No", number))
    return Answer(message=said(question, actions=actions), outcome="asked", incident=incident)


async def choose(
    world: World, asked: Asked, slot: str, question: str, choices: Sequence[Choice], *, people: bool = False
) -> Answer:
    """Ask for an argument that can be chosen."""
    number = await _keep(world, asked, slot)
    chosen = Menu(
        id=CHOOSE, label=_label(slot), about=number, choices=tuple(choices)[:MAX_CHOICES], people=people
    )
    cancel = button(CANCEL, "Never mind", number)
    message = said(question, menus=(chosen,) if choices or people else (), actions=(cancel,))
    return Answer(message=message, outcome="asked")


def _label(slot: str) -> str:
    return f"Choose {'an' if slot[0] in 'aeiou' else 'a'} {slot.removesuffix('-id')}"


async def _keep(world: World, asked: Asked, slot: str) -> str:
    """Keep the call; a second time for the same input it is the same question."""
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
            "seconds": LIVES_SECONDS,
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
    if row["slot"] == _TO_CONFIRM:
        return msgspec.structs.replace(call, confirmed=True)
    return msgspec.structs.replace(call, arguments={**call.arguments, row["slot"]: value})


async def _take(world: World, asked: Asked, number: str) -> Mapping[str, Any]:
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
        "that is answered already" if known["answered"] else "that was asked too long ago; say it again"
    )
