"""The language service: how soon it is there, how large it is, how soon it answers, and the bot with it."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
import urllib.request
from contextlib import ExitStack
from typing import Final, cast

import aiohttp

from bench.chat import CHANNEL, RULES, UNLIMITED
from bench.scenarios import Figures
from bench.systems import Router, router
from bench.wire import percentile
from nlu_model import environment, training
from nlu_model.client import Interpreter
from nlu_model.models import Shelf
from nlu_model.programs import in_lines
from nlu_model.serving import borrowed, rasa_in
from router.settings import read
from tests.fakes.__main__ import CONFIGS
from tests.fakes.slack import SlackFake
from tests.fakes.speaking import Speaking

SENTENCES: Final = (
    "what is the status of INC-2026-003?",
    "which incidents are open right now",
    "who is on call for the payments service?",
    "add a note to INC-2026-004: failing over to the replica, ten more minutes",
    "how many sev1 incidents did checkout have this week",
    "can somebody order pizza for the team",
    "escalate inc-2026-005 to sev 2 pls, customers cannot pay since 10:05",
    "help",
)
KNOWN: Final = 10
PARSES: Final = 400
_PATIENCE_SECONDS: Final = 30.0


async def language(rate: float = 5, seconds: float = 20) -> Figures:
    """Load time, memory, time to parse one sentence after another, and mention to reply at a steady rate."""
    settings = read()
    shelf, tell = Shelf(settings.data_dir / "nlu"), in_lines(lambda line: print(line, file=sys.stderr))
    environment.ensure(settings.nlu_env, tell=tell, pulse=_no_pulse)
    model = training.ensure(shelf, settings.nlu_env, tell=tell, pulse=_no_pulse, recipe=training.Recipe())
    begun = time.perf_counter()
    with borrowed(shelf, model.name, rasa_in(settings.nlu_env), _no_pulse) as address:
        loaded = time.perf_counter() - begun
        parsed = await _parsed(address)
        replied = await _replied(address, rate, seconds)
        resident = await asyncio.to_thread(_resident, address)
    return {
        "load_seconds": loaded,
        "resident_mb": resident,
        **{f"parse_p{share}_ms": percentile(parsed, share / 100) * 1000 for share in (50, 95)},
        **{f"mention_to_reply_p{share}_ms": percentile(replied, share / 100) * 1000 for share in (50, 95)},
    }


def _resident(address: str) -> float:
    """MB of the serving process, as it says itself."""
    with urllib.request.urlopen(f"{address}/status", timeout=10) as answer:
        return float(json.load(answer)["resident_mb"])


def _no_pulse() -> None:
    """Ctrl-C ends a bench by itself."""


async def _parsed(address: str) -> list[float]:
    """Seconds of each question, one at a time, through the client that the router has."""
    taken = []
    async with Interpreter(lambda: address, timeout=_PATIENCE_SECONDS) as interpreter:
        for text in itertools.islice(itertools.cycle(SENTENCES), PARSES):
            begun = time.perf_counter()
            await interpreter.parse(text)
            taken.append(time.perf_counter() - begun)
    return taken


async def _replied(address: str, rate: float, seconds: float) -> list[float]:
    """Seconds from each mention's arrival to the reply in its thread at the fake Slack."""
    with ExitStack() as stack:
        system = stack.enter_context(router(rules=RULES, nlu_url=address))
        fake = stack.enter_context(SlackFake(rates=False))
        await asyncio.to_thread(_prepare, system, fake)
        sent = await _mention(system, fake, rate, seconds)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(replies := _replies(fake, sent)) < len(sent):
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(replies)} of {len(sent)} mentions were answered")
            await asyncio.sleep(0.1)
    return [at - sent[ts] for ts, at in replies.items()]


def _prepare(system: Router, fake: SlackFake) -> None:
    """The provider, and incidents to speak of."""
    config = CONFIGS["slack"](fake) | {"rate_limit": UNLIMITED}
    system.call(
        "POST", "/api/v1/chatops/providers", {"name": "chat-slack", "type": "slack", "config": config}
    )
    cards = [
        {"id": f"INC-2026-{n:03d}", "title": "Slow", "severity": "SEV-3", "service": "chat"}
        for n in range(KNOWN)
    ]
    system.call("POST", "/api/v1/events", [{"type": "incident.created", "incident": card} for card in cards])


async def _mention(system: Router, fake: SlackFake, rate: float, seconds: float) -> dict[str, float]:
    """When each mention was sent, by its message's id."""
    person = cast("Speaking", fake)
    url = f"http://127.0.0.1:{system.port}/chatops/slack/chat-slack"
    sent: dict[str, float] = {}
    async with aiohttp.ClientSession() as session:
        begun = time.perf_counter()
        for number, text in enumerate(itertools.islice(itertools.cycle(SENTENCES), int(rate * seconds))):
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            signal = person.mention(person.people[0], text, channel=CHANNEL["slack"])
            sent[json.loads(signal.body)["event"]["ts"]] = time.time()
            async with session.post(url, data=signal.body, headers=signal.headers) as answer:
                answer.raise_for_status()
    return sent


def _replies(fake: SlackFake, sent: dict[str, float]) -> dict[str, float]:
    """When the reply to each mention came."""
    posted = fake.in_channel(CHANNEL["slack"])
    return {each.parent: each.at for each in reversed(posted) if each.parent in sent}
