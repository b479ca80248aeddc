"""People link their chat users to accounts: by a code that is told here and typed there, or by e-mail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapters.inbound import Incoming, Person
from api.http.context import context
from tests.flow.people import Room, rooms
from tests.flow.stage import Im, event, until

CODE = re.compile(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}\b")


@pytest.fixture
def chats(im: Im) -> Iterator[dict[str, Room]]:
    with rooms(im, "slack", "teams") as opened, im.draining():
        yield opened


def account(im: Im, name: str, *, role: str = "commander", **more: Any) -> None:
    answer = im.call("POST", "/api/v1/users", {"name": name, "role": role, **more})
    assert answer.status_code == 201, answer.text


def link(im: Im, name: str, chat: Room, user: str) -> None:
    body = {"provider": chat.provider, "user": user}
    assert im.call("POST", f"/api/v1/users/{name}/link", body).status_code == 200


def links(im: Im) -> dict[str, set[str]]:
    """The platforms of each account."""
    rows = im.sql("SELECT account, platform FROM links WHERE active")
    return {
        name: {row["platform"] for row in rows if row["account"] == name}
        for name in {row["account"] for row in rows}
    }


def codes(chat: Room) -> list[str]:
    """The codes that the platform holds, wherever they were said."""
    posted = [chat.text(each) for each in chat.place.fake.messages.values()]
    return list(dict.fromkeys(found for text in posted for found in CODE.findall(text)))


def ask(chat: Room) -> str:
    """The code that dana is told there, in private."""
    told = chat.say("link")
    assert "direct message" in told.text
    assert not CODE.search(told.text)
    (code,) = until(lambda: codes(chat))
    return str(code)


@pytest.mark.parametrize(("first", "second"), [("slack", "teams"), ("teams", "slack")])
def test_a_code_told_where_one_is_linked_links_where_it_is_typed(
    im: Im, chats: dict[str, Room], first: str, second: str
) -> None:
    account(im, "dana")
    link(im, "dana", chats[first], chats[first].dana)
    code = ask(chats[first])
    assert "You are linked to the account dana" in chats[second].say(f"link {code}").text
    assert links(im) == {"dana": {"slack", "teams"}}
    im.post(event())
    chats[second].say("assign INC-2024-001 me")
    assert im.incident()["assignee"] == "dana"


def test_a_code_told_where_one_is_not_linked_links_from_where_one_is(im: Im, chats: dict[str, Room]) -> None:
    account(im, "dana")
    link(im, "dana", chats["slack"], chats["slack"].dana)
    code = ask(chats["teams"])
    typed = code.lower().replace("-", " ")
    assert "is linked to the account dana" in chats["slack"].say(f"link “{typed}”").text
    assert links(im) == {"dana": {"slack", "teams"}}


def test_a_code_is_told_to_nobody_else(im: Im, chats: dict[str, Room]) -> None:
    """In Teams a bot cannot whisper: whoever reads a code could take the account."""
    for chat in chats.values():
        code = ask(chat)
        public = chat.place.announced("major") + chat.place.replies("major")
        assert not [each for each in public if code in chat.text(each)]
        (shown,) = [each for each in chat.fake.answers if "direct message" in each.text]
        assert code not in shown.text


def test_a_code_is_good_once(im: Im, chats: dict[str, Room]) -> None:
    account(im, "dana")
    slack, teams = chats["slack"], chats["teams"]
    link(im, "dana", slack, slack.dana)
    code = ask(slack)
    assert "You are linked" in teams.say(f"link {code}").text
    assert "not good" in teams.say(f"link {code}", user=teams.erin).text
    assert links(im) == {"dana": {"slack", "teams"}}


def test_a_code_joins_nobody_to_nobody(im: Im, chats: dict[str, Room]) -> None:
    code = ask(chats["slack"])
    assert "Neither of the two" in chats["teams"].say(f"link {code}").text
    assert "told to you here" in chats["slack"].say(f"link {code}").text
    assert links(im) == {}


def test_codes_are_neither_guessed_nor_gathered(im: Im, chats: dict[str, Room]) -> None:
    slack = chats["slack"]
    for _ in range(10):
        assert "not good" in slack.say("link AAAA-2222").text
    assert "too many wrong codes" in slack.say("link AAAA-2222").text.lower()
    for _ in range(5):
        assert "direct message" in slack.say("link", user=slack.erin).text
    assert "you hold 5 open codes" in slack.say("link", user=slack.erin).text.lower()
    assert "is not a code" in chats["teams"].say("link hello").text


def test_no_code_is_on_record_or_told_to_others(im: Im, chats: dict[str, Room]) -> None:
    slack, teams = chats["slack"], chats["teams"]
    code = ask(slack)
    teams.say(f"link {code}")
    teams.say("link QQQQ-7777")
    kept = json.dumps(
        [
            im.sql("SELECT actor, action, subject, outcome, data FROM audit"),
            im.sql("SELECT body::text, facts::text FROM events JOIN decisions ON event_id = events.id"),
            im.sql("SELECT command, outcome, detail, answer FROM inbox"),
            im.get("/api/v1/chatops/webhooks"),
        ],
        default=str,
    )
    assert code not in kept
    assert "QQQQ" not in kept
    said = [row["data"] for row in im.get("/api/v1/audit") if row["action"] == "chat.link"]
    assert [each["said"] for each in said][-1].startswith("/im link")


def test_an_email_that_a_platform_vouches_for_links_at_the_next_message(
    im: Im, chats: dict[str, Room]
) -> None:
    account(im, "dana", email="dana@example.com")
    teams = chats["teams"]
    user = Person(id="29:1new", name="Dana", email="Dana@Example.com")
    im.loop.run(spoken(im, teams, user))
    until(lambda: links(im) == {"dana": {"teams"}})
    (row,) = [row for row in im.get("/api/v1/audit") if row["action"] == "user.link"]
    assert row["subject"] == "dana"


def test_a_name_that_looks_like_an_email_links_nobody(im: Im, chats: dict[str, Room]) -> None:
    account(im, "dana", email="dana@example.com")
    user = Person(id="29:1new", name="dana@example.com")
    im.loop.run(spoken(im, chats["teams"], user))
    until(lambda: im.sql("SELECT state FROM inbox WHERE state IN ('answered', 'failed')"))
    assert links(im) == {}


async def spoken(im: Im, chat: Room, user: Person) -> None:
    """Something that a person said, as an adapter brings it that knows their e-mail."""
    async with context(im.settings) as built:
        await built.parts.directory.refresh(built.parts.store)
        fake: Any = chat.fake
        sample = fake.mention(chat.dana, "help", channel=chat.place.channel("major"))
        given = await heard(built, chat, sample)
        await built.desk.receive(chat.provider, msgspec.structs.replace(given, user=user))
        await built.desk.finished()


async def heard(built: Any, chat: Room, signal: Any) -> Any:
    provider = built.parts.directory.providers[chat.provider]
    adapter = built.parts.adapters.connected(provider).adapter
    incoming = Incoming(headers=signal.headers, body=signal.body, received_at=datetime.now(UTC))
    return (await adapter.receive(incoming)).inputs[0]
