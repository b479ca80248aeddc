"""What was said is kept without what is private, some of it is doubtful, and all is forgotten in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from router.dialogue import reviewing
from tests.fakes.nlu import NluFake
from tests.flow.people import Room, room
from tests.flow.stage import READER, Im, event, until
from tests.flow.utterances import PATH, doubts, judge, kept

Make = Callable[..., Im]


@pytest.fixture
def nlu() -> Iterator[NluFake]:
    with NluFake() as fake:
        yield fake


@pytest.fixture
def chat(im_with: Make, nlu: NluFake) -> Iterator[Room]:
    with room(im_with(nlu_url=nlu.url), "sandbox") as opened:
        yield opened


# What is kept.


@pytest.mark.parametrize(
    ("said", "note", "text", "private"),
    [
        (
            "note on INC-2024-001: told dana@example.com, key ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "told dana@example.com, key ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "note on INC-2024-001: told <email>, key <secret>",
            ("dana@example.com", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        ),
        # The model marks only a part of what is private: by itself it does not look so.
        (
            "note on INC-2024-001: the password is hunter2",
            "hunter2",
            "note on INC-2024-001: the password <secret>",
            ("hunter2",),
        ),
    ],
)
def test_a_mention_is_kept_without_addresses_and_secrets(
    chat: Room, nlu: NluFake, *, said: str, note: str, text: str, private: tuple[str, ...]
) -> None:
    chat.im.post(event())
    nlu.teach(said, "update_incident", incident_id="INC-2024-001", note=note)
    assert "Noted" in chat.mention(said).text
    (row,) = chat.im.get(PATH)
    assert row["text"] == text
    assert (row["intent"], row["speaker"], row["channel"]) == ("update_incident", "dana", "major")
    assert row["outcome"]["does"][0]["command"] == "update_incident"
    everything = " ".join(str(each) for each in chat.im.sql("SELECT * FROM utterances")[0].values())
    assert [each for each in private if each in everything] == []


def test_the_record_of_a_turn_is_found_by_the_platforms_key(chat: Room, nlu: NluFake) -> None:
    said = nlu.teach("which incidents are open?", "list_incidents")
    signal = chat.fake.mention(chat.dana, said, channel="major")
    assert chat.im.call("GET", PATH, params={"provider": chat.provider, "key": signal.key}).status_code == 404
    before = len(chat.answers)
    chat.send(signal)
    until(lambda: len(chat.answers) > before)
    row = chat.im.get(PATH, provider=chat.provider, key=signal.key)
    assert set(row) == {"id", "at", "text", "intent", "confidence", "parse", "outcome"}
    assert (row["text"], row["intent"]) == (said, "list_incidents")
    assert chat.im.call("GET", PATH, params={"key": signal.key}).status_code == 400


def test_only_admins_read_and_judge(im: Im) -> None:
    utterance = kept(im)
    for method, path in (("GET", PATH), ("GET", f"{PATH}/{utterance}"), ("GET", "/api/v1/nlu/examples")):
        assert im.call(method, path, token=READER).status_code == 403
    assert im.call("POST", f"{PATH}/{utterance}/verdict", {"ignored": True}, token=READER).status_code == 403


# What is doubtful.


def test_what_was_understood_and_done_is_not_doubtful(im: Im) -> None:
    kept(im)
    assert doubts(im) == {}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"confidence": 0.69}, ["unsure"]),
        ({"rival": 0.2}, ["rival"]),
        ({"outcome": {"refused": True, "does": []}}, ["refused"]),
        (
            {"outcome": {"refused": True}, "parse": None, "intent": None, "confidence": None},
            ["not_read", "refused"],
        ),
        ({"outcome": {"refused": True}, "intent": "out_of_scope"}, ["refused", "out_of_scope"]),
        ({"outcome": {"cancelled": True}, "parse": None, "intent": None, "confidence": None}, None),
        ({"outcome": {"asks_for": "severity"}}, None),
    ],
)
def test_why_an_utterance_is_doubtful(im: Im, given: dict[str, Any], why: list[str] | None) -> None:
    utterance = kept(im, **given)
    assert doubts(im) == ({utterance: why} if why else {})


@pytest.mark.parametrize(
    ("next", "why"),
    [
        ({"text": "undo", "outcome": {"does": [{"command": "undo"}]}}, ["undone"]),
        ({"text": "no, I meant INC-56"}, ["corrected"]),
        ({"text": "Actually INC-56"}, ["corrected"]),
        ({"text": "now INC-56"}, None),
        ({"text": "no, I meant INC-56", "speaker": "erin"}, None),
        ({"text": "no, I meant INC-56", "channel": "minor"}, None),
        ({"text": "no, I meant INC-56", "ago": timedelta(minutes=7)}, None),
    ],
)
def test_what_is_said_next_makes_it_doubtful(im: Im, next: dict[str, Any], why: list[str] | None) -> None:
    first = kept(im, ago=timedelta(minutes=10))
    kept(im, **({"ago": timedelta(minutes=9)} | next))
    assert doubts(im) == ({first: why} if why else {})


def test_a_no_to_a_question_corrects_nothing(im: Im) -> None:
    kept(im, ago=timedelta(minutes=10), outcome={"confirm": True, "does": []})
    kept(im, ago=timedelta(minutes=9), text="no, INC-56")
    assert doubts(im) == {}


@pytest.mark.parametrize("how", ["said", "pressed"])
def test_what_its_speaker_takes_back_is_doubtful(chat: Room, nlu: NluFake, how: str) -> None:
    chat.im.post(event())
    said = nlu.teach("I take INC-2024-001", "acknowledge_incident", incident_id="INC-2024-001")
    answer = chat.mention(said)
    (row,) = chat.im.get(PATH)
    assert doubts(chat.im) == {}
    undone = chat.mention("undo") if how == "said" else chat.press(answer.posted, "Undo")
    assert "Undone" in undone.text
    assert doubts(chat.im) == {row["id"]: ["undone"]}


def test_the_newest_come_first_and_no_more_than_asked_for(im: Im) -> None:
    ids = [kept(im, confidence=0.5, ago=timedelta(minutes=n)) for n in (3, 1, 2)]
    assert list(doubts(im)) == [ids[1], ids[2], ids[0]]
    assert [row["id"] for row in im.get(PATH, doubtful=True, limit=2)] == [ids[1], ids[2]]


# Forgetting.


def test_old_rows_go_and_of_examples_those_who_said_them(im: Im) -> None:
    old, young = timedelta(days=91), timedelta(days=89)
    gone, learned, stays = kept(im, ago=old), kept(im, ago=old), kept(im, ago=young)
    ignored = kept(im, ago=old)
    judge(im, learned, intent="resolve_incident")
    judge(im, ignored, ignored=True)
    assert im.loop.run(reviewing.forget(im.parts.store, 90)) == 3
    assert im.loop.run(reviewing.forget(im.parts.store, 90)) == 0
    assert [row["id"] for row in im.get(PATH)] == [stays]
    for each in (gone, learned, ignored):
        assert im.call("GET", f"{PATH}/{each}").status_code == 404
    left = im.sql("SELECT * FROM utterances WHERE id = %s", learned)[0]
    assert (left["speaker"], left["channel"], left["key"], left["text"], left["parse"]) == (
        "",
        "",
        "",
        "",
        None,
    )
    assert im.get("/api/v1/nlu/examples", format="json")["examples"] == 1


def test_with_no_days_nothing_stays(im: Im) -> None:
    kept(im)
    assert im.loop.run(reviewing.forget(im.parts.store, 0)) == 1
    assert im.get(PATH) == []
