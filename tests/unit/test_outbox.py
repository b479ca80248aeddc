"""What is sent at once: merged streams, and summaries of what a channel's rate holds back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.contract import IncidentCard, Limits, Message
from router.buckets import Ask, Grant
from router.outbox import SUMMARY_SIZE, Claimed, Group, summed_up
from router.targets import PRIORITIES

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


def message(number: int, status: str = "open", **given: object) -> Message:
    card = IncidentCard(
        id=f"INC-{number}",
        title=f"Title {number}",
        severity="SEV-3",
        status=status,
        started_at=NOW,  # type: ignore[arg-type]
    )
    return Message(event="incident.created", headline=f"headline {status}", incident=card, **given)  # type: ignore[arg-type]


def claimed(number: int, **given: object) -> Claimed:
    values: dict[str, object] = {
        "id": f"d{number}",
        "seq": number,
        "incident_id": f"i{number}",
        "provider": "slack",
        "channel": "C1",
        "mode": "post",
        "priority": 1,
        "step": f"step {number}",
        "message": message(number),
        "attempts": 1,
        "uncertain": False,
        "tried_at": NOW,
        "accepted_at": NOW,
        "announced": None,
    }
    return Claimed(**(values | given))  # type: ignore[arg-type]


def fresh(count: int) -> list[Group]:
    return [Group(head=claimed(number)) for number in range(count)]


@pytest.mark.parametrize(
    ("announced", "modes", "expected"),
    [
        (None, ["post"], "post"),
        (None, ["edit", "reply"], "post"),
        ("ts1", ["edit"], "edit"),
        ("ts1", ["edit", "edit"], "edit"),
        ("ts1", ["reply"], "reply"),
        ("ts1", ["edit", "reply"], "edit_reply"),
        ("ts1", ["edit", "edit_reply"], "edit_reply"),
    ],
)
def test_waiting_updates_are_sent_in_the_one_way_that_shows_them_all(
    announced: str | None, modes: list[str], expected: str
) -> None:
    members = [claimed(n, mode=mode, announced=announced) for n, mode in enumerate(modes)]
    assert Group(head=members[0], behind=tuple(members[1:])).mode == expected


def test_a_merged_message_shows_the_newest_state_and_lists_the_steps() -> None:
    group = Group(
        head=claimed(1),
        behind=(claimed(2, message=message(1, "acknowledged")), claimed(3, message=message(1, "resolved"))),
    )
    assert group.message.headline == "headline resolved"
    assert group.message.steps == ("step 1", "step 2", "step 3")


def test_a_message_alone_lists_no_steps() -> None:
    assert Group(head=claimed(1)).message.steps == ()


def test_badges_of_merged_messages_are_kept_once() -> None:
    marked = message(1, badges=("UNROUTED",))
    group = Group(head=claimed(1, message=marked), behind=(claimed(2, message=marked), claimed(3)))
    assert group.message.badges == ("UNROUTED",)


def test_what_is_allowed_is_sent_as_it_is() -> None:
    groups = fresh(3)
    assert summed_up(groups, 3) == (groups, [])


def test_what_is_held_back_becomes_one_message_that_names_it_all() -> None:
    groups = fresh(SUMMARY_SIZE + 1)
    chosen, back = summed_up(groups, 1)
    assert back == []
    assert [each.id for each in chosen[0].all] == [f"d{n}" for n in range(SUMMARY_SIZE + 1)]
    text = chosen[0].message.text
    assert all(f"INC-{n} · SEV-3 · open · Title {n}" in text.splitlines() for n in range(SUMMARY_SIZE + 1))
    assert chosen[0].mode == "post"


def test_a_summary_shows_the_newest_state_of_each_incident() -> None:
    groups = fresh(3)
    groups[2] = Group(head=claimed(2), behind=(claimed(3, message=message(2, "resolved")),))
    chosen, _ = summed_up(groups, 1)
    assert "INC-2 · SEV-3 · resolved" in chosen[0].message.text
    assert len(chosen[0].all) == 4


@pytest.mark.parametrize(
    "special",
    [
        {"uncertain": True},
        {"priority": PRIORITIES["urgent"]},
        {"announced": "ts1", "mode": "edit"},
        {"incident_id": None},
    ],
)
def test_what_must_go_alone_is_given_back_not_summed_up(special: dict[str, object]) -> None:
    groups = [*fresh(2), Group(head=claimed(7, **special))]
    chosen, back = summed_up(groups, 1)
    assert [group.head.id for group in back] == ["d7"]
    assert [each.id for each in chosen[0].all] == ["d0", "d1"]


def test_nothing_is_added_to_a_message_that_must_go_alone() -> None:
    groups = [Group(head=claimed(7, uncertain=True)), *fresh(2)]
    chosen, back = summed_up(groups, 1)
    assert [len(group.all) for group in chosen] == [1]
    assert len(back) == 2


@pytest.mark.parametrize(
    ("want", "allowed", "urgent", "expected"),
    [
        (21, 1, False, True),
        (20, 1, False, False),
        (32, 32, False, False),
        (32, 0, False, False),
        (32, 1, True, False),
    ],
)
def test_only_a_long_queue_that_is_held_back_is_summed_up(
    want: int, allowed: int, urgent: bool, expected: bool
) -> None:
    grant = Grant(Ask("slack", "C1", want, urgent, Limits()), allowed, 0.5, 0)
    assert grant.sum_up is expected
