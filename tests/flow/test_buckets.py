"""Rate buckets in a real Redis: windows hold exactly, for all workers together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from adapters.contract import Limits, Window
from router.buckets import Ask, Buckets, Grant
from tests.flow.stage import Im, until

CHANNEL = Limits(channel=(Window(3, 0.5),))
PROVIDER = Limits(provider=(Window(10, 0.5),))


def take(im: Im, *asks: Ask) -> list[Grant]:
    return im.loop.run(Buckets(im.parts.redis).take(asks))


def ask(
    want: int = 1, channel: str = "c", *, urgent: bool = False, limits: Limits = CHANNEL, **more: Any
) -> Ask:
    return Ask(more.pop("provider", "p"), channel, want, urgent, limits, **more)


def test_a_window_grants_its_count_and_says_how_long_to_wait(im: Im) -> None:
    (grant,) = take(im, ask(5))
    assert (grant.allowed, grant.oldest) == (3, 0)
    (refused,) = take(im, ask())
    assert refused.allowed == 0
    assert 0 < refused.wait <= 0.53
    until(lambda: take(im, ask())[0].allowed, 2)


def test_channels_and_providers_do_not_count_for_each_other(im: Im) -> None:
    grants = take(im, ask(3), ask(3, "d"), ask(3, provider="q"))
    assert [grant.allowed for grant in grants] == [3, 3, 3]


def test_a_part_of_a_providers_window_is_kept_for_what_is_urgent(im: Im) -> None:
    grants = take(
        im,
        ask(50, limits=PROVIDER),
        ask(1, "d", limits=PROVIDER),
        ask(50, "e", limits=PROVIDER, urgent=True),
        ask(1, "f", limits=PROVIDER, urgent=True),
    )
    assert [grant.allowed for grant in grants] == [8, 0, 2, 0]


def test_a_block_holds_for_everybody_and_ends(im: Im) -> None:
    buckets = Buckets(im.parts.redis)
    im.loop.run(buckets.block("p", "c", 0.3))
    assert [grant.allowed for grant in take(im, ask(), ask(1, "d"))] == [0, 1]
    im.loop.run(buckets.block("p", None, 0.3))
    assert [grant.allowed for grant in take(im, ask(), ask(1, "e"), ask(provider="q"))] == [0, 0, 1]
    until(lambda: take(im, ask())[0].allowed, 2)


def test_every_tenth_slot_of_a_channel_that_is_held_back_is_for_the_oldest(im: Im) -> None:
    limits = Limits(channel=(Window(30, 60.0),))
    (first,) = take(im, ask(31, limits=limits))
    assert (first.allowed, first.oldest) == (30, 3)


def test_many_at_once_never_get_more_than_the_window(im: Im) -> None:
    limits = Limits(channel=(Window(40, 60.0),))
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: take(im, ask(3, limits=limits))[0].allowed, range(40)))
    assert sum(granted) == 40


def test_rates_that_cannot_matter_cost_nothing(im: Im) -> None:
    (grant,) = take(im, ask(500, limits=Limits(channel=(Window(5000, 1.0),))))
    assert grant.allowed == 500
    assert im.redis.keys("im:rate:*") == []
