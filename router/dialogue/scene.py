"""A sentence in its setting, and the end of every way through it: ask for what is missing, or do it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from adapters.contract import Choice
from nlu_model.parse import Parse
from router.chat import performing, questions
from router.chat.asked import Answer, Asked, Call, World
from router.chat.usage import INCIDENT
from router.dialogue.finding import Sought
from router.dialogue.intents import BY_COMMAND, INTENTS, Doing
from router.dialogue.meaning import Meaning
from router.dialogue.talk import Spoken, Talk

MEANT: Final = "meant"
"""The command, and the argument, of a question that asks which of two things was meant."""
ALL: Final = "all services"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence in its setting."""

    world: World
    asked: Asked
    talk: Talk
    text: str
    zone: ZoneInfo
    parse: Parse | None = None

    def spoken(self, answer: Answer, call: Call | None = None, *, cancelled: bool = False) -> Spoken:
        """The end of it."""
        return Spoken(answer=answer, call=call or self.asked.call, parse=self.parse, cancelled=cancelled)

    @property
    def now(self) -> datetime:
        """When it was said."""
        return self.asked.at


async def do(scene: Scene, call: Call) -> Spoken:
    """Do it, as far as the person may; every failure is an answer."""
    asked = msgspec.structs.replace(scene.asked, call=call)
    return scene.spoken(await performing.perform(scene.world, asked), call)


async def complete(scene: Scene, call: Call) -> Spoken:
    """Ask for what is still missing, else do it."""
    if call.command == MEANT:
        call = resolved(call)
    doing = INTENTS.get(BY_COMMAND.get(call.command, ""))
    if doing and (asks := await _missing(scene, doing, call)):
        return scene.spoken(asks, call)
    return await do(scene, call)


async def _missing(scene: Scene, doing: Doing, call: Call) -> Answer | None:
    """The question for the first slot that is missing; what a command asks itself is left to it."""
    for slot in doing.needs:
        if slot in call.arguments or (slot == "service" and INCIDENT in call.arguments):
            continue
        held = msgspec.structs.replace(scene.asked, call=call)
        catalogue = scene.world.roster.live.current
        options = {"service": catalogue.names(), "duration": ("30m", "1h", "2h", "8h")}.get(slot, ())
        if doing.command == "oncall":
            options = (*options, ALL)
        choices = [Choice(each, each) for each in options]
        return await questions.choose(scene.world, held, slot, _question(slot, call), choices)
    return None


def _question(slot: str, call: Call) -> str:
    about = call.arguments.get(INCIDENT)
    return {
        "title": "What is broken?",
        "note": f"What should I note on {about}?" if about else "What should I note?",
        "duration": "For how long?",
        "service": "Which service?",
    }[slot]


def resolved(call: Call) -> Call:
    """The call of what was chosen of two, with the arguments that it takes."""
    command = call.arguments.get(MEANT, "")
    doing = INTENTS.get(BY_COMMAND.get(command, ""))
    takes = {*(doing.takes if doing else ()), *((INCIDENT,) if doing and doing.incident else ())}
    kept = {name: value for name, value in call.arguments.items() if name in takes}
    return msgspec.structs.replace(call, command=command, arguments=kept)


def sought(scene: Scene, meant: Meaning, doing: Doing) -> Sought:
    """What is needed to find the incident that is meant."""
    return Sought(
        world=scene.world, asked=scene.asked, talk=scene.talk, meant=meant, doing=doing, text=scene.text
    )
