"""A fake Discord and the adapter that is connected to it, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.discord.outbound import Discord
from adapters.http import Http
from tests.contract.subject_discord import config_for
from tests.fakes.discord import DiscordFake


@pytest.fixture(scope="module")
def closing() -> Iterator[ThreadPoolExecutor]:
    """Stops servers beside the next tests: each takes a fifth of a second."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def fake(closing: ThreadPoolExecutor) -> Iterator[DiscordFake]:
    running = DiscordFake(rates=False).__enter__()
    yield running
    closing.submit(running.__exit__)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


@pytest.fixture
def adapter(fake: DiscordFake, http: Http) -> Discord:
    return Discord(config_for(fake), http)
