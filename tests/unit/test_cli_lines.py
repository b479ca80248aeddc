"""Events in files: what is read, in which batches it is posted, and which line was at fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.errors import CliError, Refused
from api.cli.lines import MAX_BYTES, MAX_EVENTS, Row, batches, parse, post_batch


class Server:
    """Takes a request whole or not at all, as the API does; bodies in `bad` are at fault."""

    def __init__(self, bad: set[int] = frozenset(), *, names: bool = True) -> None:  # type: ignore[assignment]
        self.bad = bad
        self.names = names
        self.taken: list[int] = []
        self.calls = 0

    def post(self, body: bytes) -> list[dict[str, Any]]:
        self.calls += 1
        numbers = [row["n"] for row in json.loads(body)]
        for index, number in enumerate(numbers):
            if number in self.bad:
                fields = [(f"[{index}].incident.title", "missing")] if self.names else []
                raise Refused(400, f"[{index}] incident.title: missing", fields)
        self.taken += numbers
        return [{"n": number} for number in numbers]


def rows(count: int) -> tuple[Row, ...]:
    return tuple(Row(f"line {number}", b'{"n":%d}' % number) for number in range(count))


def test_one_object_over_several_lines_is_one_event() -> None:
    document = parse(b'{\n  "type": "incident.created"\n}\n', "f")
    assert [row.body for row in document.rows] == [b'{\n  "type": "incident.created"\n}']


def test_an_array_is_taken_together_with_its_items_numbered() -> None:
    document = parse(b'[{"n":1}, {"n":2}]', "f")
    assert document.together
    assert [(row.place, row.body) for row in document.rows] == [
        ("item 1", b'{"n":1}'),
        ("item 2", b'{"n":2}'),
    ]


def test_an_array_larger_than_a_request_is_not_taken_together() -> None:
    assert not parse(json.dumps([{"n": 1}] * (MAX_EVENTS + 1)).encode(), "f").together


def test_lines_keep_their_numbers_over_empty_ones_and_a_byte_order_mark() -> None:
    document = parse(b'\xef\xbb\xbf{"n":1}\n\n{"n":2}\r\n', "f")
    assert [(row.place, row.body) for row in document.rows] == [
        ("line 1", b'{"n":1}'),
        ("line 3", b'{"n":2}'),
    ]


def test_lines_that_are_not_objects_are_named_and_the_others_are_kept() -> None:
    document = parse(b'{"n":1}\nnope\n[1]\n{"n":4}\n', "f")
    assert [row.place for row in document.rows] == ["line 1", "line 4"]
    assert [(one.place, one.detail[:11]) for one in document.failed] == [
        ("line 2", "is not JSON"),
        ("line 3", "is not a JS"),
    ]


def test_broken_json_over_several_lines_is_told_with_line_and_column() -> None:
    with pytest.raises(CliError, match=r"f is not JSON: line 2, column 10"):
        parse(b'{\n  "type" "x"\n}', "f")


def test_an_empty_file_says_what_to_give() -> None:
    with pytest.raises(CliError, match="f is empty") as caught:
        parse(b" \n", "f")
    assert caught.value.code == 2


def test_batches_hold_what_the_api_takes() -> None:
    sizes = [len(batch) for batch in batches(rows(2500))]
    assert sizes == [1000, 1000, 500]
    large = [Row("line", b"x" * (MAX_BYTES // 3)) for _ in range(7)]
    assert [len(batch) for batch in batches(large)] == [2, 2, 2, 1]


@given(st.sets(st.integers(0, 39)), st.booleans())
def test_every_event_but_those_at_fault_is_taken_once_and_each_fault_is_named(
    bad: set[int], names: bool
) -> None:
    server = Server(bad, names=names)
    taken, failed = post_batch(rows(40), server.post, together=False)
    assert sorted(server.taken) == sorted(set(range(40)) - bad)
    assert {row.place for row, _ in taken} == {f"line {number}" for number in set(range(40)) - bad}
    assert sorted(one.place for one in failed) == sorted(f"line {number}" for number in bad)
    assert all(one.detail == "incident.title: missing" for one in failed)


def test_events_that_go_together_are_not_tried_apart() -> None:
    server = Server({3})
    taken, failed = post_batch(rows(10), server.post, together=True)
    assert (taken, server.taken, server.calls) == ([], [], 1)
    assert [one.place for one in failed] == ["line 3"]


def test_a_server_that_is_away_stops_the_work() -> None:
    def away(body: bytes) -> list[dict[str, Any]]:
        raise Refused(503, "the database does not answer")

    with pytest.raises(Refused, match="does not answer"):
        post_batch(rows(3), away, together=False)
