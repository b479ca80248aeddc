"""The kill test: every part is killed at random moments under load, and nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec
import psycopg
import pytest

from router import ids
from tests.chaos.client import Client, gaps
from tests.chaos.installation import Fake, Installation, add_providers, fakes, folder
from tests.chaos.judge import Verdict, judge, read_records
from tests.chaos.killer import KINDS, Killer, schedule

DRAIN_SECONDS: Final = 150.0
NEVER_DOUBLED: Final = ("discord", "mattermost")
"""Platforms that know a nonce again within their window, and can be asked past it."""
SEED: Final = int(os.environ.get("IM_CHAOS_SEED", "20260105"))
"""Decides the moments of the kills; printed with the result, so that a run can be had again."""
_WAITING: Final = """SELECT count(*) FILTER (WHERE state IN ('pending', 'sending', 'retrying')),
    count(*) FILTER (WHERE state IN ('failed', 'expired')), count(*) FROM deliveries"""


class Plan(msgspec.Struct, frozen=True):
    """How hard a run is."""

    rate: float
    seconds: float
    times: int
    """Kills of each part."""
    seed: int = SEED


class Run(msgspec.Struct, frozen=True):
    """What a run left to be judged."""

    client: Client
    killer: Killer
    took: float
    drained: float
    deliveries: int
    given_up: int
    verdicts: Mapping[str, Verdict]


@pytest.mark.chaos
def test_nothing_accepted_is_lost_while_every_part_is_killed() -> None:
    _judge(Plan(rate=60, seconds=20, times=1))


@pytest.mark.chaos
@pytest.mark.long
def test_nothing_accepted_is_lost_at_200_events_a_second_while_every_part_is_killed_three_times() -> None:
    _judge(Plan(rate=210, seconds=60, times=3))


def _judge(plan: Plan) -> None:
    with folder() as parent, fakes(parent, latency=0.01) as running:
        installation = Installation(parent / "var")
        installation.start()
        try:
            installation.wait_ready()
            add_providers(installation, running)
            run = asyncio.run(_run(plan, installation, running))
        finally:
            installation.stop()
            _say(installation.log.read_text()[-8000:])
    _say(_table(plan, run))
    assert len(run.client.accepted) == int(plan.rate * plan.seconds)
    assert Counter(kill.kind for kill in run.killer.kills) == dict.fromkeys(KINDS, plan.times)
    for platform, verdict in run.verdicts.items():
        assert verdict.lost_or_reordered == (), f"{platform}: {verdict}"
        _judge_doubles(platform, verdict, run.killer)


def _judge_doubles(platform: str, verdict: Verdict, killer: Killer) -> None:
    """Only what was in flight at a kill may be there twice, and nothing where the platform can tell."""
    excused = {ids.nonce(delivery) for delivery in killer.in_flight[platform]}
    assert len(verdict.doubled) <= len(excused), f"{platform}: {verdict.doubled}"
    unexcused = [each for each in verdict.doubled if each.nonce and each.nonce not in excused]
    assert unexcused == [], platform
    assert platform not in NEVER_DOUBLED or not verdict.doubled, f"{platform}: {verdict.doubled}"


async def _run(plan: Plan, installation: Installation, running: Mapping[str, Fake]) -> Run:
    client = Client(installation.url, installation.token, rate=plan.rate, seconds=plan.seconds)
    killer = Killer(installation, schedule(plan.seed, plan.seconds, plan.times))
    _say(f"seed {plan.seed}")
    async with _kept_running(installation):
        began = time.monotonic()
        await asyncio.gather(client.run(), killer.run())
        loaded = time.monotonic()
        deliveries, given_up = await _drained(installation)
    return Run(
        client=client,
        killer=killer,
        took=loaded - began,
        drained=time.monotonic() - loaded,
        deliveries=deliveries,
        given_up=given_up,
        verdicts={
            platform: judge(client.accepted, read_records(fake.records)) for platform, fake in running.items()
        },
    )


@contextlib.asynccontextmanager
async def _kept_running(installation: Installation) -> AsyncIterator[None]:
    """Whatever happens, the supervisor is started again."""

    async def keep() -> None:
        while True:
            installation.keep_running()
            await asyncio.sleep(0.05)

    keeper = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeper.cancel()


async def _drained(installation: Installation) -> tuple[int, int]:
    """Wait until nothing waits any more; the number of deliveries, and of those that were given up."""
    deadline = time.monotonic() + DRAIN_SECONDS
    waiting = -1
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.Error):
            waiting, given_up, total = await _counts(installation.database_url)
            if not waiting:
                return total, given_up
        await asyncio.sleep(0.25)
    raise AssertionError(f"{waiting} deliveries still wait after {DRAIN_SECONDS:g} s")


async def _counts(database_url: str) -> tuple[int, int, int]:
    async with await psycopg.AsyncConnection.connect(database_url, connect_timeout=5) as connection:
        row = await (await connection.execute(_WAITING)).fetchone()
        assert row is not None
        return row


def _table(plan: Plan, run: Run) -> str:
    client, accepted = run.client, len(run.client.accepted)
    rows = [
        f"seed {plan.seed}: {accepted} events accepted in {run.took:.1f} s, {accepted / run.took:.0f}/s",
        f"{client.tries - accepted} tries again, longest gap {max(gaps(client.answered, 0.0)):.1f} s",
        f"{run.deliveries} deliveries, {run.given_up} given up, drained {run.drained:.1f} s after the load",
        *(_kills(kind, run) for kind in KINDS),
        "platform      missing    stale  reordered  doubled  in flight  overwritten",
        *(_line(platform, verdict, run.killer) for platform, verdict in run.verdicts.items()),
    ]
    return "\n".join(rows)


def _say(text: str) -> None:
    """Shown by pytest when the test fails, and always with -rA."""
    print(text)  # noqa: T201


def _kills(kind: str, run: Run) -> str:
    took = [_recovery(kill.at, run.client) for kill in run.killer.kills if kill.kind == kind]
    return f"{kind:12} killed {len(took)} times, accepting again after {', '.join(took)}"


def _recovery(at: float, client: Client) -> str:
    """Seconds from a kill to the first acceptance of an event that was sent after it."""
    later = (each.ended - at for each in client.answered if each.began > at)
    first = min(later, default=None)
    return "-" if first is None else f"{first:.2f} s"


def _line(platform: str, verdict: Verdict, killer: Killer) -> str:
    counts = (verdict.missing, verdict.stale, verdict.reordered, verdict.doubled)
    widths = (9, 9, 11, 9)
    cells = "".join(f"{len(found):>{width}}" for found, width in zip(counts, widths, strict=True))
    return f"{platform:12}{cells}{len(killer.in_flight[platform]):>11}{len(verdict.overwritten):>13}"


def test_the_moments_of_the_kills_depend_on_the_seed_alone() -> None:
    plan = schedule(7, 60, 3)
    assert plan == schedule(7, 60, 3) != schedule(8, 60, 3)
    assert Counter(kind for _, kind in plan) == dict.fromkeys(KINDS, 3)
    assert all(earlier[0] <= later[0] for earlier, later in itertools.pairwise(plan))
