"""The picture of a confusion matrix: it is XML, has every count, and colours that mean something."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from nlu_model.drawing import CELL, drawn, names_of

SVG = "{http://www.w3.org/2000/svg}"
CONFUSION = {
    ("out_of_scope", "out_of_scope"): 9,
    ("out_of_scope", "help"): 1,
    ("help", "help"): 4,
    ("thank", "greet"): 2,
}


def cells(picture: str) -> dict[str, tuple[str, str, str]]:
    """(place, colour, number) of each cell by its title."""
    found = {}
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        title, rect, text = group.find(f"{SVG}title"), group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert title is not None
        assert rect is not None
        assert text is not None
        found[title.text or ""] = (group.attrib["transform"], rect.attrib["fill"], text.text or "")
    return found


def test_each_count_has_a_cell_in_the_row_of_what_was_meant() -> None:
    found = cells(drawn(CONFUSION))
    assert set(found) == {
        "out_of_scope → out_of_scope: 9 of 10",
        "out_of_scope → help: 1 of 10",
        "help → help: 4 of 4",
        "thank → greet: 2 of 2",
    }
    assert [number for _, _, number in found.values()] == ["4", "2", "1", "9"]
    places = {title: place for title, (place, _, _) in found.items()}
    right, wrong = places["out_of_scope → out_of_scope: 9 of 10"], places["out_of_scope → help: 1 of 10"]
    assert right.split()[1] == wrong.split()[1]
    assert abs(_x(right) - _x(wrong)) == 2 * CELL


def _x(place: str) -> int:
    return int(place.split(maxsplit=1)[0].removeprefix("translate("))


def test_right_and_wrong_have_colours_of_their_own_and_a_larger_share_a_deeper_one() -> None:
    found = cells(drawn(CONFUSION | {("thank", "thank"): 3}))
    full, most = found["help → help: 4 of 4"][1], found["out_of_scope → out_of_scope: 9 of 10"][1]
    some, few = found["thank → greet: 2 of 5"][1], found["out_of_scope → help: 1 of 10"][1]
    assert _red(full) < _green(full)
    assert _red(some) > _green(some)
    assert sum(_parts(full)) < sum(_parts(most))
    assert sum(_parts(some)) < sum(_parts(few)) < 3 * 255


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _red(colour: str) -> int:
    return _parts(colour)[0]


def _green(colour: str) -> int:
    return _parts(colour)[1]


def test_out_of_scope_is_the_last_row() -> None:
    assert names_of(CONFUSION) == ["greet", "help", "thank", "out_of_scope"]


def test_names_cannot_break_the_picture() -> None:
    name = '<script>&"\x00\x1b</text>'
    picture = drawn({(name, name): 1}, title=name)
    shown = "".join(ET.fromstring(picture).itertext())
    assert '<script>&"  </text>' in shown


def test_an_empty_matrix_is_an_empty_picture() -> None:
    root = ET.fromstring(drawn({}, title="nothing yet"))
    assert root.tag == f"{SVG}svg"
    assert cells(drawn({})) == {}
