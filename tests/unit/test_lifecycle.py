"""The lifecycle as people walk it: every verb in every state, and what is told where it makes no sense."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import msgspec
import pytest

from router import compose
from router.acts import act
from router.events import STATUSES, Event, Hand, Verb
from router.incidents import Incident, apply
from router.lifecycle import EVENTS, FROM, asked, possible
from router.problems import Conflict

START: Final = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
CHANGES: Final[dict[str, dict[str, str]]] = {
    "escalate": {"severity": "SEV-1"},
    "assign": {"assignee": "erin"},
    "declare": {"title": "It is down", "severity": "SEV-3"},
}


def incident(status: str = "open", **more: Any) -> Incident:
    given: dict[str, Any] = {
        "id": "i",
        "source": "monitoring",
        "external_id": "x-1",
        "display_id": "INC-2024-001",
        "title": "Down",
        "severity": "SEV-2",
        "status": status,
        "started_at": START,
        "changed_at": START,
        "status_at": START,
        "status_by": "dana",
    }
    return Incident(**(given | more))


def done(verb: Verb, known: Incident | None, *, account: str | None = None, minutes: float = 2) -> Event:
    hand = Hand(verb=verb, account=account, actor="chatops:erin", via="slack:s")
    at = START + timedelta(minutes=minutes)
    event = act(hand, known, key="k", at=at, who="erin", changes=CHANGES.get(verb))
    return asked(event, hand, known)


def allowed(verb: Verb, status: str) -> bool:
    try:
        done(verb, incident(status))
    except Conflict:
        return False
    return True


@pytest.mark.parametrize(("verb", "status"), [(v, s) for v in VERBS if v != "declare" for s in STATUSES])
def test_a_verb_is_done_in_its_states_only(verb: Verb, status: str) -> None:
    assert allowed(verb, status) == (status in FROM[verb])
    assert (verb in possible(incident(status))) == (status in FROM[verb])


@pytest.mark.parametrize("status", STATUSES)
def test_every_button_is_possible_in_its_state(status: str) -> None:
    commands = {"war_room": None, "details": None}
    for button in compose.actions(incident(status)):
        verb = commands.get(button.id, button.id)
        assert verb is None or verb in possible(incident(status)), button


@pytest.mark.parametrize(
    ("verb", "status", "told"),
    [
        ("acknowledge", "acknowledged", "INC-2024-001 was acknowledged by dana 2 min ago"),
        ("resolve", "resolved", "INC-2024-001 was resolved by dana 2 min ago"),
        ("resolve", "closed", "INC-2024-001 was closed by dana 2 min ago"),
        ("close", "open", "INC-2024-001 is open; resolve it first"),
        ("close", "acknowledged", "INC-2024-001 is acknowledged; resolve it first"),
        ("close", "closed", "INC-2024-001 was closed by dana 2 min ago"),
        ("reopen", "open", "INC-2024-001 is open"),
        ("escalate", "closed", "INC-2024-001 is closed; reopen it first"),
        ("assign", "resolved", "INC-2024-001 is resolved; reopen it first"),
    ],
)
def test_a_refusal_says_what_is_true_or_what_comes_first(verb: Verb, status: str, told: str) -> None:
    with pytest.raises(Conflict) as refused:
        done(verb, incident(status))
    assert refused.value.detail == told


def test_a_refusal_says_only_what_is_known() -> None:
    with pytest.raises(Conflict) as refused:
        done("acknowledge", incident("acknowledged", status_at=None, status_by=None))
    assert refused.value.detail == "INC-2024-001 was acknowledged"


def test_no_change_is_refused() -> None:
    with pytest.raises(Conflict, match="is SEV-1 already"):
        done("escalate", incident(severity="SEV-1"))
    with pytest.raises(Conflict, match="is assigned to erin already"):
        done("assign", incident(assignee="erin"))


def test_acknowledging_takes_ownership_of_what_nobody_has() -> None:
    assert done("acknowledge", incident(), account="erin").incident.assignee == "erin"
    assert done("acknowledge", incident(assignee="dana"), account="erin").incident.assignee is None
    assert done("acknowledge", incident()).incident.assignee is None


def test_a_declaration_of_what_is_there_already_is_refused() -> None:
    assert done("declare", None).type == "incident.created"
    with pytest.raises(Conflict):
        done("declare", incident())


def test_no_walk_leaves_the_lifecycle() -> None:
    for walk in itertools.product(VERBS[1:], repeat=4):
        known = incident()
        for minute, verb in enumerate(walk, 3):
            known = walked(known, verb, minute)


def walked(known: Incident, verb: Verb, minute: int) -> Incident:
    try:
        event = done(verb, known, minutes=minute)
    except Conflict:
        return known
    after = apply(known, event, new_id="", display_id="").after
    assert known.status in FROM[verb]
    assert after.status in STATUSES
    assert (after.closed_at is not None) == (after.status == "closed")
    assert (after.resolved_at is not None) == (after.status in ("resolved", "closed"))
    return msgspec.structs.replace(after, severity="SEV-2", assignee=None)


def test_every_verb_makes_an_event() -> None:
    assert set(EVENTS) == set(VERBS)
    assert set(FROM) == set(VERBS) - {"declare"}


def test_a_persons_act_counts_though_a_sources_clock_is_ahead() -> None:
    known = incident(changed_at=START + timedelta(hours=1), status_at=START + timedelta(hours=1))
    change = apply(known, done("acknowledge", known), new_id="", display_id="")
    assert (change.after.status, change.late) == ("acknowledged", False)
    assert change.after.changed_at == known.changed_at
