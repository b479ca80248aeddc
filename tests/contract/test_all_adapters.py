"""Every adapter passes the same cases; a platform whose subject cannot be imported fails only its own."""

from __future__ import annotations

import importlib

import pytest

from tests.contract.cases import CASES, REMOTE_CASES, bench

REMOTE = ("slack", "teams", "discord", "mattermost")
PLATFORMS = (*REMOTE, "sandbox")


async def _run(platform: str, name: str) -> None:
    module = importlib.import_module(f"tests.contract.subject_{platform}")
    with module.subject() as subject:
        assert subject.platform.name == platform
        async with bench(subject) as ready:
            await (CASES | REMOTE_CASES)[name](ready)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", CASES)
async def test_all(platform: str, name: str) -> None:
    await _run(platform, name)


@pytest.mark.parametrize("platform", REMOTE)
@pytest.mark.parametrize("name", REMOTE_CASES)
async def test_over_http(platform: str, name: str) -> None:
    await _run(platform, name)


def test_every_platform_of_the_registry_is_tested() -> None:
    registry = importlib.import_module("adapters.registry")
    assert set(registry.PLATFORMS) == set(PLATFORMS)
