"""People in chat at a steady rate: how soon a platform's request is acknowledged, and how soon answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Final, cast
from urllib.parse import unquote_plus

import aiohttp

from bench.scenarios import KEY, SLACK_ANSWER, Figures, events
from bench.systems import Router, router
from bench.wire import Load, Sink, percentile
from tests.fakes.__main__ import CONFIGS
from tests.fakes.base import FakePlatform, Posted
from tests.fakes.discord import DiscordFake
from tests.fakes.slack import SlackFake
from tests.fakes.speaking import Signal, Speaking

RULES: Final = """
version: 1
routes:
  - {id: spoken-of, when: {event: incident.created, service: chat}, stop: true,
     notify: [{provider: chat-slack, channel: C0CHAT}]}
  - {id: flow, when: {event: incident.created}, notify: [{provider: slack, channel: C0ONE}]}
"""
CHANNEL: Final = {"slack": "C0CHAT", "discord": "102020202020202020"}
KNOWN: Final = 50
"""Incidents that people speak of."""
UNLIMITED: Final = {"channel_per_second": 1_000_000, "provider_per_second": 1_000_000}
_PATIENCE_SECONDS: Final = 30.0


class People:
    """Signed requests of both platforms, when each was acknowledged, and when its answer came."""

    def __init__(self, system: Router, fakes: Mapping[str, FakePlatform]) -> None:
        self.sent: dict[str, float] = {}
        """By what the answer's path holds; seconds since 1970."""
        self.acknowledged: list[float] = []
        """Seconds each took."""
        self._system = system
        self._fakes = fakes
        self._makers: Sequence[Callable[[int], tuple[str, Signal]]] = ()

    async def prepare(self) -> None:
        """Add the providers, and let incidents be announced that have buttons to press."""
        for name, fake in self._fakes.items():
            config = CONFIGS[name](fake) | {"rate_limit": UNLIMITED}
            body = {"name": f"chat-{name}", "type": name, "config": config}
            await asyncio.to_thread(self._system.call, "POST", "/api/v1/chatops/providers", body)
        cards = [
            {"id": f"INC-2026-{n:03d}", "title": "Slow", "severity": "SEV-3", "service": "chat"}
            for n in range(KNOWN)
        ]
        created = [{"type": "incident.created", "incident": card} for card in cards]
        await asyncio.to_thread(self._system.call, "POST", "/api/v1/events", created)
        fake = self._fakes["slack"]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(fake.in_channel(CHANNEL["slack"])) < KNOWN:
            if time.monotonic() > deadline:
                raise RuntimeError("the incidents that people speak of were not announced")
            await asyncio.sleep(0.05)
        self._makers = self._kinds(fake.in_channel(CHANNEL["slack"]))

    def _kinds(self, announced: Sequence[Posted]) -> Sequence[Callable[[int], tuple[str, Signal]]]:
        slack, discord = (cast("Speaking", self._fakes[name]) for name in ("slack", "discord"))

        def command(number: int) -> tuple[str, Signal]:
            text = f"update INC-2026-{number % KNOWN:03d} looked at it ({number})"
            return "slack", slack.command(slack.people[0], text, channel=CHANNEL["slack"])

        def press(number: int) -> tuple[str, Signal]:
            return "slack", slack.press(slack.people[1], announced[number % KNOWN], "Acknowledge")

        def interaction(number: int) -> tuple[str, Signal]:
            text = f"status INC-2026-{number % KNOWN:03d}"
            return "discord", discord.command(discord.people[0], text, channel=CHANNEL["discord"])

        return (command, press, interaction)

    async def run(self, rate: float, seconds: float) -> None:
        """A command, a press and an interaction in turn, whatever becomes of those before."""
        connector = aiohttp.TCPConnector(limit=64)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as sending:
            begun = time.perf_counter()
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                platform, signal = self._makers[number % len(self._makers)](number)
                sending.create_task(self._send(session, platform, signal))

    async def _send(self, session: aiohttp.ClientSession, platform: str, signal: Signal) -> None:
        url = f"http://127.0.0.1:{self._system.port}/chatops/{platform}/chat-{platform}"
        self.sent[answer_of(platform, signal)] = time.time()
        begun = time.perf_counter()
        async with session.post(url, data=signal.body, headers=signal.headers) as answer:
            body = await answer.read()
        self.acknowledged.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise RuntimeError(f"{platform} was answered with {answer.status}: {body[:300]!r}")
        fake = cast("Speaking", self._fakes[platform])
        headers = {name.lower(): text for name, text in answer.headers.items()}
        fake.heard(signal, answer.status, headers, body)

    async def answered(self) -> list[float]:
        """Seconds from each request to its answer, once all have come."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(found := self._answers()) < len(self.sent):
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(found)} of {len(self.sent)} were answered")
            await asyncio.sleep(0.1)
        return [at - self.sent[key] for key, at in found.items()]

    def _answers(self) -> dict[str, float]:
        """When the first answer of each came: the last try of Discord's, which may come too soon."""
        found: dict[str, float] = {}
        for fake in self._fakes.values():
            for call in fake.calls:
                for part in call.path.split("/"):
                    if part in self.sent:
                        found[part] = call.at
        return found


def answer_of(platform: str, signal: Signal) -> str:
    """The part of a path by which its answer is known: of a response_url, or an interaction's token."""
    if platform == "discord":
        return str(json.loads(signal.body)["token"])
    text = unquote_plus(signal.body.decode())
    _, _, rest = text.partition("/response/")
    return rest[: min((rest.find(end) for end in '&"' if end in rest), default=len(rest))]


async def chat_at(rate: float, seconds: float, *, events_per_second: float = 0.0) -> Figures:
    """Acknowledgements and answers at a steady rate of requests, with or without events beside it."""
    with ExitStack() as stack:
        system = stack.enter_context(router(rules=RULES))
        fakes: dict[str, FakePlatform] = {
            "slack": stack.enter_context(SlackFake(rates=False)),
            "discord": stack.enter_context(DiscordFake(rates=False)),
        }
        sink = Sink(KEY, SLACK_ANSWER)
        system.add_slack(await sink.start())
        people = People(system, fakes)
        await people.prepare()
        await people.run(rate, 2.0)
        await people.answered()
        people.sent.clear()
        people.acknowledged.clear()
        load = Load(system.port)
        flow = events(system, "C1", int(events_per_second * seconds))
        flowing = asyncio.create_task(load.run(flow, rate=events_per_second or None))
        await people.run(rate, seconds)
        await flowing
        if load.wrong:
            raise RuntimeError(f"{load.wrong} events were refused")
        answered = await people.answered()
        sink.stop()
        return {
            **_percentiles("acknowledged", people.acknowledged),
            **_percentiles("answered", answered),
        }


def _percentiles(what: str, seconds: list[float]) -> Figures:
    return {f"{what}_p{share}_ms": percentile(seconds, share / 100) * 1000 for share in (50, 99)}
