"""A new model takes over only where it is not worse than the one in force, both measured on the dev set."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from nlu_model.client import Away
from nlu_model.measuring import card_at
from nlu_model.models import Model, Scores, Shelf, worse
from nlu_model.programs import NluError, Pulse
from nlu_model.serving import borrowed, rasa_in

_PULSE_SECONDS: Final = 0.2


def take_over(shelf: Shelf, model: Model, env: Path, *, pulse: Pulse) -> tuple[str, ...]:
    """Put a model in force, and say nothing; or say what it is worse at, and leave the other one.

    The first model needs no measure; from then on the two are measured, each once. One in force that does
    not load any more is replaced. `pulse` is called several times a second. Raises NluError where the new
    one does not load or answer.
    """
    before = shelf.in_force()
    if before is None or before.current == model.name:
        shelf.promote(model.name)
        return ()
    after = _scores(shelf, model.name, env, pulse)
    try:
        held: Scores | None = _scores(shelf, before.current, env, pulse)
    except NluError:
        held = None
    lost = worse(held, after)
    if not lost:
        shelf.promote(model.name)
    return lost


def _scores(shelf: Shelf, name: str, env: Path, pulse: Pulse) -> Scores:
    """How good a model is; found once, with a server of its own, and remembered."""
    known = shelf.model(name)
    if known is not None and known.scores is not None:
        return known.scores
    with borrowed(shelf, name, rasa_in(env), pulse) as address, ThreadPoolExecutor(1) as beside:
        measuring = beside.submit(card_at, address)
        while not measuring.done():
            pulse()
            time.sleep(_PULSE_SECONDS)
        try:
            scores = measuring.result()
        except Away as away:
            raise NluError(f"the model {name} could not be measured: {away}") from None
    shelf.note_scores(name, scores)
    return scores
