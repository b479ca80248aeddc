"""Who is on call: rotations against a walk through time, calendars as schedulers export them, maintenance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar

from adapters.contract import Answer, DeliveryError, Reason
from api.cli.errors import CliError
from api.cli.oncall import catalogue as catalogue_command
from api.cli.oncall import oncall as oncall_command
from api.http import catalogue as endpoint
from api.http import problems
from router.catalogue.calendars import EVERY, MAX_BYTES, Calendar, CalendarError, CalendarRef, Calendars, Kept
from router.catalogue.catalogue import Catalogue, Layer, Override, Rotation
from router.catalogue.live import LiveCatalogue
from router.catalogue.oncall import OnCall, Roster, handover, on_call, turn_at, windows
from router.catalogue.reading import parse
from router.problems import Problem
from router.settings import Settings
from rules.windows import Window

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
QUARTER = timedelta(minutes=15)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def layer(start: str, every: timedelta, zone: str, members: Iterable[str] = ("dana", "omar")) -> Layer:
    return Layer(tuple(members), wall(start), every, zone)


# Rotations.


@pytest.mark.parametrize(
    ("zone", "start", "every", "turn", "begins"),
    [
        # Clocks go forward: nine o'clock comes an hour earlier by UTC.
        ("Europe/Berlin", "2026-03-23T09:00", WEEK, 0, "2026-03-23T08:00"),
        ("Europe/Berlin", "2026-03-23T09:00", WEEK, 1, "2026-03-30T07:00"),
        ("America/New_York", "2026-03-07T09:00", DAY, 1, "2026-03-08T13:00"),
        ("Australia/Lord_Howe", "2026-10-03T09:00", DAY, 0, "2026-10-02T22:30"),
        ("Australia/Lord_Howe", "2026-10-03T09:00", DAY, 1, "2026-10-03T22:00"),
        # A time that is skipped: at the end of the gap.
        ("Europe/Berlin", "2026-03-28T02:30", DAY, 1, "2026-03-29T01:00"),
        ("America/New_York", "2026-03-07T02:30", DAY, 1, "2026-03-08T07:00"),
        ("Australia/Lord_Howe", "2026-10-03T02:15", DAY, 1, "2026-10-03T15:30"),
        # Clocks go back, and of a time that comes twice the first counts.
        ("Europe/Berlin", "2026-10-19T09:00", WEEK, 1, "2026-10-26T08:00"),
        ("Europe/Berlin", "2026-10-24T02:30", DAY, 1, "2026-10-25T00:30"),
        ("America/New_York", "2026-10-31T01:30", DAY, 1, "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "2026-04-04T01:45", DAY, 1, "2026-04-04T14:45"),
    ],
)
def test_a_handover_is_at_the_same_wall_time_on_both_sides_of_a_change_of_the_clocks(
    zone: str, start: str, every: timedelta, turn: int, begins: str
) -> None:
    one = layer(start, every, zone)
    assert handover(one, turn) == utc(begins)
    assert turn_at(one, utc(begins)) == turn
    before = turn_at(one, utc(begins) - timedelta(seconds=1))
    assert before == (turn - 1 if turn else None)


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(("2026-03-06", "2026-03-27", "2026-04-02", "2026-10-02", "2026-10-23", "2026-10-30")),
    quarter=st.integers(0, 95),
    every=st.sampled_from((HOUR, 2 * HOUR, 12 * HOUR, DAY, 3 * DAY)),
    step=st.integers(0, 14),
)
def test_turns_are_those_of_somebody_who_watches_the_clock_on_the_wall(
    zone: str, day: str, quarter: int, every: timedelta, step: int
) -> None:
    start = wall(day) + quarter * QUARTER
    one = Layer(("dana",), start, every, zone)
    local, at = ZoneInfo(zone), utc(day) - DAY
    latest = wall("2026-01-01")
    for _ in range(5 * 96):
        latest = max(latest, at.astimezone(local).replace(tzinfo=None))  # the hand never goes back for them
        expected = (latest - start) // every if latest >= start else None
        seen = at + timedelta(minutes=step)
        assert turn_at(one, seen) == expected, seen
        at += QUARTER


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    every=st.sampled_from((HOUR, 12 * HOUR, DAY, WEEK)),
    members=st.lists(st.sampled_from(("dana", "omar", "kim")), min_size=1, max_size=4),
    restricted=st.booleans(),
    moments=st.tuples(st.integers(0, 200), st.integers(0, 400)),
)
def test_an_answer_holds_until_it_says_and_no_longer(
    zone: str, every: timedelta, members: list[str], restricted: bool, moments: tuple[int, int]
) -> None:
    override, hours = moments
    office = Window(tuple(range(5)), 8 * 60, 20 * 60, zone, "mon-fri 08:00-20:00")
    first = Layer(tuple(members), wall("2026-03-20"), every, zone, office if restricted else None)
    stands_in = Override(
        "sam", utc("2026-03-24") + override * HOUR, utc("2026-03-24") + (override + 5) * HOUR
    )
    found = with_rotation(Rotation((first,), (stands_in,)))
    at = utc("2026-03-22") + hours * HOUR
    answer = on_call(found, "api", at, {})
    end = answer.until or at + 3 * DAY
    for step in range(20):
        assert on_call(found, "api", at + (end - at) * step / 20, {}).people == answer.people
    if answer.until:
        assert on_call(found, "api", answer.until, {}).people != answer.people


def with_rotation(schedule: Rotation) -> Catalogue:
    bare = parse("services: {api: {}}", file="x", folder=Path(), default_timezone="UTC")
    service = msgspec.structs.replace(bare.services["api"], on_call=schedule)
    return msgspec.structs.replace(bare, services={"api": service})


def answered(turns: str, at: str) -> OnCall:
    teams = "teams: {a: {members: [dana, omar, kim]}}"
    text = f"{teams}\nservices: {{api: {{on_call: {{rotation: {{{turns}}}}}}}}}"
    found = parse(text, file="x", folder=Path(), default_timezone="UTC")
    return on_call(found, "api", utc(at), {})


WEEKLY = "members: [dana, omar], start: 2026-01-05T09:00, every: 1w"


def test_members_take_turns() -> None:
    assert answered(WEEKLY, "2026-01-07") == OnCall(("dana",), utc("2026-01-12T09:00"), "rotation")
    assert answered(WEEKLY, "2026-01-12T09:00") == OnCall(("omar",), utc("2026-01-19T09:00"), "rotation")


def test_one_member_alone_is_on_call_with_no_end_in_sight() -> None:
    assert answered("members: [dana], start: 2026-01-05, every: 1h", "2026-01-07") == OnCall(
        ("dana",), None, "rotation"
    )


def test_nobody_is_on_call_before_the_rotation_begins() -> None:
    assert answered(WEEKLY, "2026-01-01") == OnCall(
        (), utc("2026-01-05T09:00"), "rotation", "the rotation has not begun"
    )


def test_an_override_goes_before_and_of_two_the_later_one() -> None:
    turns = (
        f"{WEEKLY}, overrides: [{{member: kim, from: 2026-01-06, to: 2026-01-09}}, "
        "{member: omar, from: 2026-01-07, to: 2026-01-08}]"
    )
    assert answered(turns, "2026-01-06") == OnCall(("kim",), utc("2026-01-07"), "override")
    assert answered(turns, "2026-01-07T12:00") == OnCall(("omar",), utc("2026-01-08"), "override")
    assert answered(turns, "2026-01-09") == OnCall(("dana",), utc("2026-01-12T09:00"), "rotation")


def test_the_first_layer_that_has_somebody_counts() -> None:
    turns = (
        "layers: [{members: [kim], start: 2026-01-05, every: 1w, "
        'restrict: {weekdays: mon-fri, between: "09:00-17:00"}},'
        " {members: [dana, omar], start: 2026-01-05T09:00, every: 1w}]"
    )
    assert answered(turns, "2026-01-07T12:00") == OnCall(("kim",), utc("2026-01-07T17:00"), "rotation")
    assert answered(turns, "2026-01-07T20:00") == OnCall(("dana",), utc("2026-01-08T09:00"), "rotation")
    assert answered(turns, "2026-01-10T12:00").people == ("dana",)


def test_hours_that_nobody_covers_are_told_with_when_somebody_comes() -> None:
    answer = answered(
        f'{WEEKLY}, restrict: {{weekdays: mon-fri, between: "09:00-17:00"}}', "2026-01-10T12:00"
    )
    assert (answer.people, answer.until) == ((), utc("2026-01-12T09:00"))
    assert "nobody’s turn covers this time" in answer.note


def test_a_service_without_a_schedule_and_one_that_is_not_there_are_told_apart() -> None:
    found = parse("services: {search: {}}", file="x", folder=Path(), default_timezone="UTC")
    assert on_call(found, "search", utc("2026-01-01"), {}).note == (
        "`search` has no schedule; give it `on_call` in the catalogue"
    )
    assert on_call(found, "serch", utc("2026-01-01"), {}).note == (
        "there is no service `serch`; did you mean `search`?"
    )


# Calendars.

PEOPLE = """
teams:
  other: {members: [{account: alpha, name: Alpha Centauri}, {account: dana.s, email: dana@other.example}]}
  shop:
    members:
      - {account: dana, email: dana@example.com, name: Dana Scully}
      - {account: omar, name: Omar Little}
      - kim
    timezone: Europe/Berlin
services: {api: {team: shop, on_call: {ical: api.ics}}}
maintenance: [{name: upgrade, services: [api], ical: api.ics}]
"""
CATALOGUE = parse(PEOPLE, file="x", folder=Path("/c"), default_timezone="UTC")
SOURCE = "/c/api.ics"


def ics(*events: str, head: str = "PRODID:-//example.com//EN") -> str:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}\n{body}END:VCALENDAR\n".replace("\n", "\r\n")


def asked(text: str, at: str) -> OnCall:
    return on_call(CATALOGUE, "api", utc(at), {SOURCE: Kept(Calendar(text), utc(at))})


def event(summary: str, *, extra: str = "", times: str = "") -> str:
    times = times or "DTSTART:20260105T080000Z\nDTEND:20260112T080000Z"
    return f"UID:1\n{times}\nSUMMARY:{summary}\n{extra}"


# The form of PagerDuty's feeds (webcal of a schedule): UTC, the e-mail as attendee without `mailto:`.
PAGERDUTY = ics(
    "DTEND;VALUE=DATE-TIME:20260112T080000Z\nDTSTART;VALUE=DATE-TIME:20260105T080000Z\n"
    "ATTENDEE:dana@example.com\nUID:Q1\nURL:https://acme.pagerduty.com/schedules#P1\n"
    "SUMMARY:On Call - Dana Scully - Alpha",
    "DTEND;VALUE=DATE-TIME:20260119T080000Z\nDTSTART;VALUE=DATE-TIME:20260112T080000Z\n"
    "UID:Q2\nSUMMARY:On Call - Omar Little - Alpha",
    head="PRODID;X-RICAL-TZSOURCE=TZINFO:-//com.denhaven2/NONSGML ri_cal gem//EN\nCALSCALE:GREGORIAN",
)
# The form of Opsgenie's feeds (webcal/getRecentSchedule): the summary begins with the user.
OPSGENIE = ics(
    "UID:a\nDTSTART:20260105T080000Z\nDTEND:20260112T080000Z\nSUMMARY:dana@example.com (Weekly) - Api",
    "UID:b\nDTSTART:20260112T080000Z\nDTEND:20260119T080000Z\nSUMMARY:Omar Little on-call of Api",
    head="PRODID:-//Opsgenie//EN",
)
# The form of Grafana OnCall's export (engine/apps/schedules, AGPL; written anew here): the account, UTC,
# and what is over or was changed stays as a cancelled event without length.
GRAFANA = ics(
    "SUMMARY:dana\nDTSTART;VALUE=DATE-TIME:20260105T080000Z\nDTEND;VALUE=DATE-TIME:20260112T080000Z\nUID:O1",
    "SUMMARY:[L1] Omar Little \nDTSTART;VALUE=DATE-TIME:20260112T080000Z\n"
    "DTEND;VALUE=DATE-TIME:20260119T080000Z\nUID:O2",
    "SUMMARY:kim\nDTSTART;VALUE=DATE-TIME:20260106T080000Z\nDTEND;VALUE=DATE-TIME:20260106T080000Z\n"
    "STATUS:CANCELLED\nUID:O3",
    head="PRODID://Grafana Labs//Grafana On-Call//\nX-WR-CALNAME:api\nX-WR-TIMEZONE:UTC",
)


@pytest.mark.parametrize("text", [PAGERDUTY, OPSGENIE, GRAFANA], ids=["pagerduty", "opsgenie", "grafana"])
def test_what_schedulers_export_is_understood(text: str) -> None:
    assert asked(text, "2026-01-06T09:00") == OnCall(("dana",), utc("2026-01-12T08:00"), "ical")
    assert asked(text, "2026-01-12T08:00") == OnCall(("omar",), utc("2026-01-19T08:00"), "ical")


@pytest.mark.parametrize(
    "summary",
    [
        "dana", "Dana Scully", "DANA@EXAMPLE.COM", "On-call: Dana Scully", "Dana Scully (primary)",
        "Dana on call", "[L2] dana", "Shop primary: Dana", "Dana Scully is on call for the shop",
        "on call Dana", "dana.scully",
    ],
)  # fmt: skip
def test_people_are_found_as_people_write_them(summary: str) -> None:
    assert asked(ics(event(summary)), "2026-01-06").people == ("dana",)


def test_several_in_one_event_are_all_on_call_in_order() -> None:
    for summary in ("Omar Little, Dana Scully", "On Call - omar & dana - Shop", "omar and dana"):
        assert asked(ics(event(summary)), "2026-01-06").people == ("omar", "dana")
    invited = "ATTENDEE;CN=Omar Little:mailto:someone@example.com\nATTENDEE:MAILTO:Dana@example.com"
    assert asked(ics(event("Shop", extra=invited)), "2026-01-06").people == ("omar", "dana")


def test_several_events_at_once_are_all_on_call_a_higher_priority_first() -> None:
    text = ics(
        event("dana"), event("omar").replace("UID:1", "UID:2"), event("[L2] kim").replace("UID:1", "UID:3")
    )
    assert asked(text, "2026-01-06").people == ("kim", "dana", "omar")


def test_an_address_is_that_of_the_account_it_begins_with_only_where_none_is_given() -> None:
    assert asked(ics(event("x", extra="ATTENDEE:mailto:kim@example.com")), "2026-01-06").people == ("kim",)
    assert asked(ics(event("x", extra="ATTENDEE:mailto:dana@elsewhere.example")), "2026-01-06").people == ()


def test_an_address_of_another_team_goes_before_a_guess() -> None:
    found = asked(ics(event("x", extra="ATTENDEE:mailto:dana@other.example")), "2026-01-06")
    assert found.people == ("dana.s",)


def test_a_name_that_two_people_have_pages_neither_and_is_told() -> None:
    text = "teams: {a: {members: [{account: x1, name: Sam}, {account: x2, name: Sam}]}}\n"
    text += "services: {api: {team: a, on_call: {ical: api.ics}}}"
    found = parse(text, file="x", folder=Path("/c"), default_timezone="UTC")
    answer = on_call(found, "api", utc("2026-01-06"), {SOURCE: Kept(Calendar(ics(event("Sam"))))})
    assert answer.people == ()
    assert "names `Sam`, who is nobody in the catalogue" in answer.note


def test_whom_the_catalogue_does_not_know_is_named() -> None:
    assert asked(ics(event("Fox Mulder")), "2026-01-06") == OnCall(
        (),
        None,
        "ical",
        "the calendar api.ics names `Fox Mulder`, who is nobody in the catalogue; add them to `members`",
    )
    both = asked(ics(event("dana, Fox Mulder")), "2026-01-06")
    assert both.people == ("dana",)
    assert "names `Fox Mulder`" in both.note


def test_a_calendar_without_anybody_now_says_who_comes_when() -> None:
    later = asked(ics(event("dana")), "2026-01-01")
    assert (later.people, later.until) == ((), utc("2026-01-05T08:00"))
    assert later.note == "the calendar api.ics has nobody on call at this time"
    assert asked(ics(), "2026-01-01") == OnCall((), None, "ical", later.note)


def test_a_series_with_exceptions_and_moved_shifts() -> None:
    series = "UID:s\nDTSTART;TZID=Europe/Berlin:20260323T090000\nDTEND;TZID=Europe/Berlin:20260323T170000\n"
    text = ics(
        f"{series}RRULE:FREQ=DAILY;COUNT=10\nEXDATE;TZID=Europe/Berlin:20260324T090000\nSUMMARY:dana",
        "UID:s\nRECURRENCE-ID;TZID=Europe/Berlin:20260325T090000\nDTSTART;TZID=Europe/Berlin:20260325T200000\n"
        "DTEND;TZID=Europe/Berlin:20260325T220000\nSUMMARY:omar",
        "UID:s\nRECURRENCE-ID;TZID=Europe/Berlin:20260326T090000\nDTSTART;TZID=Europe/Berlin:20260326T090000\n"
        "DTEND;TZID=Europe/Berlin:20260326T170000\nSTATUS:CANCELLED\nSUMMARY:dana",
    )
    assert asked(text, "2026-03-23T12:00").people == ("dana",)
    assert asked(text, "2026-03-24T12:00").people == ()
    assert asked(text, "2026-03-25T12:00") == OnCall(
        (), utc("2026-03-25T19:00"), "ical", "the calendar api.ics has nobody on call at this time"
    )
    assert asked(text, "2026-03-25T20:00").people == ("omar",)
    assert asked(text, "2026-03-26T12:00").people == ()
    # After the clocks went forward on the 29th: nine o'clock is seven by UTC.
    assert asked(text, "2026-03-30T07:00") == OnCall(("dana",), utc("2026-03-30T15:00"), "ical")
    assert asked(text, "2026-03-30T06:59").people == ()
    assert asked(text, "2026-04-02T12:00").people == ()


def test_all_day_and_floating_events_are_in_the_zone_of_the_team() -> None:
    day = ics(event("dana", times="DTSTART;VALUE=DATE:20260704\nDTEND;VALUE=DATE:20260705"))
    assert asked(day, "2026-07-03T22:00") == OnCall(("dana",), utc("2026-07-04T22:00"), "ical")
    assert asked(day, "2026-07-03T21:59").people == ()
    assert asked(day, "2026-07-04T22:00").people == ()
    floating = ics(event("dana", times="DTSTART:20260704T090000\nDURATION:PT8H"))
    assert asked(floating, "2026-07-04T07:00") == OnCall(("dana",), utc("2026-07-04T15:00"), "ical")


def test_floating_times_are_in_the_zone_that_the_calendar_names() -> None:
    floating = event("dana", times="DTSTART:20260704T090000\nDURATION:PT8H")
    found = asked(ics(floating, head="X-WR-TIMEZONE:America/New_York"), "2026-07-04T13:00")
    assert found == OnCall(("dana",), utc("2026-07-04T21:00"), "ical")


def test_windows_names_of_zones_are_known() -> None:
    times = "DTSTART;TZID=W. Europe Standard Time:20260704T090000\nDURATION:PT8H"
    assert asked(ics(event("dana", times=times)), "2026-07-04T07:00").people == ("dana",)


ZONE = (
    "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:{0}\nTZOFFSETTO:{0}\n"
)
ZONE += "END:STANDARD\nEND:VTIMEZONE"


def test_a_zone_that_a_file_defines_is_that_files_alone() -> None:
    shift = event("dana", times="DTSTART;TZID=Ours:20260704T090000\nDURATION:PT8H")
    for offset, starts in (("+0300", "2026-07-04T06:00"), ("+0500", "2026-07-04T04:00")):
        text = ics(shift, head=ZONE.format(offset))
        assert asked(text, starts).people == ("dana",)
        assert asked(text, f"{starts[:11]}03:59").people == ()
    with pytest.raises(CalendarError, match="the time zone `Ours`, which is neither known nor defined"):
        Calendar(ics(shift))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>log in</html>", "does not begin with BEGIN:VCALENDAR; is it a page to log in at?"),
        ("", "does not begin with BEGIN:VCALENDAR"),
        ("BEGIN:VCALENDAR\r\nnonsense\r\n", "is not readable as iCalendar"),
        (ics("UID:1\nSUMMARY:dana"), "the event `dana` has no DTSTART; mend it where it was exported"),
        (ics(event("dana", times="DTSTART:soon")), "the event `dana` has an unreadable DTSTART"),
        (ics(event("dana", extra="RRULE:FREQ=NEVER")), "the event `dana` has an unreadable RRULE"),
        (ics(event("dana", extra="RRULE:FREQ=SECONDLY")), "repeats every minute or second; a shift cannot"),
        (
            ics(event("dana", times="DTSTART;TZID=Nowhere/Land:20260704T090000\nDURATION:PT8H")),
            "the event `dana` uses the time zone `Nowhere/Land`, which is neither known nor defined in",
        ),
        (ics(event("dana"), head="X-WR-TIMEZONE:Nowhere"), "X-WR-TIMEZONE: there is no time zone `Nowhere`"),
    ],
)
def test_a_calendar_that_is_broken_in_parts_is_refused_whole(text: str, said: str) -> None:
    with pytest.raises(CalendarError) as caught:
        Calendar(text)
    assert said in str(caught.value)


# Fetching.

SECRET = "0123456789abcdef"
REMOTE = CalendarRef(f"https://acme.example.com/private/{SECRET}/feed", "acme.example.com", "UTC")


def said_back(status: int, body: bytes = b"") -> Answer:
    return Answer(status=status, headers={}, body=body)


class Web:
    """An Outbound that answers as told, and what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer | DeliveryError = said_back(200, ics(event("dana")).encode())
        self.asked: list[str] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> Answer:
        assert timeout <= 10.0
        assert body is None
        assert headers["accept"] == "text/calendar"
        self.asked.append(f"{method} {url}")
        if isinstance(self.answer, DeliveryError):
            raise self.answer
        return self.answer


class Clock:
    def __init__(self) -> None:
        self.now = utc("2026-01-06")

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def kept(calendars: Calendars, ref: CalendarRef = REMOTE) -> Kept:
    found = calendars.get(ref.source)
    assert found is not None
    return found


async def test_an_address_is_fetched_every_five_minutes(web: Web, clock: Clock) -> None:
    calendars = Calendars(web, clock)
    for _ in range(3):
        await calendars.refresh([REMOTE, REMOTE])
    assert web.asked == [f"GET {REMOTE.source}"]
    clock.now += EVERY
    first = kept(calendars).calendar
    await calendars.refresh([REMOTE])
    assert len(web.asked) == 2
    assert kept(calendars).calendar is first  # the same text is not read again
    assert kept(calendars).read_at == clock.now


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            said_back(302, b""),
            "it answered 302, a redirect; give the address it",
        ),
        (said_back(404, b""), "it answered 404; check that the address is still valid"),
        (said_back(200, b"<html>"), "does not begin with BEGIN:VCALENDAR"),
        (said_back(200, b"\xff\xfe"), "is not UTF-8 text"),
        (said_back(200, b"BEGIN:VCALENDAR" + b" " * MAX_BYTES), "is larger than 2 MiB"),
        (
            DeliveryError(Reason.TIMEOUT, "acme.example.com did not answer within 10 s"),
            "did not answer within 10 s",
        ),
    ],
)
async def test_after_a_failure_the_last_good_copy_serves_and_its_age_is_told(
    web: Web, clock: Clock, answer: Answer | DeliveryError, said: str
) -> None:
    calendars, good = Calendars(web, clock), web.answer
    await calendars.refresh([REMOTE])
    web.answer = answer
    clock.now += timedelta(hours=3)
    await calendars.refresh([REMOTE])
    found = parse(PEOPLE.replace("api.ics", REMOTE.source), file="x", folder=Path(), default_timezone="UTC")
    told = on_call(found, "api", clock.now, calendars)
    assert told.people == ("dana",)
    assert said in told.note
    assert told.note.startswith("the calendar acme.example.com: ")
    assert told.note.endswith("(its last good copy, 3 h old, is used)")
    assert SECRET not in told.note
    web.answer = good
    clock.now += timedelta(minutes=1)  # sooner than after a success
    await calendars.refresh([REMOTE])
    assert on_call(found, "api", clock.now, calendars).note == ""


async def test_a_calendar_that_never_came_is_told_and_one_that_is_not_named_any_more_is_forgotten(
    web: Web, clock: Clock, tmp_path: Path
) -> None:
    gone = CalendarRef(str(tmp_path / "gone.ics"), "gone.ics", "UTC")
    calendars = Calendars(web, clock)
    await calendars.refresh([REMOTE, gone])
    assert kept(calendars, gone).problem == (
        "the calendar gone.ics: cannot be read (No such file or directory); check the path in the catalogue"
    )
    await calendars.refresh([gone])
    assert calendars.get(REMOTE.source) is None
    unread = on_call(CATALOGUE, "api", clock.now, {})
    assert unread == OnCall((), None, "ical", "the calendar api.ics has not been read yet")


async def test_a_file_that_changes_is_read_again(web: Web, clock: Clock, tmp_path: Path) -> None:
    path, calendars = tmp_path / "a.ics", Calendars(web, clock)
    ref = CalendarRef(str(path), "a.ics", "UTC")
    seen = []
    for name in ("dana", "omar"):
        path.write_text(ics(event(name)))
        await calendars.refresh([ref])
        found = kept(calendars, ref).calendar
        assert found is not None
        seen += [shift.summary for shift in found.ahead(clock.now, "UTC")]
        clock.now += timedelta(minutes=1)
    assert seen == ["dana", "omar"]
    assert web.asked == []


# Maintenance.


def test_planned_maintenance_comes_from_calendars_and_from_the_file() -> None:
    text = (
        "services: {api: {}, db: {}}\nmaintenance:\n"
        "  - {name: move, services: [db], from: 2026-07-03, to: 2026-07-05, timezone: Europe/Berlin}\n"
        "  - {name: patches, services: [api, db], ical: m.ics}\n"
        "  - {name: lost, services: [api], ical: gone.ics}\n"
    )
    found = parse(text, file="x", folder=Path("/c"), default_timezone="UTC")
    monthly = event("kernel", times="DTSTART:20260601T020000Z\nDURATION:PT2H", extra="RRULE:FREQ=MONTHLY")
    calendars = {"/c/m.ics": Kept(Calendar(ics(monthly, "UID:2\nDTSTART;VALUE=DATE:20260710")))}
    assert [
        msgspec.structs.astuple(one)
        for one in windows(found, calendars, utc("2026-07-01"), utc("2026-08-01"))
    ] == [
        ("patches: kernel", ("api", "db"), utc("2026-07-01T02:00"), utc("2026-07-01T04:00")),
        ("move", ("db",), utc("2026-07-02T22:00"), utc("2026-07-04T22:00")),
        ("patches", ("api", "db"), utc("2026-07-10"), utc("2026-07-11")),
    ]
    assert windows(found, calendars, utc("2026-07-04T22:00"), utc("2026-07-10")) == ()


# The parts of a process, and how they are asked.


@pytest.fixture
def roster(tmp_path: Path, web: Web, clock: Clock) -> Roster:
    (tmp_path / "catalogue.yaml").write_text(
        PEOPLE.replace("on_call: {ical: api.ics}", f"on_call: {{ical: '{REMOTE.source}'}}")
    )
    (tmp_path / "api.ics").write_text(ics(event("work", times="DTSTART:20260107T020000Z\nDURATION:PT2H")))
    return Roster(LiveCatalogue(tmp_path / "catalogue.yaml"), Calendars(web, clock))


async def eventually(true: Callable[[], bool]) -> None:
    for _ in range(5000):
        if true():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it did not happen within seconds")


async def test_a_process_keeps_file_and_calendars_fresh(roster: Roster, web: Web, clock: Clock) -> None:
    running = asyncio.create_task(roster.run(every=0.001))
    await eventually(lambda: roster.on_call("api", clock.now).people == ("dana",))
    await eventually(lambda: bool(roster.windows(clock.now, clock.now + WEEK)))
    assert roster.windows(clock.now, clock.now + WEEK)[0].name == "upgrade: work"
    assert roster.problems() == ()
    web.answer = said_back(500, b"")
    clock.now += EVERY
    await eventually(lambda: bool(roster.problems()))
    assert roster.problems() == (
        "the calendar acme.example.com: it answered 500; check that the address is still valid",
    )
    running.cancel()
    await asyncio.wait([running])


class Access:
    """Lets everybody in, and says whom it was asked for."""

    async def authenticate(self, authorization: str | None) -> Access:
        assert authorization is None
        return self

    def require(self, scope: str) -> None:
        assert scope == "analytics:read"


async def test_the_api_says_who_is_on_call_and_shows_no_address(roster: Roster) -> None:
    await roster.refresh(force=True)
    app = Litestar([endpoint.ROUTER], exception_handlers={Problem: problems.on_problem}, openapi_config=None)
    parts = SimpleNamespace(access=Access(), settings=Settings())
    app.state.context = SimpleNamespace(parts=parts, world=SimpleNamespace(roster=roster))
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
        shown = await client.get("/on-call", params={"service": "API", "at": "2026-01-06T00:00:00Z"})
        assert shown.json() == [
            {"service": "api", "people": ["dana"], "until": "2026-01-12T08:00:00Z", "via": "ical", "note": ""}
        ]
        assert len((await client.get("/on-call")).json()) == 1
        wrong = await client.get("/on-call", params={"service": "apy"})
        assert (wrong.status_code, wrong.json()["detail"]) == (
            404,
            "there is no service `apy` in the catalogue; did you mean `api`?",
        )
        late = await client.get("/on-call", params={"at": "tomorrow"})
        assert (late.status_code, late.json()["errors"][0]["field"]) == (400, "at")
        listed = await client.get("/catalogue")
    assert listed.json()["services"][0]["on_call"] == "ical"
    assert SECRET not in listed.text


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "catalogue.yaml").write_text(PEOPLE)
    (tmp_path / "api.ics").write_text(ics(event("dana")))
    monkeypatch.setenv("IM_CATALOGUE", str(tmp_path / "catalogue.yaml"))
    monkeypatch.delenv("IM_URL", raising=False)
    return CliRunner()


def test_the_command_says_who_is_on_call_without_a_server(command: CliRunner) -> None:
    shown = command.invoke(oncall_command, ["api", "--at", "2026-01-06T10:00"])
    assert shown.stdout.split() == (
        ["Service", "On", "call", "Until", "(UTC)", "Via", "api", "dana", "2026-01-12", "08:00:00", "ical"]
    )
    rows = msgspec.json.decode(command.invoke(oncall_command, ["--at", "2026-01-01", "--json"]).stdout)
    assert (rows[0]["people"], rows[0]["until"]) == ([], "2026-01-05T08:00:00Z")


def test_the_command_names_what_is_wrong_with_file_and_calendars(command: CliRunner, tmp_path: Path) -> None:
    assert "1 services, 2 teams, 1 calendars" in command.invoke(catalogue_command, ["validate"]).stdout
    (tmp_path / "api.ics").write_text("<html>")
    refused = command.invoke(catalogue_command, ["validate"])
    assert "the calendar api.ics: does not begin with BEGIN:VCALENDAR" in refused.stdout
    assert isinstance(refused.exception, CliError)
    (tmp_path / "catalogue.yaml").write_text("servces: {}")
    assert "catalogue.yaml:1: servces" in str(command.invoke(oncall_command).exception)
    assert "servces" in command.invoke(catalogue_command, ["validate", "--json"]).stdout


def test_the_command_suggests_the_service_that_was_meant(command: CliRunner) -> None:
    assert "did you mean `api`?" in str(command.invoke(oncall_command, ["apy"]).exception)
    shown = command.invoke(catalogue_command, ["show"]).stdout
    assert "api" in shown
