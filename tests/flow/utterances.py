"""Utterances as they are kept, put into the store for tests; what is doubtful, and verdicts on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.flow.stage import Im

NOW = datetime.now(UTC)
PATH = "/api/v1/nlu/utterances"


def kept(im: Im, **given: Any) -> str:
    """An utterance that was understood and done a minute ago, but for what is given; its id."""
    ago = given.pop("ago", timedelta(minutes=1))
    rival = given.pop("rival", 0.01)
    intent, text = given.get("intent", "resolve_incident"), given.get("text", "resolve INC-7")
    parse = {
        "text": text,
        "intent": intent,
        "confidence": 0.95,
        "entities": given.pop("entities", []),
        "alternatives": [{"intent": "close_incident", "confidence": rival}],
    }
    outcome = {"does": [{"command": intent, "incident_id": "INC-7"}], "refused": False, "cancelled": False}
    row = {
        "id": str(uuid4()),
        "at": NOW - ago,
        "provider": "chat",
        "key": str(uuid4()),
        "channel": "major",
        "speaker": "dana",
        "text": text,
        "intent": intent,
        "confidence": 0.95,
        "parse": parse,
        "outcome": outcome,
    } | given
    im.loop.run(
        im.parts.store.run(
            "dialogue.keep", row | {"parse": _json(row["parse"]), "outcome": _json(row["outcome"])}
        )
    )
    return str(row["id"])


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def doubts(im: Im) -> dict[str, list[str]]:
    """Why each doubtful utterance is, by its id."""
    return {row["id"]: row["doubts"] for row in im.get(PATH, doubtful=True)}


def judge(im: Im, id: str, **verdict: Any) -> Any:
    """The response to a verdict."""
    return im.call("POST", f"{PATH}/{id}/verdict", verdict)
