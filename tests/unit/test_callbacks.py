"""What goes back to a source, and what an incident's messages say of it: decisions without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from adapters.callbacks import CALLBACKS as KINDS
from adapters.callbacks import TIME
from adapters.contract import IncidentCard, Message, MessageRef, Platform, Receipt
from router import compose
from router.acts import act
from router.batch import Delivery, Earlier, Step
from router.callbacks import (
    LABEL,
    Call,
    callbacks_for,
    confirms,
    edit_of,
    follow,
    marked,
    with_call,
    without_calls,
)
from router.events import Event, Hand, IncidentIn, Verb
from router.incidents import Change, Incident
from router.outbox import CALL, Claimed, Group, summed_up
from router.sending import Connected, send

NOW: Final = datetime(2026, 1, 5, 10, 5, tzinfo=UTC)
CALLBACKS: Final = {"source:pager": "pagerduty", "source:tickets": "webhook"}


def incident(source: str = "tickets", **changes: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": "i1",
        "source": source,
        "external_id": "T-77",
        "display_id": "INC-2026-001",
        "title": "Database down",
        "severity": "SEV-2",
        "status": "acknowledged",
        "started_at": NOW - timedelta(minutes=5),
        "changed_at": NOW,
    }
    return Incident(**(usual | changes))


def by_hand(verb: Verb = "acknowledge", source: str = "tickets", **changes: str) -> Event:
    hand = Hand(verb=verb, account="dana", actor="chatops:U1", via="slack:company-slack")
    known = incident(source)
    return act(hand, known, key="k", at=NOW, who="dana", note="on it", changes=changes)


def sent_by_source(kind: str = "incident.acknowledged", status: str | None = None) -> Event:
    event = by_hand()
    given = IncidentIn(id="T-77", status=status)
    return msgspec.structs.replace(event, hand=None, type=kind, incident=given)


def calls(event: Event, known: Incident | None = None) -> tuple[Delivery, ...]:
    return callbacks_for(event, known or incident(event.source), CALLBACKS, delivery_event_id="e1")


def call(state: str = "pending", **changes: Any) -> Call:
    usual = {
        "id": "d0",
        "incident_id": "i1",
        "provider": "source:tickets",
        "event": "incident.acknowledged",
        "state": state,
    }
    return Call(**(usual | changes))


# The decision.


def test_a_persons_act_goes_back_to_the_source_of_its_incident() -> None:
    (made,) = calls(by_hand())
    assert (made.provider, made.channel, made.mode) == ("source:tickets", "T-77", CALL)
    assert (made.event_id, made.incident_id, made.routes) == ("e1", "i1", ())
    assert made.expires_at == NOW + timedelta(hours=24)
    assert (made.message.event, made.message.actor, made.message.note) == (
        "incident.acknowledged",
        "dana",
        "on it",
    )
    assert dict(made.message.facts)[TIME] == "2026-01-05T10:05:00Z"


def test_what_a_source_sends_never_goes_back() -> None:
    assert calls(sent_by_source()) == ()


def test_what_a_source_does_by_a_token_of_its_own_never_goes_back() -> None:
    event = by_hand()
    hand = msgspec.structs.replace(event.hand, via="api:tickets")
    assert calls(msgspec.structs.replace(event, hand=hand)) == ()


def test_an_incident_whose_source_has_no_callback_is_nobodys_concern() -> None:
    assert calls(by_hand(source="chatops")) == ()


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("acknowledge", True),
        ("resolve", True),
        ("close", False),
        ("assign", False),
        ("escalate", False),
        ("update", False),
        ("reopen", False),
    ],
)
def test_pagerduty_is_told_only_of_what_it_knows_and_a_webhook_of_all(verb: Verb, told: bool) -> None:
    assert bool(calls(by_hand(verb, "pager"))) is told
    assert calls(by_hand(verb, "tickets"))


def test_every_act_is_a_delivery_of_its_own() -> None:
    assert calls(by_hand())[0].id != calls(by_hand())[0].id


# What a source says itself.


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (sent_by_source(), "incident.acknowledged"),
        (sent_by_source("incident.resolved"), "incident.resolved"),
        (sent_by_source("incident.updated", "acknowledged"), "incident.acknowledged"),
        (sent_by_source("incident.updated", "open"), None),
        (sent_by_source("incident.updated"), None),
        (sent_by_source("incident.reopened"), "incident.reopened"),
        (sent_by_source("sla.breached"), None),
        (by_hand(), None),
    ],
)
def test_a_status_from_the_source_confirms_the_call_that_says_the_same(
    event: Event, expected: str | None
) -> None:
    assert confirms(event) == expected


# A step of the pipeline.


def step(event: Event) -> Step:
    known = incident(event.source)
    shown = Delivery(
        id="d1",
        event_id="e1",
        incident_id="i1",
        provider="chat",
        channel="C1",
        mode="edit",
        priority=2,
        step="10:05 acknowledged",
        message=compose.message(event, known, template=None),
        routes=("changes",),
        accepted_at=NOW,
        expires_at=None,
    )
    made = Step(event, Earlier(b"", "e1", "x1", ("d1",)), change=Change(known, known, late=False))
    made.deliveries = (shown,)
    return made


def facts(made: Step) -> list[str]:
    return [value for label, value in made.deliveries[0].message.facts if label == LABEL]


def test_an_act_is_shown_as_pending_and_its_delivery_is_answered_with_the_others() -> None:
    made, known = step(by_hand()), dict[str, Call]()
    assert follow(made, known, CALLBACKS) is None
    assert facts(made) == ["tickets: acknowledged, pending"]
    assert [each.mode for each in made.deliveries] == ["edit", CALL]
    assert made.earlier.deliveries == tuple(each.id for each in made.deliveries)
    assert known["i1"].id == made.deliveries[1].id


def test_later_messages_go_on_saying_that_a_call_is_pending_or_failed() -> None:
    for state, text in (("retrying", "pending"), ("failed", "failed (rejected)")):
        made = step(sent_by_source("incident.updated"))
        follow(made, {"i1": call(state, reason="rejected")}, CALLBACKS)
        assert facts(made) == [f"tickets: acknowledged, {text}"]
        assert len(made.deliveries) == 1


def test_once_confirmed_later_messages_say_nothing_of_it() -> None:
    made = step(sent_by_source("incident.updated"))
    follow(made, {"i1": call("sent")}, CALLBACKS)
    assert facts(made) == []


def test_a_source_that_says_so_itself_confirms() -> None:
    made, known = step(sent_by_source()), {"i1": call("retrying")}
    assert follow(made, known, CALLBACKS) == ("i1", "incident.acknowledged")
    assert facts(made) == []
    assert known["i1"].outcome == "confirmed"


def test_a_source_that_says_something_else_leaves_the_newest_call_as_it_is() -> None:
    made, known = step(sent_by_source()), {"i1": call(event="incident.resolved")}
    assert follow(made, known, CALLBACKS) == ("i1", "incident.acknowledged")
    assert facts(made) == ["tickets: resolved, pending"]


# Messages.


def test_a_message_says_it_once_and_keeps_its_other_facts() -> None:
    plain = Message(event="incident.resolved", headline="h", facts=(("Time to resolve", "5 min"),))
    twice = with_call(with_call(plain, call()), call("sent"))
    assert twice.facts == (("Time to resolve", "5 min"), (LABEL, "tickets: acknowledged, confirmed"))
    assert without_calls(twice) == plain


def test_the_call_itself_says_nothing_of_calls() -> None:
    (made,) = calls(by_hand())
    assert marked(made, call()) is made


def test_an_edit_renews_the_newest_message_of_a_place() -> None:
    message = msgspec.json.encode(with_call(step(by_hand()).deliveries[0].message, call())).decode()
    place = {"provider": "chat", "channel": "C1", "event_id": "e1", "message": message}
    edit = edit_of(place, call("failed", reason="rejected"), incident(status="resolved"), NOW)
    assert edit is not None
    assert (edit["mode"], edit["incident_id"], edit["step"]) == (
        "edit",
        "i1",
        "10:05 tickets: acknowledged, failed (rejected)",
    )
    assert edit["message"].incident.status == "resolved"
    assert edit["message"].facts == ((LABEL, "tickets: acknowledged, failed (rejected)"),)


def test_a_message_that_says_nothing_of_a_call_is_not_edited() -> None:
    message = msgspec.json.encode(step(by_hand()).deliveries[0].message).decode()
    place = {"provider": "chat", "channel": "C1", "event_id": "e1", "message": message}
    assert edit_of(place, call("sent"), incident(), NOW) is None


# On its way.


def claimed(seq: int = 1, **changes: Any) -> Claimed:
    card = IncidentCard(id="INC-1", title="t", severity="SEV-2", status="open", started_at=NOW)
    usual: dict[str, Any] = {
        "id": f"d{seq}",
        "seq": seq,
        "incident_id": "i1",
        "provider": "source:tickets",
        "channel": "T-77",
        "mode": CALL,
        "priority": 1,
        "step": "",
        "message": Message(event="incident.acknowledged", headline="h", incident=card),
        "attempts": 1,
        "uncertain": False,
        "tried_at": NOW,
        "accepted_at": NOW,
        "announced": None,
    }
    return Claimed(**(usual | changes))


class Recorder:
    """An adapter that notes what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.facts: tuple[tuple[str, str], ...] = ()

    async def post(self, channel: str, message: Message, *, nonce: str) -> Receipt:  # noqa: ARG002
        self.asked.append("post")
        return Receipt(ref=MessageRef(channel=channel, message_id=nonce))

    async def edit(self, ref: MessageRef, message: Message) -> Receipt:  # noqa: ARG002
        self.asked.append("edit")
        return Receipt(ref=ref)

    async def reply(self, ref: MessageRef, message: Message, *, nonce: str) -> Receipt:  # noqa: ARG002
        self.asked.append("reply")
        self.facts = message.facts
        return Receipt(ref=ref)


def connected(adapter: Recorder) -> Connected:
    platform = msgspec.structs.replace(_platform(), nonce_window_seconds=float("inf"))
    return Connected(platform, adapter)  # type: ignore[arg-type]


def _platform() -> Platform:
    return KINDS["webhook"]


@pytest.mark.parametrize("announced", [None, "m1"])
async def test_a_call_is_posted_and_announces_nothing(announced: str | None) -> None:
    adapter = Recorder()
    group = Group(head=claimed(announced=announced, uncertain=True))
    sent = await send(connected(adapter), group, lambda: NOW)
    assert (adapter.asked, sent.announces, sent.may_be_double) == (["post"], False, False)


async def test_an_answer_in_a_thread_says_nothing_that_would_have_to_change() -> None:
    adapter = Recorder()
    message = with_call(claimed().message, call())
    await send(
        connected(adapter), Group(head=claimed(mode="reply", announced="m1", message=message)), lambda: NOW
    )
    assert (adapter.asked, adapter.facts) == (["reply"], ())


def test_calls_are_never_summed_up() -> None:
    groups = [Group(head=claimed(seq, incident_id=f"i{seq}")) for seq in range(30)]
    chosen, back = summed_up(groups, 2)
    assert [len(group.all) for group in chosen] == [1, 1]
    assert len(back) == 28
