"""A sentence that answers no question: a command, a greeting, or a value that goes on with what was done."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from router.chat import performing, questions, which
from router.chat.asked import Answer, Call, done, refused, said
from router.chat.usage import INCIDENT
from router.dialogue import bare, finding
from router.dialogue.doubting import not_ours, which_of_two
from router.dialogue.hedging import denied, hedged
from router.dialogue.intents import BY_COMMAND, FREE_TEXT, INTENTS, Doing
from router.dialogue.meaning import Meaning, arguments
from router.dialogue.phrases import TURNS
from router.dialogue.referring import without
from router.dialogue.scene import Scene, complete, do, sought
from router.dialogue.talk import Spoken

_GOES_ON: Final = re.compile(
    r"(?:and|what about|how about|same|also|then|ok(?:ay)?|so|hm+|too|please|now|instead|for|with|to|of"
    r"|on|in|at|the|by|those|ones?|incidents?|[\s,.:;!?-])*",
    re.IGNORECASE,
)
"""Nothing but words that hang other values onto what was asked before."""
_LEFT_ALONE: Final = Answer(
    message=said("All right, I leave it as it is.", "Say what is to be done when it is."), outcome="refused"
)


async def new(scene: Scene, meant: Meaning) -> Spoken:
    """Deal with it; nothing is done that was not understood."""
    simple = _SIMPLE.get(meant.intent)
    if simple:
        return await simple(scene, meant)
    doing = INTENTS.get(meant.intent)
    return await _asked_for(scene, meant, doing) if doing else scene.spoken(not_ours(meant))


async def _asked_for(scene: Scene, meant: Meaning, doing: Doing) -> Spoken:
    if (last := scene.talk.last) and (ongoing := _elliptic(scene, meant, last)):
        return await complete(scene, ongoing)
    if doing.acts and denied(scene.text, meant.entities):
        return scene.spoken(_LEFT_ALONE)
    if meant.rivals:
        return await which_of_two(scene, meant)
    if not meant.likely:
        return scene.spoken(not_ours(meant))
    return await _command(scene, meant, doing)


def _elliptic(scene: Scene, meant: Meaning, last: Call) -> Call | None:
    """`And for payments?`: what was done before with other values, whatever it looks like alone."""
    doing = INTENTS.get(BY_COMMAND.get(last.command, ""))
    values = [each for each in meant.entities if each.entity not in FREE_TEXT]
    left = without(scene.text, values)
    if doing is None or not values or not _GOES_ON.fullmatch(left) or doing.command == "declare":
        return None
    return continued(last, doing, meant, scene)


async def _command(scene: Scene, meant: Meaning, doing: Doing) -> Spoken:
    call = Call(
        command=doing.command,
        arguments=arguments(meant.slots, doing.takes),
        said=scene.asked.call.said,
        doubtful=doing.acts and (not meant.sure or hedged(scene.text, meant.entities)),
    )
    if doing.command == "oncall" and _everybody(scene.text):
        return await do(scene, call)
    if doing.incident and not ("service" in doing.takes and "service" in call.arguments):
        found = await finding.found(sought(scene, meant, doing))
        if isinstance(found, finding.Several):
            held = msgspec.structs.replace(scene.asked, call=call)
            answer = await questions.choose(scene.world, held, INCIDENT, found.question, found.choices)
            return scene.spoken(answer, call)
        if found is not None:
            named = call.arguments | {INCIDENT: found.display_id}
            described = found.described and found.display_id != scene.talk.subject
            call = msgspec.structs.replace(call, arguments=named, described=described)
        elif doing.command == "update":
            return await _which(scene, doing, call)
    return await complete(scene, call)


async def _which(scene: Scene, doing: Doing, call: Call) -> Spoken:
    """Ask for the incident before what is to be written on it."""
    command = scene.world.commands.find(doing.command)
    assert command is not None
    held = msgspec.structs.replace(scene.asked, call=call)
    found = await which.incident(scene.world, held, command.states)
    if isinstance(found, Answer):
        return scene.spoken(found, call)
    named = call.arguments | {INCIDENT: found.display_id}
    return await complete(scene, msgspec.structs.replace(call, arguments=named))


def _everybody(text: str) -> bool:
    return bool({"everyone", "everything", "all", "anyone", "each", "every"} & set(text.lower().split()))


async def _greeted(scene: Scene, _: Meaning) -> Spoken:
    return scene.spoken(done("Hello. Ask me about incidents, or tell me of one; `help` shows how."))


async def _thanked(scene: Scene, _: Meaning) -> Spoken:
    return scene.spoken(done("You're welcome."))


async def _nothing_asked(scene: Scene, _: Meaning) -> Spoken:
    return scene.spoken(refused("there is nothing that waits for your answer"))


async def _informed(scene: Scene, meant: Meaning) -> Spoken:
    """A bare value: it goes on with what was done before, or asks what is to be done with it."""
    last = scene.talk.last
    doing = INTENTS.get(BY_COMMAND.get(last.command, "")) if last else None
    if last and doing and (changed := continued(last, doing, meant, scene)):
        return await complete(scene, changed)
    if last and doing and doing.incident and not doing.acts:
        other = await finding.instead(sought(scene, meant, doing), scene.talk.subject or "")
        if other:
            return await complete(scene, msgspec.structs.replace(last, arguments={INCIDENT: other}))
    if meant.incidents:
        call = Call(command="status", arguments={INCIDENT: meant.incidents[0]}, said=scene.asked.call.said)
        answer = await performing.perform(scene.world, msgspec.structs.replace(scene.asked, call=call))
        if answer.outcome == "done" and answer.message:
            message = msgspec.structs.replace(
                answer.message, headline=f"What shall I do with {meant.incidents[0]}?"
            )
            answer = msgspec.structs.replace(answer, message=message, outcome="asked")
        return scene.spoken(answer)
    return scene.spoken(not_ours(meant))


def continued(last: Call, doing: Doing, meant: Meaning, scene: Scene) -> Call | None:
    """What was done before, with the values that are new; for what changes something only where it was said
    that it goes on (`no, I meant …`, `same for …`)."""
    if doing.acts and not TURNS & set(bare.folded(scene.text).split()):
        return None
    if scene.talk.subject and (other := _added(doing, meant, scene.talk.subject)):
        return msgspec.structs.replace(other, said=scene.asked.call.said)
    if doing.incident and "service" in meant.slots and "service" not in doing.takes:
        return None  # it may be of another incident
    names = (*doing.takes, *(("incident_id",) if doing.incident else ()))
    news = arguments(meant.slots, names)
    if not news or doing.command == "declare":
        return None
    # What was just done was talked about: nothing has to be asked that a description would.
    return msgspec.structs.replace(
        last, arguments=last.arguments | news, said=scene.asked.call.said, confirmed=False, described=False
    )


def _added(doing: Doing, meant: Meaning, subject: str) -> Call | None:
    """What is said of the incident that was just acted on and does not belong to that act: another
    severity, or a note."""
    if not doing.acts or meant.incidents:
        return None
    for command, slot in (("escalate", "severity"), ("update", "note")):
        found = arguments(meant.slots, (slot,))
        if found and (slot not in doing.takes or doing.command == "declare" or slot == "note"):
            return Call(command=command, arguments={INCIDENT: subject, **found})
    return None


_SIMPLE: Final[Mapping[str, Callable[[Scene, Meaning], Awaitable[Spoken]]]] = {
    "greet": _greeted,
    "thank": _thanked,
    "affirm": _nothing_asked,
    "deny": _nothing_asked,
    "cancel": _nothing_asked,
    "inform": _informed,
}
