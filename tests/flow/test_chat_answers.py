"""Questions in chat about many incidents: from the store, by period in the speaker's time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.flow.people import ALL, Room, room
from tests.flow.stage import Im, event, until

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
YEAR = "" if datetime.now(UTC).year == 2026 else " 2026"
"""What follows a day of 2026: its year is not said within it."""


@pytest.fixture
def chat(im: Im) -> Iterator[Room]:
    with room(im, "sandbox") as opened:
        yield opened


def account(chat: Room, zone: str, name: str = "dana", user: str = "") -> None:
    """An account in a time zone, linked to somebody in the room."""
    body = {"name": name, "role": "viewer", "timezone": zone}
    assert chat.im.call("POST", "/api/v1/users", body).status_code == 201
    link = {"provider": chat.provider, "user": user or chat.dana}
    assert chat.im.call("POST", f"/api/v1/users/{name}/link", link).status_code == 200


def post(im: Im, number: int, at: datetime, *kinds: str, **fields: Any) -> str:
    """An incident declared at a time, and what came of it, an hour each; its id."""
    incident = f"INC-2026-{number:03}"
    given = {"severity": "SEV-2", "service": "checkout", "title": f"Trouble {number}"} | fields
    events = [event(incident=incident, id=f"{incident}-0", time=at.isoformat(), **given)]
    for step, kind in enumerate(kinds, start=1):
        when = (at + timedelta(hours=step)).isoformat()
        events.append(event(kind, incident=incident, id=f"{incident}-{step}", time=when))
    im.post(*events)
    return incident


def berlin(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A time of 2026 by the clock in Berlin."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


def this_monday(zone: ZoneInfo) -> datetime:
    """When this week began there."""
    today = datetime.now(zone).date()
    return datetime.combine(today - timedelta(days=today.weekday()), time(), zone)


def lines(text: str) -> list[str]:
    """The ids that are listed, in their order."""
    return [line.split(" · ")[0] for line in text.splitlines() if line.startswith("INC-") and " · " in line]


# Periods.


def test_a_week_begins_on_the_speakers_monday(chat: Room, im: Im) -> None:
    account(chat, "America/New_York")
    monday = this_monday(NEW_YORK)
    post(im, 1, monday - timedelta(minutes=1), severity="SEV-1")
    post(im, 2, monday, severity="SEV-1")
    said = chat.say('count --sev 1 --period "this week"').text
    assert said.startswith("1 SEV-1 incident this week (Mon "), said
    assert said.rstrip("*").endswith("00:00 – now, America/New_York): 1 open"), said
    assert lines(chat.say("list --period last week").text) == ["INC-2026-001"]
    assert lines(chat.say("list --period this week").text) == ["INC-2026-002"]


def test_the_same_moment_is_another_day_for_somebody_else(chat: Room, im: Im) -> None:
    account(chat, "America/New_York")
    account(chat, "Asia/Tokyo", "erin", chat.erin)
    post(im, 1, datetime(2026, 1, 5, 2, tzinfo=UTC))
    assert f"1 incident on Sun 4 Jan{YEAR} (America/New_York)" in chat.say("count --period 2026-01-04").text
    assert f"No incidents on Mon 5 Jan{YEAR}" in chat.say("count --period 2026-01-05").text
    assert f"Mon 5 Jan{YEAR} 11:00" in chat.say("list --period 2026-01-05", user=chat.erin).text


@pytest.mark.parametrize(("day", "hours"), [(berlin(3, 29), 23), (berlin(10, 25), 25)])
def test_a_day_on_which_the_clocks_change_is_as_long_as_it_is(
    chat: Room, im: Im, day: datetime, hours: int
) -> None:
    account(chat, "Europe/Berlin")
    start = day.astimezone(UTC)
    inside = (start, start + timedelta(hours=hours) - timedelta(minutes=1))
    outside = (start - timedelta(minutes=1), start + timedelta(hours=hours))
    for number, at in enumerate((*inside, *outside), start=1):
        post(im, number, at)
    listed = chat.say(f"list --period {day:%Y-%m-%d}").text
    assert lines(listed) == ["INC-2026-002", "INC-2026-001"]
    assert "23:59" in listed
    spoken = chat.say(f"list --period from 1 to {day.day} {day:%B %Y}").text
    assert lines(spoken) == ["INC-2026-002", "INC-2026-001", "INC-2026-003"]
    both = f"{day:%Y-%m-%d}/{day + timedelta(days=1):%Y-%m-%d}"
    assert len(lines(chat.say(f"list --period {both}").text)) == 3


def test_an_interval_as_a_conversation_passes_it(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    post(im, 1, berlin(1, 5, 10), "resolved")
    since, to = berlin(1, 5, 9, 30), berlin(1, 5, 10, 30)
    said = chat.say(f'count --period "{since.isoformat()}/{to.isoformat()}"').text
    assert (
        f"1 incident from Mon 5 Jan{YEAR} 09:30 to Mon 5 Jan{YEAR} 10:30 (Europe/Berlin): 1 resolved" in said
    )


@pytest.mark.parametrize(
    "period", ["blargh", "2026-13-40", "2026-01-06/2026-01-05", "9999-01-01/9999-12-31", "\x00", "/", "🤷"]
)
def test_a_period_that_cannot_be_read_is_said_with_examples(chat: Room, period: str) -> None:
    for command in ("count", "list", "metrics"):
        said = chat.say(f'{command} --period "{period}"').text
        assert "`last week`" in said, said


@pytest.mark.parametrize("period", ["1900-01-01/2200-01-01", "ever", "before 2026-01-06"])
def test_a_period_without_a_beginning_has_all_that_there_was(chat: Room, im: Im, period: str) -> None:
    post(im, 1, berlin(1, 5, 10))
    assert lines(chat.say(f"list --period {period}").text) == ["INC-2026-001"]


# What is listed and counted.


def test_the_worst_come_first_and_then_the_newest(chat: Room, im: Im) -> None:
    for number, severity in enumerate(("SEV-3", "SEV-1", "SEV-2", "SEV-1"), start=1):
        post(im, number, berlin(1, number, 10), severity=severity)
    ids = [f"INC-2026-{number:03}" for number in (4, 2, 3, 1)]
    assert lines(chat.say("list").text) == ids


def test_fifteen_are_shown_and_all_are_counted(chat: Room, im: Im) -> None:
    for number in range(1, 18):
        post(im, number, berlin(1, number, 10))
    said = chat.say("list").text
    assert said.startswith("17 open incidents") or "17 open incidents" in said.splitlines()[0]
    assert len(lines(said)) == 15
    assert "… and 2 more" in said


def test_without_a_period_it_is_what_is_open_now(chat: Room, im: Im) -> None:
    at = berlin(1, 5, 10)
    post(im, 1, at)
    post(im, 2, at, "acknowledged")
    post(im, 3, at, "acknowledged", "resolved")
    post(im, 4, at, "resolved", "closed")
    assert "2 open incidents, 1 of them acknowledged" in chat.say("count").text
    assert sorted(lines(chat.say("list").text)) == ["INC-2026-001", "INC-2026-002"]
    assert "1 open incident; 1 more is acknowledged" in chat.say("count --status open").text
    assert lines(chat.say("list --status open").text) == ["INC-2026-001"]
    assert (
        "2 resolved or closed incidents: 1 resolved, 1 closed"
        in chat.say("count --status resolved,closed").text
    )
    assert "4 incidents: 1 open, 1 acknowledged, 1 resolved, 1 closed" in chat.say("count --status all").text


def test_a_status_with_a_period_is_what_became_of_those_declared_in_it(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    post(im, 1, berlin(1, 5, 10), "resolved")
    post(im, 2, berlin(1, 5, 11))
    post(im, 3, berlin(1, 4, 23, 30), "resolved")  # resolved on the fifth, declared before
    said = chat.say("count --status resolved --period 2026-01-05").text
    assert f"1 incident declared on Mon 5 Jan{YEAR} (Europe/Berlin) is resolved now" in said
    assert (
        f"2 incidents on Mon 5 Jan{YEAR} (Europe/Berlin): 1 open, 1 resolved"
        in chat.say("count --period 2026-01-05").text
    )
    listed = chat.say("list --status resolved --period 2026-01-05").text
    assert f"1 resolved incident on Mon 5 Jan{YEAR} (Europe/Berlin)" in listed
    assert lines(listed) == ["INC-2026-001"]


def test_all_filters_combine(chat: Room, im: Im) -> None:
    at = berlin(1, 5, 10)
    wanted = {"severity": "SEV-1", "service": "payments", "assignee": "kim"}
    post(im, 1, at, **wanted)
    for number, other in enumerate(
        ({"severity": "SEV-2"}, {"service": "api"}, {"assignee": "omar"}), start=2
    ):
        post(im, number, at, **(wanted | other))
    post(im, 5, at, "resolved", **wanted)
    post(im, 6, at - timedelta(days=30), **wanted)
    typed = "list --sev sev1 --service billing --status open --user @kim --period 2026-01-01/2026-01-31"
    said = chat.say(typed).text
    assert (
        f"1 open SEV-1 incident of payments assigned to kim from Thu 1 Jan{YEAR} to Sat 31 Jan{YEAR}" in said
    )
    assert lines(said) == ["INC-2026-001"]


def test_me_is_the_speaker(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    post(im, 1, berlin(1, 5, 10), assignee="dana")
    post(im, 2, berlin(1, 5, 10), assignee="erin")
    said = chat.say("list --user me").text
    assert "1 open incident assigned to dana" in said
    assert lines(said) == ["INC-2026-001"]
    assert lines(chat.say(f"list --user <@{chat.dana}>").text) == ["INC-2026-001"]


def test_services_are_found_however_the_sender_wrote_them(chat: Room, im: Im) -> None:
    at = berlin(1, 5, 10)
    for number, service in enumerate(
        ("payments", "Payments Service", "billing", "api", "Legacy_Mail"), start=1
    ):
        post(im, number, at, service=service)
    assert "3 open incidents of payments" in chat.say("count --service billing").text
    assert lines(chat.say("list --service legacy-mail").text) == ["INC-2026-005"]
    said = chat.say("count --service paymnts").text
    assert "I do not know the service `paymnts`; did you mean payments?" in said
    assert "there are checkout, payments, api" in chat.say("list --service zzzzzz").text


# Figures, timelines, and who is on call.


def test_the_figures_are_of_the_incidents_declared_in_the_period(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    start = berlin(1, 5, 10)
    for number in range(1, 11):
        incident = post(im, number, start)
        done = start + timedelta(minutes=number)
        im.post(event("acknowledged", incident=incident, id=f"{incident}-ack", time=done.isoformat()))
    im.post(event("sla.breached", incident="INC-2026-001", id="late", time=start.isoformat()))
    post(im, 11, start, severity="SEV-1")
    post(im, 12, start - timedelta(days=1), "acknowledged")
    said = chat.say("metrics --period 2026-01-05").text
    assert f"11 incidents on Mon 5 Jan{YEAR} (Europe/Berlin)" in said
    assert "11 declared (1 SEV-1), 11 still open" in said
    assert "Time to acknowledge: median 5 min 30 s, mean 5 min 30 s, 90 % within 9 min 6 s (10 of 11)" in said
    assert "Time to resolve: none was resolved" in said
    assert "SLA: 1 of 11 breached (91 % kept), 0 warned of" in said
    assert "0 declared" in chat.say("metrics payments --period 2026-01-05").text
    assert (
        f"1 SEV-1 incident of checkout on Mon 5 Jan{YEAR}"
        in chat.say("metrics --sev 1 --service checkout --period 2026-01-05").text
    )


def test_the_figures_are_of_the_last_seven_days_where_none_are_named(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    now = datetime.now(UTC)
    post(im, 1, now - timedelta(days=6), "resolved")
    post(im, 2, now - timedelta(days=8), "resolved")
    said = chat.say("metrics").text
    assert "1 incident in the last 7 days" in said
    assert "Time to resolve: median 1 h, mean 1 h, 90 % within 1 h (1 of 1)" in said
    assert "SLA" not in said


def test_a_timeline_is_in_the_speakers_time_and_of_the_period(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    post(im, 1, berlin(3, 28, 23, 30), "acknowledged", "resolved")
    whole = chat.say("timeline INC-2026-001").text
    assert "Timeline of INC-2026-001 (times in Europe/Berlin)" in whole
    assert f"Sat 28 Mar{YEAR} 23:30 created" in whole
    part = chat.say("timeline INC-2026-001 --period 2026-03-29").text
    assert "created" not in part
    assert f"Sun 29 Mar{YEAR} 00:30 acknowledged" in part
    assert f"Sun 29 Mar{YEAR} 01:30 resolved" in part
    assert (
        f"Nothing happened to INC-2026-001 on Mon 30 Mar{YEAR}"
        in chat.say("timeline --period 2026-03-30 INC-2026-001").text
    )


def test_a_status_has_its_times_by_the_speakers_clock(chat: Room, im: Im) -> None:
    account(chat, "Asia/Tokyo")
    post(im, 1, datetime(2026, 1, 5, 20, tzinfo=UTC), "acknowledged")
    said = chat.say("status INC-2026-001").text
    assert "Times in Asia/Tokyo" in said
    assert f"started Tue 6 Jan{YEAR} 05:00, acknowledged Tue 6 Jan{YEAR} 06:00" in said


def test_who_is_on_call_is_told_in_the_speakers_time(chat: Room) -> None:
    account(chat, "America/New_York")
    assert chat.say("oncall payments").text.count("(America/New_York)") == 1
    for everybody in ("oncall", "oncall all", "oncall all services"):
        said = chat.say(everybody).text
        assert "On call now (times in America/New_York)" in said
        assert all(f"{service}: " in said for service in ("checkout", "payments", "api", "auth"))
    assert "did you mean payments?" in chat.say("oncall paymnts").text


# Whatever is typed, and wherever.


def test_a_mention_with_options_is_answered_alike(chat: Room, im: Im) -> None:
    account(chat, "Europe/Berlin")
    post(im, 1, berlin(1, 5, 10))
    for typed in (
        "count --period 2026-01-05",
        "list --period on 5 January 2026",
        "metrics --period 2026-01-05",
    ):
        assert f"1 incident on Mon 5 Jan{YEAR} (Europe/Berlin)" in chat.mention(typed).text


@pytest.mark.parametrize(
    "text",
    ["\x00", "a\x00b", "'; DROP TABLE incidents; --x", "%s %(x)s", "\\", "🤷" * 50, "[\\s]", "x" * 2000],
)
def test_odd_texts_are_answered(chat: Room, im: Im, text: str) -> None:
    post(im, 1, berlin(1, 5, 10))
    for flag in ("--service", "--user", "--status", "--sev", "--period"):
        assert chat.say(f'list {flag} "{text}"').text
    assert chat.say(f'oncall "{text}"').text
    until(lambda: not im.sql("SELECT FROM inbox WHERE state <> 'answered'"))
    outcomes = {row["outcome"] for row in im.sql("SELECT DISTINCT outcome FROM inbox")}
    assert outcomes <= {"done", "misused", "refused"}


@pytest.mark.parametrize("platform", ALL)
def test_every_platform_shows_the_answers(im: Im, platform: str) -> None:
    with room(im, platform) as chat, im.draining():
        post(im, 1, datetime.now(UTC) - timedelta(minutes=1), severity="SEV-1")
        until(lambda: im.get("/api/v1/incidents"))
        severity = "SEV-1" if platform == "discord" else "1"  # it offers a list, and takes nothing else
        said = chat.say(f'count --sev {severity} --period "past 24h"').text
        assert "1 SEV-1 incident in the last 24 hours (" in said
        listed = chat.say('list --status open --period "past 24h"').text
        assert "1 open incident in the last 24 hours (" in listed
        assert "INC-2026-001 · SEV-1 · open · checkout" in listed
        assert "1 declared (1 SEV-1), 1 still open" in chat.say('metrics --period "past 24h"').text
