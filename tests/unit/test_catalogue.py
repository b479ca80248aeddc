"""The catalogue's file: what it says, how it is refused, and how it is read again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router.catalogue import reading as catalogue
from router.catalogue.calendars import CalendarRef
from router.catalogue.catalogue import EMPTY, Catalogue, CatalogueError, Rotation
from router.catalogue.live import LiveCatalogue, load
from router.catalogue.reading import parse

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("/etc/im")
TEAMS = "teams: {shop: {members: [dana, omar], timezone: Europe/Berlin}}\n"
TURNS = "members: [dana, omar], start: 2026-01-05T09:00, every: 1w"


def read(text: str) -> Catalogue:
    return parse(text, file="catalogue.yaml", folder=FOLDER, default_timezone="UTC")


def refused(text: str) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def on_call(schedule: str) -> str:
    """A catalogue whose only service, on line 2, has this schedule."""
    return f"{TEAMS}services: {{api: {{team: shop, on_call: {schedule}}}}}"


def rotation(turns: str) -> str:
    return on_call(f"{{rotation: {{{turns}}}}}")


# What it says.


def test_the_example_is_accepted_and_names_the_services_that_the_documentation_uses() -> None:
    found = load(ROOT / "data" / "catalogue.yaml", default_timezone="UTC")
    assert found.names() == ("checkout", "payments", "api", "auth", "search", "database")
    assert all(Path(ref.source).is_file() for ref in found.calendars())


def _keys(heading: str) -> set[str]:
    text = (
        (ROOT / "docs" / "catalogue.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    )
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_the_page_describes_every_key_and_its_example_is_accepted() -> None:
    assert _keys("Teams") == set(catalogue._TEAM_KEYS)
    assert _keys("Services") == set(catalogue._SERVICE_KEYS)
    assert _keys("Rotations") == set(catalogue._ROTATION_KEYS)
    assert _keys("Maintenance") == set(catalogue._MAINTENANCE_KEYS)
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "catalogue.md").read_text(), re.DOTALL)
    assert read(example).names() == ("checkout", "search")


def test_an_empty_file_is_an_empty_catalogue() -> None:
    assert read("# nothing yet\n") == EMPTY


def test_a_service_is_found_by_name_and_alias_whatever_the_case_and_the_separators() -> None:
    found = read("services: {payments-api: {aliases: [Billing, pay]}, search: {}}")
    for text in ("payments-api", "Payments API", "PAYMENTS_API", " billing ", "pay"):
        assert found.service(text) == "payments-api"
    assert found.service("shipping") is None


def test_near_names_what_was_probably_meant() -> None:
    found = read("services: {payments: {aliases: [billing]}, search: {}, checkout: {}}")
    assert found.near("chekout") == ("checkout",)
    assert found.near("biling") == ("payments",)
    assert found.near("the search engine") == ("search",)
    assert found.near("SEARCH") == ("search",)
    assert found.near("warehouse") == ()


def test_a_channel_is_named_for_each_provider_or_for_all() -> None:
    found = read("services: {a: {channel: '#a'}, b: {channel: {slack: C1, teams: T1}}, c: {}}")
    assert [found.services["a"].channel_on(name) for name in ("slack", "teams")] == ["#a", "#a"]
    assert [found.services["b"].channel_on(name) for name in ("slack", "discord")] == ["C1", None]
    assert found.services["c"].channel_on("slack") is None


def test_a_team_may_have_several_channels_on_a_provider() -> None:
    found = read("teams: {shop: {members: [dana], channels: {slack: [C1, C2], teams: T1}}}")
    assert found.teams["shop"].channels.on("slack") == ("C1", "C2")
    assert found.teams["shop"].channels.on("discord") == ()


def test_a_member_of_two_teams_is_described_in_either() -> None:
    found = read(
        "teams:\n  a: {members: [dana, {account: li, name: Li Wei}]}\n"
        "  b: {members: [{account: dana, email: dana@example.com}, {account: li, email: li@example.com}]}\n"
    )
    assert found.people["dana"].email == "dana@example.com"
    assert (found.people["li"].name, found.people["li"].email) == ("Li Wei", "li@example.com")


def test_the_zone_of_a_rotation_is_its_own_or_the_teams_or_the_files_or_the_default() -> None:
    def zone(text: str) -> str:
        schedule = read(text).services["api"].on_call
        assert isinstance(schedule, Rotation)
        return schedule.layers[0].zone

    assert zone(rotation(f"{TURNS}, timezone: Asia/Tokyo")) == "Asia/Tokyo"
    assert zone(rotation(TURNS)) == "Europe/Berlin"
    no_team = (
        "teams: {shop: {members: [dana, omar]}}\n"
        f"services: {{api: {{on_call: {{rotation: {{{TURNS}}}}}}}}}"
    )
    assert zone(f"timezone: Asia/Tokyo\n{no_team}") == "Asia/Tokyo"
    assert zone(no_team) == "UTC"


def test_a_path_is_relative_to_the_catalogue_and_an_address_is_shown_by_its_host_only() -> None:
    assert read(on_call("{ical: schedules/a.ics}")).calendars() == (
        CalendarRef("/etc/im/schedules/a.ics", "schedules/a.ics", "Europe/Berlin"),
    )
    for scheme in ("https", "webcal"):
        (ref,) = read(on_call(f"{{ical: '{scheme}://acme.example.com/private/0123456789/feed'}}")).calendars()
        assert ref.source == "https://acme.example.com/private/0123456789/feed"
        assert ref.shown == "acme.example.com"
        assert ref.remote


@pytest.mark.parametrize(
    ("every", "meant"),
    [("12h", timedelta(hours=12)), ("1d", timedelta(days=1)), ("2w", timedelta(weeks=2))],
)
def test_turns_last_hours_days_or_weeks(every: str, meant: timedelta) -> None:
    schedule = read(rotation(f"members: [dana], start: 2026-01-05, every: {every}")).services["api"].on_call
    assert isinstance(schedule, Rotation)
    assert schedule.layers[0].every == meant
    assert schedule.layers[0].start == datetime(2026, 1, 5)  # noqa: DTZ001 - wall time


def test_maintenance_names_services_by_alias_too_and_spans_wall_time() -> None:
    found = read(
        "services: {search: {aliases: [find]}}\n"
        "maintenance: [{name: move, services: [find], from: 2026-07-01T22:00, to: 2026-07-02 02:00, "
        "timezone: Europe/Berlin}]"
    )
    (plan,) = found.maintenance
    assert plan.services == ("search",)
    assert plan.when == (datetime(2026, 7, 1, 20, tzinfo=UTC), datetime(2026, 7, 2, 0, tzinfo=UTC))


# How it is refused: file, line, field and mend.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("servces: {}", "catalogue.yaml:1: servces: unknown field; did you mean `services`?"),
        ("version: 2", "catalogue.yaml:1: version: this release reads version 1; write `version: 1`"),
        ("\ntimezone: Europe/Berln", "catalogue.yaml:2: timezone: `Europe/Berln`: unknown time zone; did"),
        ("services: {a: {}", "catalogue.yaml:1: not readable as YAML"),
        ("services:\n  a: {}\n  a: {}", "catalogue.yaml:3: `a` is given twice (first on line 2); keep one"),
        ("services: [a]", "catalogue.yaml:1: services: a list where `name: value` entries belong"),
        (
            "services: {on: {}}",
            "services: `on` is read by YAML as true or false, not as a text; put it in qu",
        ),
        ("services: {a: {owner: x}}", "catalogue.yaml:1: services.a.owner: unknown field"),
        ("services: {a: {channel: [{x: y}]}}", "services.a.channel: a mapping (`name: value`) where a"),
        ("services: {a: {runbook: wiki/a}}", "services.a.runbook: `wiki/a` is no address; give"),
        (f"{TEAMS}services: {{a: {{team: shp}}}}", "team: `shp`: unknown team; did you mean `shop`?"),
        ("teams: {a: {members: [12]}}", "teams.a.members[0]: `12` is read by YAML"),
        (
            "teams: {a: {members: [{email: x@example.com}]}}",
            "teams.a.members[0]: `account` is missing; add it",
        ),
        (
            "teams:\n  a: {members: [{account: li, email: a@a}]}\n  b: {members: [{account: li, email: b}]}",
            "catalogue.yaml:3: teams.b.members[0]: `li` has another email in another team; give one of",
        ),
        (on_call("{}"), "2: services.api.on_call: give either `rotation` or `ical`, for example"),
        (on_call("{ical: a.ics, rotation: {}}"), "services.api.on_call: give either `rotation` or `ical`"),
        (rotation("members: [dana]"), "services.api.on_call.rotation: `start` is missing; add it"),
        (
            rotation("members: [], start: 2026-01-05, every: 1w"),
            "rotation.members: is an empty list; name at least",
        ),
        (
            rotation("members: [dnaa], start: 2026-01-05, every: 1w"),
            "services.api.on_call.rotation.members[0]: `dnaa`: unknown member; did you mean `dana`?",
        ),
        (
            rotation("members: [dana], start: 2026-01-05T09:00+01:00, every: 1w"),
            "rotation.start: write a date and local time such as 2026-01-05T09:00; leave the offset out",
        ),
        (
            rotation("members: [dana], start: 2026-02-30T09:00, every: 1w"),
            "start: write a date and local time such",
        ),
        (
            rotation("members: [dana], start: 2026-01-05, every: 30m"),
            "every: write a number of hours, days or weeks",
        ),
        (
            rotation(f"{TURNS}, restrict: {{weekdays: mo-fri}}"),
            "2: services.api.on_call.rotation.restrict.weekdays: `mo-fri`: write days as mon, tue, .. sun",
        ),
        (
            rotation(f'{TURNS}, restrict: {{between: "9-17"}}'),
            "rotation.restrict.between: write two times of 24 hours",
        ),
        (
            rotation(f"{TURNS}, layers: []"),
            "rotation.members: beside `layers`; move it into one of the layers",
        ),
        (
            rotation(f"{TURNS}, overrides: [{{member: omar, from: 2026-02-02, to: 2026-02-01}}]"),
            "rotation.overrides[0].to: is not after `from`; swap or mend them",
        ),
        (
            rotation(f"{TURNS}, overrides: [{{member: omar, from: 2026-02-02}}]"),
            "overrides[0]: `to` is missing; add it",
        ),
        (
            rotation(f"{TURNS}, overrides: [{{member: kim, from: 2026-02-02, to: 2026-02-03}}]"),
            "overrides[0].member: `kim`: unknown member; known: dana, omar; members are those of `teams`",
        ),
        (
            "services: {search: {}}\nmaintenance: [{name: x, services: [serch], ical: a.ics}]",
            "2: maintenance[0].services[0]: `serch`: unknown service; did you mean `search`?",
        ),
        (
            "services: {a: {}}\nmaintenance: [{name: x, services: [a], ical: a.ics, from: 2026-01-01}]",
            "maintenance[0]: give either `ical`, or `from` and `to`",
        ),
    ],
)
def test_a_bad_file_is_refused_with_line_field_and_mend(text: str, said: str) -> None:
    problems = refused(text)
    assert all(one.startswith("catalogue.yaml:") for one in problems)
    assert any(said in one for one in problems), problems


def test_every_problem_is_told_in_the_order_of_the_file() -> None:
    found = refused("teams:\n  a: {memers: [x]}\nservices:\n  b: {tem: a}\n  c: {runbook: x}\n")
    assert [one.split(":")[1] for one in found] == ["2", "4", "5"]


@pytest.mark.parametrize(
    "services",
    [
        "a: {aliases: [Shared]}\n  b: {aliases: [shared]}",
        "a: {aliases: [B]}\n  b: {}",
        "a: {}\n  b: {aliases: [a]}",
        "a-b: {}\n  'A B': {}",
    ],
)
def test_a_name_or_alias_that_two_services_claim_is_refused(services: str) -> None:
    (said,) = refused(f"services:\n  {services}\n")
    assert "is taken by the service" in said
    assert "names and aliases are unique" in said


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://feeds.example.com/s3cret.ics", "give an address that begins with https://"),
        ("ftp://feeds.example.com/s3cret.ics", "is no address"),
        ("https://user:s3cret@feeds.example.com/x.ics", "holds a user or password"),
        ("https:///s3cret.ics", "is no address"),
        ("https://[s3cret/x.ics", "is no address"),
    ],
)
def test_an_address_that_may_not_be_fetched_is_refused_without_being_shown(address: str, said: str) -> None:
    (problem,) = refused(on_call(f"{{ical: '{address}'}}"))
    assert said in problem
    assert problem.startswith("catalogue.yaml:2: services.api.on_call.ical: ")
    assert "s3cret" not in problem


def test_a_calendar_on_this_machine_may_be_fetched_without_tls() -> None:
    (ref,) = read(on_call("{ical: 'http://127.0.0.1:8080/a.ics'}")).calendars()
    assert ref.source == "http://127.0.0.1:8080/a.ics"


# How it is read again.


class Clock:
    now = 100.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.yaml"


def test_a_file_that_is_not_there_is_an_empty_catalogue_until_it_is_written(path: Path) -> None:
    live = LiveCatalogue(path, clock=Clock())
    assert (live.current, live.problems) == (EMPTY, ())
    path.write_text("services: {a: {}}")
    assert live.refresh()
    assert live.current.names() == ("a",)


def test_a_bad_file_leaves_the_last_good_one_in_force_and_is_told(path: Path) -> None:
    path.write_text("services: {a: {}}")
    live = LiveCatalogue(path, clock=Clock())
    path.write_text("servces: {b: {}}")
    assert not live.refresh()
    assert live.current.names() == ("a",)
    assert str(live.problems[0]).startswith("catalogue.yaml:1: servces")
    assert live.since is not None
    path.write_text("services: {b: {}}")
    assert live.refresh()
    assert (live.current.names(), live.problems, live.since) == (("b",), (), None)


def test_a_file_that_is_bad_from_the_start_is_an_empty_catalogue_with_problems(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    live = LiveCatalogue(path, clock=Clock())
    assert live.current == EMPTY
    assert [str(one) for one in live.problems] == ["catalogue.yaml: is not UTF-8 text; save it as UTF-8"]


def test_a_file_that_goes_away_leaves_the_last_good_one_in_force(path: Path) -> None:
    path.write_text("services: {a: {}}")
    live = LiveCatalogue(path, clock=Clock())
    path.unlink()
    assert not live.refresh()
    assert live.current.names() == ("a",)
    assert "is gone; the last catalogue stays in force" in str(live.problems[0])


def test_a_folder_in_its_place_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    live = LiveCatalogue(tmp_path, clock=Clock())
    assert "cannot be read: Is a directory" in str(live.problems[0])


def test_the_file_is_looked_at_no_more_often_than_asked(path: Path) -> None:
    live = LiveCatalogue(path, check_every=60.0, clock=Clock())
    path.write_text("services: {a: {}}")
    assert not live.refresh()
    assert live.refresh(force=True)
