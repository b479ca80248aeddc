"""Questions about many incidents: how periods are read and said, what was counted, who is on call."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.catalogue.catalogue import Catalogue, Service, folded
from router.catalogue.oncall import OnCall
from router.chat import built_in, duty, figures, services
from router.chat.listing import count_head, line, list_head
from router.chat.periods import Period, in_full, last_days, phrase, read
from router.chat.selection import Selection, written
from router.chat.usage import Misused, arguments
from router.events import STATUSES

BERLIN: Final = ZoneInfo("Europe/Berlin")
NEW_YORK: Final = ZoneInfo("America/New_York")
LORD_HOWE: Final = ZoneInfo("Australia/Lord_Howe")
NOW: Final = datetime(2026, 11, 25, 20, 50, 12, tzinfo=UTC)
"""A Wednesday: 21:50 in Berlin."""
USAGES: Final = {each.name: each.usage for each in built_in.COMMANDS}


def period(text: str, zone: ZoneInfo = BERLIN, now: datetime = NOW) -> Period:
    return read(text, now, zone)


# Periods.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("today", "today (Wed 25 Nov 00:00 – now, Europe/Berlin)"),
        ("yesterday", "yesterday (Tue 24 Nov 00:00 – Wed 25 Nov 00:00, Europe/Berlin)"),
        ("this week", "this week (Mon 23 Nov 00:00 – now, Europe/Berlin)"),
        ("last week", "last week (Mon 16 Nov 00:00 – Mon 23 Nov 00:00, Europe/Berlin)"),
        ("last month", "last month (Thu 1 Oct 00:00 – Sun 1 Nov 00:00, Europe/Berlin)"),
        ("last quarter", "last quarter (Wed 1 Jul 00:00 – Thu 1 Oct 00:00, Europe/Berlin)"),
        ("last year", "last year (Wed 1 Jan 2025 00:00 – Thu 1 Jan 00:00, Europe/Berlin)"),
        ("past 24h", "in the last 24 hours (Tue 24 Nov 21:50 – now, Europe/Berlin)"),
        ("last 3 days", "in the last 3 days (Sun 22 Nov 21:50 – now, Europe/Berlin)"),
        ("past hour", "in the last hour (Wed 25 Nov 20:50 – now, Europe/Berlin)"),
        ("last 90 minutes", "in the last 90 minutes (Wed 25 Nov 20:20 – now, Europe/Berlin)"),
        ("since monday", "since Mon 23 Nov (Europe/Berlin)"),
        ("since 10:05", "since Wed 25 Nov 10:05 (Europe/Berlin)"),
        ("so far this week", "since Mon 23 Nov (Europe/Berlin)"),
        ("2026-11-20", "on Fri 20 Nov (Europe/Berlin)"),
        ("2026-11-02/2026-11-08", "from Mon 2 Nov to Sun 8 Nov (Europe/Berlin)"),
        ("2026-11-02T08:00/2026-11-02T09:30", "from Mon 2 Nov 08:00 to Mon 2 Nov 09:30 (Europe/Berlin)"),
        ("2026-11-02T08:00Z/2026-11-02T09:30Z", "from Mon 2 Nov 09:00 to Mon 2 Nov 10:30 (Europe/Berlin)"),
        ("ever", "ever (Europe/Berlin)"),
        ("before yesterday", "before Tue 24 Nov (Europe/Berlin)"),
        ("tomorrow", "tomorrow (Thu 26 Nov 00:00 – Fri 27 Nov 00:00, Europe/Berlin)"),
    ],
)
def test_a_period_is_said_with_its_dates_and_its_zone(text: str, said: str) -> None:
    assert in_full(period(text)) == said


def test_the_words_are_the_same_for_the_interval_that_a_conversation_passes() -> None:
    for text in ("today", "this week", "past 24h", "since monday", "last month"):
        found = period(text)
        passed = "/".join(each.astimezone(BERLIN).isoformat() for each in (found.since, found.until))
        assert period(passed) == found


def test_on_a_monday_the_week_is_not_called_today() -> None:
    monday = datetime(2026, 11, 23, 20, 50, tzinfo=UTC)
    assert phrase(period("this week", now=monday)) == "this week"
    assert phrase(period("today", now=monday)) == "today"
    assert phrase(period("since monday", now=monday)) == "since Mon 23 Nov"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23),
        (BERLIN, "2026-10-25", 25),
        (NEW_YORK, "2026-03-08", 23),
        (NEW_YORK, "2026-11-01", 25),
        (LORD_HOWE, "2026-10-04", 23.5),
        (LORD_HOWE, "2026-04-05", 24.5),
        (NEW_YORK, "2026-03-29", 24),
    ],
)
def test_a_date_is_as_long_as_the_day_is_there(zone: ZoneInfo, day: str, hours: float) -> None:
    found = period(f"{day}/{day}", zone)
    assert found.until - found.since == timedelta(hours=hours)
    assert found.since.astimezone(zone).strftime("%Y-%m-%d %H:%M") == f"{day} 00:00"


def test_the_last_seven_days_keep_the_wall_time_over_a_change_of_the_clocks() -> None:
    now = datetime(2026, 10, 28, 12, tzinfo=UTC)
    found = last_days(7, now, BERLIN)
    assert found.until - found.since == timedelta(days=7, hours=1)
    assert phrase(found) == "in the last 7 days"


@pytest.mark.parametrize("text", ["blah", "", "/", "2026-13-01/2026-13-02", "0001-01-01/0001-01-02T", "\0"])
def test_what_is_no_period_is_said_with_examples(text: str) -> None:
    with pytest.raises(Misused, match="is no period that I can read; say such as `today`, `last week`"):
        period(text)


def test_a_period_that_ends_before_it_begins_is_none() -> None:
    with pytest.raises(Misused, match="ends before it begins"):
        period("2026-11-08/2026-11-02")


MOMENTS: Final = st.datetimes().map(lambda at: at.isoformat()) | st.dates().map(lambda day: day.isoformat())


@given(
    text=st.text(max_size=60) | st.tuples(MOMENTS, MOMENTS).map("/".join),
    zone=st.sampled_from([BERLIN, LORD_HOWE]),
)
def test_whatever_is_read_can_be_said(text: str, zone: ZoneInfo) -> None:
    with contextlib.suppress(Misused):
        found = period(text, zone)
        assert found.since < found.until
        assert zone.key in in_full(found)


# What was counted.


def wanted(when: str = "", **more: Any) -> Selection:
    return Selection(period=period(when) if when else None, **more)


@pytest.mark.parametrize(
    ("selection", "tally", "said"),
    [
        (wanted(), {}, "No open incidents"),
        (wanted(), {"open": 1}, "1 open incident"),
        (wanted(), {"open": 3, "acknowledged": 2}, "5 open incidents, 2 of them acknowledged"),
        (wanted(), {"acknowledged": 1}, "1 open incident, acknowledged"),
        (wanted(), {"acknowledged": 2}, "2 open incidents, all acknowledged"),
        (
            wanted(statuses=("open",)),
            {"open": 2, "acknowledged": 1},
            "2 open incidents; 1 more is acknowledged",
        ),
        (wanted(statuses=("open",)), {"acknowledged": 3}, "No open incidents; 3 are acknowledged"),
        (wanted(statuses=("open",)), {"open": 2}, "2 open incidents"),
        (wanted(statuses=("resolved",)), {"resolved": 4}, "4 resolved incidents"),
        (
            wanted(statuses=("resolved", "closed"), service="checkout"),
            {"resolved": 4, "closed": 1},
            "5 resolved or closed incidents of checkout: 4 resolved, 1 closed",
        ),
        (wanted(statuses=STATUSES), {"open": 1, "closed": 2}, "3 incidents: 1 open, 2 closed"),
    ],
)
def test_without_a_period_it_is_what_there_is_now(
    selection: Selection, tally: dict[str, int], said: str
) -> None:
    assert count_head(selection, tally) == said
    assert list_head(selection, tally) == said


@pytest.mark.parametrize(
    ("selection", "tally", "counted", "listed"),
    [
        (
            wanted("this week", severity="SEV-1"),
            {"open": 1, "resolved": 3},
            "4 SEV-1 incidents this week (Mon 23 Nov 00:00 – now, Europe/Berlin): 1 open, 3 resolved",
            "4 SEV-1 incidents this week (Mon 23 Nov 00:00 – now, Europe/Berlin)",
        ),
        (
            wanted("since monday", severity="SEV-1", service="checkout", statuses=("open",)),
            {"open": 3},
            "3 SEV-1 incidents of checkout declared since Mon 23 Nov (Europe/Berlin) are open now",
            "3 open SEV-1 incidents of checkout since Mon 23 Nov (Europe/Berlin)",
        ),
        (
            wanted("since monday", statuses=("open", "acknowledged")),
            {"open": 1, "acknowledged": 1},
            (
                "2 incidents declared since Mon 23 Nov (Europe/Berlin) are open or acknowledged now:"
                " 1 open, 1 acknowledged"
            ),
            "2 open or acknowledged incidents since Mon 23 Nov (Europe/Berlin)",
        ),
        (
            wanted("2026-11-20", user="dana", statuses=("resolved",)),
            {"resolved": 1},
            "1 incident assigned to dana declared on Fri 20 Nov (Europe/Berlin) is resolved now",
            "1 resolved incident assigned to dana on Fri 20 Nov (Europe/Berlin)",
        ),
        (
            wanted("since monday"),
            {},
            "No incidents since Mon 23 Nov (Europe/Berlin)",
            "No incidents since Mon 23 Nov (Europe/Berlin)",
        ),
    ],
)
def test_with_a_period_it_is_what_was_declared_in_it(
    selection: Selection, tally: dict[str, int], counted: str, listed: str
) -> None:
    assert count_head(selection, tally) == counted
    assert list_head(selection, tally) == listed


def test_the_statement_is_given_all_filters_and_nothing_that_was_not_said() -> None:
    assert set(wanted().parameters().values()) == {None}
    given_ = wanted("yesterday", severity="SEV-1", called=("payments", "billing"), user="kim").parameters()
    assert given_ == {
        "severity": "SEV-1",
        "services": ["payments", "billing"],
        "assignee": "kim",
        "since": datetime(2026, 11, 23, 23, tzinfo=UTC),
        "until": datetime(2026, 11, 24, 23, tzinfo=UTC),
    }


def test_a_line_says_when_where_a_period_was_asked_for() -> None:
    row = {
        "id": "INC-1",
        "severity": "SEV-1",
        "status": "open",
        "service": None,
        "assignee": "dana",
        "title": "x" * 100,
        "started_at": datetime(2026, 11, 23, 9, tzinfo=UTC),
    }
    assert line(row, None) == f"INC-1 · SEV-1 · open · dana · {'x' * 80}"
    assert line(row, period("today")) == f"INC-1 · SEV-1 · open · dana · Mon 23 Nov 10:00 · {'x' * 80}"


@given(st.text(st.characters(codec="ascii")))
def test_services_are_written_as_the_catalogue_compares_them(text: str) -> None:
    assert written(text) == folded(text)


# Figures.


def row(**more: Any) -> dict[str, Any]:
    names = [
        f"{kind}_to_{verb}" for kind in ("median", "mean", "most") for verb in ("acknowledge", "resolve")
    ]
    counts = dict.fromkeys(
        ("declared", "sev1", "still_open", "acknowledged", "resolved", "breached", "warned"), 0
    )
    return dict.fromkeys(names) | counts | more


def test_figures_have_the_median_the_mean_and_the_ninth_of_ten() -> None:
    times = {"median_to_acknowledge": 240.0, "mean_to_acknowledge": 360.4, "most_to_acknowledge": 7500.0}
    said = figures.lines(row(declared=12, sev1=3, still_open=2, acknowledged=10, **times))
    assert said == [
        "12 declared (3 SEV-1), 2 still open",
        "Time to acknowledge: median 4 min, mean 6 min, 90 % within 2 h 5 min (10 of 12)",
        "Time to resolve: none was resolved",
    ]


def test_deadlines_are_told_of_where_there_were_some() -> None:
    assert figures.lines(row(declared=8, breached=2, warned=3))[-1] == (
        "SLA: 2 of 8 breached (75 % kept), 3 warned of"
    )
    assert figures.lines(row()) == ["0 declared (0 SEV-1), 0 still open"]


def test_the_head_of_figures_says_what_they_are_of() -> None:
    asked = Selection(severity="SEV-1", service="payments", period=last_days(7, NOW, BERLIN))
    assert figures.head(asked, 2) == (
        "2 SEV-1 incidents of payments in the last 7 days (Wed 18 Nov 21:50 – now, Europe/Berlin)"
    )


# Services, and who is on call.


def catalogue(*names: str) -> Catalogue:
    return Catalogue(
        services={name: Service(name=name) for name in names}, known_as={name: name for name in names}
    )


def test_a_service_that_nobody_knows_is_told_with_near_ones() -> None:
    shop = catalogue("checkout", "payments", *(f"other-{number}" for number in range(10)))
    assert services.named(shop, "Checkout") == "checkout"
    with pytest.raises(Misused, match="`paymnts`; did you mean payments"):
        services.named(shop, "paymnts")
    with pytest.raises(Misused, match=r"there are checkout, payments, (other-\d, ){6}…"):
        services.named(shop, "zzz")
    with pytest.raises(Misused, match=r"service `zzz`\Z"):
        services.named(catalogue(), "zzz")


def test_a_shift_ends_by_the_speakers_clock() -> None:
    found = OnCall(("tomek", "dana"), datetime(2026, 11, 26, 8, tzinfo=UTC), "rotation")
    assert duty.line("payments", found, NOW, BERLIN) == "payments: tomek, dana until Thu 26 Nov 09:00"
    assert duty.line("payments", found, NOW, NEW_YORK) == "payments: tomek, dana until Thu 26 Nov 03:00"
    assert duty.line("x", OnCall((), None, "", "no schedule"), NOW, BERLIN) == "x: nobody (no schedule)"
    stale = OnCall(("dana",), None, "ical", "an old copy")
    assert duty.line("x", stale, NOW, BERLIN) == "x: dana (an old copy)"


# Typed.


@pytest.mark.parametrize(
    ("command", "text", "found"),
    [
        ("count", '--sev 1 --period "this week"', {"severity": "SEV-1", "period": "this week"}),
        ("count", "--period this week --sev 1", {"severity": "SEV-1", "period": "this week"}),
        ("count", "--period=today", {"period": "today"}),
        (
            "count",
            "--period “last 3 days” --status resolved,closed",
            {"period": "last 3 days", "status": "resolved,closed"},
        ),
        ("list", "--user me --status unresolved", {"user": "me", "status": "open,acknowledged"}),
        ("list", "--status all,open", {"status": ""}),
        ("timeline", "--period since 10:05 INC-7", {"period": "since 10:05", "incident-id": "INC-7"}),
        ("timeline", "INC-7 --period today", {"period": "today", "incident-id": "INC-7"}),
        ("metrics", "payments --period last month", {"service": "payments", "period": "last month"}),
        ("metrics", "--service payments --sev 2", {"service": "payments", "severity": "SEV-2"}),
        ("oncall", "all services", {"service": "all services"}),
    ],
)
def test_questions_are_typed_with_or_without_quotes(command: str, text: str, found: dict[str, str]) -> None:
    assert arguments(USAGES[command], text) == found


def test_statuses_that_are_none_are_refused() -> None:
    with pytest.raises(Misused, match="not a status"):
        arguments(USAGES["list"], "--status open,nonsense")
