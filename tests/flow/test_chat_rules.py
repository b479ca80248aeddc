"""What people do in chat passes through the rules: others are told, decisions say why, nothing comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from router.settings import ROOT
from rules.load import load
from tests.flow.people import Room, room
from tests.flow.stage import Im, event, until, write_rules

PLATFORMS = ("slack", "teams")
EXAMPLES = ROOT / "rules" / "examples"
CUSTOMERS = """
version: 1
routes:
  - id: created
    when: {event: incident.created}
    notify: [{to: severity_channel}]
  - id: customers
    when: {event: [chat.command, chat.interaction], command: declare, outcome: done, channel: %s}
    notify: [{to: management}]
  - id: everything
    when: {any: [{event: chat.command}, {event: chat.interaction}, {event: chat.mention}]}
    notify: [{to: archive}]
    priority: low
"""

Build = Callable[..., Room]


@pytest.fixture(params=PLATFORMS)
def open_room(request: pytest.FixtureRequest, im_with: Callable[..., Im], tmp_path: Path) -> Iterator[Build]:
    """A platform in an installation whose rules are made with the id of its channel `critical`."""
    stack = ExitStack()

    def make(rules: str | Path) -> Room:
        channel = {"slack": "C0CRITICAL", "teams": "19:critical@thread.tacv2"}[request.param]
        folder = tmp_path / "rules"
        if isinstance(rules, Path):
            shutil.copytree(rules, folder)
        else:
            write_rules(folder, rules.replace("%s", f'"{channel}"'))
        im = im_with(rules_dir=folder)
        chat = stack.enter_context(room(im, request.param))
        assert chat.place.channel("critical") == channel
        stack.enter_context(im.draining())
        return chat

    with stack:
        yield make


def chat_events(im: Im) -> list[dict[str, Any]]:
    return im.sql(
        "SELECT e.id::text, e.type, e.decision_id::text, e.deliveries FROM events e "
        "WHERE e.type LIKE 'chat.%%' ORDER BY e.id"
    )


def test_a_declaration_from_a_customers_channel_is_told_to_management(open_room: Build) -> None:
    chat = open_room(CUSTOMERS)
    im = chat.im
    chat.say("declare --sev SEV-3 We cannot pay", channel="major")
    chat.say("declare --sev SEV-3 <!channel> We cannot pay either", channel="critical")
    posted = until(lambda: chat.place.announced("executives"))
    im.settled()
    assert len(chat.place.announced("executives")) == 1
    text = chat.text(posted[0])
    assert "Command in chat" in text
    assert "We cannot pay either" in text
    assert "<!channel>" not in json.dumps(posted[0].payload) or chat.place.name == "teams"


def test_every_decision_about_chat_can_be_explained(open_room: Build) -> None:
    chat = open_room(CUSTOMERS)
    im = chat.im
    chat.say("declare --sev SEV-2 Down", channel="critical")
    until(lambda: chat_events(im))
    (row,) = chat_events(im)
    decision = im.get(f"/api/v1/decisions/{row['decision_id']}")
    reasons = {each["route"]: each for each in decision["reasons"]}
    assert {"customers", "everything"} <= set(reasons)
    told = json.dumps(reasons["customers"])
    assert "declare" in told
    assert chat.place.channel("critical") in told
    facts = decision["facts"]
    assert (facts["event"], facts["command"], facts["outcome"]) == ("chat.command", "declare", "done")
    assert (facts["severity"], facts["title"]) == (None, None), "a route for SEV-2 hears of incidents only"
    shown = im.get(f"/api/v1/events/{row['id']}")
    assert shown["type"] == "chat.command"


def test_commands_presses_and_mentions_are_events_with_their_outcome(open_room: Build) -> None:
    chat = open_room(CUSTOMERS)
    im = chat.im
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    chat.press(posted, "Acknowledge")
    chat.mention("status INC-2024-001")
    chat.say("ack INC-2024-001")
    chat.say("nonsense")
    chat.say("escalate")
    kinds = [
        (row["type"], row["facts"]["command"], row["facts"]["outcome"])
        for row in im.sql(
            "SELECT e.type, d.facts FROM events e JOIN decisions d ON d.event_id = e.id "
            "WHERE e.type LIKE 'chat.%%' ORDER BY e.id"
        )
    ]
    assert kinds == [
        ("chat.interaction", "ack", "done"),
        ("chat.mention", "status", "done"),
        ("chat.command", "ack", "refused"),
        ("chat.command", "nonsense", "misused"),
        ("chat.command", "escalate", "asked"),
    ]


def test_what_routes_send_never_comes_back_as_events(open_room: Build) -> None:
    """A route that tells a channel of everything in chat tells nothing of its own messages."""
    chat = open_room(CUSTOMERS)
    im = chat.im
    for _ in range(3):
        chat.say("help")
    until(lambda: len(chat.place.announced("archive")) == 3)
    im.settled()
    im.sweep()
    im.drain()
    assert len(chat_events(im)) == 3
    assert len(chat.place.announced("archive")) == 3
    assert im.sql("SELECT count(*) FROM inbox") == [{"count": 3}]
    assert im.sql("SELECT count(*) FROM incidents") == [{"count": 0}]


def test_an_input_that_is_sent_again_is_told_once(open_room: Build) -> None:
    chat = open_room(CUSTOMERS)
    signal = chat.fake.command(chat.dana, "declare Down", channel=chat.place.channel("critical"))
    for _ in range(3):
        assert chat.send(signal).status_code == 200
    until(lambda: chat.place.announced("executives"))
    chat.im.settled()
    assert len(chat.place.announced("executives")) == 1


def test_reactions_are_feedback_and_no_events(open_room: Build) -> None:
    chat = open_room(CUSTOMERS)
    chat.im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    signal = chat.fake.react(chat.dana, posted, "+1")
    assert signal is not None
    assert chat.send(signal).status_code == 200
    until(lambda: chat.im.sql("SELECT state FROM inbox WHERE state = 'answered'"))
    assert chat_events(chat.im) == []


# The shipped example.


def test_the_example_can_be_read_and_sends_nothing_as_it_is() -> None:
    found = load(EXAMPLES, default_timezone="UTC")
    assert {route.id for route in found.routes} == {"declared-by-a-customer", "refused-in-chat"}
    assert all(route.shadow for route in found.routes)


def test_the_example_decides_in_the_shadow_and_sends_once_that_is_taken_out(
    open_room: Build, tmp_path: Path
) -> None:
    text = (EXAMPLES / "40-chat.yaml").read_text().replace("C_CUSTOMER_ACME", "%s")
    chat = open_room(text)
    im = chat.im
    chat.say("declare We cannot pay", channel="critical")
    (row,) = until(lambda: chat_events(im))
    assert "declared-by-a-customer" in json.dumps(im.get(f"/api/v1/decisions/{row['decision_id']}"))
    im.settled()
    assert chat.place.announced("executives") == []
    live = text.replace("    mode: shadow\n", "").replace("%s", f'"{chat.place.channel("critical")}"')
    write_rules(tmp_path / "rules", live)
    before = im.get("/api/v1/decisions/" + row["decision_id"])["rule_set"]
    until(lambda: _rule_set(chat, before), 15, every=0.5)
    until(lambda: chat.place.announced("executives"))


def _rule_set(chat: Room, before: str) -> bool:
    """Declare until the new rules are in force."""
    chat.say("declare Again", channel="critical")
    newest = chat_events(chat.im)[-1]["decision_id"]
    return bool(chat.im.get(f"/api/v1/decisions/{newest}")["rule_set"] != before)
