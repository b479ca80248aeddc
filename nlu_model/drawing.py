"""The confusion matrix as an SVG picture: a row for what was meant, a column for what was understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

CELL: Final = 30
"""Pixels of a cell's side."""
_LETTER: Final = 6.6
"""Pixels that a letter of a label takes, about."""
_TOP: Final = 34
_GAP: Final = 8
_RIGHT: Final = (31, 119, 80)
_WRONG: Final = (192, 57, 43)
_LAST: Final = "out_of_scope"
_KEY: Final = "rows: meant, columns: understood"

Confusion = Mapping[tuple[str, str], int]
"""(meant, understood) → how many examples."""


def names_of(confusion: Confusion) -> list[str]:
    """All intents in it by their names, `out_of_scope` at the end."""
    return sorted({name for pair in confusion for name in pair}, key=lambda name: (name == _LAST, name))


def drawn(confusion: Confusion, title: str = "") -> str:
    """The picture as SVG text. The deeper a cell's colour, the larger its share of the row."""
    names = names_of(confusion)
    margin = round(max((len(name) for name in names), default=0) * _LETTER) + 2 * _GAP
    left, top = margin, _TOP + margin
    width, height = left + CELL * len(names) + 2 * _GAP, top + CELL * len(names) + 2 * _GAP
    body = [
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_GAP}" y="20" font-size="14" font-weight="bold">{_text(title)}</text>',
        f'<text x="{_GAP}" y="{_TOP + 6}" font-size="10" fill="#666666">{_KEY}</text>',
        *_labels(names, left, top),
        *_cells(confusion, names, left, top),
        *_lines(len(names), left, top),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
    )
    return "\n".join((head, *body, "</svg>")) + "\n"


def _labels(names: Sequence[str], left: int, top: int) -> Iterator[str]:
    for place, name in enumerate(names):
        middle = place * CELL + CELL // 2
        yield f'<text x="{left - _GAP}" y="{top + middle + 4}" text-anchor="end">{_text(name)}</text>'
        x, y = left + middle + 4, top - _GAP
        yield f'<text x="{x}" y="{y}" transform="rotate(-90 {x} {y})">{_text(name)}</text>'


def _cells(confusion: Confusion, names: Sequence[str], left: int, top: int) -> Iterator[str]:
    for row, meant in enumerate(names):
        total = sum(confusion.get((meant, name), 0) for name in names)
        for column, understood in enumerate(names):
            count = confusion.get((meant, understood), 0)
            if count:
                about = f"{meant} → {understood}: {count} of {total}"
                colour = _shade(_RIGHT if row == column else _WRONG, count / total)
                ink = "#ffffff" if count / total > 0.5 else "#222222"
                place = f'transform="translate({left + column * CELL} {top + row * CELL})"'
                yield f"<g {place}><title>{_text(about)}</title>"
                yield f'<rect width="{CELL}" height="{CELL}" fill="{colour}"/>'
                middle = f'x="{CELL // 2}" y="{CELL // 2 + 4}" text-anchor="middle"'
                yield f'<text {middle} fill="{ink}">{count}</text></g>'


def _lines(number: int, left: int, top: int) -> Iterator[str]:
    side = number * CELL
    for at in range(0, side + 1, CELL):
        line = f"M{left} {top + at}h{side}M{left + at} {top}v{side}"
        yield f'<path d="{line}" stroke="#dddddd" stroke-width="0.5"/>'


def _shade(colour: tuple[int, int, int], share: float) -> str:
    """From nearly white to the colour; the smallest share is still to be seen."""
    strength = 0.15 + 0.85 * share
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02x}" for part in colour)


def _text(said: str) -> str:
    """Text for XML, without the characters that it cannot hold."""
    return escape("".join(letter if letter.isprintable() else " " for letter in said))
