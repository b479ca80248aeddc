"""The line of a metric as a picture and as characters, and the series that it is drawn from."""

from __future__ import annotations

import io
import math
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adapters.contract import DeliveryError, Reason
from router.chat.shipped import gallery, picture
from router.chat.shipped.metric import answered, query_of
from router.chat.shipped.picture import MAX_BYTES, bars, lines, number, png
from router.chat.shipped.prometheus import Points, Series, _Reply, series_of
from router.chat.shipped.settings import MetricSettings
from router.chat.usage import Misused
from router.problems import Invalid
from router.settings import Settings

HOUR: Points = tuple((float(30 * i), 20 + 10 * math.sin(i / 9)) for i in range(121))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_picture_is_a_small_png_of_its_size() -> None:
    data = png(HOUR)
    shown = opened(data)
    assert (shown.format, shown.size) == ("PNG", (picture.WIDTH, picture.HEIGHT))
    assert len(data) <= MAX_BYTES


def test_a_picture_has_the_line_and_both_labels_on_it() -> None:
    raw = opened(png(HOUR)).convert("RGB").tobytes()
    pixels = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    line = {at % picture.WIDTH for at, (red, _, blue) in enumerate(pixels) if blue > 200 and red < 120}
    assert len(line) > picture.WIDTH * 0.9
    dark = [at // picture.WIDTH for at, pixel in enumerate(pixels) if sum(pixel) < 300]
    assert min(dark) < 20
    assert max(dark) > picture.HEIGHT - 20


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2e9), st.floats()), min_size=1, max_size=400).map(sorted))
def test_any_points_with_a_number_become_a_small_picture(
    points: list[tuple[float, float]],
) -> None:
    if not picture.finite(tuple(points)):
        with pytest.raises(ValueError, match="nothing to draw"):
            png(tuple(points))
        return
    assert len(png(tuple(points))) <= MAX_BYTES


@given(st.lists(st.tuples(st.floats(0, 2e9), st.floats()), min_size=1, max_size=200).map(sorted))
def test_every_place_of_the_line_is_inside_the_picture(points: list[tuple[float, float]]) -> None:
    if picture.finite(tuple(points)):
        for run in lines(tuple(points)):
            assert all(0 <= x <= picture.WIDTH and 0 <= y <= picture.HEIGHT for x, y in run)


def test_what_is_no_number_leaves_a_gap() -> None:
    points: Points = ((0, 1.0), (1, 2.0), (2, math.nan), (3, 3.0), (4, math.inf), (5, 1.0))
    assert [len(run) for run in lines(points)] == [2, 1, 1]
    assert bars(points)[2] == " "


def test_characters_rise_with_the_values_and_are_at_most_24() -> None:
    assert bars(((0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0))) == "▁▃▆█"
    assert len(bars(HOUR)) == 24
    assert bars(((0, 5.0), (1, 5.0))) == "▅▅"
    assert bars(((0, math.nan),)) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.042137, "0.04214"),
        (12.5, "12.5"),
        (0.0, "0"),
        (1234567.0, "1,234,567"),
        (1.5e30, "1.5e+30"),
        (math.inf, "infinite"),
        (math.nan, "no number"),
    ],
)
def test_numbers_are_written_for_people(value: float, shown: str) -> None:
    assert number(value) == shown


# Answers of Prometheus.


def read(text: str) -> tuple[Series, ...]:
    return series_of(msgspec.json.decode(text.encode(), type=_Reply))


def test_vectors_matrices_and_scalars_are_read() -> None:
    # The examples of https://prometheus.io/docs/prometheus/latest/querying/api/ (Apache-2.0), cut down.
    vector = read(
        '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up",'
        '"job":"prometheus","instance":"localhost:9090"},"value":[1435781451.781,"1"]}]}}'
    )
    assert vector[0].points == ((1435781451.781, 1.0),)
    assert vector[0].name == "job=prometheus, instance=localhost:9090"
    matrix = read(
        '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"node"},'
        '"values":[[1435781430.781,"0"],[1435781445.781,"NaN"]]}]}}'
    )
    assert [point[0] for point in matrix[0].points] == [1435781430.781, 1435781445.781]
    assert math.isnan(matrix[0].points[1][1])
    scalar = read('{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"+Inf"]}}')
    assert scalar[0].points == ((1435781451.781, math.inf),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"status":"error","errorType":"bad_data","error":"x"}', Reason.BAD_ANSWER),
        ('{"status":"success","data":{"resultType":"string","result":[1,"a"]}}', Reason.REJECTED),
        ('{"status":"success","data":{"resultType":"vector","result":{"a":1}}}', Reason.BAD_ANSWER),
        ('{"status":"success","data":{"resultType":"scalar","result":[1,"many"]}}', Reason.BAD_ANSWER),
    ],
)
def test_what_is_no_number_is_refused(text: str, reason: Reason) -> None:
    with pytest.raises(DeliveryError) as caught:
        read(text)
    assert caught.value.reason is reason


def test_one_series_is_the_headline_and_several_are_lines() -> None:
    over = (Series({}, HOUR),)
    one = answered("error rate", (Series({}, ((0, 0.5),)),), over)
    assert one.headline == "error rate: 0.5"
    assert re.search(r"[▁-█]{24}  last hour: 10 to 30", one.text)
    several = tuple(Series({"job": f"j{i}"}, ((0, float(i)),)) for i in range(7))
    many = answered("up", several, ())
    assert many.headline == "up"
    assert many.text.splitlines() == [*(f"job=j{i}: {i}" for i in range(5)), "… and 2 more"]
    assert answered("up", (), ()).headline == "up: no data"


def test_only_named_queries_may_be_asked_for_unless_others_are_allowed() -> None:
    named = MetricSettings(prometheus="https://prom.example.com", queries={"Error rate": "rate(e[5m])"})
    assert query_of(named, "error RATE") == ("Error rate", "rate(e[5m])")
    with pytest.raises(Misused, match="did you mean `Error rate`"):
        query_of(named, "eror rate")
    with pytest.raises(Misused, match="known are Error rate"):
        query_of(named, "sum(up)")
    free = msgspec.structs.replace(named, free=True)
    assert query_of(free, "sum(up)") == ("sum(up)", "sum(up)")


@pytest.mark.parametrize(
    "address",
    ["http://prom.example.com", "ftp://x", "https://", "https://a:b@prom.example.com", "https://p?q=1"],
)
def test_an_address_that_would_be_unsafe_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        MetricSettings(prometheus=address)


# Where pictures are shown.


@pytest.mark.parametrize(
    ("public", "bind", "served"),
    [
        ("", "127.0.0.1", True),
        ("", "0.0.0.0", False),
        ("https://im.example.com", "0.0.0.0", True),
    ],
)
def test_pictures_are_served_where_they_can_be_fetched(public: str, bind: str, served: bool) -> None:
    chosen = Settings(public_url=public, bind=bind)
    assert gallery.served(chosen) is served
    assert gallery.address(Settings(public_url="https://im.example.com/"), "a") == (
        "https://im.example.com/pictures/a.png"
    )
