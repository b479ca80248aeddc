"""What is done with a sentence to the bot:

    typed command? ► bare answer? ► model ► answer to what was asked, or something new
        ► which incident ► what is missing ► done, asked, or not understood

Nothing is changed that was not understood: what is doubtful is asked, what is not ours is said to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from nlu_model.client import Away
from router.chat import performing, questions, undoing, words
from router.chat.asked import Answer, Asked, Asks, Call, World, refused, said, sentence
from router.chat.usage import INCIDENT, Misused
from router.dialogue import answering, bare, finding, strict
from router.dialogue.intents import BY_COMMAND, INTENTS, OUT_OF_SCOPE
from router.dialogue.meaning import Meaning, meaning
from router.dialogue.scene import Scene, complete, do, sought
from router.dialogue.starting import continued, new
from router.dialogue.talk import Spoken, Talk, after
from router.dialogue.twofold import are_two, first_of, halves, joined, only_first
from router.dialogue.zones import zone_of
from router.problems import Conflict, Problem

MAX_TEXT: Final = 1000
"""Characters that the model reads."""
_NAME_WORDS: Final = 3
_ASIDE: Final = 0.9
"""From here on what is out of scope is said to be so, also while a question is open."""
LEFT: Final = Answer(message=said("All right, nothing was done."), outcome="done")
"""To a no, and to `never mind`."""


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
    if scene.talk.pending:
        if answered := await _answer(scene, scene.talk.pending, meant):
            return answered
        return await new(scene, meant)
    try:
        read = [await _read(scene, part) for part in halves(meant) or ()]
    except Away as away:
        return await _without_model(scene, away)
    return await _both(scene, *read) if are_two(*read) else await new(scene, meant)


async def _read(scene: Scene, text: str) -> Meaning:
    parse = await scene.world.understand.parse(text)
    catalogue = scene.world.roster.live.current
    return meaning(parse, now=scene.now, zone=scene.zone, catalogue=catalogue)


async def _both(scene: Scene, first: Meaning, second: Meaning) -> Spoken:
    """One after the other; the second only when the first is done. Each has an id of its own, as done twice
    is to be the same as once."""
    asked = msgspec.structs.replace(scene.asked, id=first_of(scene.asked.id))
    begun = await new(msgspec.structs.replace(scene, asked=asked, text=first.text), first)
    if begun.answer.outcome != "done":
        return msgspec.structs.replace(begun, answer=only_first(begun.answer, second.text))
    talk = after(scene.talk, begun, scene.now + timedelta(seconds=undoing.LIVES_SECONDS))
    going = msgspec.structs.replace(scene, talk=talk, text=second.text)
    try:
        ended = await new(going, second)
    except (Problem, Misused) as error:
        ended = going.spoken(performing.told(error, going.asked, None))
    return msgspec.structs.replace(ended, answer=joined(begun.answer, ended.answer), before=begun)


async def _typed(scene: Scene) -> Spoken | None:
    """A command that was typed out; nothing at all is a call for help."""
    said = scene.asked.call.said
    call = strict.typed_out(scene.world, scene.text, said) if scene.text else Call(command="help", said=said)
    return await do(scene, call) if call else None


async def _undone(scene: Scene) -> Spoken | None:
    if not bare.is_undo(scene.text):
        return None
    number, until = scene.talk.undo, scene.talk.undo_until
    if number is None or until is None or until < scene.now:
        return scene.spoken(refused("there is nothing left to undo; that works for two minutes"))
    call = Call(command=undoing.UNDO, arguments={"value": number}, said=scene.asked.call.said)
    return await do(scene, call)


# Answers to a question.


async def _bare_answer(scene: Scene) -> Spoken | None:
    asks = scene.talk.pending
    if asks is None:
        return None
    given = await _value(scene, asks.slot, bare.leading(scene.text))
    found = answering.without_model(asks, scene.text, given)
    return await _answered(scene, asks, found) if found else None


async def _value(scene: Scene, slot: str, texts: Sequence[str]) -> str | None:
    """The value of a slot that one of some texts is and nothing else."""
    catalogue = scene.world.roster.live.current
    for text in texts:
        found = bare.value(slot, text, now=scene.now, zone=scene.zone, catalogue=catalogue)
        if found is None and slot == "user" and 0 < len(text.split()) <= _NAME_WORDS:
            account = await scene.world.people.find(text)
            found = account.name if account else None
        if found:
            return found
    return None


async def _corrected(scene: Scene) -> Spoken | None:
    """`No, sev 1` after something was done: the same with another value."""
    last = scene.talk.last
    doing = INTENTS.get(BY_COMMAND.get(last.command, "")) if last else None
    slots = bare.correction(scene.text, scene.world.roster.live.current)
    if last is None or doing is None or not slots or scene.talk.pending:
        return None
    meant = Meaning(text=scene.text, intent="inform", confidence=1.0, slots=slots)
    call = continued(last, doing, meant, scene)
    return await complete(scene, call) if call else None


async def _answer(scene: Scene, asks: Asks, meant: Meaning) -> Spoken | None:
    """The answer in a sentence; None where it is none and asks for something else."""
    last = [bare.trimmed(each) for each in bare.clauses(scene.text)[-1:]]
    if len([each for each in meant.entities if each.entity == asks.slot]) > 1 and (
        late := await _value(scene, asks.slot, last)
    ):
        return await _answered(scene, asks, answering.given(asks.slot, late))
    found = answering.by_model(asks, meant)
    if (
        found.kind in ("again", "no")
        and meant.intent != "cancel"
        and (told := await _told(scene, asks, meant))
    ):
        return await _answered(scene, asks, told, described=asks.slot != INCIDENT)
    if found.kind == "again":
        if late := await _value(scene, asks.slot, last):
            found = answering.given(asks.slot, late)
        elif meant.intent == OUT_OF_SCOPE and meant.confidence >= _ASIDE:
            return scene.spoken(refused(f"that is nothing I can do. {asks.question}"))
    return None if found.kind == "other" else await _answered(scene, asks, found)


async def _told(scene: Scene, asks: Asks, meant: Meaning) -> answering.Answering | None:
    """An incident that is described instead of named: of those that were offered, or (`no, the search one`)
    of all that the question may be about."""
    doing = INTENTS.get(BY_COMMAND.get(asks.call.command, ""))
    if asks.slot == INCIDENT:
        named = await finding.among(scene.world, scene.text, meant, asks.choices)
    elif doing and doing.incident and INCIDENT in asks.call.arguments:
        named = await finding.instead(sought(scene, meant, doing), asks.call.arguments[INCIDENT])
    else:
        return None
    return answering.Answering(kind="given", arguments={INCIDENT: named}) if named else None


async def _answered(
    scene: Scene, asks: Asks, found: answering.Answering, *, described: bool = False
) -> Spoken:
    if found.kind == "again":
        answer = await questions.again(scene.world, scene.asked, asks)
        return scene.spoken(answer, asks.call)
    try:
        call = await questions.taken(scene.world, scene.asked, asks.number)
    except Conflict as error:  # it was asked too long ago, or a button has answered it: it is over either way
        return scene.spoken(performing.told(error, scene.asked, None), asks.call)
    if found.kind == "no":
        return scene.spoken(LEFT, call, cancelled=True)
    if found.kind == "yes":
        return await do(scene, msgspec.structs.replace(call, confirmed=True))
    merged = call.arguments | found.arguments
    described = described or (call.described and INCIDENT not in found.arguments)
    call = msgspec.structs.replace(call, arguments=merged, described=described, doubtful=False)
    return await complete(scene, call)


async def _without_model(scene: Scene, away: Away) -> Spoken:
    """The model is away: typed commands work, and all else gets a clear answer."""
    call = strict.without_model(scene.world, scene.text, scene.asked.call.said)
    if call is not None:
        return await do(scene, call)
    asks = scene.talk.pending
    if asks is not None and (found := answering.away(asks, scene.text)):
        return await _answered(scene, asks, found)
    text = f"{sentence(str(away))} Commands work: `/im help` lists them, and I understand “ack INC-2024-001”."
    return scene.spoken(
        Answer(message=said("I cannot read sentences at the moment.", text), outcome="refused")
    )
