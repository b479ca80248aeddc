"""Sentences to the bot, on every platform that brings mentions over HTTP; the language service is a fake.

What the real model makes of real sentences is in tests/nlu; here is what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fakes.nlu import NluFake
from tests.fakes.speaking import Shown
from tests.flow.people import ALL, Room, room
from tests.flow.stage import Im, event, until

PLATFORMS = [platform for platform in ALL if platform != "discord"]  # its mentions come by the Gateway


@pytest.fixture
def model() -> Iterator[NluFake]:
    with NluFake() as fake:
        yield fake


@pytest.fixture
def im(im_with: Callable[..., Im], model: NluFake) -> Im:
    return im_with(nlu_url=model.url)


@pytest.fixture(params=PLATFORMS)
def chat(request: pytest.FixtureRequest, im: Im) -> Iterator[Room]:
    with room(im, request.param) as opened, im.draining():
        yield opened


@pytest.fixture
def sandbox(im: Im) -> Iterator[Room]:
    with room(im, "sandbox") as opened:
        yield opened


def states(im: Im, id: str = "INC-2024-001") -> tuple[str, str, str | None]:
    found = im.incident(id)
    return found["status"], found["severity"], found["assignee"]


def answered(chat: Room, text: str, expected: str) -> Shown:
    """Mention the bot, and wait for the answer that says so. Not all are for one person alone."""
    before = len(chat.fake.answers)
    chat.send(chat.fake.mention(chat.dana, text, channel=chat.place.channel("major")))
    until(lambda: [each for each in chat.fake.answers[before:] if expected in each.text])
    return next(each for each in chat.fake.answers[before:] if expected in each.text)


def test_a_description_is_confirmed_by_a_word_or_a_button_once(chat: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    said = model.teach("resolve the checkout one", "resolve_incident", service="checkout")
    asked = answered(chat, said, "Resolve INC-2024-001, “Database down”?")
    assert states(im)[0] == "open"
    assert "Only the one who was asked" in chat.press(asked.posted, "Yes", user=chat.erin).text
    assert "Resolved INC-2024-001" in chat.press(asked.posted, "Yes").text
    assert states(im)[0] == "resolved"


def test_a_question_is_answered_in_words(chat: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    said = model.teach("escalate INC-2024-001", "escalate_incident", incident_id="INC-2024-001")
    answered(chat, said, "Which severity")
    answered(chat, "sev 1", "is SEV-1 now")
    assert states(im)[1] == "SEV-1"


def test_what_was_done_is_undone_by_the_button(chat: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    said = model.teach("I take the checkout one", "acknowledge_incident", service="checkout")
    done = answered(chat, said, "You acknowledged INC-2024-001")
    assert "Only the one who was asked" in chat.press(done.posted, "Undo", user=chat.erin).text
    assert "Undone" in chat.press(done.posted, "Undo").text
    assert states(im) == ("open", "SEV-2", None)


def test_a_question_is_answered_once(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    said = model.teach("resolve the checkout one", "resolve_incident", service="checkout")
    asked = sandbox.mention(said)
    assert "Resolved INC-2024-001" in sandbox.mention("yes").text
    assert "answered already" in sandbox.press(asked.posted, "Yes").text


def test_undo_gives_back_the_assignee_and_the_severity(sandbox: Room, im: Im) -> None:
    im.post(event(assignee="omar"))
    sandbox.say("assign INC-2024-001 priya")
    assert "Undone" in sandbox.mention("undo").text
    assert states(im)[2] == "omar"
    sandbox.say("escalate INC-2024-001 SEV-1")
    assert "Undone" in sandbox.mention("undo that please").text
    assert states(im) == ("open", "SEV-2", "omar")


def test_undo_is_refused_when_it_is_late_or_somebody_went_on(sandbox: Room, im: Im) -> None:
    im.post(event())
    late = sandbox.say("ack INC-2024-001")
    im.database.execute("UPDATE questions SET expires_at = now() - interval '1 second'")
    assert "too long ago" in sandbox.press(late.posted, "Undo").text
    sandbox.say("escalate INC-2024-001 SEV-1")
    sandbox.say("resolve INC-2024-001", user=sandbox.erin)
    assert "has changed since" in sandbox.mention("undo").text
    assert states(im)[:2] == ("resolved", "SEV-1")


def test_two_people_have_two_conversations(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event(), event(incident="INC-2024-002", title="Logins fail", service="auth"))
    one = model.teach("resolve the checkout one", "resolve_incident", service="checkout")
    other = model.teach("resolve the auth one", "resolve_incident", service="auth")
    assert "INC-2024-001" in sandbox.mention(one).text
    assert "INC-2024-002" in sandbox.mention(other, user=sandbox.erin).text
    assert "nothing was done" in sandbox.mention("no", user=sandbox.erin).text
    assert "Resolved INC-2024-001" in sandbox.mention("yes").text
    assert (states(im)[0], states(im, "INC-2024-002")[0]) == ("resolved", "open")


def test_another_channel_is_another_conversation(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    sandbox.mention(model.teach("resolve the checkout one", "resolve_incident", service="checkout"))
    model.teach("yes", "affirm")
    assert "nothing that waits" in sandbox.mention("yes", channel="critical").text
    assert states(im)[0] == "open"


def test_of_several_none_is_guessed_and_the_second_can_be_said(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event(), event(incident="INC-2024-002", minute=1, title="Basket is empty"))
    asked = sandbox.mention(model.teach("ack the checkout one", "acknowledge_incident", service="checkout"))
    assert "Which one do you mean?" in asked.text
    assert "You acknowledged INC-2024-001" in sandbox.mention("the second one").text
    assert states(im, "INC-2024-002")[0] == "open"


def test_between_two_likely_meanings_it_asks(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    text = model.teach(
        "INC-2024-001 can go", "resolve_incident", confidence=0.5, rival=("close_incident", 0.4),
        incident_id="INC-2024-001",
    )  # fmt: skip
    asked = sandbox.mention(text)
    assert "Do you want to resolve it or close it?" in asked.text
    assert states(im)[0] == "open"
    assert "Resolved INC-2024-001" in sandbox.choose(asked.posted, asked.menus[0], "resolve it").text


def test_what_is_doubtful_is_asked_and_what_is_not_ours_is_said(
    sandbox: Room, im: Im, model: NluFake
) -> None:
    im.post(event())
    doubtful = model.teach(
        "INC-2024-001 done I guess", "resolve_incident", confidence=0.45, incident_id="INC-2024-001"
    )
    assert "Do you want me to resolve INC-2024-001?" in sandbox.mention(doubtful).text
    sandbox.mention("no")
    assert "nothing I can do" in sandbox.mention("deploy checkout to prod").text
    assert states(im)[0] == "open"


def test_what_is_not_to_be_done_is_left_alone(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    text = model.teach(
        "please nobody resolves INC-2024-001 yet", "resolve_incident", incident_id="INC-2024-001"
    )
    assert "I leave it as it is" in sandbox.mention(text).text
    assert states(im)[0] == "open"


def test_a_conversation_that_redis_lost_has_its_buttons_still(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    asked = sandbox.mention(model.teach("resolve the checkout one", "resolve_incident", service="checkout"))
    im.redis.flushdb()
    model.teach("yes", "affirm")
    assert "nothing that waits" in sandbox.mention("yes").text
    assert "Resolved INC-2024-001" in sandbox.press(asked.posted, "Yes").text


def test_words_that_follow_each_other_at_once_are_dealt_with_in_order(
    sandbox: Room, im: Im, model: NluFake
) -> None:
    im.post(event())
    asked = model.teach("resolve the checkout one", "resolve_incident", service="checkout")
    place = sandbox.place.channel("major")
    sandbox.post(sandbox.fake.mention(sandbox.dana, asked, channel=place))
    sandbox.post(sandbox.fake.mention(sandbox.dana, "yes", channel=place))
    until(lambda: states(im)[0] == "resolved")


def test_a_role_that_may_not_is_refused_in_a_sentence_too(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    text = model.teach("mute checkout for 2h", "silence_notifications", service="checkout", duration="2h")
    assert "may not" in sandbox.mention(text).text or "commander" in sandbox.mention(text).text
    assert im.sql("SELECT count(*) AS n FROM silences")[0]["n"] == 0


def test_while_the_model_is_away_typed_commands_work(im_with: Callable[..., Im]) -> None:
    im = im_with(nlu_url="http://127.0.0.1:9")
    with room(im, "sandbox") as chat:
        im.post(event())
        away = chat.mention("can you take the checkout incident?")
        assert "cannot read sentences" in away.text
        assert "You acknowledged INC-2024-001" in chat.mention("ack INC-2024-001").text
        assert "cannot read sentences" in chat.mention("close that one").text
        assert states(im)[0] == "acknowledged"


def test_and_goes_on_with_the_values_only_and_with_no_other_act(
    sandbox: Room, im: Im, model: NluFake
) -> None:
    im.post(event(), event(incident="INC-2024-002", minute=1, title="Basket is empty"))
    sandbox.mention(model.teach("ack INC-2024-001", "acknowledge_incident", incident_id="INC-2024-001"))
    other = model.teach("and close INC-2024-002", "close_incident", incident_id="INC-2024-002")
    assert "resolve it first" in sandbox.mention(other).text
    same = model.teach("and INC-2024-002 too", "incident_status", incident_id="INC-2024-002")
    sandbox.mention("ack INC-2024-001")
    assert states(im, "INC-2024-002")[0] == "open"
    sandbox.mention(same)
    assert (states(im)[0], states(im, "INC-2024-002")[0]) == ("acknowledged", "acknowledged")


def test_a_question_that_is_over_holds_nobody_up(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    sandbox.mention(model.teach("note on INC-2024-001", "update_incident", incident_id="INC-2024-001"))
    im.database.execute("UPDATE questions SET expires_at = now() - interval '1 second'")
    assert "too long ago" in sandbox.mention("waiting for the vendor").text
    assert "nothing I can do" in sandbox.mention("waiting for the vendor").text


def test_two_requests_in_a_sentence_are_two_acts(chat: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    first = model.teach("ack INC-2024-001", "acknowledge_incident", incident_id="INC-2024-001")
    second = model.teach("bump it to sev3", "escalate_incident", severity="sev3")
    said = model.teach(f"{first} and {second}", "escalate_incident", severity="sev3")
    answered(chat, said, "You acknowledged INC-2024-001. INC-2024-001 is SEV-3 now")
    assert states(im)[:2] == ("acknowledged", "SEV-3")
    rows = im.sql("SELECT action FROM audit WHERE action LIKE 'chat.%%' AND outcome = 'done' ORDER BY seq")
    assert [row["action"] for row in rows][-2:] == ["chat.ack", "chat.escalate"]
    answered(chat, "oops, undo that", "Undone: INC-2024-001 is acknowledged, SEV-2")


def test_the_second_waits_for_the_first(sandbox: Room, im: Im, model: NluFake) -> None:
    im.post(event())
    first = model.teach("close INC-2024-001", "close_incident", incident_id="INC-2024-001")
    second = model.teach("assign it to me", "assign_incident", user="me")
    said = model.teach(f"{first} and {second}", "close_incident", incident_id="INC-2024-001")
    assert "“assign it to me” again; I have not done it" in answered(sandbox, said, "After that").text
    assert states(im) == ("open", "SEV-2", None)
