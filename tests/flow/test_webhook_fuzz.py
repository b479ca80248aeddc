"""Whatever is sent to a webhook, by anybody or by the platform: no crash, no leak, and all else goes on."""

from __future__ import annotations

import json
import random
import resource
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from tests.fakes.mattermost import MattermostFake
from tests.fakes.speaking import Signal
from tests.flow.people import Room, room
from tests.flow.places import PLATFORMS
from tests.flow.stage import Im, event, until
from tests.marks import quick_on

SEED: Final = 20260105
ROUNDS: Final = 30
"""Spoiled requests of each kind."""
MIB: Final = 1024 * 1024
DEEP: Final = 100_000
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

TYPES: Final = (
    *(JSON, FORM, "text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=x"),
    *("", "application/json; charset=utf-16", "application/x-protobuf", "a" * 4000, ";;;", "\xff"),
)
BODIES: Final = (
    *(b"", b"{", b"}", b"[]", b"null", b"0", b'"', b"{}" * 1000, b"\x00" * 100, b"\xff\xfe\x00", b"\xc3\x28"),
    *(b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP, b"&" * DEEP, b"a=1&" * DEEP, b"%" * 1000),
    *(b'{"type":' + b"9" * 5000 + b"}", b'{"type":1e999}', b'{"type":"\\ud800"}', b'{"type":"\\u0000"}'),
    *(
        b"payload=%00",
        b"payload={}",
        b"payload=" + b"[" * DEEP,
        b"command=%ff%fe&token=%00",
        b"token=&token=",
    ),
    *(b'{"context":{}}', b'{"state":1}', b'{"token":null}', b'{"context":[],"state":[],"token":[]}'),
    *(b'{"type":"url_verification","challenge":"x"}', b'{"type":"ping" }', b'{"type":"ping","a":1}'),
    *(b"x" * MIB, b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--"),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 10**30, -(10**400), 1e308, "", " ", "\0", "a\0b", "\x1b[31m", "\u202e", "￿"),
    *(
        "x" * 5000,
        "é" * 3000,
        "🔥" * 1000,
        "../../etc",
        "${jndi:ldap://x}",
        "' OR 1=1 --",
        "<!channel>",
        "%00",
    ),
    *([], {}, [None], [[[]]], {"": None}, {"id": "\0"}, [{"id": 1}], ["a"] * 1000),
)
"""What the fields of a genuine request are replaced by."""
INCOMPRESSIBLE: Final = random.Random(SEED).randbytes(9000).hex()
"""Longer than what a database's index takes, and not to be made shorter."""
METHODS: Final = ("GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND")


@pytest.fixture(scope="module")
def chats(running: Im) -> Iterator[dict[str, Room]]:
    """All four platforms, for the whole module."""
    running.wipe()
    token = {"webhook_token": MattermostFake().webhook_token}
    with ExitStack() as stack:
        rooms = {
            name: stack.enter_context(room(running, name, **(token if name == "mattermost" else {})))
            for name in PLATFORMS
        }
        running.sandbox(enable_notifications=False)
        stack.enter_context(running.draining())
        running.post(event())
        yield rooms


def paths() -> tuple[str, ...]:
    own = [f"/chatops/my-{name}" for name in PLATFORMS]
    named = [f"/chatops/{name}/my-{name}" for name in PLATFORMS]
    return (*own, *named, "/chatops/sandbox", "/chatops/nobody", "/chatops/slack/nobody", "/chatops/%00/%ff")


def judge(answer: httpx.Response, what: str, *, fine: tuple[int, ...] = ()) -> None:
    """Refused in the common form, without a word of the inside; or one of the `fine` statuses."""
    assert "Traceback" not in answer.text
    if answer.status_code in fine:
        return
    assert 400 <= answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    if answer.request.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json", what
        assert answer.json()["status"] == answer.status_code, what


def all_of(im: Im, calls: list[tuple[str, str, bytes, dict[str, Any]]]) -> Iterator[httpx.Response]:
    """(method, path, body, headers), several at a time."""
    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(
            lambda call: im.api.client.request(call[0], call[1], content=call[2], headers=call[3]), calls
        )


def raw(media_type: str) -> dict[str, Any]:
    return {"content-type": media_type.encode("latin-1")} if media_type else {}


def alive(im: Im, chats: dict[str, Room]) -> None:
    """Everything works as before, and no desk met a defect."""
    assert im.call("GET", "/healthz").status_code == 200
    for chat in chats.values():
        assert chat.say("status INC-2024-001").text
    until(lambda: not im.sql("SELECT 1 FROM inbox WHERE state IN ('received', 'handled')"), 20)
    assert im.sql("SELECT kind, detail, input FROM inbox WHERE detail LIKE 'a defect%%'") == []


def test_unsigned_garbage_is_refused_on_every_path(running: Im, chats: dict[str, Room]) -> None:
    dice = random.Random(SEED)
    calls = [("POST", path, body, raw(dice.choice(TYPES))) for path in paths() for body in BODIES]
    calls += [("POST", path, b"{}", raw(kind)) for path in paths() for kind in TYPES]
    before = running.sql("SELECT count(*) AS n FROM inbox")
    for (_, path, body, headers), answer in zip(calls, all_of(running, calls), strict=True):
        what = f"{path} {body[:40]!r} {headers}"
        pings = body.translate(None, b" \r\n\t") == b'{"type":"ping"}'
        judge(answer, what, fine=(200,) if pings else ())
    assert running.sql("SELECT count(*) AS n FROM inbox") == before
    alive(running, chats)


def test_other_methods_are_refused_on_every_path(running: Im, chats: dict[str, Room]) -> None:
    calls = [(method, path, b"{}", raw(JSON)) for path in paths() for method in METHODS]
    for call, answer in zip(calls, all_of(running, calls), strict=True):
        judge(answer, f"{call[0]} {call[1]}")
        assert answer.status_code in (404, 405), call
    alive(running, chats)


# What the platform itself, or a thief of its secret, could sign.


def signed(chat: Room, body: bytes, media_type: str) -> Signal:
    """The body as this platform proves it, in whatever sense it can."""
    fake: Any = chat.fake
    headers = {"content-type": media_type}
    makers: dict[str, Callable[[], Signal]] = {
        "slack": lambda: fake.signed(body, media_type, ""),
        "discord": lambda: fake.signed(body),
        "teams": lambda: Signal(body, headers | {"authorization": f"Bearer {fake.token()}"}, ""),
        "mattermost": lambda: Signal(
            body, headers | {"authorization": f"Token {fake.commands[0].token}"}, ""
        ),
    }
    return makers[chat.place.name]()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_signed_garbage_is_malformed_or_means_nothing(chats: dict[str, Room], platform: str) -> None:
    chat = chats[platform]
    path, calls = f"/chatops/{chat.provider}", []
    for body in BODIES:
        for kind in (FORM, JSON, "text/plain"):
            signal = signed(chat, body, kind)
            calls.append(("POST", path, body, signal.headers | {"content-type": kind}))
    for call, answer in zip(calls, all_of(chat.im, calls), strict=True):
        judge(answer, f"{platform} {call[2][:40]!r} {call[3]['content-type']}", fine=(200,))
        assert answer.status_code in (200, 400, 401), answer.text
    alive(chat.im, {platform: chat})


def samples(chat: Room, incident: str) -> dict[str, Callable[[], Signal]]:
    """Makers of genuine requests of every kind, each with an id of its own."""
    fake, where, who = chat.fake, chat.place.channel("major"), chat.dana
    chat.im.post(event(incident=incident, id=f"evt-{incident}"))
    posted = until(lambda: [p for p in chat.place.announced("major") if incident in chat.place.text(p)])[0]
    details = chat.press(posted, "View Details")
    form = chat.form(fake.command(who, "declare", channel=where))
    found = {
        "press": lambda: fake.press(who, posted, "View Details"),
        "choose": lambda: fake.choose(who, details.posted, "Change the severity", "SEV-3"),
        "form": lambda: fake.submit(who, form, title="Disk full", severity="SEV-3"),
        "command": lambda: fake.command(who, f"status {incident}", channel=where),
    }
    if chat.place.name != "discord":
        found["mention"] = lambda: fake.mention(who, f"status {incident}", channel=where)
    if chat.place.name in ("slack", "teams"):
        found["reaction"] = lambda: cast("Signal", fake.react(who, posted, "+1"))
    return found


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to everything inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*at, key)
        yield from places(one, (*at, key))


def spoiled(value: Any, dice: random.Random) -> Any:
    """A copy with one thing inside replaced, doubled or gone."""
    copy = json.loads(json.dumps(value))
    *way, last = dice.choice(list(places(copy)))
    inner = copy
    for key in way:
        inner = inner[key]
    if isinstance(inner, dict) and dice.random() < 0.15:
        del inner[last]
    else:
        inner[last] = dice.choice(VALUES)
    return copy


def respoiled(chat: Room, signal: Signal, dice: random.Random) -> tuple[bytes, dict[str, Any]]:
    """The request with something of it spoiled, and proved again."""
    kind = signal.headers["content-type"].partition(";")[0]
    if kind == JSON:
        body = json.dumps(spoiled(json.loads(signal.body), dice)).encode()
    else:
        form = dict(parse_qsl(signal.body.decode(), keep_blank_values=True))
        if "payload" in form:
            form["payload"] = json.dumps(spoiled(json.loads(form["payload"]), dice))
        else:
            form[dice.choice(list(form))] = str(dice.choice(VALUES))
        body = urlencode(form).encode()
    headers = signal.headers if chat.place.name == "mattermost" else signed(chat, body, kind).headers
    return body, headers | {"content-type": kind}


@pytest.mark.parametrize("platform", quick_on("slack", "teams", of=PLATFORMS))
def test_genuine_requests_with_spoiled_fields_crash_nothing(chats: dict[str, Room], platform: str) -> None:
    chat, dice = chats[platform], random.Random(SEED)
    path, calls = f"/chatops/{chat.provider}", []
    for make in samples(chat, f"INC-2024-0{PLATFORMS.index(platform) + 10}").values():
        for _ in range(ROUNDS):
            body, headers = respoiled(chat, make(), dice)
            calls.append(("POST", path, body, headers))
    for call, answer in zip(calls, all_of(chat.im, calls), strict=True):
        # 501: an invoke of Teams that nobody here handles, as its documentation wants it.
        judge(answer, f"{platform} {call[2]!r}", fine=(200, 501) if platform == "teams" else (200,))
    alive(chat.im, {platform: chat})


LONG: Final[dict[str, Callable[[Signal, str], bytes]]] = {
    "slack": lambda signal, text: with_field(signal, "trigger_id", text),
    "teams": lambda signal, text: with_field(signal, "id", text),
    "discord": lambda signal, text: with_field(signal, "token", text),
    "mattermost": lambda signal, text: with_field(signal, "trigger_id", text),
}
"""Ids and secrets that are kept, by platform."""


def with_field(signal: Signal, name: str, text: str) -> bytes:
    if signal.headers["content-type"].startswith(JSON):
        return json.dumps(json.loads(signal.body) | {name: text}).encode()
    return urlencode(dict(parse_qsl(signal.body.decode(), keep_blank_values=True)) | {name: text}).encode()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_id_of_any_length_is_kept_or_refused(chats: dict[str, Room], platform: str) -> None:
    chat = chats[platform]
    for length in (1000, 2600, 2800, 18_000):
        made = chat.fake.command(chat.dana, "status", channel=chat.place.channel("major"))
        body = LONG[platform](made, INCOMPRESSIBLE[:length])
        kind = made.headers["content-type"]
        answer = chat.post(signed(chat, body, kind))
        judge(answer, f"{platform}, {length} characters", fine=(200,))


def test_a_body_over_one_mebibyte_is_refused_before_it_is_read(running: Im, chats: dict[str, Room]) -> None:
    for path in paths():
        for body in (b"x" * (MIB + 1), [b"x" * 65536] * 17):
            answer = running.api.client.post(path, content=iter(body) if isinstance(body, list) else body)
            judge(answer, path)
            assert answer.status_code == 413, answer.text
            assert str(MIB) in answer.json()["detail"]
    slack = chats["slack"]
    whole = slack.fake.signed(b"a" * MIB, FORM, "")  # type: ignore[attr-defined]
    assert slack.post(whole).status_code == 400
    more = slack.fake.signed(b"a" * (MIB + 1), FORM, "")  # type: ignore[attr-defined]
    assert slack.post(more).status_code == 413


def test_a_promised_body_that_never_comes_holds_no_memory_and_stops_nobody(
    running: Im, chats: dict[str, Room]
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = f"POST /chatops/my-slack HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {8 * MIB}\r\n\r\n".encode()
    held = []
    for _ in range(50):
        one = socket.create_connection(("127.0.0.1", running.settings.port))
        one.sendall(head + b"x" * 1000)
        held.append(one)
    began = time.monotonic()
    alive(running, chats)
    assert time.monotonic() - began < 10
    for one in held:
        one.close()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50 * 1024, f"{grown} KiB more"
