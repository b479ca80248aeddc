"""Windows of local time: over midnight, in other zones, and through changes of daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.evaluate import matching
from rules.facts import Facts
from rules.load import parse_texts

BERLIN = ZoneInfo("Europe/Berlin")
RULES = """\
timezone: Europe/Berlin
routes: [{id: open, when: {local_time: {%s}}, notify: []}]
"""


def is_open(window: str, at: datetime) -> bool:
    rule_set = parse_texts({"a.yaml": RULES % window}, default_timezone="UTC")
    return matching(rule_set, Facts(event="incident.created", at=at.astimezone(UTC))) == ("open",)


def minutes_open(window: str, start: datetime, hours: int) -> list[str]:
    """The UTC times, on full quarters, at which the window is open."""
    rule_set = parse_texts({"a.yaml": RULES % window}, default_timezone="UTC")
    steps = (start + timedelta(minutes=15 * step) for step in range(hours * 4))
    return [at.strftime("%H:%M") for at in steps if matching(rule_set, Facts(event="x", at=at))]


def berlin(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (berlin(5, 7, 59), False),
        (berlin(5, 8), True),
        (berlin(5, 17, 59), True),
        (berlin(5, 18), False),
        (berlin(9, 12), True),
        (berlin(10, 12), False),
    ],
)
def test_a_day_window_begins_at_its_start_and_ends_before_its_end(at: datetime, expected: bool) -> None:
    assert is_open('weekdays: mon-fri, between: "08:00-18:00"', at) is expected  # the 5th is a Monday


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (berlin(9, 22), True),
        (berlin(10, 5, 59), True),  # Saturday morning belongs to Friday
        (berlin(10, 6), False),
        (berlin(10, 22), False),
        (berlin(12, 3), False),  # Monday morning belongs to Sunday
        (berlin(12, 22), True),
    ],
)
def test_a_night_belongs_to_the_day_it_starts_on(at: datetime, expected: bool) -> None:
    assert is_open('weekdays: mon-fri, between: "22:00-06:00"', at) is expected


def test_days_may_be_a_range_over_the_week_end_a_list_or_one() -> None:
    def days(written: str) -> list[int]:
        return [day for day in range(5, 12) if is_open(f"weekdays: {written}", berlin(day, 12))]

    assert days("fri-mon") == [5, 9, 10, 11]
    assert days("[mon, wed-thu]") == [5, 7, 8]
    assert days("sun") == [11]


def test_a_window_up_to_midnight_may_end_at_24() -> None:
    assert is_open('between: "18:00-24:00"', berlin(5, 23, 59))
    assert not is_open('between: "18:00-24:00"', berlin(6, 0))


def test_the_zone_of_the_window_wins_over_the_files_and_that_over_the_default() -> None:
    at = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
    assert not is_open('between: "08:00-09:00"', at)
    assert is_open('between: "08:00-09:00", timezone: UTC', at)
    text = 'routes: [{id: open, when: {local_time: {between: "08:00-09:00"}}, notify: []}]'
    for zone, expected in (("UTC", ("open",)), ("Asia/Tokyo", ())):
        assert matching(parse_texts({"a": text}, default_timezone=zone), Facts(event="x", at=at)) == expected


def test_working_hours_keep_to_the_clock_on_the_wall_in_summer_and_winter() -> None:
    for month, utc_hour in ((1, 7), (7, 6)):
        at = datetime(2026, month, 6, utc_hour, tzinfo=UTC)
        assert is_open('between: "08:00-18:00"', at)
        assert not is_open('between: "08:00-18:00"', at - timedelta(minutes=1))


# On 29 March 2026 the clocks of Berlin jump from 02:00 to 03:00 at 01:00 UTC.
SPRING = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "opened"),
    [
        ("01:30-02:30", ["00:30", "00:45"]),  # its end is skipped: it ends with the gap
        ("02:30-03:30", ["01:00", "01:15"]),  # its start is skipped: it begins with the end of the gap
        ("02:15-02:45", ["01:00", "01:15"]),  # skipped whole: it takes place after the gap
        ("02:00-03:00", ["01:00", "01:15", "01:30", "01:45"]),
    ],
)
def test_what_spring_skips_takes_place_after_the_gap(window: str, opened: list[str]) -> None:
    assert minutes_open(f'between: "{window}"', SPRING, 3) == opened


# On 25 October 2026 they go back from 03:00 to 02:00 at 01:00 UTC: 00:00 and 01:00 UTC are both 02:00.
AUTUMN = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "opened"),
    [
        ("02:15-02:45", ["00:15", "00:30"]),  # once, the first time
        ("01:00-02:30", ["00:00", "00:15"]),
        ("02:30-03:15", ["00:30", "00:45", "01:00", "01:15", "01:30", "01:45", "02:00"]),
    ],
)
def test_what_autumn_repeats_takes_place_once(window: str, opened: list[str]) -> None:
    assert minutes_open(f'between: "{window}"', AUTUMN, 3) == opened


@pytest.mark.parametrize("start", [SPRING - timedelta(hours=6), AUTUMN - timedelta(hours=6)])
def test_windows_that_follow_each_other_leave_no_hole_when_the_clocks_change(start: datetime) -> None:
    night, day = (
        minutes_open('between: "22:00-02:30"', start, 24),
        minutes_open('between: "02:30-22:00"', start, 24),
    )
    assert len(night) + len(day) == 24 * 4
    assert not set(night) & set(day)


def test_the_night_before_the_change_keeps_its_day() -> None:
    window = 'weekdays: sat, between: "22:00-06:00"'
    assert is_open(window, datetime(2026, 3, 29, 3, 59, tzinfo=UTC))
    assert not is_open(window, datetime(2026, 3, 29, 4, 0, tzinfo=UTC))
    assert is_open(window, datetime(2026, 10, 25, 4, 59, tzinfo=UTC))
    assert not is_open(window, datetime(2026, 10, 25, 5, 0, tzinfo=UTC))


def test_a_gap_at_midnight_moves_the_start_of_the_day() -> None:
    text = 'routes: [{id: open, when: {local_time: {between: "00:00-02:00"}}, notify: []}]'
    rule_set = parse_texts({"a": text}, default_timezone="America/Havana")
    hours = [datetime(2026, 3, 8, hour, tzinfo=UTC) for hour in range(4, 8)]
    # on 8 March 2026 the clocks there jump from 00:00 to 01:00, at 05:00 UTC
    assert [at.hour for at in hours if matching(rule_set, Facts(event="x", at=at))] == [5]
