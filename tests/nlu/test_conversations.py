"""Conversations that people would have, with the real model: each file of `conversations/`, turn by turn.

`IM_NLU_URL=http://127.0.0.1:5005` runs them against a language service that is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nlu_model.client import OFF
from nlu_model.models import Model, Shelf
from nlu_model.serving import borrowed, rasa_in
from router.settings import Settings, read
from tests.flow.conftest import endpoints, loop_thread, settings, worker_number
from tests.flow.stage import Im, Loop
from tests.nlu.comparing import Conversation, conversations
from tests.nlu.conversing import Room

__all__ = ["endpoints", "loop_thread", "settings", "worker_number"]

pytestmark = [pytest.mark.nlu, pytest.mark.xdist_group("conversations")]
HELD = dict(conversations(Path(__file__).parent / "conversations"))


@pytest.fixture(scope="module")
def understanding(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the real model answers."""
    named = read().nlu_url
    if named not in ("", OFF):
        yield named
        return
    env: Path = request.getfixturevalue("env")
    shelf, model = _trained(request)
    with borrowed(shelf, model.name, rasa_in(env), lambda: None) as address:
        yield address


def _trained(request: pytest.FixtureRequest) -> tuple[Shelf, Model]:
    found: tuple[Shelf, Model] = request.getfixturevalue("trained")
    return found


@pytest.fixture(scope="module")
def room(settings: Settings, loop_thread: Loop, understanding: str) -> Iterator[Room]:
    im = Im(loop_thread, msgspec.structs.replace(settings, nlu_url=understanding))
    yield Room(im)
    im.close()


@pytest.mark.parametrize("conversation", HELD.values(), ids=HELD.keys())
def test_it_goes_as_expected(room: Room, conversation: Conversation) -> None:
    if transcript := room.run(conversation):
        pytest.fail(transcript, pytrace=False)
