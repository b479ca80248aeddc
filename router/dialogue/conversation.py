"""What is done with a sentence to the bot:

    typed command? ► bare answer? ► model ► answer to what was asked, or something new
        ► which incident ► what is missing ► done, asked, or not understood

Nothing is changed that was not understood: what is doubtful is asked, what is not ours is said to be so.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from adapters.contract import Choice
from nlu_model.client import Away
from nlu_model.parse import Parse
from router.chat import performing, questions, undoing, which, words
from router.chat.asked import Answer, Asked, Asks, Call, World, done, refused, said, sentence
from router.chat.usage import INCIDENT, Misused
from router.dialogue import answering, bare, finding, strict
from router.dialogue.finding import Sought
from router.dialogue.hedging import denied, hedged
from router.dialogue.intents import BY_COMMAND, INTENTS, OUT_OF_SCOPE, Doing
from router.dialogue.meaning import Meaning, arguments, meaning
from router.dialogue.phrases import TURNS
from router.dialogue.talk import Spoken, Talk
from router.dialogue.zones import zone_of
from router.problems import Problem

MEANT: Final = "meant"
"""The command, and the argument, of a question that asks which of two things was meant."""
MAX_TEXT: Final = 1000
"""Characters that the model reads."""
_ALL: Final = "all services"
_GOES_ON: Final = re.compile(
    r"(?:ok(?:ay)?[ ,]+|hm+[ ,]+|so[ ,]+)?(?:and|what about|how about|same (?:for|with)|also|now)\b",
    re.IGNORECASE,
)
_LEFT_ALONE: Final = Answer(
    message=said("All right, I leave it as it is.", "Say what is to be done when it is."), outcome="refused"
)
LEFT: Final = Answer(message=said("All right, nothing was done."), outcome="done")
"""To a no, and to `never mind`."""


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


async def spoken(world: World, asked: Asked, talk: Talk) -> Spoken:
    """Deal with a sentence. Raises Unavailable where it is to be done again later; all else is an answer."""
    text = words.plain(asked.given.text)[:MAX_TEXT]
    scene = Scene(world=world, asked=asked, talk=talk, text=text, zone=zone_of(world, asked))
    try:
        return await _spoken(scene)
    except (Problem, Misused) as error:
        return scene.spoken(performing.told(error, asked, None))


async def _spoken(scene: Scene) -> Spoken:
    for early in (_typed, _undone, _bare_answer, _corrected):
        if ended := await early(scene):
            return ended
    try:
        parse = await scene.world.understand.parse(scene.text)
    except Away as away:
        return await _without_model(scene, away)
    scene = msgspec.structs.replace(scene, parse=parse)
    catalogue = scene.world.roster.live.current
    meant = meaning(parse, now=scene.now, zone=scene.zone, catalogue=catalogue)
    if scene.talk.pending and (answered := await _answer(scene, scene.talk.pending, meant)):
        return answered
    return await _new(scene, meant)


async def _typed(scene: Scene) -> Spoken | None:
    """A command that was typed out; nothing at all is a call for help."""
    said = scene.asked.call.said
    call = strict.typed_out(scene.world, scene.text, said) if scene.text else Call(command="help", said=said)
    return await _do(scene, call) if call else None


async def _undone(scene: Scene) -> Spoken | None:
    if not bare.is_undo(scene.text):
        return None
    number, until = scene.talk.undo, scene.talk.undo_until
    if number is None or until is None or until < scene.now:
        return scene.spoken(refused("there is nothing left to undo; that works for two minutes"))
    call = Call(command=undoing.UNDO, arguments={"value": number}, said=scene.asked.call.said)
    return await _do(scene, call)


# Answers to a question.


async def _bare_answer(scene: Scene) -> Spoken | None:
    asks = scene.talk.pending
    if asks is None:
        return None
    given = bare.value(
        asks.slot, scene.text, now=scene.now, zone=scene.zone, catalogue=scene.world.roster.live.current
    )
    found = answering.without_model(asks, scene.text, given)
    return await _answered(scene, asks, found) if found else None


async def _corrected(scene: Scene) -> Spoken | None:
    """`No, sev 1` after something was done: the same with another value."""
    last = scene.talk.last
    doing = INTENTS.get(BY_COMMAND.get(last.command, "")) if last else None
    slots = bare.correction(scene.text, scene.world.roster.live.current)
    if last is None or doing is None or not slots or scene.talk.pending:
        return None
    meant = Meaning(text=scene.text, intent="inform", confidence=1.0, slots=slots)
    call = _continued(last, doing, meant, scene)
    return await _complete(scene, call) if call else None


async def _answer(scene: Scene, asks: Asks, meant: Meaning) -> Spoken | None:
    """The answer in a sentence; None where it is none and asks for something else."""
    found = answering.by_model(asks, meant)
    if (
        found.kind in ("again", "no")
        and meant.intent != "cancel"
        and (told := await _told(scene, asks, meant))
    ):
        return await _answered(scene, asks, told, described=asks.slot != INCIDENT)
    return None if found.kind == "other" else await _answered(scene, asks, found)


async def _told(scene: Scene, asks: Asks, meant: Meaning) -> answering.Answering | None:
    """An incident that is described instead of named: of those that were offered, or (`no, the search one`)
    of all that the question may be about."""
    doing = INTENTS.get(BY_COMMAND.get(asks.call.command, ""))
    if asks.slot == INCIDENT:
        named = await finding.among(scene.world, scene.text, meant, asks.choices)
    elif doing and doing.incident and INCIDENT in asks.call.arguments:
        named = await finding.instead(_sought(scene, meant, doing), asks.call.arguments[INCIDENT])
    else:
        return None
    return answering.Answering(kind="given", arguments={INCIDENT: named}) if named else None


async def _answered(
    scene: Scene, asks: Asks, found: answering.Answering, *, described: bool = False
) -> Spoken:
    if found.kind == "again":
        answer = await questions.again(scene.world, scene.asked, asks)
        return scene.spoken(answer, asks.call)
    call = await questions.taken(scene.world, scene.asked, asks.number)
    if found.kind == "no":
        return scene.spoken(LEFT, call, cancelled=True)
    if found.kind == "yes":
        return await _do(scene, msgspec.structs.replace(call, confirmed=True))
    merged = call.arguments | found.arguments
    described = described or (call.described and INCIDENT not in found.arguments)
    call = msgspec.structs.replace(call, arguments=merged, described=described, doubtful=False)
    return await _complete(scene, call)


async def _complete(scene: Scene, call: Call) -> Spoken:
    """Ask for what is still missing, else do it."""
    if call.command == MEANT:
        call = resolved(call)
    doing = INTENTS.get(BY_COMMAND.get(call.command, ""))
    if doing and (asks := await _missing(scene, doing, call)):
        return scene.spoken(asks, call)
    return await _do(scene, call)


# Something new.


async def _new(scene: Scene, meant: Meaning) -> Spoken:
    simple = _SIMPLE.get(meant.intent)
    if simple:
        return await simple(scene, meant)
    doing = INTENTS.get(meant.intent)
    return await _asked_for(scene, meant, doing) if doing else scene.spoken(_not_ours(meant))


async def _asked_for(scene: Scene, meant: Meaning, doing: Doing) -> Spoken:
    if (last := scene.talk.last) and (ongoing := _elliptic(scene, meant, last)):
        return await _complete(scene, ongoing)
    if doing.acts and denied(scene.text, meant.entities):
        return scene.spoken(_LEFT_ALONE)
    if meant.rivals:
        return await _which_of_two(scene, meant)
    if not meant.likely:
        return scene.spoken(_not_ours(meant))
    return await _command(scene, meant, doing)


def _elliptic(scene: Scene, meant: Meaning, last: Call) -> Call | None:
    """`And for payments?`: what was done before with other values, whatever it looks like alone."""
    doing = INTENTS.get(BY_COMMAND.get(last.command, ""))
    if doing is None or not _GOES_ON.match(scene.text) or meant.wordy or doing.command == "declare":
        return None
    return _continued(last, doing, meant, scene)


async def _command(scene: Scene, meant: Meaning, doing: Doing) -> Spoken:
    call = Call(
        command=doing.command,
        arguments=arguments(meant.slots, doing.takes),
        said=scene.asked.call.said,
        doubtful=doing.acts and (not meant.sure or hedged(scene.text, meant.entities)),
    )
    if doing.command == "oncall" and _everybody(scene.text):
        return await _do(scene, call)
    if doing.incident and not ("service" in doing.takes and "service" in call.arguments):
        found = await finding.found(_sought(scene, meant, doing))
        if isinstance(found, finding.Several):
            held = msgspec.structs.replace(scene.asked, call=call)
            answer = await questions.choose(scene.world, held, INCIDENT, found.question, found.choices)
            return scene.spoken(answer, call)
        if found is not None:
            named = call.arguments | {INCIDENT: found.display_id}
            call = msgspec.structs.replace(call, arguments=named, described=found.described)
        elif doing.command == "update":
            return await _which(scene, doing, call)
    return await _complete(scene, call)


async def _which(scene: Scene, doing: Doing, call: Call) -> Spoken:
    """Ask for the incident before what is to be written on it."""
    command = scene.world.commands.find(doing.command)
    assert command is not None
    held = msgspec.structs.replace(scene.asked, call=call)
    found = await which.incident(scene.world, held, command.states)
    if isinstance(found, Answer):
        return scene.spoken(found, call)
    named = call.arguments | {INCIDENT: found.display_id}
    return await _complete(scene, msgspec.structs.replace(call, arguments=named))


def _sought(scene: Scene, meant: Meaning, doing: Doing) -> Sought:
    return Sought(
        world=scene.world, asked=scene.asked, talk=scene.talk, meant=meant, doing=doing, text=scene.text
    )


def _everybody(text: str) -> bool:
    return bool({"everyone", "everything", "all", "anyone", "each", "every"} & set(text.lower().split()))


async def _missing(scene: Scene, doing: Doing, call: Call) -> Answer | None:
    """The question for the first slot that is missing; what a command asks itself is left to it."""
    for slot in doing.needs:
        if slot in call.arguments or (slot == "service" and INCIDENT in call.arguments):
            continue
        held = msgspec.structs.replace(scene.asked, call=call)
        catalogue = scene.world.roster.live.current
        options = {"service": catalogue.names(), "duration": ("30m", "1h", "2h", "8h")}.get(slot, ())
        if doing.command == "oncall":
            options = (*options, _ALL)
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


async def _which_of_two(scene: Scene, meant: Meaning) -> Spoken:
    """Two intents are likely: ask, with what was understood kept for either."""
    wanted = [meant.intent, *meant.rivals][:3]
    slots = arguments(meant.slots, sorted(meant.slots))
    found = await finding.quietly(_sought(scene, meant, Doing(command="", incident=True)))
    if found is not None:
        slots[INCIDENT] = found.display_id
    call = Call(
        command=MEANT, arguments=slots, said=scene.asked.call.said, described=bool(found and found.described)
    )
    held = msgspec.structs.replace(scene.asked, call=call)
    choices = [Choice(INTENTS[each].command, _spelled(each)) for each in wanted]
    asked = " or ".join(_spelled(each) for each in wanted)
    answer = await questions.choose(scene.world, held, MEANT, f"Do you want to {asked}?", choices)
    return scene.spoken(answer, call)


def resolved(call: Call) -> Call:
    """The call of what was chosen of two, with the arguments that it takes."""
    command = call.arguments.get(MEANT, "")
    doing = INTENTS.get(BY_COMMAND.get(command, ""))
    takes = {*(doing.takes if doing else ()), *((INCIDENT,) if doing and doing.incident else ())}
    kept = {name: value for name, value in call.arguments.items() if name in takes}
    return msgspec.structs.replace(call, command=command, arguments=kept)


def _spelled(intent: str) -> str:
    return _SPELLED.get(intent, intent.replace("_", " "))


_SPELLED: Final[Mapping[str, str]] = {
    "declare_incident": "declare an incident",
    "acknowledge_incident": "acknowledge it",
    "resolve_incident": "resolve it",
    "close_incident": "close it",
    "escalate_incident": "change its severity",
    "assign_incident": "assign it",
    "update_incident": "note something on it",
    "incident_status": "see an incident",
    "incident_timeline": "see its timeline",
    "list_incidents": "list incidents",
    "count_incidents": "count incidents",
    "incident_metrics": "see response times",
    "who_is_on_call": "know who is on call",
    "join_war_room": "open its war room",
    "silence_notifications": "silence notifications",
    "help": "get help",
}


# What is no command.


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
    if last and doing and (changed := _continued(last, doing, meant, scene)):
        return await _complete(scene, changed)
    if meant.incidents:
        call = Call(command="status", arguments={INCIDENT: meant.incidents[0]}, said=scene.asked.call.said)
        answer = await performing.perform(scene.world, msgspec.structs.replace(scene.asked, call=call))
        if answer.outcome == "done" and answer.message:
            message = msgspec.structs.replace(
                answer.message, headline=f"What shall I do with {meant.incidents[0]}?"
            )
            answer = msgspec.structs.replace(answer, message=message, outcome="asked")
        return scene.spoken(answer)
    return scene.spoken(_not_ours(meant))


def _continued(last: Call, doing: Doing, meant: Meaning, scene: Scene) -> Call | None:
    """What was done before, with the values that are new; for what changes something only where it was said
    that it goes on (`no, I meant …`, `same for …`)."""
    if doing.acts and not TURNS & set(bare.folded(scene.text).split()):
        return None
    if doing.command == "declare" and scene.talk.subject and "severity" in meant.slots:
        corrected = {INCIDENT: scene.talk.subject, **arguments(meant.slots, ("severity",))}
        return Call(command="escalate", arguments=corrected, said=scene.asked.call.said)
    names = (*doing.takes, *(("incident_id",) if doing.incident else ()))
    news = arguments(meant.slots, names)
    if not news or doing.command == "declare":
        return None
    return msgspec.structs.replace(
        last,
        arguments=last.arguments | news,
        said=scene.asked.call.said,
        confirmed=False,
        described=last.described and INCIDENT not in news,
    )


def _not_ours(meant: Meaning) -> Answer:
    """What it can do that is nearest to what was said."""
    offers = [INTENTS[each].offer for each in meant.nearest[:2]] or [INTENTS["list_incidents"].offer]
    shown = " or ".join(f"“{offer}”" for offer in offers)
    head = (
        "That is nothing I can do."
        if meant.intent == OUT_OF_SCOPE
        else "I am not sure what you want, so I did nothing."
    )
    return Answer(
        message=said(head, f"I work on incidents. You could say {shown}, or “help”."), outcome="refused"
    )


_SIMPLE: Final[Mapping[str, Callable[[Scene, Meaning], Awaitable[Spoken]]]] = {
    "greet": _greeted,
    "thank": _thanked,
    "affirm": _nothing_asked,
    "deny": _nothing_asked,
    "cancel": _nothing_asked,
    "inform": _informed,
}


# Doing.


async def _do(scene: Scene, call: Call) -> Spoken:
    asked = msgspec.structs.replace(scene.asked, call=call)
    return scene.spoken(await performing.perform(scene.world, asked), call)


async def _without_model(scene: Scene, away: Away) -> Spoken:
    """The model is away: typed commands work, and all else gets a clear answer."""
    call = strict.without_model(scene.world, scene.text, scene.asked.call.said)
    if call is not None:
        return await _do(scene, call)
    text = f"{sentence(str(away))} Commands work: `/im help` lists them, and I understand “ack INC-2024-001”."
    return scene.spoken(
        Answer(message=said("I cannot read sentences at the moment.", text), outcome="refused")
    )
