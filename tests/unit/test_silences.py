"""Silences without a database: what people say, what is covered, what is held back, what is decided again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Message
from router.batch import Delivery
from router.problems import Invalid
from router.silences.durations import LONGEST, parse_duration
from router.silences.muting import Matchers, Silence, covering, covers, held_back
from router.silences.silences import NewSilence, of_window, planned
from rules.facts import Facts

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def facts(**more: Any) -> Facts:
    known = {"service": "checkout", "severity": "SEV-2", "source": "monitoring", "labels": {"region": "eu"}}
    return Facts(event="incident.created", at=NOW, **(known | more))


def silence(**more: Any) -> Silence:
    known: dict[str, Any] = {
        "id": "s1",
        "created_by": "dana",
        "created_at": NOW,
        "reason": "deploy",
        "starts_at": NOW,
        "ends_at": NOW + timedelta(hours=2),
        "matchers": Matchers(service=("checkout",)),
    }
    return Silence(**(known | more))


def asked(matchers: Mapping[str, Any], **more: Any) -> Silence:
    body = {"matchers": matchers, "for": "2h"} | more
    kept = {name: value for name, value in body.items() if value is not None}
    return planned(msgspec.convert(kept, type=NewSilence), actor="dana", now=NOW, timezone=UTC)


# Durations as people say them.


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        ("2h", 120),
        ("30m", 30),
        ("1d", 1440),
        ("1w", 10080),
        ("1h30m", 90),
        ("1d12h", 2160),
        ("1h 30m", 90),
        ("90 minutes", 90),
        ("90min", 90),
        ("for 2 hours", 120),
        ("1 hour and 30 minutes", 90),
        ("1 day, 2 hrs", 1560),
        ("an hour", 60),
        ("a day", 1440),
        ("half an hour", 30),
        ("1.5h", 90),
        ("  2H  ", 120),
        ("30d", 43200),
    ],
)
def test_a_length_of_time_counts_from_now(said: str, minutes: int) -> None:
    assert parse_duration(said, NOW, UTC) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("until 18:00", "2026-01-05T17:00Z"),
        ("until 6pm", "2026-01-05T17:00Z"),
        ("until 6:30 pm", "2026-01-05T17:30Z"),
        ("18:00", "2026-01-05T17:00Z"),
        ("until 18", "2026-01-05T17:00Z"),
        ("until 12pm", "2026-01-05T11:00Z"),
        ("until 12am", "2026-01-05T23:00Z"),
        ("until 24:00", "2026-01-05T23:00Z"),
        ("until 10:59", "2026-01-06T09:59Z"),
        ("until 6am", "2026-01-06T05:00Z"),
        ("until tomorrow 18:00", "2026-01-06T17:00Z"),
        ("until 9am tomorrow", "2026-01-06T08:00Z"),
        ("2026-01-05T18:00Z", "2026-01-05T18:00Z"),
        ("until 2026-01-05T18:00+02:00", "2026-01-05T16:00Z"),
        ("2026-01-05 18:00", "2026-01-05T17:00Z"),
        ("until 2026-01-07", "2026-01-06T23:00Z"),
    ],
)
def test_a_time_is_the_next_one_in_the_zone(said: str, end: str) -> None:
    assert parse_duration(said, NOW, BERLIN) == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        # 02:30 does not exist on the last Sunday of March, and exists twice on the last one of October.
        (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_the_clocks_skip_or_repeat_still_ends_a_silence(now: datetime, end: datetime) -> None:
    assert parse_duration("until 2:30", now, BERLIN) == end


@pytest.mark.parametrize(
    "said",
    [
        *("", "for", "until", "2", "90", "soon", "2 fortnights", "h", "2h foo", "until 25:00", "until 13pm"),
        *("0am", "until 2h", "18:61", "-2h", "2026-13-01", "2h until 18:00", "1e3h", "until 0pm", "٢h ago"),
    ],
)
def test_nonsense_is_refused_in_one_sentence_with_the_mend(said: str) -> None:
    with pytest.raises(Invalid, match="write it like 2h") as refused:
        parse_duration(said, NOW, UTC)
    assert refused.value.fields[0].field == "for"
    assert "\n" not in refused.value.detail


@pytest.mark.parametrize("said", ["0m", "2026-01-05T09:59Z", "2020-01-01", "until 2026-01-05T10:00Z"])
def test_what_is_past_is_refused(said: str) -> None:
    with pytest.raises(Invalid, match="which is past"):
        parse_duration(said, NOW, UTC)


@pytest.mark.parametrize("said", ["31d", "721h", "999999w", "999999w 999999w", "2026-03-01", "9999-12-31"])
def test_more_than_thirty_days_are_refused(said: str) -> None:
    with pytest.raises(Invalid, match="longer than 30 days"):
        parse_duration(said, NOW, UTC)


@given(st.text(max_size=40) | st.from_regex(r"(until )?\d{1,4}[:hmd ]?\d{0,3}( ?[a-z]{0,3})", fullmatch=True))
def test_any_text_has_an_end_within_thirty_days_or_is_refused(said: str) -> None:
    try:
        end = parse_duration(said, NOW, BERLIN)
    except Invalid:
        return
    assert NOW < end <= NOW + LONGEST


# What is covered.


@pytest.mark.parametrize(
    ("matchers", "covered"),
    [
        (Matchers(service=("checkout",)), True),
        (Matchers(service=("payments", "checkout")), True),
        (Matchers(service=("payments",)), False),
        (Matchers(service=("Checkout",)), False),
        (Matchers(incident="INC-1"), True),
        (Matchers(incident="INC-2"), False),
        (Matchers(severity=("SEV-1", "SEV-2")), True),
        (Matchers(severity=("SEV-1",)), False),
        (Matchers(source=("monitoring",)), True),
        (Matchers(source=("other",)), False),
        (Matchers(team=("payments",)), False),
        (Matchers(labels={"region": "eu"}), True),
        (Matchers(labels={"region": "us"}), False),
        (Matchers(labels={"zone": "a"}), False),
        (Matchers(service=("checkout",), labels={"region": "eu"}), True),
        (Matchers(service=("checkout",), severity=("SEV-1",)), False),
    ],
)
def test_all_that_is_given_must_fit(matchers: Matchers, covered: bool) -> None:
    assert covers(matchers, facts(), "INC-1") is covered


def test_a_team_is_covered_where_the_facts_know_it() -> None:
    assert covers(Matchers(team=("payments",)), facts(team="payments"), "INC-1")


@pytest.mark.parametrize(
    ("minutes", "muted"), [(-1, False), (0, True), (59, True), (60, False), (119, False), (120, False)]
)
def test_a_silence_mutes_from_its_start_until_its_end_or_its_expiry(minutes: int, muted: bool) -> None:
    ended = silence(expired_at=NOW + timedelta(hours=1))
    at = NOW + timedelta(minutes=minutes)
    assert bool(covering([ended], facts(), "INC-1", at)) is muted
    assert bool(covering([silence()], facts(), "INC-1", at)) is (0 <= minutes < 120)


def test_a_silence_says_until_when_by_whom_and_why() -> None:
    assert silence().words == "silenced until 12:00 by dana: deploy"
    early = silence(reason="", expired_at=NOW + timedelta(minutes=5))
    assert early.words == "silenced until 10:05 by dana"


# What is asked for.


def test_at_least_means_that_severity_and_all_that_are_worse() -> None:
    assert asked({"severity": {"at_least": "SEV-2"}}).matchers.severity == ("SEV-1", "SEV-2")
    assert asked({"severity": "SEV-3"}).matchers.severity == ("SEV-3",)


def test_the_end_counts_from_the_start() -> None:
    later = asked({"service": "checkout"}, starts_at="2026-01-05T12:00:00Z")
    assert (later.starts_at.hour, later.ends_at.hour) == (12, 14)
    earlier = asked({"service": "checkout"}, starts_at="2026-01-05T08:00:00Z")
    assert earlier.starts_at == NOW


def test_times_without_an_offset_are_of_the_zone() -> None:
    body = {
        "matchers": {"service": "x"},
        "starts_at": "2026-01-05T12:00:00",
        "ends_at": "2026-01-05T13:00:00",
    }
    made = planned(msgspec.convert(body, type=NewSilence), actor="dana", now=NOW, timezone=BERLIN)
    assert (made.starts_at, made.ends_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=2))


@pytest.mark.parametrize(
    ("matchers", "more", "field"),
    [
        ({}, {}, "matchers"),
        ({"service": []}, {}, "matchers"),
        ({"service": ""}, {}, "matchers.service"),
        ({"severity": "SEV-9"}, {}, "matchers.severity"),
        ({"severity": {"at_least": "high"}}, {}, "matchers.severity"),
        ({"labels": {"": "x"}}, {}, "matchers.labels"),
        ({"source": "a\0b"}, {}, "matchers.source"),
        ({"service": "x"}, {"reason": "x" * 501}, "reason"),
        ({"service": "x"}, {"for": None}, "for"),
        ({"service": "x"}, {"ends_at": "2026-01-05T12:00:00Z"}, "for"),
        ({"service": "x"}, {"starts_at": "2026-03-05T12:00:00Z"}, "starts_at"),
        ({"service": "x"}, {"for": "40 days"}, "for"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    matchers: Mapping[str, Any], more: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        asked(matchers, **more)
    assert field in refused.value.fields[0].field


# What is held back.


def delivery(mode: str, channel: str = "major", priority: int = 0) -> Delivery:
    return Delivery(
        id=f"{mode}-{channel}",
        event_id="e",
        incident_id="i",
        provider="chat",
        channel=channel,
        mode=mode,
        priority=priority,
        step="",
        message=Message(event="incident.updated", headline="x"),
        routes=(),
        accepted_at=NOW,
        expires_at=None,
    )


THERE = frozenset({("chat", "major")})


@pytest.mark.parametrize(
    ("mode", "sent", "held"),
    [
        ("post", [], ["post"]),
        ("reply", [], ["reply"]),
        ("edit", ["edit"], []),
        ("edit_reply", ["edit"], ["reply"]),
    ],
)
def test_only_edits_of_what_stands_are_let_through(mode: str, sent: list[str], held: list[str]) -> None:
    through, back = held_back([delivery(mode)], THERE)
    assert [each.mode for each in through] == sent
    assert [each.mode for each in back] == held
    assert len({each.id for each in (*through, *back)}) == len(sent) + len(held)


@pytest.mark.parametrize("mode", ["edit", "edit_reply"])
def test_an_edit_of_what_has_gone_would_be_a_new_message_and_is_held_back(mode: str) -> None:
    through, back = held_back([delivery(mode, "elsewhere")], THERE)
    assert (through, len(back)) == ((), 1)


def test_an_edit_that_is_let_through_is_not_urgent_so_that_no_fallback_posts_it() -> None:
    ((edit,), _) = held_back([delivery("edit", priority=0)], THERE)
    assert edit.priority == 2
    assert edit.expires_at is not None


# Maintenance windows.


class Window(msgspec.Struct, frozen=True):
    name: str
    services: tuple[str, ...]
    starts: datetime
    ends: datetime


def test_a_window_has_one_silence_by_its_name_and_start() -> None:
    window = Window("upgrade", ("checkout", "search"), NOW, NOW + timedelta(hours=1))
    made = of_window(window, NOW)
    assert made is not None
    assert made.matchers.service == ("checkout", "search")
    longer = of_window(msgspec.structs.replace(window, ends=NOW + timedelta(hours=2)), NOW)
    moved = of_window(msgspec.structs.replace(window, starts=NOW + timedelta(minutes=1)), NOW)
    berlin = of_window(msgspec.structs.replace(window, starts=NOW.astimezone(BERLIN)), NOW)
    assert longer is not None
    assert moved is not None
    assert berlin is not None
    assert longer.id == made.id == berlin.id != moved.id


def test_a_window_that_is_over_or_names_no_service_silences_nothing() -> None:
    over = Window("old", ("checkout",), NOW - timedelta(hours=2), NOW)
    everything = Window("all", (), NOW, NOW + timedelta(hours=1))
    assert of_window(over, NOW) is None
    assert of_window(everything, NOW) is None
