"""What is said where it is not clear what was meant, or where it is none of the bot's business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from adapters.contract import Choice
from router.chat import questions
from router.chat.asked import Answer, Call, said
from router.chat.usage import INCIDENT
from router.dialogue import finding
from router.dialogue.intents import INTENTS, OUT_OF_SCOPE, Doing
from router.dialogue.meaning import Meaning, arguments
from router.dialogue.scene import MEANT, Scene, sought
from router.dialogue.talk import Spoken


async def which_of_two(scene: Scene, meant: Meaning) -> Spoken:
    """Two intents are likely: ask, with what was understood kept for either."""
    wanted = [meant.intent, *meant.rivals][:3]
    slots = arguments(meant.slots, sorted(meant.slots))
    found = await finding.quietly(sought(scene, meant, Doing(command="", incident=True)))
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


def not_ours(meant: Meaning) -> Answer:
    """What it can do that is nearest to what was said."""
    offers = [INTENTS[each].offer for each in meant.nearest if each != "help"][:2] or [
        INTENTS["list_incidents"].offer
    ]
    shown = " or ".join(f"“{offer}”" for offer in offers)
    head = (
        "That is nothing I can do."
        if meant.intent == OUT_OF_SCOPE
        else "I am not sure what you want, so I did nothing."
    )
    return Answer(
        message=said(head, f"I work on incidents. You could say {shown}, or “help”."), outcome="refused"
    )


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
