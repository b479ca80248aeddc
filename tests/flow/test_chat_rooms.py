"""War rooms: made once, filled with those who are needed, told what happens, and put away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.base import Posted
from tests.flow.people import Room, room, rooms
from tests.flow.stage import Im, event, until, write_rules

PLATFORMS = ("slack", "teams")
CATALOGUE = """
version: 1
teams:
  shop: {members: [omar]}
services:
  checkout:
    team: shop
    on_call:
      rotation: {members: [omar], start: 2026-01-05T09:00, every: 1w}
"""


@pytest.fixture(params=PLATFORMS)
def chat(request: pytest.FixtureRequest, im: Im) -> Iterator[Room]:
    with room(im, request.param) as opened, im.draining():
        yield opened


def kept(im: Im) -> list[dict[str, Any]]:
    return im.sql(
        "SELECT provider, state, channel, name, url, guests, detail FROM war_rooms ORDER BY provider"
    )


def opened(im: Im, count: int = 1) -> list[dict[str, Any]]:
    """The rooms, once they are open and everybody is invited."""
    until(lambda: [row["state"] for row in kept(im)] == ["open"] * count and not any_guests(im))
    return kept(im)


def any_guests(im: Im) -> bool:
    return any(row["guests"] for row in kept(im))


def due(im: Im) -> None:
    """What waits is over."""
    im.sql("UPDATE war_rooms SET not_before = now() - interval '1 second'")


def inside(chat: Room, channel: str) -> list[Posted]:
    """What stands in a room."""
    root = channel.partition(";messageid=")[2]
    if root:
        return [p for p in fake_of(chat).messages.values() if p.id.startswith(f"{channel}|")]
    return [posted for posted in fake_of(chat).messages.values() if posted.channel == channel]


def fake_of(chat: Room) -> Any:
    return chat.fake


def texts(chat: Room, channel: str) -> str:
    return "\n".join(chat.text(posted) for posted in inside(chat, channel))


def made(chat: Room) -> int:
    """How many rooms the platform holds."""
    fake: Any = chat.fake
    if chat.place.name == "slack":
        return sum(1 for one in fake.channels if one.startswith("C0ROOM"))
    return sum(
        1 for call in fake.calls if call.path.endswith("/v3/conversations") and b"War room" in call.body
    )


def in_room(chat: Room, channel: str, text: str) -> str:
    """Say something in the room; what is answered."""
    base, _, root = channel.partition(";messageid=")
    thread = f"{channel}|{root}" if root else None
    before = len(chat.fake.answers)
    signal = chat.fake.command(chat.dana, text, channel=base, thread=thread)
    assert chat.send(signal).status_code == 200
    until(lambda: len(chat.fake.answers) > before)
    return chat.fake.answers[before].text


def test_the_button_makes_a_room_with_the_summary_and_whoever_pressed(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    assert "The war room of INC-2024-001" in chat.press(posted, "Join War Room").text
    (row,) = opened(im)
    assert row["name"] == "inc-2024-001"
    until(lambda: "War room of INC-2024-001" in texts(chat, row["channel"]))
    assert "Database down" in texts(chat, row["channel"])
    (summary,) = [p for p in inside(chat, row["channel"]) if "War room of" in chat.text(p)]
    assert "Join War Room" not in chat.place.subject.buttons(summary)
    assert chat.dana in invited(chat, row["channel"])


def invited(chat: Room, channel: str) -> set[str]:
    fake: Any = chat.fake
    if chat.place.name == "slack":
        return set(fake.channels[channel].get("members", []))
    found = set()
    for posted in inside(chat, channel):
        for entity in posted.payload.get("entities", []):
            if entity.get("type") == "mention":
                found.add(entity["mentioned"]["id"])
        for attached in posted.payload.get("attachments", []):
            for entity in attached["content"].get("msteams", {}).get("entities", []):
                found.add(entity["mentioned"]["id"])
    return found


def test_two_who_press_at_once_get_one_room(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    signals = [chat.fake.press(user, posted, "Join War Room") for user in (chat.dana, chat.erin)]
    with ThreadPoolExecutor(2) as pool:
        assert [answer.status_code for answer in pool.map(chat.send, signals)] == [200, 200]
    (row,) = opened(im)
    until(lambda: {chat.dana, chat.erin} <= invited(chat, row["channel"]))
    assert made(chat) == 1
    until(lambda: len(chat.fake.answers) == 2)
    assert all("The war room of INC-2024-001" in each.text for each in chat.fake.answers)
    im.settled()
    assert texts(chat, row["channel"]).count("War room of INC-2024-001") >= 1
    assert len([p for p in inside(chat, row["channel"]) if "War room of INC" in chat.text(p)]) == 1


def test_each_platform_has_a_room_of_its_own(im: Im) -> None:
    with rooms(im, *PLATFORMS) as chats, im.draining():
        im.post(event())
        for chat in chats.values():
            posted = until(lambda chat=chat: chat.place.announced("major"))[0]  # type: ignore[misc]
            assert "The war room of" in chat.press(posted, "Join War Room").text
        found = opened(im, 2)
        assert {row["provider"] for row in found} == {chat.provider for chat in chats.values()}
        assert [made(chat) for chat in chats.values()] == [1, 1]


def test_what_happens_later_is_shown_in_the_room(chat: Room, im: Im) -> None:
    im.post(event())
    chat.say("room INC-2024-001")
    (row,) = opened(im)
    until(lambda: "War room of" in texts(chat, row["channel"]))
    chat.say("ack INC-2024-001 on it")
    until(lambda: "acknowledged" in texts(chat, row["channel"]).lower())
    chat.say("update INC-2024-001 Failing over now")
    until(lambda: "Failing over now" in texts(chat, row["channel"]))


def test_in_the_room_no_id_is_needed(chat: Room, im: Im) -> None:
    im.post(event(), event(incident="INC-2024-002", title="Cache cold", id="evt-9"))
    chat.say("room INC-2024-001")
    (row,) = opened(im)
    assert "INC-2024-001 is open" in in_room(chat, row["channel"], "status")
    assert "You acknowledged INC-2024-001" in in_room(chat, row["channel"], "ack on it")
    assert im.incident()["status"] == "acknowledged"
    (audit,) = [each for each in im.get("/api/v1/audit") if each["action"] == "chat.ack"]
    assert audit["data"]["place"] == "room"


def test_a_closed_incidents_room_is_put_away_and_made_for_no_closed_one(chat: Room, im: Im) -> None:
    im.post(event())
    chat.say("room INC-2024-001")
    (row,) = opened(im)
    for command in ("resolve INC-2024-001", "close INC-2024-001"):
        chat.say(command)
    until(lambda: [each["state"] for each in kept(im)] == ["closing"])
    im.settled()
    due(im)
    until(lambda: [each["state"] for each in kept(im)] == ["closed"])
    fake: Any = chat.fake
    if chat.place.name == "slack":
        assert fake.channels[row["channel"]]["is_archived"]
    else:
        assert "is closed" in texts(chat, row["channel"])
    assert "is closed; reopen it first" in chat.say("room INC-2024-001").text
    assert made(chat) == 1


def test_an_incident_that_is_closed_while_its_room_is_made_leaves_no_room_behind(im: Im) -> None:
    with room(im, "slack") as chat, im.draining():
        im.post(event())
        fake: Any = chat.fake
        fake.latency = 0.4
        signal = chat.fake.command(chat.dana, "room INC-2024-001", channel=chat.place.channel("major"))
        assert chat.send(signal).status_code == 200
        until(lambda: made(chat))
        im.post(event("resolved", minute=1, id="evt-2"), event("closed", minute=2, id="evt-3"))
        fake.latency = 0.0
        until(lambda: kept(im)[0]["state"] == "closing" and kept(im)[0]["channel"])
        due(im)
        until(lambda: [each["state"] for each in kept(im)] == ["closed"])
        (channel,) = [one for name, one in fake.channels.items() if name.startswith("C0ROOM")]
        assert channel["is_archived"]


def test_a_platform_that_fails_is_asked_again(chat: Room, im: Im) -> None:
    im.post(event())
    until(lambda: chat.place.announced("major"))
    path = r"conversations\.create" if chat.place.name == "slack" else r"/v3/conversations\Z"
    fake_of(chat).fail_next("500", path=path, times=1)
    assert "is being made" in chat.say("room INC-2024-001").text
    due(im)
    (row,) = opened(im)
    until(lambda: chat.dana in invited(chat, row["channel"]))
    assert kept(im)[0]["detail"] is None


def test_a_room_that_cannot_be_made_is_told_and_tried_when_asked_again(im: Im) -> None:
    with room(im, "slack") as chat, im.draining():
        fake: Any = chat.fake
        fake.scopes = set(fake.scopes) - {"channels:manage"}
        im.post(event())
        assert "could not be made" in chat.say("room INC-2024-001").text
        assert kept(im)[0]["state"] == "failed"
        fake.scopes = set(fake.scopes) | {"channels:manage"}
        assert "The war room of INC-2024-001" in chat.say("room INC-2024-001").text
        opened(im)


def test_the_assignee_and_whoever_is_on_call_are_invited(im_with: Callable[..., Im], tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    im = im_with(catalogue=catalogue)
    with room(im, "slack") as chat, im.draining():
        fake: Any = chat.fake
        fake.add_user("U0OMAR", "omar", "Omar", "omar@example.com")
        for name, user in (("omar", "U0OMAR"), ("erin", chat.erin)):
            assert im.call("POST", "/api/v1/users", {"name": name, "role": "responder"}).status_code == 201
            body = {"provider": chat.provider, "user": user}
            assert im.call("POST", f"/api/v1/users/{name}/link", body).status_code == 200
        im.post(event())
        chat.say("assign INC-2024-001 erin")
        chat.say("room INC-2024-001")
        (row,) = opened(im)
        assert {chat.dana, chat.erin, "U0OMAR"} <= invited(chat, row["channel"])


def test_a_rule_opens_the_room_on_every_platform(im_with: Callable[..., Im], tmp_path: Path) -> None:
    rules = write_rules(
        tmp_path / "rules",
        "version: 1\nroutes:\n"
        "  - {id: major-rooms, when: {event: incident.created, severity: SEV-1}, notify: [{to: war_room}]}\n",
    )
    im = im_with(rules_dir=rules)
    with ExitStack() as stack:
        chats = [stack.enter_context(room(im, name)) for name in PLATFORMS]
        stack.enter_context(im.draining())
        im.post(event())
        im.post(event(incident="INC-2024-002", severity="SEV-1", id="evt-2", title="All down"))
        found = opened(im, 2)
        for chat, row in zip(chats, found, strict=True):
            assert row["name"] == "inc-2024-002"
            until(lambda chat=chat, row=row: "All down" in texts(chat, row["channel"]))  # type: ignore[misc]
            assert made(chat) == 1


def test_a_hostile_title_makes_a_room_all_the_same(chat: Room, im: Im) -> None:
    title = "<!channel> \u202e @everyone\n" + "x" * 1900
    im.post(event(title=title))
    chat.say("room INC-2024-001")
    (row,) = opened(im)
    until(lambda: "War room of" in texts(chat, row["channel"]))
    assert fake_of(chat).refusals == []
