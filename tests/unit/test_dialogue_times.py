"""Periods and durations as people say them, in three zones and through changes of the clocks."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dialogue import times
from router.dialogue.days import Days, days
from router.dialogue.slips import meant, slip
from router.dialogue.spoken import written
from router.dialogue.times import EVER, duration, period

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
WEDNESDAY = datetime(2026, 11, 25, 14, 30, tzinfo=BERLIN)


def wall(at: datetime, zone: ZoneInfo = BERLIN) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def said_period(text: str, now: datetime = WEDNESDAY, zone: ZoneInfo = BERLIN) -> tuple[str, str] | None:
    found = period(text, now, zone)
    return (wall(found.since, zone), wall(found.until, zone)) if found else None


def hours(text: str, now: datetime, zone: ZoneInfo) -> float:
    found = period(text, now, zone)
    assert found is not None
    return (found.until - found.since) / timedelta(hours=1)


NOW = "2026-11-25 14:30"


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        # Days, weeks and the like, whole.
        ("today", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("Today?", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("yesterday", "2026-11-24 00:00", "2026-11-25 00:00"),
        ("yesterday's", "2026-11-24 00:00", "2026-11-25 00:00"),
        ("the day before yesterday", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("today and yesterday", "2026-11-24 00:00", "2026-11-26 00:00"),
        ("this week", "2026-11-23 00:00", "2026-11-30 00:00"),
        ("last week", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("over the last week", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("the week before last", "2026-11-09 00:00", "2026-11-16 00:00"),
        ("last week and this week", "2026-11-16 00:00", "2026-11-30 00:00"),
        ("this month", "2026-11-01 00:00", "2026-12-01 00:00"),
        ("previous month", "2026-10-01 00:00", "2026-11-01 00:00"),
        ("last quarter", "2026-07-01 00:00", "2026-10-01 00:00"),
        ("Q3", "2026-07-01 00:00", "2026-10-01 00:00"),
        ("q1 2025", "2025-01-01 00:00", "2025-04-01 00:00"),
        ("the third quarter", "2026-07-01 00:00", "2026-10-01 00:00"),
        ("last year", "2025-01-01 00:00", "2026-01-01 00:00"),
        ("2025", "2025-01-01 00:00", "2026-01-01 00:00"),
        ("week 47", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("2026-W47", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("over the weekend", "2026-11-21 00:00", "2026-11-23 00:00"),
        ("last weekend", "2026-11-21 00:00", "2026-11-23 00:00"),
        ("this past weekend", "2026-11-21 00:00", "2026-11-23 00:00"),
        # Weekdays and months are the latest that have begun.
        ("on tuesday", "2026-11-24 00:00", "2026-11-25 00:00"),
        ("wednesday", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("last Wednesday", "2026-11-18 00:00", "2026-11-19 00:00"),
        ("on Friday", "2026-11-20 00:00", "2026-11-21 00:00"),
        ("this tuesday", "2026-11-24 00:00", "2026-11-25 00:00"),
        ("friday last week", "2026-11-20 00:00", "2026-11-21 00:00"),
        ("last week's monday", "2026-11-16 00:00", "2026-11-17 00:00"),
        ("in march", "2026-03-01 00:00", "2026-04-01 00:00"),
        ("in december", "2025-12-01 00:00", "2026-01-01 00:00"),
        ("november", "2026-11-01 00:00", "2026-12-01 00:00"),
        ("last november", "2025-11-01 00:00", "2025-12-01 00:00"),
        ("in Nov 2025", "2025-11-01 00:00", "2025-12-01 00:00"),
        ("october and november", "2026-10-01 00:00", "2026-12-01 00:00"),
        # Dates.
        ("2026-01-05", "2026-01-05 00:00", "2026-01-06 00:00"),
        ("5 may", "2026-05-05 00:00", "2026-05-06 00:00"),
        ("May 5th", "2026-05-05 00:00", "2026-05-06 00:00"),
        ("the 5th of May 2025", "2025-05-05 00:00", "2025-05-06 00:00"),
        ("may 5, 2025", "2025-05-05 00:00", "2025-05-06 00:00"),
        ("24 december", "2025-12-24 00:00", "2025-12-25 00:00"),
        ("29 feb", "2024-02-29 00:00", "2024-03-01 00:00"),
        ("the 5th", "2026-11-05 00:00", "2026-11-06 00:00"),
        ("the 28th", "2026-10-28 00:00", "2026-10-29 00:00"),
        ("05.11.2026", "2026-11-05 00:00", "2026-11-06 00:00"),
        ("5.11.", "2026-11-05 00:00", "2026-11-06 00:00"),
        ("25/11/2026", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("11/25", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("3 days ago", "2026-11-22 00:00", "2026-11-23 00:00"),
        ("5-Jan-2026", "2026-01-05 00:00", "2026-01-06 00:00"),
        # Parts of days.
        ("this morning", "2026-11-25 06:00", "2026-11-25 12:00"),
        ("this afternoon", "2026-11-25 12:00", "2026-11-25 18:00"),
        ("yesterday evening", "2026-11-24 18:00", "2026-11-25 00:00"),
        ("tuesday morning", "2026-11-24 06:00", "2026-11-24 12:00"),
        ("tonight", "2026-11-25 18:00", "2026-11-26 06:00"),
        ("last night", "2026-11-24 18:00", "2026-11-25 06:00"),
        ("overnight", "2026-11-24 22:00", "2026-11-25 06:00"),
        ("during the night", "2026-11-24 22:00", "2026-11-25 06:00"),
        # Rolling.
        ("past 24h", "2026-11-24 14:30", NOW),
        ("past 24 hours", "2026-11-24 14:30", NOW),
        ("past twenty-four hours", "2026-11-24 14:30", NOW),
        ("24h", "2026-11-24 14:30", NOW),
        ("last 3 days", "2026-11-22 14:30", NOW),
        ("in the last seven days", "2026-11-18 14:30", NOW),
        ("last couple of days", "2026-11-23 14:30", NOW),
        ("the past few hours", "2026-11-25 11:30", NOW),
        ("the last hour", "2026-11-25 13:30", NOW),
        ("in the last half hour", "2026-11-25 14:00", NOW),
        ("the last 90 minutes", "2026-11-25 13:00", NOW),
        ("past 2h30", "2026-11-25 12:00", NOW),
        ("past week", "2026-11-18 14:30", NOW),
        ("this past month", "2026-10-25 14:30", NOW),
        ("past fortnight", "2026-11-11 14:30", NOW),
        ("past 6 months", "2026-05-25 14:30", NOW),
        ("less than 2 hours old", "2026-11-25 12:30", NOW),
        ("2 hours ago", "2026-11-25 12:30", NOW),
        ("1 hr 5 mins ago", "2026-11-25 13:25", NOW),
        # Since.
        ("since monday", "2026-11-23 00:00", NOW),
        ("since wendesday", "2026-11-25 00:00", NOW),
        ("sinse yesturday", "2026-11-24 00:00", NOW),
        ("since 10:05", "2026-11-25 10:05", NOW),
        ("since 10:05 this morning", "2026-11-25 10:05", NOW),
        ("since 15:00", "2026-11-24 15:00", NOW),
        ("since 9", "2026-11-25 09:00", NOW),
        ("since 2", "2026-11-25 14:00", NOW),
        ("since 18h", "2026-11-24 18:00", NOW),
        ("since 2h", "2026-11-25 12:30", NOW),
        ("since half past nine", "2026-11-25 09:30", NOW),
        ("since noon", "2026-11-25 12:00", NOW),
        ("since midnight", "2026-11-25 00:00", NOW),
        ("since yesterday evening", "2026-11-24 18:00", NOW),
        ("since 9 yesterday evening", "2026-11-24 21:00", NOW),
        ("since last friday at 5pm", "2026-11-20 17:00", NOW),
        ("since 5 p.m. yesterday", "2026-11-24 17:00", NOW),
        ("since 9am utc", "2026-11-25 10:00", NOW),
        ("since 7am EST", "2026-11-25 13:00", NOW),
        ("since last week", "2026-11-16 00:00", NOW),
        ("since 2 days ago", "2026-11-23 14:30", NOW),
        ("since the beginning of the month", "2026-11-01 00:00", NOW),
        ("since 2026-11-24T10:00:00Z", "2026-11-24 11:00", NOW),
        ("from 3 november onwards", "2026-11-03 00:00", NOW),
        ("after 10am", "2026-11-25 10:00", NOW),
        ("from monday until now", "2026-11-23 00:00", NOW),
        ("so far this week", "2026-11-23 00:00", NOW),
        ("week to date", "2026-11-23 00:00", NOW),
        ("earlier today", "2026-11-25 00:00", NOW),
        ("ytd", "2026-01-01 00:00", NOW),
        ("today since 9", "2026-11-25 09:00", NOW),
        ("Sat Nov 21 10:15:20 2026", "2026-11-21 10:15", NOW),
        ("Mon, 05 Jan 2026 10:00:00 GMT", "2026-01-05 11:00", NOW),
        # From one time to another.
        ("between monday and friday", "2026-11-16 00:00", "2026-11-21 00:00"),
        ("monday to tuesday", "2026-11-23 00:00", "2026-11-25 00:00"),
        ("from 1 to 5 May", "2026-05-01 00:00", "2026-05-06 00:00"),
        ("1-5 may", "2026-05-01 00:00", "2026-05-06 00:00"),
        ("1.-5. may", "2026-05-01 00:00", "2026-05-06 00:00"),
        ("may 1 to 5", "2026-05-01 00:00", "2026-05-06 00:00"),
        ("1 may to 5 may 2025", "2025-05-01 00:00", "2025-05-06 00:00"),
        ("from the first to the third of november", "2026-11-01 00:00", "2026-11-04 00:00"),
        ("from march to may", "2026-03-01 00:00", "2026-06-01 00:00"),
        ("2026-11-01 - 2026-11-05", "2026-11-01 00:00", "2026-11-06 00:00"),
        ("from 10:00 until 12:30", "2026-11-25 10:00", "2026-11-25 12:30"),
        ("between 9 and 5", "2026-11-25 09:00", "2026-11-25 17:00"),
        ("between 10pm and 6am", "2026-11-24 22:00", "2026-11-25 06:00"),
        ("yesterday between 9 and 11", "2026-11-24 09:00", "2026-11-24 11:00"),
        ("between 9 and 5 on monday", "2026-11-23 09:00", "2026-11-23 17:00"),
        ("from yesterday 10pm to today 6am", "2026-11-24 22:00", "2026-11-25 06:00"),
        ("from friday evening to monday morning", "2026-11-20 18:00", "2026-11-23 12:00"),
        ("yesterday after 15:00", "2026-11-24 15:00", "2026-11-25 00:00"),
    ],
)
def test_a_period_is_what_was_said(text: str, since: str, until: str) -> None:
    assert said_period(text) == (since, until)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("before monday", "2026-11-23 00:00"),
        ("until yesterday", "2026-11-24 00:00"),
        ("older than 3 days", "2026-11-22 14:30"),
        ("all time", NOW),
    ],
)
def test_a_period_without_a_beginning_is_since_ever(text: str, until: str) -> None:
    found = period(text, WEDNESDAY, BERLIN)
    assert found is not None
    assert (found.since, wall(found.until)) == (EVER, until)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "last", "now", "currently", "the incident", "since the deploy", "since tomorrow", "api"),
        *("05/11/2026", "31 june", "last 24", "monday and friday", "0 days", "past 999999 years", "sev 2"),
        *("the other day", "12 api 3", "2 and 3", "today after 3pm", "since 25:00", "week 60"),
    ],
)
def test_what_is_no_period_or_could_be_two_is_none(text: str) -> None:
    assert period(text, WEDNESDAY, BERLIN) is None


@pytest.mark.parametrize(
    ("now", "text", "since"),
    [
        ("2026-11-23 09:00", "since monday", "2026-11-23 00:00"),  # on a Monday: today
        ("2026-11-23 09:00", "between monday and friday", "2026-11-16 00:00"),
        ("2026-11-23 09:00", "last monday", "2026-11-16 00:00"),
        ("2026-11-22 09:00", "over the weekend", "2026-11-21 00:00"),  # on a Sunday: this one
        ("2026-11-22 09:00", "last weekend", "2026-11-14 00:00"),
        ("2026-11-25 02:00", "tonight", "2026-11-24 18:00"),  # it began yesterday
        ("2026-11-25 02:00", "overnight", "2026-11-24 22:00"),
        ("2026-11-25 02:00", "last night", "2026-11-24 18:00"),
        ("2027-01-02 12:00", "week 53", "2026-12-28 00:00"),
        ("2026-01-03 12:00", "last quarter", "2025-10-01 00:00"),
        ("2026-03-31 12:00", "last month", "2026-02-01 00:00"),
        ("2026-03-31 12:00", "past month", "2026-02-28 12:00"),
    ],
)
def test_a_period_depends_on_the_day_it_is_said(now: str, text: str, since: str) -> None:
    found = said_period(text, datetime.fromisoformat(now).replace(tzinfo=BERLIN))
    assert found is not None
    assert found[0] == since


@pytest.mark.parametrize(
    ("zone", "now", "text", "long"),
    [
        # Berlin: 25 October 2026 has 25 hours, 29 March 23.
        (BERLIN, "2026-10-25T20:00:00Z", "today", 25),
        (BERLIN, "2026-03-29T20:00:00Z", "today", 23),
        (BERLIN, "2026-10-26T08:00:00Z", "yesterday", 25),
        (BERLIN, "2026-10-26T08:00:00Z", "last week", 169),
        (BERLIN, "2026-03-30T08:00:00Z", "last week", 167),
        (BERLIN, "2026-10-25T20:00:00Z", "past 24h", 24),
        (BERLIN, "2026-10-25T20:00:00Z", "last 2 days", 49),
        (BERLIN, "2026-10-25T20:00:00Z", "overnight", 9),
        (BERLIN, "2026-03-29T20:00:00Z", "overnight", 7),
        (BERLIN, "2026-03-29T20:00:00Z", "between 1:00 and 4:00", 2),
        (BERLIN, "2026-10-25T20:00:00Z", "between 1:00 and 4:00", 4),
        # New York: 8 March and 1 November.
        (NEW_YORK, "2026-03-08T20:00:00Z", "today", 23),
        (NEW_YORK, "2026-11-01T20:00:00Z", "today", 25),
        (NEW_YORK, "2026-11-02T20:00:00Z", "over the weekend", 49),
        (NEW_YORK, "2026-11-15T20:00:00Z", "this month", 30 * 24 + 1),
        # Lord Howe moves its clocks by half an hour: 5 April and 4 October.
        (LORD_HOWE, "2026-04-05T08:00:00Z", "today", 24.5),
        (LORD_HOWE, "2026-10-04T08:00:00Z", "today", 23.5),
        (LORD_HOWE, "2026-10-04T08:00:00Z", "past day", 23.5),
        (LORD_HOWE, "2026-10-04T08:00:00Z", "past 24 hours", 24),
    ],
)
def test_a_period_is_as_long_as_its_days_are(zone: ZoneInfo, now: str, text: str, long: float) -> None:
    assert hours(text, datetime.fromisoformat(now), zone) == long


@pytest.mark.parametrize(
    ("zone", "now", "text", "since"),
    [
        # 02:30 is skipped in Berlin on 29 March: the end of the gap.
        (BERLIN, "2026-03-29T10:00:00Z", "since 02:30", "2026-03-29T01:00:00+00:00"),
        # 02:30 is there twice on 25 October: the later one, if it is past.
        (BERLIN, "2026-10-25T10:00:00Z", "since 02:30", "2026-10-25T01:30:00+00:00"),
        (BERLIN, "2026-10-25T01:00:00Z", "since 02:30", "2026-10-25T00:30:00+00:00"),
        (NEW_YORK, "2026-03-08T20:00:00Z", "since 2:15", "2026-03-08T07:00:00+00:00"),
        (LORD_HOWE, "2026-10-03T20:00:00Z", "since 02:10", "2026-10-03T15:30:00+00:00"),
        # "Today" is another day elsewhere.
        (NEW_YORK, "2026-11-25T03:00:00Z", "today", "2026-11-24T05:00:00+00:00"),
        (LORD_HOWE, "2026-11-25T14:00:00Z", "today", "2026-11-25T13:00:00+00:00"),
    ],
)
def test_a_period_begins_by_the_clock_on_the_wall(zone: ZoneInfo, now: str, text: str, since: str) -> None:
    found = period(text, datetime.fromisoformat(now), zone)
    assert found is not None
    assert found.since == datetime.fromisoformat(since)


# Durations.


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2h", 120),
        ("2 hrs", 120),
        ("30 minutes", 30),
        ("30 mins please", 30),
        ("15m", 15),
        ("90min", 90),
        ("1h30", 90),
        ("1h30m", 90),
        ("1h 30", 90),
        ("1 hour and 30 minutes", 90),
        ("1.5h", 90),
        ("1,5 hours", 90),
        ("1½ hours", 90),
        ("half an hour", 30),
        ("a half hour", 30),
        ("an hour", 60),
        ("an hour and a half", 90),
        ("one and a half hours", 90),
        ("two and a half hours", 150),
        ("quarter of an hour", 15),
        ("three quarters of an hour", 45),
        ("for two hours", 120),
        ("forty-five minutes", 45),
        ("a couple of hours", 120),
        ("couple hours", 120),
        ("a few hours", 180),
        ("the next 45 mins", 45),
        ("the next hour", 60),
        ("for the next half hour", 30),
        ("another hour", 60),
        ("10 more minutes", 10),
        ("in 2 hours", 120),
        ("2 hours from now", 120),
        ("about 20 min or so", 20),
        ("1 or 2 hours", 120),
        ("an hour or two", 120),
        ("2-3h", 180),
        ("90 seconds", 1.5),
        ("a day", 24 * 60),
        ("2d 4h", 52 * 60),
        ("half a day", 12 * 60),
        ("a week", 7 * 24 * 60),
        ("for the next week", 7 * 24 * 60),
        ("a fortnight", 14 * 24 * 60),
        ("a month", 30 * 24 * 60),
    ],
)
def test_a_length_is_what_was_said(text: str, minutes: float) -> None:
    assert duration(text, WEDNESDAY, BERLIN) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("until 6pm", "2026-11-25 18:00"),
        ("6pm", "2026-11-25 18:00"),
        ("till 18h", "2026-11-25 18:00"),
        ("until 18.30", "2026-11-25 18:30"),
        ("until 1800", "2026-11-25 18:00"),
        ("until six o'clock", "2026-11-25 18:00"),
        ("until 6", "2026-11-25 18:00"),
        ("until 9", "2026-11-25 21:00"),
        ("until 2", "2026-11-26 02:00"),
        ("until 2pm", "2026-11-26 14:00"),  # past today
        ("until 14:30", "2026-11-26 14:30"),
        ("until 14:31", "2026-11-25 14:31"),
        ("until half past six", "2026-11-25 18:30"),
        ("until quarter to 7", "2026-11-25 18:45"),
        ("until 6 in the evening", "2026-11-25 18:00"),
        ("until 7 tonight", "2026-11-25 19:00"),
        ("until 6pm utc", "2026-11-25 19:00"),
        ("by noon", "2026-11-26 12:00"),
        ("until midnight", "2026-11-26 00:00"),
        ("until tomorrow", "2026-11-26 09:00"),
        ("until tommorow morning", "2026-11-26 09:00"),
        ("until tomorrow 6am", "2026-11-26 06:00"),
        ("until 6pm tomorrow", "2026-11-26 18:00"),
        ("until tomorrow evening at 8", "2026-11-26 20:00"),
        ("until monday", "2026-11-30 09:00"),
        ("until monday 9:00", "2026-11-30 09:00"),
        ("until wednesday", "2026-12-02 09:00"),  # today is one
        ("until friday noon", "2026-11-27 12:00"),
        ("until next week", "2026-11-30 09:00"),
        ("until 1 dec 10:00", "2026-12-01 10:00"),
        ("until 2026-11-26T10:00", "2026-11-26 10:00"),
        ("until 5 may", "2027-05-05 09:00"),
        ("through friday", "2026-11-28 00:00"),
        ("until end of friday", "2026-11-28 00:00"),
        ("end of day", "2026-11-26 00:00"),
        ("till eod", "2026-11-26 00:00"),
        ("rest of the day", "2026-11-26 00:00"),
        ("today", "2026-11-26 00:00"),
        ("end of the week", "2026-11-30 00:00"),
        ("until the end of the month", "2026-12-01 00:00"),
        ("close of business", "2026-11-25 18:00"),
        ("tonight", "2026-11-26 06:00"),
        ("all night", "2026-11-26 06:00"),
        ("overnight", "2026-11-26 06:00"),
        ("this afternoon", "2026-11-25 18:00"),
        ("for the weekend", "2026-11-30 00:00"),
    ],
)
def test_an_end_is_after_now(text: str, end: str) -> None:
    found = duration(text, WEDNESDAY, BERLIN)
    assert isinstance(found, datetime)
    assert (wall(found), found.utcoffset()) == (end, timedelta())


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "6",
            "30",
            "forever",
            "until further notice",
            "until the deploy is done",
            "0 minutes",
            "for now",
        ),
        *(
            "until yesterday",
            "until 2020-01-01",
            "until 05/06/2027",
            "999999 years",
            "until 25:00",
            "payments",
        ),
    ],
)
def test_what_says_no_end_or_one_that_is_past_is_none(text: str) -> None:
    assert duration(text, WEDNESDAY, BERLIN) is None


@pytest.mark.parametrize(
    ("zone", "now", "text", "end"),
    [
        (BERLIN, "2026-10-24T16:00:00Z", "until tomorrow 6pm", "2026-10-25T17:00:00+00:00"),  # 25 hours
        (BERLIN, "2026-03-28T17:00:00Z", "until tomorrow 6pm", "2026-03-29T16:00:00+00:00"),  # 23 hours
        (BERLIN, "2026-03-29T00:10:00Z", "until 2:30", "2026-03-29T01:00:00+00:00"),  # skipped: after the gap
        (BERLIN, "2026-10-25T00:10:00Z", "until 2:30", "2026-10-25T00:30:00+00:00"),  # the first of two
        (BERLIN, "2026-10-25T00:40:00Z", "until 2:30", "2026-10-25T01:30:00+00:00"),  # the second of two
        (NEW_YORK, "2026-10-31T12:00:00Z", "until tomorrow 9am", "2026-11-01T14:00:00+00:00"),
        (NEW_YORK, "2026-11-01T05:45:00Z", "until 1:30am", "2026-11-01T06:30:00+00:00"),
        (LORD_HOWE, "2026-10-03T12:00:00Z", "until 6am", "2026-10-03T19:00:00+00:00"),
        (LORD_HOWE, "2026-04-04T12:00:00Z", "end of day", "2026-04-04T13:00:00+00:00"),
        (LORD_HOWE, "2026-04-05T01:00:00Z", "end of day", "2026-04-05T13:30:00+00:00"),
    ],
)
def test_an_end_is_by_the_clock_on_the_wall(zone: ZoneInfo, now: str, text: str, end: str) -> None:
    assert duration(text, datetime.fromisoformat(now), zone) == datetime.fromisoformat(end)


# For any text.

WORDS = (
    *("since", "until", "last", "next", "past", "between", "and", "from", "to", "the", "of", "this", "half"),
    *("an", "monday", "fri", "may", "march", "week", "weekend", "day", "days", "hours", "h", "min", "ago"),
    *("morning", "night", "tonight", "noon", "am", "pm", "6", "31", "02:30", "2026", "29", "feb", "12/25"),
    *("yesterday", "tomorrow", "at", "in", "utc", "q4", "53", "0", "99999", "2026-03-29", "end", "-", "."),
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join),
    st.text("0123456789:/.-hdw "),
)
ZONES = st.sampled_from((BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("UTC"), ZoneInfo("Pacific/Apia")))
NOWS = st.integers(946_684_800, 3_786_912_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(TEXTS, NOWS, ZONES)
def test_a_period_of_any_text_is_not_empty(text: str, now: datetime, zone: ZoneInfo) -> None:
    found = period(text, now, zone)
    assert found is None or (found.since < found.until and found.since.utcoffset() == timedelta())


@given(TEXTS, NOWS, ZONES)
def test_a_duration_of_any_text_is_ahead(text: str, now: datetime, zone: ZoneInfo) -> None:
    found = duration(text, now, zone)
    if isinstance(found, timedelta):
        assert found > timedelta()
    else:
        assert found is None or found > now


@given(st.integers(1, 500), st.sampled_from(("hours", "h", "minutes", "min")), NOWS, ZONES)
def test_hours_and_minutes_are_exact(number: int, unit: str, now: datetime, zone: ZoneInfo) -> None:
    found = period(f"past {number} {unit}", now, zone)
    lasting = duration(f"{number} {unit}", now, zone)
    assert found is not None
    assert found.until - found.since == lasting == timedelta(minutes=number * (60 if unit[0] == "h" else 1))


@given(st.integers(0, 23), st.integers(0, 59), NOWS, ZONES)
def test_a_time_of_day_is_within_two_days(hour: int, minute: int, now: datetime, zone: ZoneInfo) -> None:
    end = duration(f"until {hour:02}:{minute:02}", now, zone)
    since = period(f"since {hour:02}:{minute:02}", now, zone)
    assert isinstance(end, datetime)
    assert since is not None
    assert timedelta() < end - now <= timedelta(hours=49)  # Apia once had no 30 December
    assert timedelta() < now - since.since <= timedelta(hours=49)


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_weeks_follow_each_other(today: date) -> None:
    (last,), (this,), (following,) = (days(f"{which} week", today) for which in ("last", "this", "next"))
    assert (last.after, this.after) == (this.first, following.first)
    assert this.first.weekday() == 0
    assert this.first <= today < this.after


def test_a_name_that_comes_again_has_several_days() -> None:
    today = WEDNESDAY.date()
    assert days("yesterday", today) == (Days(today - timedelta(days=1), today),)
    assert len(days("tuesday", today)) > 1
    assert days("tuesday the deploy", today) == ()


# Words and speed.


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("payments", "none"),
        ("paymnets", "swapped"),
        ("paments", "missing"),
        ("paymments", "extra"),
        ("paymemts", "other"),
        ("payment", "missing"),
        ("paymensts", "extra"),
        ("pyamnets", None),
        ("", None),
    ],
)
def test_one_slip_is_seen_and_two_are_not(said: str, wrong: str | None) -> None:
    assert slip(said, "payments") == wrong


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_a_slip_works_both_ways(said: str, known: str) -> None:
    other = {"missing": "extra", "extra": "missing"}
    found = slip(said, known)
    assert slip(known, said) == other.get(found or "", found)


def test_a_word_that_could_be_two_stays() -> None:
    assert meant("sundat", ("sunday", "sundae"), at_least=5) == "sundat"
    assert meant("sunda", ("sunday",), at_least=6) == "sunda"


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("An hour and a half.", "1.5 hour"),
        ("the past twenty-four hours", "the past 24 hours"),
        ("tonight at nine", "9pm today"),
        ("9 tomorrow morning", "9am tomorrow"),
        ("“Until 6 p.m.”", "until 6 pm"),
        ("x" * 101, ""),
    ],
)
def test_what_is_said_is_written_in_digits(said: str, digits: str) -> None:
    assert written(said) == digits


def test_reading_is_fast_even_for_nonsense() -> None:
    times.ready()
    texts = [
        "1 " * 50,
        "monday " * 14,
        "since " * 16,
        "between and " * 8,
        "jan 1 " * 16,
        "1-" * 49,
        "a to b " * 14,
    ]
    for text in (*texts, "since 10:05", "past 24h", "from 1 to 5 may", "until monday 9:00", "half an hour"):
        before = time.process_time()
        for _ in range(5):
            period(text, WEDNESDAY, BERLIN)
            duration(text, WEDNESDAY, BERLIN)
        assert (time.process_time() - before) / 10 < 0.05, text
