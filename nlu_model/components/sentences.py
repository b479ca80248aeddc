"""An annotated sentence as the components pass it on."""

from typing import NamedTuple

from nlu_model.components.units import Span


class Sentence(NamedTuple):
    """A training example: its text, what it asks for, and the entities in it."""

    text: str
    intent: str
    spans: tuple[Span, ...] = ()
