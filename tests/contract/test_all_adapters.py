"""Every adapter passes the same cases; a platform whose subject cannot be imported fails only its own."""

from __future__ import annotations

import importlib
from itertools import product

import pytest

from tests.contract.cases import CASES, REMOTE_CASES, bench
from tests.marks import SLOW

REMOTE = ("slack", "teams", "discord", "mattermost")
PLATFORMS = (*REMOTE, "sandbox")
DEAR = ("giant_texts_are_cut_and_accepted", "a_giant_template_is_accepted")
"""Render megabytes; one platform with an API and the sandbox do that in `make test-fast`."""
EVERYWHERE = [
    pytest.param(name, platform, marks=SLOW if name in DEAR and platform not in ("slack", "sandbox") else ())
    for name, platform in product(CASES, PLATFORMS)
]


async def _run(platform: str, name: str) -> None:
    module = importlib.import_module(f"tests.contract.subject_{platform}")
    with module.subject() as subject:
        assert subject.platform.name == platform
        async with bench(subject) as ready:
            await (CASES | REMOTE_CASES)[name](ready)


@pytest.mark.parametrize(("name", "platform"), EVERYWHERE)
async def test_all(name: str, platform: str) -> None:
    await _run(platform, name)


@pytest.mark.parametrize("platform", REMOTE)
@pytest.mark.parametrize("name", REMOTE_CASES)
async def test_over_http(platform: str, name: str) -> None:
    await _run(platform, name)


def test_every_platform_of_the_registry_is_tested() -> None:
    registry = importlib.import_module("adapters.registry")
    assert set(registry.PLATFORMS) == set(PLATFORMS)
