"""What a sentence means: the intent, and the values in it by slot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from nlu_model.parse import Entity, Parse
from router.catalogue.catalogue import Catalogue
from router.chat.usage import INCIDENT
from router.dialogue import values
from router.dialogue.intents import INTENTS, OUT_OF_SCOPE
from router.dialogue.phrases import HESITATES, RETRACTS
from router.dialogue.referring import content, without
from router.dialogue.values import value_of

SURE: Final = 0.55
"""Below it nothing is changed without asking; docs/nlu-model.md says how it was chosen."""
SURE_ENOUGH: Final = 0.4
"""The same for what only tells."""
RIVAL: Final = 0.25
"""A second intent that is as likely as this is asked about."""
CLEARLY: Final = 2.0
"""How many times as likely one of two questions must be to be answered without asking which it was."""

_DENIED: Final = re.compile(
    r"(?:\bnot|n['’]?t(?: really)?(?: be)?|\bfrom|\binstead of|\brather than|\bno longer|\bwas|\bthan)"
    r"\s+(?:a |an |the )?[\"'“]?$",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[a-z']+|\d+")
_GOAL: Final = re.compile(
    r"(?:\bto|\binto|\bas|\bmake (?:it|that|this)|\bactually|\bmeant?|->|→|=)\s+(?:a |an |the )?[\"'“]?$",
    re.IGNORECASE,
)


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence, understood as far as it goes."""

    text: str
    intent: str
    confidence: float
    rivals: tuple[str, ...] = ()
    """Other intents that a command carries out and that are nearly as likely, the likeliest first."""
    nearest: tuple[str, ...] = ()
    """All intents that a command carries out, the likeliest first."""
    slots: dict[str, Any] = {}
    """The values by slot; of several the first."""
    incidents: tuple[str, ...] = ()
    """The ids that were named."""
    entities: tuple[Entity, ...] = ()

    @property
    def wordy(self) -> bool:
        """Whether more was said than values, and words that hold them together."""
        return bool(content(without(self.text, self.entities)))

    @property
    def likely(self) -> bool:
        """Whether it is worth asking for what is missing, or whether it was meant at all."""
        return self.confidence >= SURE_ENOUGH

    @property
    def sure(self) -> bool:
        """Whether the intent may be carried out without asking back."""
        doing = INTENTS.get(self.intent)
        wanted = SURE if doing and doing.acts else SURE_ENOUGH
        return self.confidence >= wanted and not self.rivals


def meaning(parse: Parse, *, now: datetime, zone: ZoneInfo, catalogue: Catalogue) -> Meaning:
    """The meaning of what the model found, with normalised values."""
    parse = _noted(parse)
    said: dict[str, list[Entity]] = {}
    entities = tuple(_sorted_out(parse, catalogue))
    for entity in entities:
        said.setdefault(entity.entity, []).append(entity)
    read = partial(value_of, now=now, zone=zone, catalogue=catalogue)
    values = {name: read(chosen(parse.text, each)) for name, each in said.items()}
    incidents = [str(read(each)) for each in meant(parse.text, said.get("incident_id", []))]
    return Meaning(
        text=parse.text,
        intent=parse.intent,
        confidence=parse.confidence,
        rivals=_rivals(parse),
        nearest=_nearest(parse),
        slots=values,
        incidents=tuple(dict.fromkeys(incidents)),
        entities=entities,
    )


def _noted(parse: Parse) -> Parse:
    """The parse with the note that the words themselves show: after `note:`, or at the end of a request to
    resolve or close, what was done (`resolve it, restarted the pods`)."""
    labelled = _NOTE.match(parse.text)
    found = labelled or (_DONE.search(parse.text) if parse.intent in _ENDS else None)
    marked = any(each.entity in ("note", "title") for each in parse.entities)
    if found and not marked and not any(each.end > found.start("note") for each in parse.entities):
        note = Entity("note", found["note"], found.start("note"), found.end("note"))
        parse = msgspec.structs.replace(parse, entities=(*parse.entities, note))
    if labelled and parse.intent in ("inform", "update_incident", OUT_OF_SCOPE):
        return msgspec.structs.replace(parse, intent="update_incident", confidence=1.0, alternatives=())
    return parse


_NOTE: Final = re.compile(r"\s*(?:a )?note\s*:\s*(?P<note>\S.*\S)\s*\Z", re.IGNORECASE | re.DOTALL)
_DONE: Final = re.compile(
    r"(?:,|;|\s[-–—])\s+"
    r"(?P<note>(?:false alarm|rolled|ran|took|turned|(?:it )?was|(?!need|indeed)[a-z]{2,}ed)\b"
    r"[^,;?]*?)[\s.!]*\Z",
    re.IGNORECASE,
)
_ENDS: Final = ("resolve_incident", "close_incident")


def _sorted_out(parse: Parse, catalogue: Catalogue) -> list[Entity]:
    """The entities without those that are none: ids and severities that cannot be read. What is labelled as a
    description is one; a title that only names a service of the catalogue is that service."""
    readable = [each for each in parse.entities if _reads(each)]
    labelled = [_relabelled(each, parse.text, catalogue) for each in readable]
    if any(each.entity == "description" for each in labelled):
        return labelled
    return [part for each in labelled for part in _title_and_more(each)]


def _title_and_more(entity: Entity) -> list[Entity]:
    """A title and, after a dash or a full stop, the description said with it; each has some words."""
    found = _MORE.fullmatch(entity.text) if entity.entity == "title" else None
    if found is None:
        return [entity]
    title = msgspec.structs.replace(entity, text=found["title"], end=entity.start + found.end("title"))
    start = entity.start + found.start("more")
    return [title, msgspec.structs.replace(entity, entity="description", text=found["more"], start=start)]


def _reads(entity: Entity) -> bool:
    read = _READABLE.get(entity.entity)
    return read is None or read(entity.text) is not None


def _relabelled(entity: Entity, text: str, catalogue: Catalogue) -> Entity:
    if entity.entity != "title":
        return entity
    if _LABEL.search(text[: entity.start]):
        return msgspec.structs.replace(entity, entity="description")
    named = _SERVICE.fullmatch(entity.text)
    if named and (named["word"] or catalogue.service(named["name"])):
        return msgspec.structs.replace(entity, entity="service", text=named["name"])
    return entity


_READABLE: Final[Mapping[str, Callable[[str], str | None]]] = {
    "incident_id": values.incident_id,
    "severity": values.severity,
}
_LABEL: Final = re.compile(r"\bdesc(?:ription)?\s*[:=-]\s*[\"'“]?$", re.IGNORECASE)
_MORE: Final = re.compile(
    r"(?P<title>\S+(?:\s+\S+){2,}?)(?:\s+[-–—]+|\.)\s+(?P<more>\S+(?:\s+\S+){2,})", re.DOTALL
)
_SERVICE: Final = re.compile(r"(?P<word>service[: ]+)?(?P<name>[\w-]+(?: [\w-]+)?)", re.IGNORECASE)


def chosen(text: str, said: Sequence[Entity]) -> Entity:
    """The one that is meant of several of a kind: what it is to become, else one that is not denied."""
    wanted = meant(text, said)
    goals = [each for each in wanted if _GOAL.search(text[: each.start])]
    return (goals or wanted)[-1 if goals or said[0].entity == "severity" else 0]


def meant(text: str, said: Sequence[Entity]) -> Sequence[Entity]:
    """Those that are not denied (`not sev1`, `from sev3`, `instead of dana`) nor taken back (`INC-7, no
    sorry, INC-8`); all where all are."""
    kept = [each for each in said if not _DENIED.search(text[: each.start])] or said
    for place in range(len(kept) - 1, 0, -1):
        if _takes_back(text[kept[place - 1].end : kept[place].start]):
            return kept[place:]
    return kept


def _takes_back(between: str) -> bool:
    """Whether the words between two values say that the second is meant instead of the first."""
    said = set(_WORD.findall(between.lower().replace("’", "'")))
    return bool(said & RETRACTS) and said <= RETRACTS | HESITATES


def _rivals(parse: Parse) -> tuple[str, ...]:
    if parse.intent not in INTENTS:
        return ()
    close = [each for each in parse.alternatives if each.confidence >= RIVAL and each.intent in INTENTS]
    if not any(INTENTS[each].acts for each in (parse.intent, *(other.intent for other in close))):
        # Answers change nothing: the likelier one is given, where it is clearly that.
        close = [each for each in close if each.confidence * CLEARLY > parse.confidence]
    return tuple(each.intent for each in close)


def _nearest(parse: Parse) -> tuple[str, ...]:
    ranked = [parse.intent, *(each.intent for each in parse.alternatives)]
    return tuple(intent for intent in ranked if intent in INTENTS and intent != OUT_OF_SCOPE)


def arguments(slots: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Slots as a command's arguments: texts, as people would have typed them."""
    found = {name: text for name in names if (text := _text(name, slots.get(name)))}
    if "incident_id" in slots and "incident_id" in names:
        found[INCIDENT] = found.pop("incident_id")
    return found


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "status" and isinstance(value, list | tuple):
        return ",".join(value)
    if name == "period" and isinstance(value, Mapping):
        return f"{value['since']}/{value['until']}"
    if name == "duration" and isinstance(value, int):
        return f"{max(1, round(value / 60))}m"
    return str(value)
