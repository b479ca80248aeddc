"""Reviewing: what was said and doubtfully understood, what a person says of it, the examples made of that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from router import audit
from router.chat.undoing import UNDO
from router.dialogue.intents import INTENTS, OUT_OF_SCOPE
from router.dialogue.marking import Marking, as_marked, as_yaml, found_in, marked, unmarked
from router.problems import Invalid, NotFound
from router.store import Store, statement

IGNORED: Final = "ignored"
"""The verdict on what nothing is to be learned from."""
UNSURE: Final = 0.7
"""Confidence below which an utterance is doubtful."""
RIVAL: Final = 0.2
"""Another intent's confidence from which on it is."""
KNOWN: Final = (*INTENTS, "affirm", "deny", "cancel", "inform", "greet", "thank", OUT_OF_SCOPE)
"""The intents that a sentence can have."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of an utterance: an intent and what is marked in it, or that it is to be ignored."""

    intent: str = ""
    entities: list[Marking] | None = None
    """Without them and without an example, what the model had marked stands."""
    example: str = ""
    """The text with marks, `ack [INC-7](incident_id)`; instead of `entities`."""
    ignored: bool = False


async def of_turn(store: Store, provider: str, key: str) -> dict[str, Any]:
    """What is kept of one turn; NotFound where nothing is (yet), or no more."""
    row = await store.row("dialogue.heard", {"provider": provider, "key": key})
    if row is None:
        raise NotFound("nothing is kept of such a turn: it is not dealt with yet, or too old")
    return row


async def one(store: Store, utterance: str) -> dict[str, Any]:
    """An utterance by its id; NotFound says how to see which there are."""
    row = await store.row("dialogue.utterance", {"id": _id(utterance)})
    if row is None:
        raise _unknown(utterance)
    return proposed(row)


async def latest(store: Store, limit: int) -> list[dict[str, Any]]:
    """Utterances, judged or not, the newest first."""
    return [proposed(row) for row in await store.rows("dialogue.utterances", {"limit": limit})]


async def doubtful(store: Store, limit: int) -> list[dict[str, Any]]:
    """Those that nobody has judged and that may have been misunderstood, the newest first.

    `doubts` says why: not_read, unsure, refused, out_of_scope, rival, undone, corrected.
    """
    acts = [UNDO, *(doing.command for doing in INTENTS.values() if doing.acts)]
    wanted = {"limit": limit, "unsure": UNSURE, "rival": RIVAL, "acts": acts}
    return [proposed(row) for row in await store.rows("dialogue.doubtful", wanted)]


async def judge(
    store: Store, utterance: str, verdict: Verdict, *, actor: str, now: datetime
) -> dict[str, Any]:
    """Write a verdict down; a later one replaces it. Raises NotFound, and Invalid with the field."""
    number = _id(utterance)
    async with store.transaction() as connection:
        cursor = await connection.execute(statement("dialogue.to_judge"), {"id": number})
        row = await cursor.fetchone()
        if row is None:
            raise _unknown(utterance)
        said, example = judged(row, verdict)
        kept = {"id": number, "verdict": said, "example": example, "by": actor, "at": now}
        await connection.execute(statement("dialogue.judge"), kept)
        # The words are not told: the audit stays longer than they may.
        await audit.record(connection, actor, "utterance.verdict", number, data={"verdict": said})
    return await one(store, utterance)


async def examples(store: Store) -> tuple[int, str]:
    """How many examples verdicts have made, and all of them in Rasa's training format."""
    rows = await store.rows("dialogue.examples")
    return len(rows), as_yaml([(row["intent"], row["example"]) for row in rows])


async def forget(store: Store, days: int) -> int:
    """Let go of what was said more than `days` ago, but for the examples made of it; how many utterances."""
    stripped = await store.run("dialogue.forget_speakers", {"days": days})
    return stripped + await store.run("dialogue.forget", {"days": days})


def proposed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the example that it would make as it was understood, or that was made of it: `marked`."""
    text = row["text"]
    return {**row, "marked": row["example"] or marked(text, found_in(text, row["parse"]))}


def judged(row: Mapping[str, Any], verdict: Verdict) -> tuple[str, str | None]:
    """What a verdict on a row says, and the example that it makes. Raises Invalid with the field."""
    if verdict.ignored:
        if verdict.intent or verdict.example or verdict.entities:
            raise Invalid.at("ignored", "stands alone; leave intent, entities and example out")
        return IGNORED, None
    if verdict.intent not in KNOWN:
        given = f"there is no intent `{verdict.intent[:60]}`" if verdict.intent else "missing"
        raise Invalid.at("intent", f"{given}; known are {', '.join(KNOWN)}")
    example = _example(row, verdict)
    if not example:
        raise Invalid.at("intent", "there are no words to learn from; ignore it")
    if verdict.intent == OUT_OF_SCOPE and unmarked(example)[1]:
        raise Invalid.at("entities", "what is out of scope has none; leave the marks out")
    return verdict.intent, example


def _example(row: Mapping[str, Any], verdict: Verdict) -> str:
    text = row["text"]
    if verdict.example:
        if verdict.entities is not None:
            raise Invalid.at("example", "holds the marks already; leave entities out")
        return as_marked(verdict.example, text)
    if verdict.entities is not None:
        return marked(text, verdict.entities)
    return marked(text, () if verdict.intent == OUT_OF_SCOPE else found_in(text, row["parse"]))


def _id(utterance: str) -> str:
    try:
        return str(UUID(utterance))
    except ValueError:
        raise _unknown(utterance) from None


def _unknown(utterance: str) -> NotFound:
    return NotFound(
        f"there is no utterance `{utterance[:80]}`; `im nlu review --list` shows the doubtful ones"
    )
