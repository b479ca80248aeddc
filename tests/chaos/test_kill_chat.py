"""People go on talking while the API and the database are killed: what was acknowledged is done, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import aiohttp
import msgspec
import psycopg
import pytest

from tests.chaos.installation import UNTHROTTLED, Installation, eventually, installed, kill
from tests.fakes.__main__ import CONFIGS
from tests.fakes.base import Posted
from tests.fakes.slack import SlackFake
from tests.fakes.speaking import Signal

SEED: Final = int(os.environ.get("IM_CHAOS_SEED", "20260105"))
RATE: Final = 20.0
SECONDS: Final = 10.0
KNOWN: Final = 50
"""Incidents that are announced before the killing begins: each is pressed once and noted once."""
KILLS: Final = ("api", "api", "postgres", "api")
CHANNEL: Final = "C0SEV2"
_GIVE_UP_SECONDS: Final = 40.0
_SETTLE_SECONDS: Final = 40.0

_STATE: Final = """SELECT count(*) FILTER (WHERE state IN ('received', 'handled')),
    count(*) FILTER (WHERE state = 'failed'), count(*) FROM inbox"""
_EXPIRE: Final = "UPDATE inbox SET lease_until = now() WHERE state IN ('received', 'handled')"
_TITLES: Final = "SELECT title, count(*) FROM incidents WHERE title LIKE 'Spoken %' GROUP BY title"
_HISTORY: Final = """SELECT i.external_id, t.event_type, t.data->>'note', count(*)
    FROM timeline t JOIN incidents i ON i.id = t.incident_id WHERE i.external_id LIKE 'INC-2025-%'
    GROUP BY 1, 2, 3"""


class Act(msgspec.Struct, frozen=True):
    """What somebody does, and by what its effect is known."""

    kind: str
    about: str
    signal: Signal

    @property
    def response_path(self) -> str:
        """Where the answer is to come."""
        fields = parse_qs(self.signal.body.decode())
        found = fields.get("response_url")
        url = found[0] if found else msgspec.json.decode(fields["payload"][0])["response_url"]
        return str(url[url.index("/response/") :])


class Sender:
    """Slack: every request again until it is acknowledged, which is what people do."""

    def __init__(self, url: str) -> None:
        self.tries = 0
        self.accepted: list[Act] = []
        self.slowest = 0.0
        """Seconds of the slowest acknowledgement itself."""
        self._url = f"{url}/chatops/slack/slack"

    async def run(self, acts: list[Act]) -> None:
        """Send at RATE, whatever becomes of those before."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as sending:
            began = time.monotonic()
            for number, act in enumerate(acts):
                await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
                sending.create_task(self._send(session, act))

    async def _send(self, session: aiohttp.ClientSession, act: Act) -> None:
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            self.tries += 1
            began = time.monotonic()
            if await self._acknowledged(session, act.signal):
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.accepted.append(act)
                return
            await asyncio.sleep(0.2)
        raise AssertionError(f"{act.kind} {act.about} was not acknowledged in {_GIVE_UP_SECONDS:g} s")

    async def _acknowledged(self, session: aiohttp.ClientSession, signal: Signal) -> bool:
        try:
            async with session.post(self._url, data=signal.body, headers=signal.headers) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        assert answer.status in (200, 503), f"{answer.status}: {text}"
        return answer.status == 200


@pytest.mark.chaos
def test_what_was_acknowledged_in_chat_is_done_once_and_answered_while_parts_are_killed() -> None:
    with SlackFake(rates=False) as fake, installed() as installation:
        _add_slack(installation, fake)
        acts = _acts(fake, _announced(installation, fake))
        sender = Sender(installation.url)
        kills = asyncio.run(_run(sender, acts, installation))
        assert kills == Counter(KILLS)
        failed = _settle(installation)
        _say(f"seed {SEED}: {len(acts)} acts, {sender.tries} tries, slowest 200 {sender.slowest:.2f} s")
        assert failed == 0, "somebody was never answered"
        assert {act.signal.key for act in sender.accepted} == {act.signal.key for act in acts}
        _judge(installation, fake, sender.accepted)


def _add_slack(installation: Installation, fake: SlackFake) -> None:
    installation.call("PATCH", "/api/v1/chatops/providers/sandbox", {"active": False})
    config = CONFIGS["slack"](fake) | {
        "rate_limit": UNTHROTTLED,
        "notification_channels": {"SEV-2": CHANNEL},
    }
    body = {"name": "slack", "type": "slack", "config": config}
    assert installation.call("POST", "/api/v1/chatops/providers", body).status == 201


def _announced(installation: Installation, fake: SlackFake) -> dict[str, Posted]:
    """Incidents by id, with the message that announces each."""
    names = [f"INC-2025-{number:03d}" for number in range(KNOWN)]
    events = [
        {
            "id": name,
            "type": "incident.created",
            "incident": {"id": name, "title": "Known", "severity": "SEV-2"},
        }
        for name in names
    ]
    assert installation.call("POST", "/api/v1/events", events).status == 202
    eventually(lambda: len(fake.in_channel(CHANNEL)) == KNOWN, 20)
    texts = [(str(posted.shown), posted) for posted in fake.in_channel(CHANNEL)]
    return {name: next(posted for text, posted in texts if name in text) for name in names}


def _acts(fake: SlackFake, announced: Mapping[str, Posted]) -> list[Act]:
    """A declaration, a press or a note, in an order that the seed decides."""
    dana, erin = fake.people
    acts = [Act("press", name, fake.press(erin, on, "Acknowledge")) for name, on in announced.items()]
    acts += [
        Act("note", name, fake.command(dana, f"update {name} heard of {name}", channel=CHANNEL))
        for name in announced
    ]
    acts += [
        Act("declare", title, fake.command(dana, f"declare --sev SEV-4 {title}", channel=CHANNEL))
        for title in (f"Spoken {number:03d}" for number in range(int(RATE * SECONDS) - len(acts)))
    ]
    random.Random(SEED).shuffle(acts)
    return acts


async def _run(sender: Sender, acts: list[Act], installation: Installation) -> Counter[str]:
    dice = random.Random(SEED)
    moments = sorted(dice.uniform(0.5, SECONDS - 0.5) for _ in KILLS)
    killed: Counter[str] = Counter()

    async def killing() -> None:
        began = time.monotonic()
        for at, kind in zip(moments, KILLS, strict=True):
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            kill(await asyncio.to_thread(_pid, installation, kind))
            killed[kind] += 1

    await asyncio.gather(sender.run(acts), killing())
    return killed


def _pid(installation: Installation, kind: str) -> int:
    found: list[int] = []

    def there() -> bool:
        found.extend(filter(None, [installation.pid_of(kind)]))
        return bool(found)

    eventually(there, 20)
    return found[0]


def _settle(installation: Installation) -> int:
    """Wait until nothing is open; how many were given up. What only a dead desk holds, is let go."""
    deadline, open_before, since = time.monotonic() + _SETTLE_SECONDS, -1, time.monotonic()
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.Error), psycopg.connect(installation.database_url) as connection:
            row = connection.execute(_STATE).fetchone()
            assert row is not None
            if not row[0]:
                return int(row[1])
            if row[0] != open_before:
                open_before, since = row[0], time.monotonic()
            elif time.monotonic() - since > 3.0:
                # As if a lease had passed: that of a desk which died is longer than this test.
                connection.execute(_EXPIRE)
                since = time.monotonic()
        time.sleep(0.2)
    raise AssertionError(f"{open_before} inputs are still open: {installation.log.read_text()[-4000:]}")


def _judge(installation: Installation, fake: SlackFake, accepted: list[Act]) -> None:
    with psycopg.connect(installation.database_url) as connection:
        titles: dict[str, int] = dict(connection.execute(_TITLES).fetchall())
        history = {row[:3]: row[3] for row in connection.execute(_HISTORY).fetchall()}
    assert titles == dict.fromkeys(_about(accepted, "declare"), 1)
    pressed = {key[0]: count for key, count in history.items() if key[1] == "chatops.acknowledge"}
    assert pressed == dict.fromkeys(_about(accepted, "press"), 1)
    noted = {key[2]: count for key, count in history.items() if key[2]}
    assert noted == {f"heard of {name}": 1 for name in _about(accepted, "note")}
    answers = Counter(call.path for call in fake.calls if call.path.startswith("/response/"))
    unanswered = [act.about for act in accepted if not answers[act.response_path]]
    assert unanswered == []
    again = sum(count - 1 for count in answers.values())
    _say(f"{len(accepted)} acts done once; {again} answers were given twice")
    assert again <= len(KILLS) * 20


def _about(acts: list[Act], kind: str) -> Iterator[str]:
    return (act.about for act in acts if act.kind == kind)


def _say(text: Any) -> None:
    """Shown by pytest when the test fails, and always with -rA."""
    print(text)  # noqa: T201
