"""Which incident is meant without its id."""

from __future__ import annotations

import pytest

from nlu_model.parse import Entity
from router.catalogue.catalogue import Catalogue, Service, folded
from router.dialogue.referring import Candidate, content, matching, reference

CATALOGUE = Catalogue(
    services={
        "database": Service(name="database", aliases=("db", "postgres")),
        "checkout": Service(name="checkout", aliases=("cart",)),
    },
    known_as={
        folded(each): name
        for name, names in {
            "database": ("database", "db", "postgres"),
            "checkout": ("checkout", "cart"),
        }.items()
        for each in names
    },
)
OPEN = (
    Candidate(
        display_id="INC-1", title="Checkout is slow", severity="SEV-2", status="open", service="checkout"
    ),
    Candidate(
        display_id="INC-2",
        title="Replica lag on the primary",
        severity="SEV-1",
        status="open",
        service="database",
    ),
    Candidate(display_id="INC-3", title="Logins time out", severity="SEV-3", status="open"),
    Candidate(display_id="INC-4", title="Checkout shows blank page", severity="SEV-3", status="open"),
)


def mark(text: str, name: str, words: str) -> Entity:
    at = text.index(words)
    return Entity(name, words, at, at + len(words))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ack it", "pronoun"),
        ("resolve that one please", "pronoun"),
        ("close this incident", "pronoun"),
        ("escalate to SEV-1", "none"),
        ("the second one", "ordinal"),
        ("assign the 3rd one to priya", "ordinal"),
        ("number 2", "ordinal"),
        ("close the latest incident", "newest"),
        ("resolve the slow login issue", "described"),
        ("ack the one about replica lag", "described"),
        ("can you close the incident where logins were timing out?", "described"),
    ],
)
def test_how_an_incident_is_referred_to(text: str, kind: str) -> None:
    assert reference(text, ()).kind == kind


@pytest.mark.parametrize(
    ("text", "place"),
    [("the first one", 0), ("the second", 1), ("option 3", 2), ("the last one of them", -1)],
)
def test_places_in_a_list(text: str, place: int) -> None:
    found = reference(text, ())
    assert (found.kind, found.place) == ("ordinal", place)


def test_a_note_describes_nothing() -> None:
    text = "resolve it, restarted the payment issue worker"
    found = reference(text, [mark(text, "note", "restarted the payment issue worker")])
    assert (found.kind, found.words) == ("pronoun", ())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("resolve the replica lag issue", ["INC-2"]),
        ("resolve the login problem", ["INC-3"]),
        ("ack the one about logins timing out", ["INC-3"]),
        ("close the blank page one", ["INC-4"]),
        ("the checkout one", ["INC-1", "INC-4"]),
        ("the slow checkout one", ["INC-1"]),
        ("the postgres incident", ["INC-2"]),
        ("the kafka outage", []),
    ],
)
def test_descriptions_are_matched(text: str, meant: list[str]) -> None:
    found = matching(reference(text, ()), OPEN, CATALOGUE)
    assert [each.display_id for each in found] == meant


def test_a_service_and_a_severity_narrow_down() -> None:
    by_service = matching(reference("that one", (), service="database"), OPEN, CATALOGUE)
    by_severity = matching(reference("that one", (), severity="SEV-3"), OPEN, CATALOGUE)
    assert [each.display_id for each in by_service] == ["INC-2"]
    assert [each.display_id for each in by_severity] == ["INC-3", "INC-4"]


def test_what_says_nothing_describes_nothing() -> None:
    assert content("could you please mark it as resolved for me, thanks") == ()
