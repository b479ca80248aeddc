"""`metric`: a Prometheus query that an admin named, answered with the number and the last hour's line."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from adapters.contract import DeliveryError, Message, Picture
from router.chat.asked import Answer, Asked, World, done, refused, said, sentence
from router.chat.commands import Command, command
from router.chat.shipped import gallery, picture
from router.chat.shipped.prometheus import Prometheus, Series
from router.chat.shipped.settings import CommandSettings, MetricSettings
from router.chat.usage import Misused
from router.incidents import Incident

SPAN: Final = timedelta(hours=1)
STEP: Final = timedelta(seconds=30)
SHOWN: Final = 5
_MAX_NAME: Final = 100
_ARGUMENT: Final = "name-or-query"


async def metric(world: World, asked: Asked, _: Incident | None) -> Answer:
    """The value now and over the last hour; without a name, which there are."""
    settings = await CommandSettings(world.parts.store, world.parts.vault).of("metric", MetricSettings)
    if settings is None:
        return refused("no Prometheus is configured; an admin configures it with `im commands set metric`")
    named = asked.argument(_ARGUMENT)
    if named is None:
        return done(
            "Metrics I can ask for", text="\n".join(sorted(settings.queries)) or "None has a name yet."
        )
    name, query = query_of(settings, named)
    prometheus = Prometheus(world.parts.http, settings.prometheus, settings.token)
    try:
        now, over = await asyncio.gather(
            prometheus.now(query, asked.at), prometheus.over(query, asked.at - SPAN, asked.at, STEP)
        )
    except DeliveryError as error:
        return Answer(message=said(sentence(error.detail)), outcome="failed")
    return Answer(message=await _drawn(world, asked, answered(name, now, over), over), outcome="done")


def query_of(settings: MetricSettings, named: str) -> tuple[str, str]:
    """The name and the PromQL that are meant; Misused where nobody may ask that."""
    folded = {name.casefold(): name for name in settings.queries}
    name = folded.get(named.casefold())
    if name is not None:
        return name, settings.queries[name]
    if settings.free:
        return named[:_MAX_NAME], named
    near = difflib.get_close_matches(named.casefold(), folded, n=1, cutoff=0.5)
    known = ", ".join(sorted(settings.queries)) or "none yet"
    hint = f"did you mean `{folded[near[0]]}`?" if near else f"known are {known}"
    raise Misused(f"I do not know the metric `{named[:60]}`; {hint}")


def answered(name: str, now: Sequence[Series], over: Sequence[Series]) -> Message:
    """The answer in words: one value on top, several in lines of their own."""
    if not now:
        return said(f"{name}: no data", "Prometheus has no series for this now.")
    single = len(now) == 1
    headline = f"{name}: {picture.number(now[0].points[-1][1])}" if single else name
    lines = [] if single else [_line(each) for each in now[:SHOWN]]
    if len(now) > SHOWN:
        lines.append(f"… and {len(now) - SHOWN} more")
    return said(headline, "\n".join([*lines, *_history(over)]))


def _line(series: Series) -> str:
    return f"{series.name or 'all'}: {picture.number(series.points[-1][1])}"


def _history(over: Sequence[Series]) -> list[str]:
    """The last hour of the first series."""
    values = picture.finite(over[0].points) if over else []
    if not values:
        return []
    about = f" ({over[0].name})" if len(over) > 1 else ""
    low, high = picture.number(min(values)), picture.number(max(values))
    return [f"{picture.bars(over[0].points)}  last hour{about}: {low} to {high}"]


async def _drawn(world: World, asked: Asked, message: Message, over: Sequence[Series]) -> Message:
    """The message with the picture of the first series, where the people there can be shown one."""
    settings = world.parts.settings
    drawable = over and picture.finite(over[0].points)
    if not drawable or not gallery.shown_on(settings, asked.provider):
        return message
    png = await asyncio.to_thread(picture.png, over[0].points)
    name = await gallery.keep(world.parts.store, png)
    shown = Picture(url=gallery.address(settings, name), alt=f"{message.headline}; {_history(over)[0]}")
    return msgspec.structs.replace(message, picture=shown)


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "metric",
        f"[{_ARGUMENT}...]",
        "Show a metric of Prometheus, now and over the last hour.",
        metric,
        example="/im metric error rate",
        role="viewer",
        group="More",
    ),
)
