"""One incident, worked by people of all platforms at once: all messages end in the same state."""

from __future__ import annotations

import pytest

from tests.fakes.base import Posted
from tests.flow.people import ALL, Room, rooms
from tests.flow.stage import Im, until


def shows(room: Room, posted: Posted, *words: str) -> bool:
    text = room.text(posted).lower()
    return all(word.lower() in text for word in words)


@pytest.mark.parametrize("first", range(len(ALL)), ids=ALL)
def test_what_one_platform_does_all_others_show(im: Im, first: int) -> None:
    order = [*ALL[first:], *ALL[:first]]
    with rooms(im, *order) as chats, im.draining():
        a, b, c, d, e = (chats[name] for name in order)
        a.say('declare --sev SEV-2 --service checkout "Payment processing down"')
        (incident,) = im.get("/api/v1/incidents")
        number = incident["id"]
        for chat in chats.values():
            until(lambda chat=chat: chat.place.announced("major"))
        messages = {name: chats[name].announced() for name in order}

        b.press(b.announced(), "Acknowledge")
        for chat in chats.values():
            until(lambda chat=chat: shows(chat, chat.announced(), number, "acknowledged"))
        c.say(f"escalate {number} SEV-1")
        d.say(f"assign {number} me")
        e.press(e.announced(), "View Details")
        e.say(f'resolve {number} "rolled back"')
        a.say(f"close {number}")

        im.settled(20)
        for name, chat in chats.items():
            stands = chat.announced()
            assert stands.id == messages[name].id, f"{name} was edited in place"
            assert shows(chat, stands, number, "Payment processing down", "SEV-1", "closed"), chat.text(
                stands
            )
            assert "Acknowledge" not in chat.place.subject.buttons(stands)
        after = im.incident(number)
        assert (after["status"], after["severity"]) == ("closed", "SEV-1")
        acts = [row["event_type"] for row in im.get(f"/api/v1/incidents/{number}/timeline")]
        assert acts == [
            "chatops.declare",
            "chatops.acknowledge",
            "chatops.escalate",
            "chatops.assign",
            "chatops.resolve",
            "chatops.close",
        ]
