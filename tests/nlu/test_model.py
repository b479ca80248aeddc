"""The model of the project, trained and served as it is in production."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlu_model.client import Interpreter
from nlu_model.models import Model, Shelf
from nlu_model.serving import borrowed, rasa_in

pytestmark = pytest.mark.nlu

SAID = {
    "resolve INC-7": ("resolve_incident", {"incident_id": "INC-7"}),
    "what is the status of inc-77?": ("incident_status", {"incident_id": "inc-77"}),
    "assign INC-2024-001 to @dana": ("assign_incident", {"incident_id": "INC-2024-001", "user": "@dana"}),
    "escalate INC-9 to sev1": ("escalate_incident", {"incident_id": "INC-9", "severity": "sev1"}),
    "what's the weather like in Lisbon": ("out_of_scope", {}),
    "never mind": ("cancel", {}),
}


@pytest.fixture(scope="module")
def address(env: Path, trained: tuple[Shelf, Model]) -> Iterator[str]:
    shelf, model = trained
    with borrowed(shelf, model.name, rasa_in(env), lambda: None) as found:
        yield found


@pytest.mark.parametrize("text", SAID)
async def test_plain_requests_are_understood(address: str, text: str) -> None:
    intent, entities = SAID[text]
    async with Interpreter(lambda: address, timeout=20) as interpreter:
        found = await interpreter.parse(text)
    assert found.intent == intent
    assert {entity.entity: entity.text for entity in found.entities} == entities
    assert all(text[one.start : one.end] == one.text for one in found.entities)
    assert len(found.alternatives) <= 4


def test_it_is_quick_and_small_enough_to_run_beside_the_rest(address: str) -> None:
    # 25 ms on a quiet machine; others may share this one.
    assert statistics.median(asyncio.run(timed(address))) < 0.1
    with urllib.request.urlopen(f"{address}/status", timeout=10) as answer:
        assert json.load(answer)["resident_mb"] <= 1200


async def timed(address: str) -> list[float]:
    """Seconds of each of many parses, one after the other."""
    seconds = []
    async with Interpreter(lambda: address, timeout=20) as interpreter:
        for text in [*SAID] * 20:
            began = time.monotonic()
            await interpreter.parse(text)
            seconds.append(time.monotonic() - began)
    return seconds
