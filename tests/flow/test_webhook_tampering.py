"""Nothing that is not genuine gets in: changed, old, foreign and misdirected requests, over real HTTP."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import httpx
import msgspec
import pytest

from tests.fakes import teams_keys
from tests.fakes.base import Posted
from tests.fakes.discord_people import SIGNING_KEY
from tests.fakes.mattermost import MattermostFake, Team, make_id
from tests.fakes.speaking import Signal
from tests.flow import tampering, tampering_tokens
from tests.flow.people import Room, room
from tests.flow.places import PLATFORMS, Place
from tests.flow.stage import ADMIN, READER, SENDER, Im, Loop, event, until
from tests.flow.tampering import Attempt

SEED: Final = 20260105
AT_LEAST: Final = {"slack": 200, "discord": 150, "teams": 100, "mattermost": 80}
"""Changed requests by platform."""

_EFFECTS: Final = (
    *("inbox", "incidents", "events", "deliveries", "timeline", "decisions", "audit"),
    *("questions", "feedback", "attempts", "streams"),
)


@pytest.fixture(scope="module")
def chats(running: Im) -> Iterator[dict[str, Room]]:
    """All four platforms with people, for the whole module: starting and ending them is what takes long."""
    running.wipe()
    token = {"webhook_token": MattermostFake().webhook_token}
    with ExitStack() as stack:
        rooms = {
            name: stack.enter_context(room(running, name, **(token if name == "mattermost" else {})))
            for name in PLATFORMS
        }
        stack.enter_context(running.draining())
        yield rooms


@pytest.fixture(params=PLATFORMS)
def chat(request: pytest.FixtureRequest, chats: dict[str, Room]) -> Room:
    """One of them."""
    return chats[request.param]


@pytest.fixture(scope="module")
def sandboxed(chats: dict[str, Room], running: Im) -> Im:
    """The same with a sandbox, which announces nothing."""
    assert chats
    running.sandbox(enable_notifications=False)
    return running


def effects(im: Im, *rooms: Room) -> dict[str, int]:
    """How many rows and answers there are: the same before and after what had no effect."""
    counts = {table: im.sql(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in _EFFECTS}
    for each in rooms:
        fake: Any = each.fake
        counts[each.place.name] = len(fake.answers) + len(fake.forms) + len(fake.messages)
    return counts


def quiet(im: Im, *rooms: Room) -> dict[str, int]:
    """The effects once nothing is under way."""
    before: list[dict[str, int]] = []

    def still() -> bool:
        before.append(effects(im, *rooms))
        return before[-2:-1] == before[-1:]

    until(still, every=0.15)
    return before[-1]


@contextmanager
def nothing_happens(*rooms: Room) -> Iterator[None]:
    """What is done inside leaves no trace but in the record of what was refused."""
    im = rooms[0].im
    before = quiet(im, *rooms)
    yield
    assert quiet(im, *rooms) == before


_numbers = itertools.count(1)


def announced(chat: Room) -> tuple[str, Posted]:
    """A new incident, and the message that announces it."""
    number = f"INC-2024-{next(_numbers):03d}"
    chat.im.post(event(incident=number, id=f"evt-{number}"))

    def found() -> Posted | None:
        posts = chat.place.announced("major")
        return next((posted for posted in posts if number in chat.place.text(posted)), None)

    posted = until(found)
    assert posted is not None
    return number, posted


def genuine(chat: Room) -> dict[str, Signal]:
    """A request of every kind that this platform sends, none of which has been sent."""
    fake, where = chat.fake, chat.place.channel("major")
    incident, posted = announced(chat)
    details = chat.press(posted, "View Details")
    form = chat.form(fake.command(chat.dana, "declare", channel=where))
    found = {
        "press": fake.press(chat.dana, posted, "Acknowledge"),
        "choose": fake.choose(chat.dana, details.posted, "Change the severity", "SEV-3"),
        "form": fake.submit(chat.dana, form, title="Disk full", severity="SEV-2"),
        "command": fake.command(chat.dana, f"status {incident}", channel=where),
    }
    if chat.place.name != "discord":  # whose mentions come by the Gateway
        found["mention"] = fake.mention(chat.dana, f"status {incident}", channel=where)
    return found


def changed(chat: Room, signals: dict[str, Signal], dice: random.Random) -> Iterator[Attempt]:
    """All that an attacker makes of these requests."""
    signing = signing_of(chat)
    others = list(signals.values())
    for number, signal in enumerate(signals.values()):
        if signing:
            yield from tampering.of_signed(signal, signing, dice)
            yield tampering.spliced(signal, others[number - 1], signing)
        elif chat.place.name == "teams":
            yield from tampering_tokens.of_token(signal, claims_of(chat), teams(chat).signing, dice)
        else:
            yield from tampering.of_mattermost(signal, dice, foreign=foreign_token(chat, signal))


def signing_of(chat: Room) -> tampering.Signing | None:
    fake: Any = chat.fake
    known: dict[str, Callable[[], tampering.Signing]] = {
        "slack": lambda: tampering.slack(fake.signing_secret),
        "discord": lambda: tampering.discord(SIGNING_KEY),
    }
    return known[chat.place.name]() if chat.place.name in known else None


def teams(chat: Room) -> Any:
    return chat.fake


def claims_of(chat: Room) -> dict[str, Any]:
    return teams_keys.claims(teams(chat).app_id, teams(chat).service_url)


def foreign_token(chat: Room, signal: Signal) -> str:
    """A mention's token for a command, and the other way round."""
    fake: Any = chat.fake
    return str(fake.webhook_token if b"command=" in signal.body else fake.commands[0].token)


def send(im: Im, attempt: Attempt, path: str) -> httpx.Response:
    return im.api.client.post(path, content=attempt.body, headers=attempt.headers)


def send_all(im: Im, attempts: list[Attempt], path: str) -> None:
    """Several at a time, as attackers do; every one is refused."""
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda attempt: send(im, attempt, path), attempts)
        for attempt, answer in zip(attempts, answers, strict=True):
            refused(answer, attempt.what)


def on_time(chat: Room) -> None:
    """What was made before the attempts is sent after them, for which Discord would be too impatient."""
    for interaction in getattr(chat.fake, "interactions", {}).values():
        interaction.at = time.time()


def refused(answer: httpx.Response, what: str, *statuses: int) -> None:
    """A problem in one sentence, and nothing of the inside."""
    assert answer.status_code in (statuses or (401,)), f"{what}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json", what
    assert set(answer.json()) == {"type", "title", "status", "detail"}, what
    assert "Traceback" not in answer.text


def attempt_of(signal: Signal, what: str = "") -> Attempt:
    return Attempt(what, list(signal.headers.items()), signal.body)


def test_every_change_is_refused_without_effect_and_every_genuine_request_passes(chat: Room) -> None:
    platform, im = chat.place.name, chat.im
    signals = genuine(chat)
    attempts = list(changed(chat, signals, random.Random(SEED)))
    assert len(attempts) >= AT_LEAST[platform]
    with nothing_happens(chat):
        send_all(im, attempts, f"/chatops/{platform}/{chat.provider}")
    rows = im.get("/api/v1/chatops/webhooks", provider=chat.provider, limit=min(100, len(attempts)))
    assert {row["judgement"] for row in rows} <= {
        *("bad_signature", "no_signature", "stale", "wrong_workspace")
    }
    on_time(chat)
    before, incidents = len(chat.fake.answers), effects(im)["incidents"]
    for kind, signal in signals.items():
        assert chat.send(signal).status_code == 200, kind
    until(lambda: len(chat.fake.answers) >= before + len(signals))
    assert effects(im)["incidents"] == incidents + 1


def test_a_genuine_request_passes_at_its_own_provider_only(chats: dict[str, Room]) -> None:
    signals = {
        name: chat.fake.press(chat.dana, announced(chat)[1], "Acknowledge") for name, chat in chats.items()
    }
    other_secrets(chats)
    with nothing_happens(*chats.values()):
        for platform, signal in signals.items():
            for path, status in _elsewhere(platform):
                refused(send(chats[platform].im, attempt_of(signal), path), f"{platform}: {path}", status)


def _elsewhere(platform: str) -> Iterator[tuple[str, int]]:
    """Paths at which a request of this platform is not genuine, and how it is refused there."""
    yield f"/chatops/other-{platform}", 401
    yield f"/chatops/nobody-{platform}", 404
    yield f"/chatops/{platform}/My-{platform}", 404
    for another in set(PLATFORMS) - {platform}:
        yield f"/chatops/my-{another}", 401
        yield f"/chatops/{another}/my-{platform}", 404


def other_secrets(chats: dict[str, Room]) -> None:
    """A second provider of each platform, in the same workspace, with another secret or of another app."""
    changes: dict[str, dict[str, str]] = {
        "slack": {"signing_secret": tampering.OTHER_SECRET},
        "teams": {"app_id": "00000000-0000-0000-0000-00000000beef"},
        "discord": {"public_key": tampering.OTHER_KEY.verify_key.encode().hex()},
        "mattermost": {"bot_token": "another-bot-token-0123456789"},
    }
    for platform, chat in chats.items():
        assert isinstance(chat.place, Place)
        chat.im.add(f"other-{platform}", platform, **chat.place.config(**changes[platform]))
        path = f"/api/v1/chatops/providers/other-{platform}"
        assert chat.im.call("PATCH", path, {"config": {"enable_notifications": False}}).status_code == 200


FOREIGN: Final[dict[str, tuple[str, Any]]] = {
    "slack": ("team_id", "T0SOMEBODYELSE"),
    "teams": ("tenant", "11111111-2222-3333-4444-555555555555"),
    "discord": ("guild_id", "909090909090909090"),
    "mattermost": ("team", Team(make_id("elsewhere"), "elsewhere")),
}
"""What makes another workspace of the platform, with the same secrets."""


def declaring(chat: Room) -> Signal:
    return chat.fake.command(chat.dana, "declare Disk full", channel=chat.place.channel("major"))


def test_a_signed_request_of_somebody_elses_workspace_is_refused(
    chat: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.say("status")
    monkeypatch.setattr(chat.fake, *FOREIGN[chat.place.name])
    with nothing_happens(chat):
        refused(chat.post(declaring(chat)), chat.place.name)
    listed = chat.im.get("/api/v1/chatops/webhooks", provider=chat.provider, limit=1)
    assert listed[0]["judgement"] == "wrong_workspace"


def test_a_provider_that_is_switched_off_takes_nothing(chat: Room) -> None:
    path, signal = f"/api/v1/chatops/providers/{chat.provider}", declaring(chat)
    assert chat.im.call("PATCH", path, {"active": False}).status_code == 200
    with nothing_happens(chat):
        refused(chat.post(signal), "switched off", 404)
    assert chat.im.call("PATCH", path, {"active": True}).status_code == 200


def test_a_timestamp_that_took_a_piece_of_discords_body_is_refused(chats: dict[str, Room]) -> None:
    chat = chats["discord"]
    signal, name = declaring(chat), "x-signature-timestamp"
    body = signal.body.decode()
    with nothing_happens(chat):
        for taken in (1, 2, 5):
            headers = signal.headers | {name: signal.headers[name] + body[:taken]}
            # The signature covers one text of both, so that it fits; but no such time exists.
            refused(chat.post(Signal(body[taken:].encode(), headers, "")), "moved border", 400, 401)


def test_a_choice_that_a_mattermost_menu_did_not_offer_is_refused(chats: dict[str, Room]) -> None:
    chat = chats["mattermost"]
    chosen = genuine(chat)["choose"]
    payload = json.loads(chosen.body)
    with nothing_happens(chat):
        for wrong in ("SEV-9", "", None, ["SEV-1"], 1):
            context = payload["context"] | {"selected_option": wrong}
            body = json.dumps(payload | {"context": context}).encode()
            refused(chat.post(Signal(body, chosen.headers, "")), repr(wrong), 400)


SANDBOX_PATHS: Final = ("/chatops/sandbox", "/chatops/sandbox/sandbox")
SAID: Final = b'{"kind": "command", "user": "dana", "channel": "major", "text": "declare Disk full"}'


def test_the_sandbox_listens_to_admins_alone(chats: dict[str, Room], sandboxed: Im) -> None:
    with nothing_happens(*chats.values()):
        for token, status in ((None, 401), ("im_nobody", 401), (READER, 403), (SENDER, 403)):
            for path in SANDBOX_PATHS:
                refused(sandboxed.call("POST", path, SAID, token=token), f"{path} as {token}", status)
        for header in (f"bearer {ADMIN[:-1]}", f"Basic {ADMIN}", f"Bearer {ADMIN} {ADMIN}", ADMIN):
            headers = {"authorization": header}
            refused(sandboxed.call("POST", SANDBOX_PATHS[0], SAID, token=None, headers=headers), header[:6])
        refused(
            sandboxed.call("POST", f"{SANDBOX_PATHS[0]}?token={ADMIN}", SAID, token=None), "in the address"
        )
    assert sandboxed.call("POST", SANDBOX_PATHS[0], SAID).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"public_url": "https://im.example.com"}, {"bind": "0.0.0.0"}], ids=["public", "network"]
)
def test_the_sandbox_is_not_there_where_others_can_reach_it(
    sandboxed: Im, loop_thread: Loop, changes: dict[str, str]
) -> None:
    before = effects(sandboxed)["inbox"]
    im = Im(loop_thread, msgspec.structs.replace(sandboxed.settings, **changes))
    try:
        for token in (None, READER, ADMIN):
            refused(im.call("POST", SANDBOX_PATHS[0], SAID, token=token), str(token), 404)
        assert effects(im)["inbox"] == before
    finally:
        im.close()
