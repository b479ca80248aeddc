"""The verdict finds each kind of fault in made-up records: a check that cannot fail proves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.chaos.judge import Accepted, Double, Shown, Verdict, actor_mark, judge, note_mark, read_records

ACCEPTED = [Accepted(7, 1), Accepted(7, 2), Accepted(7, 3, noted=True), Accepted(7, 4, noted=True)]


def post(*steps: int, message: str = "m1", notes: tuple[int, ...] = (), incident: int = 7) -> Shown:
    return Shown(incident=incident, message=message, steps=frozenset(steps), notes=frozenset(notes))


def edit(*steps: int, message: str = "m1", notes: tuple[int, ...] = ()) -> Shown:
    return Shown(incident=7, message=message, steps=frozenset(steps), notes=frozenset(notes), edit=True)


def reply(*steps: int, message: str) -> Shown:
    notes = frozenset(steps) & {3, 4}
    return Shown(incident=7, message=message, steps=frozenset(steps), notes=notes, root=False)


WELL = [
    post(1),
    edit(2),
    edit(3, notes=(3,)),
    reply(3, message="r3"),
    edit(4, notes=(4,)),
    reply(4, message="r4"),
]


def test_a_stream_with_every_step_once_in_order_is_well() -> None:
    assert judge(ACCEPTED, WELL) == Verdict()


def test_merged_steps_count_as_shown() -> None:
    assert judge(ACCEPTED, [post(1, 2, 3, 4, notes=(3, 4))]) == Verdict()


def test_an_edit_that_was_made_twice_is_no_fault() -> None:
    assert judge(ACCEPTED, [*WELL[:2], edit(2), *WELL[2:]]) == Verdict()


@pytest.mark.parametrize("step", [1, 2])
def test_a_step_that_was_never_shown_is_missing(step: int) -> None:
    rest = [each for each in WELL if step not in each.steps]
    assert judge(ACCEPTED, rest).missing == (actor_mark(7, step),)


def test_an_incident_that_was_never_shown_is_missing_with_all_its_steps() -> None:
    assert judge(ACCEPTED, [post(1, incident=8)]).missing == tuple(actor_mark(7, n) for n in (1, 2, 3, 4))


def test_a_note_that_was_never_shown_is_missing() -> None:
    silent = [Shown(incident=7, message=e.message, steps=e.steps, root=e.root, edit=e.edit) for e in WELL[:4]]
    verdict = judge(ACCEPTED, [*silent, *WELL[4:]])
    assert verdict.missing == (note_mark(7, 3),)
    assert verdict.overwritten == ()


def test_a_note_that_a_later_edit_took_away_is_overwritten_and_not_missing() -> None:
    rest = [each for each in WELL if each.message != "r3"]
    assert judge(ACCEPTED, rest) == Verdict(overwritten=(note_mark(7, 3),))


def test_a_message_that_does_not_show_the_last_step_is_stale() -> None:
    rest = [*WELL[:4], reply(4, message="r4")]
    assert judge(ACCEPTED, rest).stale == (f"{actor_mark(7, 4)} (shows 3)",)


def test_an_announcement_that_was_made_twice_is_doubled() -> None:
    assert judge(ACCEPTED, [WELL[0], post(1, message="m2"), *WELL[1:]]).doubled == (Double(actor_mark(7, 1)),)


def test_a_reply_that_was_made_twice_is_doubled() -> None:
    assert judge(ACCEPTED, [*WELL, reply(4, message="r5")]).doubled == (Double(actor_mark(7, 4)),)


def test_a_step_that_was_merged_and_then_said_again_is_doubled() -> None:
    again = [*WELL[:2], reply(3, 4, message="r3"), edit(3, 4, notes=(3, 4)), reply(4, message="r4")]
    assert judge(ACCEPTED, again).doubled == (Double(actor_mark(7, 4)),)


def test_a_stream_that_goes_back_to_an_older_state_is_reordered() -> None:
    assert judge(ACCEPTED, [*WELL, edit(2), edit(4)]).reordered == (f"{actor_mark(7, 2)} after 4",)


def test_an_announcement_after_its_update_is_reordered() -> None:
    late = [post(2, message="m2"), post(1), edit(3), reply(3, message="r3"), edit(4), reply(4, message="r4")]
    assert judge(ACCEPTED, late).reordered == (f"{actor_mark(7, 1)} after 2",)


def test_records_are_read_with_their_marks_whatever_the_platform_wraps_them_in(tmp_path: Path) -> None:
    text = f"• {note_mark(7, 3)}\\n_{actor_mark(7, 3)}_"
    rows = [
        {
            "what": "post",
            "id": "a",
            "parent": None,
            "nonce": "mmm",
            "payload": {"blocks": [{"text": actor_mark(7, 1)}]},
        },
        {
            "what": "edit",
            "id": "a",
            "parent": None,
            "nonce": None,
            "payload": {"embeds": [{"description": text}]},
        },
        {"what": "post", "id": "b", "parent": "a", "nonce": None, "payload": {"message": text}},
        {
            "what": "post",
            "id": "c",
            "parent": None,
            "nonce": None,
            "payload": {"message": "a text of an admin"},
        },
    ]
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_records(path) == [
        msgspec.structs.replace(post(1, message="a"), nonce="mmm"),
        edit(3, message="a", notes=(3,)),
        reply(3, message="b"),
    ]
