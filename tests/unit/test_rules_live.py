"""Rules that are read again: swapped whole when good, left alone when not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rules.facts import Facts
from rules.live import RETRY_SECONDS, LiveRules
from rules.model import RuleFilesError

FACTS = Facts(event="incident.created", at=datetime(2026, 1, 5, tzinfo=UTC))
GOOD = "routes: [{id: %s, when: {}, notify: []}]\n"


class Clock:
    """Seconds that pass when a test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(tmp_path: Path, clock: Clock) -> Iterator[LiveRules]:
    (tmp_path / "a.yaml").write_text(GOOD % "one")
    made = LiveRules(tmp_path, default_timezone="UTC", clock=clock)
    yield made
    made.close()


def decided(live: LiveRules) -> tuple[str, ...]:
    rule_set, engine = live.current
    found = engine.matching(FACTS)
    assert set(found) <= set(rule_set.order)
    return found


def check(live: LiveRules, clock: Clock) -> bool:
    clock.now += 1.0
    return live.refresh()


def test_the_first_load_raises_when_the_files_are_bad(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rotes: []")
    with pytest.raises(RuleFilesError, match=r"a\.yaml:1: rotes: unknown field; did you mean `routes`\?"):
        LiveRules(tmp_path, default_timezone="UTC")


def test_a_change_takes_effect_as_a_whole(live: LiveRules, clock: Clock, tmp_path: Path) -> None:
    before = live.current
    (tmp_path / "a.yaml").write_text(GOOD % "two")
    assert check(live, clock)
    assert decided(live) == ("two",)
    assert before[1].matching(FACTS) == ("one",), "a decision under way ends with the rules it began with"


def test_files_that_come_and_go_are_noticed(live: LiveRules, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.yaml").write_text(GOOD % "two")
    assert check(live, clock)
    assert decided(live) == ("one", "two")
    (tmp_path / "b" / "c.yaml").unlink()
    assert check(live, clock)
    assert decided(live) == ("one",)


def test_a_file_that_is_replaced_by_another_of_its_size_and_time_is_noticed(
    live: LiveRules, clock: Clock, tmp_path: Path
) -> None:
    stat = (tmp_path / "a.yaml").stat()
    (tmp_path / "new").write_text(GOOD % "two")
    os.utime(tmp_path / "new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "new").rename(tmp_path / "a.yaml")
    assert check(live, clock)
    assert decided(live) == ("two",)


def test_nothing_is_looked_at_before_its_time_unless_forced(
    live: LiveRules, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD % "two")
    clock.now += 0.9
    assert not live.refresh()
    assert live.refresh(force=True)
    assert decided(live) == ("two",)


def test_a_touched_file_swaps_nothing(live: LiveRules, clock: Clock, tmp_path: Path) -> None:
    before = live.current
    (tmp_path / "a.yaml").touch()
    assert not check(live, clock)
    assert not live.refresh(force=True)
    assert live.current is before


def test_a_bad_file_leaves_the_last_good_rules_in_force_and_says_so(
    live: LiveRules, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text("routes: [{id: two, when: {severty: SEV-1}, notify: []}]")
    assert not check(live, clock)
    assert decided(live) == ("one",)
    assert [str(problem) for problem in live.problems] == [
        "a.yaml:1: routes[0].when.severty: unknown field; did you mean `severity`?"
    ]
    assert live.since is not None


def test_since_tells_when_the_trouble_began(live: LiveRules, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1")
    check(live, clock)
    began = live.since
    (tmp_path / "a.yaml").write_text("xy: 1")
    check(live, clock)
    assert live.since == began
    assert "xy" in str(live.problems[0])


def test_a_mended_file_ends_the_trouble(live: LiveRules, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1")
    check(live, clock)
    (tmp_path / "a.yaml").write_text(GOOD % "two")
    assert check(live, clock)
    assert (live.problems, live.since, decided(live)) == ((), None, ("two",))


def test_going_back_to_the_rules_in_force_ends_the_trouble_without_a_swap(
    live: LiveRules, clock: Clock, tmp_path: Path
) -> None:
    before = live.current
    (tmp_path / "a.yaml").write_text("x: 1")
    check(live, clock)
    (tmp_path / "a.yaml").write_text(GOOD % "one")
    assert not check(live, clock)
    assert live.problems == ()
    assert live.current is before


@pytest.mark.parametrize("empty_folder", [True, False])
def test_files_that_vanish_leave_the_rules_in_force(
    live: LiveRules, clock: Clock, tmp_path: Path, empty_folder: bool
) -> None:
    (tmp_path / "a.yaml").unlink()
    if not empty_folder:
        tmp_path.rmdir()
    assert not check(live, clock)
    assert decided(live) == ("one",)
    assert "no rule files" in str(live.problems[0])


def test_what_failed_for_want_of_time_is_tried_again(
    live: LiveRules, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise RuleFilesError(())

    (tmp_path / "a.yaml").write_text(GOOD % "two")
    with monkeypatch.context() as patch:
        patch.setattr("rules.live.probe", busy)
        assert not check(live, clock)
    assert not check(live, clock)
    clock.now += RETRY_SECONDS
    assert check(live, clock)
    assert decided(live) == ("two",)


def test_bad_files_at_the_start_leave_the_last_runs_rules_in_force(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "a.yaml").write_text("rotes: []")
    live = LiveRules(tmp_path, default_timezone="UTC", clock=clock, last_good={"a.yaml": GOOD % "earlier"})
    assert decided(live) == ("earlier",)
    assert "did you mean `routes`?" in str(live.problems[0])
    (tmp_path / "a.yaml").write_text(GOOD % "mended")
    assert check(live, clock)
    assert decided(live) == ("mended",)
    assert live.problems == ()
    live.close()
