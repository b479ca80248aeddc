"""Ids, severities, statuses, services, people and zones as people say them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_model.parse import Entity
from router.catalogue.catalogue import EMPTY, Catalogue
from router.catalogue.live import load
from router.catalogue.reading import parse
from router.dialogue.names import service, user, zone_named
from router.dialogue.values import incident_id, severity, status, value_of
from router.events import SEVERITIES, STATUSES

SHIPPED = load(Path(__file__).parents[2] / "data" / "catalogue.yaml", default_timezone="UTC")
ALIKE = parse(
    """\
version: 1
teams: {all: {members: [dana], channels: {sandbox: x}}}
services:
  api: {team: all}
  app: {team: all}
  inventory-api: {team: all}
  inventory-app: {team: all}
  user profiles: {team: all}
  db1: {team: all}
  db2: {team: all}
  email: {team: all}
  reporting: {team: all, aliases: [reports]}
  search2: {team: all}
  notifications: {team: all}
""",
    file="alike.yaml",
    folder=Path(),
    default_timezone="UTC",
)
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 14, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("INC-2024-001", "INC-2024-001"),
        ("inc-77", "INC-77"),
        ("INC 12345", "INC-12345"),
        ("#INC-9", "INC-9"),
        ("# inc 9", "INC-9"),
        ("inc77", "INC-77"),
        ("inc - 77", "INC-77"),
        ("inc–77", "INC-77"),
        ("INC_77.", "INC-77"),
        ("(INC-77)", "INC-77"),
        ("`inc-77`", "INC-77"),
        ("inc: 77", "INC-77"),
        ("inc  77?", "INC-77"),
        ("incident", None),
        ("77", None),
        ("increase", None),
        ("", None),
    ],
)
def test_an_incident_is_known_by_its_id(text: str, id: str | None) -> None:
    assert incident_id(text) == id


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            ("SEV-1", 1),
            ("sev1", 1),
            ("sev 2", 2),
            ("SEV_3", 3),
            ("sev-1.", 1),
            ("sev  -  4", 4),
            ("sev–2", 2),
        ),
        *(
            ("sev one", 1),
            ("severity two", 2),
            ("Severity: 3", 3),
            ("severity level 2", 2),
            ("a sev three", 3),
        ),
        *(("p1", 1), ("P 1", 1), ("p-2", 2), ("prio 1", 1), ("priority three", 3), ("prio: 4", 4), ("s2", 2)),
        *(("critical", 1), ("Critical!", 1), ("crit", 1), ("critcal", 1), ("major", 2), ("majro", 2)),
        *(
            ("minor", 3),
            ("low", 4),
            ("info", 4),
            ("low severity", 4),
            ("critical incidents", 1),
            ("sev1s", 1),
        ),
        *(
            ("sve1", 1),
            ("serverity 1", 1),
            ("severty 2", 2),
            ("sevv 3", 3),
            ("piority 2", 2),
            ("one", 1),
            ("3", 3),
        ),
    ],
)
def test_a_severity_has_many_names(text: str, number: int) -> None:
    assert severity(text) == f"SEV-{number}"


@pytest.mark.parametrize(
    "text",
    ["", "sev", "sev 5", "p0", "sev 12", "bad", "severe", "sev1 or sev2", "high", "api 1", "lot", "inf"],
)
def test_what_is_no_severity_is_none(text: str) -> None:
    assert severity(text) is None


OPEN, ACKNOWLEDGED, RESOLVED, CLOSED = STATUSES


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("open", (OPEN,)),
        ("Open ones", (OPEN,)),
        ("still open", (OPEN,)),
        ("new", (OPEN,)),
        ("opne", (OPEN,)),
        ("acked", (ACKNOWLEDGED,)),
        ("ack'd", (ACKNOWLEDGED,)),
        ("ack’d", (ACKNOWLEDGED,)),
        ("acknowledged", (ACKNOWLEDGED,)),
        ("acknowleged", (ACKNOWLEDGED,)),
        ("resolved", (RESOLVED,)),
        ("reslved", (RESOLVED,)),
        ("fixed", (RESOLVED,)),
        ("closed", (CLOSED,)),
        ("unresolved", (OPEN, ACKNOWLEDGED)),
        ("active", (OPEN, ACKNOWLEDGED)),
        ("ongoing", (OPEN, ACKNOWLEDGED)),
        ("currently active", (OPEN, ACKNOWLEDGED)),
        ("in progress", (OPEN, ACKNOWLEDGED)),
        ("not resolved", (OPEN, ACKNOWLEDGED)),
        ("not yet resolved", (OPEN, ACKNOWLEDGED)),
        ("that aren't fixed", (OPEN, ACKNOWLEDGED)),
        ("not closed", (OPEN, ACKNOWLEDGED, RESOLVED)),
        ("non-closed", (OPEN, ACKNOWLEDGED, RESOLVED)),
        ("not acknowledged", (OPEN,)),
        ("unacked", (OPEN,)),
        ("un-acked", (OPEN,)),
        ("not open", (ACKNOWLEDGED, RESOLVED, CLOSED)),
        ("open or acked", (OPEN, ACKNOWLEDGED)),
        ("closed and resolved", (RESOLVED, CLOSED)),
        ("open, acked/resolved", (OPEN, ACKNOWLEDGED, RESOLVED)),
        ("resolved but not closed", (RESOLVED,)),
        ("all", STATUSES),
        ("broken", ()),
        ("open and payments", ()),
        ("not", ()),
        ("", ()),
    ],
)
def test_a_status_can_be_several(text: str, statuses: tuple[str, ...]) -> None:
    assert status(text) == statuses


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("checkout", "checkout"),
        ("Checkout", "checkout"),
        ("check out", "checkout"),
        ("check-out", "checkout"),
        ("the checkout", "checkout"),
        ("checkout page", "checkout"),
        ("the storefront", "checkout"),
        ("carts", "checkout"),
        ("chekcout", "checkout"),
        ("checkoutt", "checkout"),
        ("payments service", "payments"),
        ("payment", "payments"),
        ("payment gateway", "payments"),
        ("the payments team's", "payments"),
        ("team payments", "payments"),
        ("our billing stuff", "payments"),
        ("payemnts", "payments"),
        ("paymentz system", "payments"),
        ("api gateway", "api"),
        ("the API", "api"),
        ("apis", "api"),
        ("api-gateway", "api"),
        ("api gatway", "api"),
        ("auth thing", "auth"),
        ("the auth gateway", "auth"),
        ("auht", "auth"),
        ("SSO", "auth"),
        ("login page", "auth"),
        ("lgoin", "auth"),
        ("search cluster", "search"),
        ("serach", "search"),
        ("databases", "database"),
        ("data base", "database"),
        ("the db server", "database"),
        ("postgers", "database"),
        ("`database`", "database"),
        ("#checkout", "checkout"),
        # Unknown ones stay as said.
        ("  warehouse ", "warehouse"),
        ("the warehouse thing", "the warehouse thing"),
        ("app", "app"),
        ("apy", "apy"),
        ("oauth", "oauth"),
        ("card", "card"),
        ("logic", "logic"),
        ("search db", "search db"),
        ("", ""),
        ("the", "the"),
    ],
)
def test_a_service_is_the_catalogues(text: str, name: str) -> None:
    assert service(text, SHIPPED) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("api", "api"),
        ("app", "app"),
        ("the app", "app"),
        ("apps", "app"),
        ("apq", "apq"),
        ("inventory api", "inventory-api"),
        ("inventory app", "inventory-app"),
        ("inventory ap", "inventory ap"),
        ("invetory api", "inventory-api"),
        ("inventoryapi", "inventory-api"),
        ("userprofiles", "user profiles"),
        ("user profile", "user profiles"),
        ("usr profiles", "usr profiles"),  # a short word must be right
        ("db1", "db1"),
        ("db3", "db3"),
        ("search", "search"),
        ("search 2", "search2"),
        ("importing", "importing"),
        ("report", "reporting"),
        ("notifcations", "notifications"),
        ("emial", "email"),
        ("emall", "emall"),
    ],
)
def test_services_that_are_alike_are_not_mixed_up(text: str, name: str) -> None:
    assert service(text, ALIKE) == name


def test_without_a_catalogue_a_service_is_as_said() -> None:
    assert service(" the  api thing ", EMPTY) == "the api thing"


@given(st.sampled_from(sorted(ALIKE.services)), st.text(max_size=3), st.text(max_size=3))
def test_a_name_of_the_catalogue_is_never_another(name: str, before: str, after: str) -> None:
    assert service(name, ALIKE) == name
    found = service(f"{before}{name}{after}", ALIKE)
    assert found in ALIKE.services or found == " ".join(f"{before}{name}{after}".split())


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("<@U024BE7LH>", "<@U024BE7LH>"),
        ("<@!123>", "<@123>"),
        ("<@U024BE7LH|dana>", "<@U024BE7LH>"),
        ("<@U024BE7LH>'s", "<@U024BE7LH>"),
        ("<@29:1bSCfZ>,", "<@29:1bSCfZ>"),
        ("@dana", "dana"),
        ("@ dana", "dana"),
        ("dana", "dana"),
        ("dana's", "dana"),
        ("@dana’s", "dana"),
        ("James'", "James"),
        ("Dana Smith", "Dana Smith"),
        ("dana@example.com", "dana@example.com"),
        ("me", "me"),
        ("Me.", "me"),
        ("myself", "me"),
        ("I", "me"),
        ("mine", "me"),
        ("my", "me"),
        ("@me", "me"),
    ],
)
def test_a_person_stays_recognisable(text: str, who: str) -> None:
    assert user(text) == who


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("Berlin time", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("America/New_York", "America/New_York"),
        ("lord howe", "Australia/Lord_Howe"),
        ("UTC", "UTC"),
        ("gmt", "UTC"),
        ("CET", "Europe/Berlin"),
        ("EST", "America/New_York"),
        ("eastern time", "America/New_York"),
        ("pacific", "America/Los_Angeles"),
        ("utc+2", "Etc/GMT-2"),
        ("GMT -05:00", "Etc/GMT+5"),
        ("utc+15", None),
        ("../../etc/passwd", None),
        ("gotham", None),
        ("", None),
    ],
)
def test_a_zone_is_known_by_name_city_or_letters(text: str, zone: str | None) -> None:
    found = zone_named(text)
    assert (found.key if found else None) == zone


def value(entity: str, text: str, catalogue: Catalogue = SHIPPED) -> object:
    found = Entity(entity=entity, text=text, start=0, end=len(text))
    return value_of(found, now=NOW, zone=BERLIN, catalogue=catalogue)


@pytest.mark.parametrize(
    ("entity", "text", "meant"),
    [
        ("incident_id", "inc 77", "INC-77"),
        ("incident_id", "the first one", "the first one"),
        ("severity", "sev one", "SEV-1"),
        ("severity", "terrible", "terrible"),
        ("service", "the auth thing", "auth"),
        ("service", "warehouse", "warehouse"),
        ("user", "@dana", "dana"),
        ("user", "mine", "me"),
        ("status", "acked", "acknowledged"),
        ("status", "unresolved", ["open", "acknowledged"]),
        ("status", "weird", "weird"),
        ("period", "today", {"since": "2026-11-25T00:00:00+01:00", "until": "2026-11-26T00:00:00+01:00"}),
        ("period", "in march", {"since": "2026-03-01T00:00:00+01:00", "until": "2026-04-01T00:00:00+02:00"}),
        ("period", "since forever", "since forever"),
        ("duration", "half an hour", 1800),
        ("duration", "until 6pm", "2026-11-25T18:00:00+01:00"),
        ("duration", "for a bit", "for a bit"),
        ("title", " API errors ", "API errors"),
        ("note", "restarted the primary\n", "restarted the primary"),
        ("description", "since 10:05, only eu-west", "since 10:05, only eu-west"),
    ],
)
def test_a_value_is_ready_for_json(entity: str, text: str, meant: object) -> None:
    assert value(entity, text) == meant


ENTITIES = (
    "incident_id",
    "severity",
    "service",
    "user",
    "status",
    "period",
    "duration",
    "title",
    "note",
    "?",
)


@given(st.sampled_from(ENTITIES), st.text(max_size=120))
def test_any_text_has_a_value(entity: str, text: str) -> None:
    assert json.dumps(value(entity, text, ALIKE))


@given(st.text(max_size=40))
def test_only_what_there_is_comes_out(text: str) -> None:
    assert severity(text) in (None, *SEVERITIES)
    assert set(status(text)) <= set(STATUSES)
    assert (incident_id(text) or "INC-").startswith("INC-")
    assert user(text) == user(user(text)) or user(text).startswith(("@", "<"))
    assert zone_named(text) is None or zone_named(text) == zone_named(text.upper())
