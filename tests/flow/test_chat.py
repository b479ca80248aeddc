"""People work incidents from chat, on every platform alike: raw signed HTTP in, the fake platform out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flow.people import ALL, Room, room
from tests.flow.stage import Im, event, until


@pytest.fixture(params=ALL)
def chat(request: pytest.FixtureRequest, im: Im) -> Iterator[Room]:
    with room(im, request.param) as opened, im.draining():
        yield opened


def status(im: Im, id: str = "INC-2024-001") -> str:
    return str(im.incident(id)["status"])


def test_an_incident_is_declared_worked_and_closed_by_commands(chat: Room, im: Im) -> None:
    said = chat.say('declare --sev SEV-2 --service checkout "Payment processing down"')
    number = im.get("/api/v1/incidents")[0]["id"]
    assert f"Declared {number} as SEV-2" in said.text
    assert "Payment processing down" in said.text
    until(lambda: chat.place.announced("major"))
    assert "You acknowledged" in chat.say(f"ack {number.lower()} “Investigating MySQL cluster”").text
    typed = "SEV-1" if chat.place.name == "discord" else "sev1"  # it offers a list, and takes nothing else
    assert "is SEV-1 now" in chat.say(f"escalate {number} {typed}").text
    assert "Noted" in chat.say(f"update {number} failing over").text
    assert "Resolved" in chat.say(f'resolve {number} "Fixed by restarting MySQL primary"').text
    assert "Closed" in chat.say(f"close {number}").text
    incident = im.incident(number)
    assert (incident["status"], incident["severity"], incident["service"]) == ("closed", "SEV-1", "checkout")
    until(lambda: "closed" in chat.text(chat.announced()).lower())


def test_a_button_acknowledges_and_the_message_shows_it(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    assert "You acknowledged INC-2024-001" in chat.press(posted, "Acknowledge").text
    assert status(im) == "acknowledged"
    until(lambda: "acknowledged" in chat.text(chat.announced()).lower())
    assert "Acknowledge" not in chat.place.subject.buttons(chat.announced())


def test_the_second_of_two_is_told_who_was_first(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    first = chat.fake.press(chat.dana, posted, "Acknowledge")
    second = chat.fake.press(chat.erin, posted, "Acknowledge")
    before = len(chat.fake.answers)
    chat.send(first)
    until(lambda: len(chat.fake.answers) > before)
    chat.send(second)
    until(lambda: len(chat.fake.answers) > before + 1)
    assert "INC-2024-001 was acknowledged by" in chat.fake.answers[before + 1].text
    assert im.incident()["assignee"] is None


def test_escalate_asks_for_the_severity_and_takes_the_choice(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    asked = chat.press(posted, "Escalate")
    assert "Which severity" in asked.text
    assert "is SEV-1 now" in chat.choose(asked.posted, asked.menus[0], "SEV-1").text
    assert im.incident()["severity"] == "SEV-1"


def test_only_the_one_who_was_asked_answers(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    asked = chat.press(posted, "Escalate")
    try:
        choice = chat.fake.choose(chat.erin, asked.posted, asked.menus[0], "SEV-1")
    except AssertionError:
        pass  # the platform shows it to the one who was asked only
    else:
        before = len(chat.fake.answers)
        chat.send(choice)
        until(lambda: len(chat.fake.answers) > before)
        assert "Only the one who was asked" in chat.fake.answers[before].text
    assert im.incident()["severity"] == "SEV-2"


def test_the_details_have_menus_for_everything(chat: Room, im: Im) -> None:
    im.post(event())
    posted = until(lambda: chat.place.announced("major"))[0]
    details = chat.press(posted, "View Details")
    assert "Database down" in details.text
    assert "is SEV-3 now" in chat.choose(details.posted, "Change the severity", "SEV-3").text
    assert "Resolved" in chat.choose(details.posted, "Change the status", "Resolve").text
    assert "is assigned to" not in chat.choose(details.posted, "Change the status", "Acknowledge").text


def test_a_status_update_is_written_in_a_form(chat: Room, im: Im) -> None:
    im.post(event(), event("acknowledged", minute=1, id="evt-2"))
    posted = until(lambda: chat.place.announced("major"))[0]
    until(lambda: "Status Update" in chat.place.subject.buttons(chat.announced()))
    dialog = chat.form(chat.fake.press(chat.dana, posted, "Status Update"))
    assert "Noted on INC-2024-001" in chat.fill(dialog, note="Failing over to the replica").text
    notes = [row["data"].get("note") for row in im.get("/api/v1/incidents/INC-2024-001/timeline")]
    assert "Failing over to the replica" in notes


def test_declare_without_a_word_opens_a_form(chat: Room, im: Im) -> None:
    signal = chat.fake.command(chat.dana, "declare", channel=chat.place.channel("major"))
    dialog = chat.form(signal)
    said = chat.fill(dialog, title="Disk full", severity="SEV-2", description="since 10:05")
    assert "Declared INC-" in said.text
    row = im.get("/api/v1/incidents")[0]
    assert (row["title"], row["severity"]) == ("Disk full", "SEV-2")


def test_a_missing_id_means_the_incident_of_the_channel_else_a_choice(chat: Room, im: Im) -> None:
    im.post(event())
    until(lambda: chat.place.announced("major"))
    assert "INC-2024-001 is open" in chat.say("status").text
    im.post(event(incident="INC-2024-002", title="Cache cold", id="evt-9"))
    until(lambda: len(chat.place.announced("major")) == 2)
    asked = chat.say("ack on it")
    assert "Which incident" in asked.text
    option = "INC-2024-002 SEV-2 Cache cold"
    assert "You acknowledged INC-2024-002" in chat.choose(asked.posted, asked.menus[0], option).text
    assert (status(im), status(im, "INC-2024-002")) == ("open", "acknowledged")


def test_wrong_usage_is_answered_with_the_right_one(chat: Room, im: Im) -> None:
    if chat.place.name != "discord":  # which offers its own list, and nothing else
        assert "Did you mean `/im declare`?" in chat.say("declaer it").text
        told = chat.say("escalate INC-1 sevv-1")
        assert "not a severity" in told.text
        assert "/im escalate [incident-id] [severity]" in told.text
    assert "no incident INC-404" in chat.say("ack INC-404").text
    assert "resolve it first" in _closing_an_open_one(chat, im)


def _closing_an_open_one(chat: Room, im: Im) -> str:
    im.post(event())
    return chat.say("close INC-2024-001").text


def test_what_a_platform_sends_again_is_done_once(chat: Room, im: Im) -> None:
    signal = chat.fake.command(chat.dana, "declare It is down", channel=chat.place.channel("major"))
    for _ in range(3):
        assert chat.post(signal).status_code == 200
    until(lambda: im.get("/api/v1/incidents"))
    im.drain()
    assert len(im.get("/api/v1/incidents")) == 1
    judged = [row["judgement"] for row in im.get("/api/v1/chatops/webhooks")]
    assert judged == ["duplicate", "duplicate", "accepted"]


def test_the_timeline_and_the_audit_say_who_did_what_where(chat: Room, im: Im) -> None:
    im.post(event())
    chat.say("ack INC-2024-001 on it")
    (row,) = im.get("/api/v1/timeline", source="chatops")
    assert row["event_type"] == "chatops.acknowledge"
    assert row["actor"].startswith("chatops:")
    assert row["source"] == f"{chat.place.name}:{chat.provider}"
    # Discord gives options instead of words once it has the commands; what holds blanks is quoted then.
    assert row["data"]["command"].replace('"', "") == "/im ack INC-2024-001 on it"
    assert row["data"]["response"] == "Incident acknowledged"
    assert row["data"]["channel"] == chat.place.channel("major")
    audit = [row for row in im.get("/api/v1/audit") if row["action"] == "chat.ack"]
    assert [(row["outcome"], row["subject"]) for row in audit] == [("done", "INC-2024-001")]


def test_information_is_answered(chat: Room, im: Im) -> None:
    im.post(event())
    until(lambda: chat.place.announced("major"))
    assert "/im declare" in chat.say("help").text
    assert "INC-2024-001 · SEV-2 · open" in chat.say("list").text
    assert "created" in chat.say("timeline INC-2024-001").text
    assert "1 declared" in chat.say("metrics").text or "0 declared" in chat.say("metrics").text
    assert "route" in chat.say("why INC-2024-001").text
    assert chat.say("oncall").text


def test_a_mention_is_a_command_too_and_answered_where_it_was_said(chat: Room, im: Im) -> None:
    if chat.place.name == "discord":
        return  # its mentions come by the Gateway: see test_gateway.py
    im.post(event())
    chat.send(chat.fake.mention(chat.dana, "ack INC-2024-001", channel=chat.place.channel("major")))
    until(lambda: any("You acknowledged INC-2024-001" in each.text for each in chat.fake.answers))
    assert status(im) == "acknowledged"
