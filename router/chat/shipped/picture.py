"""A line of values as a small picture, and as characters for where pictures are not shown. Pure."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from router.chat.shipped.prometheus import Points

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

MAX_BYTES: Final = 20 * 1024
WIDTH: Final = 480
HEIGHT: Final = 120
_MARGIN: Final = 8
_LABEL_HEIGHT: Final = 18
_COLOURS: Final = 16
_BACKGROUND: Final = "#ffffff"
_INK: Final = "#344054"
_LINE: Final = "#2e90fa"
_GRID: Final = "#e4e7ec"
_BARS: Final = "▁▂▃▄▅▆▇█"
_BARS_WIDE: Final = 24

Place = tuple[float, float]
"""x and y in pixels, from the upper left corner."""


def png(points: Points) -> bytes:
    """A PNG of WIDTH by HEIGHT with the line, its least and its greatest value; at most MAX_BYTES.

    What is no number leaves a gap. ValueError where there is no number at all.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415  it takes a while, and few processes draw

    values = finite(points)
    if not values:
        raise ValueError("there is nothing to draw")
    image = Image.new("RGB", (WIDTH, HEIGHT), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    for y in (_LABEL_HEIGHT + _MARGIN, HEIGHT - _LABEL_HEIGHT - _MARGIN):
        draw.line([(0, y), (WIDTH, y)], fill=_GRID)
    for run in lines(points):
        _draw(draw, run)
    draw.text((_MARGIN, 4), f"max {number(max(values))}", fill=_INK)
    draw.text((_MARGIN, HEIGHT - _LABEL_HEIGHT), f"min {number(min(values))}", fill=_INK)
    out = io.BytesIO()
    image.quantize(_COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _draw(draw: ImageDraw, run: Sequence[Place]) -> None:
    if len(run) == 1:
        ((x, y),) = run
        draw.ellipse([(x - 2, y - 2), (x + 2, y + 2)], fill=_LINE)
    else:
        draw.line(list(run), fill=_LINE, width=2, joint="curve")


def lines(points: Points) -> Iterator[list[Place]]:
    """The places of the points, a list for each stretch without a gap."""
    values = finite(points)
    low, high = min(values), max(values)
    first, last = points[0][0], points[-1][0]
    top, bottom = _LABEL_HEIGHT + _MARGIN, HEIGHT - _LABEL_HEIGHT - _MARGIN
    run: list[Place] = []
    for at, value in points:
        if not math.isfinite(value):
            if run:
                yield run
            run = []
            continue
        across = (at - first) / (last - first) if last > first else 0.5
        up = share(value, low, high)
        run.append((_MARGIN + across * (WIDTH - 2 * _MARGIN), bottom - up * (bottom - top)))
    if run:
        yield run


def share(value: float, low: float, high: float) -> float:
    """How far up a value lies, 0 to 1; a line that is level lies in the middle."""
    if high <= low:
        return 0.5
    # Halved first: the distance of two finite numbers need not be one.
    return min(max((value / 2 - low / 2) / (high / 2 - low / 2), 0.0), 1.0)


def bars(points: Points) -> str:
    """The line in at most 24 characters, such as `▁▂▅█▃`; a blank where there is no number."""
    values = finite(points)
    if not values:
        return ""
    low, high = min(values), max(values)
    width = min(_BARS_WIDE, len(points))
    parts = [points[len(points) * i // width : len(points) * (i + 1) // width] for i in range(width)]
    return "".join(_bar(finite(part), low, high) for part in parts)


def _bar(values: Sequence[float], low: float, high: float) -> str:
    if not values:
        return " "
    mean = math.fsum(value / len(values) for value in values)
    return _BARS[min(int(share(mean, low, high) * len(_BARS)), len(_BARS) - 1)]


def finite(points: Points) -> list[float]:
    """The values that are numbers."""
    return [value for _, value in points if math.isfinite(value)]


def number(value: float) -> str:
    """A value for people: `0.0421`, `12.5`, `1,234,567`, `1.2e+30`."""
    if not math.isfinite(value):
        return str(value).replace("inf", "infinite").replace("nan", "no number")
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
