"""What the language service makes of a sentence."""

from __future__ import annotations

from msgspec import Struct


class Entity(Struct, frozen=True):
    """A span of the text that means something; `start` and `end` count code points of the text, half-open."""

    entity: str
    text: str
    start: int
    end: int
    confidence: float = 1.0


class Alternative(Struct, frozen=True):
    """Another intent that it might have been; `confidence` is 0 to 1."""

    intent: str
    confidence: float


class Parse(Struct, frozen=True):
    """A sentence understood. `out_of_scope` is an intent like any other.

    `alternatives` are the other intents, best first, at most four.
    """

    text: str
    intent: str
    confidence: float
    entities: tuple[Entity, ...]
    alternatives: tuple[Alternative, ...]
