"""Whether a sentence is asked of us at all: the intents' ranking, with `out_of_scope` moved to its place."""

from collections.abc import Mapping, Sequence

import numpy as np

from nlu_model.components.forward import softmax

OUT_OF_SCOPE = "out_of_scope"


class Scope:
    """Ranks intents by logits; `out_of_scope` gets `lift` more than it scored."""

    def __init__(self, intents: Sequence[str], lift: float = 0.0) -> None:
        self._intents = tuple(intents)
        self._lift = np.array([lift if intent == OUT_OF_SCOPE else 0.0 for intent in intents])

    @classmethod
    def of(
        cls, arrays: Mapping[str, np.ndarray], intents: Sequence[str], config: Mapping[str, float]
    ) -> "Scope":
        return cls(intents, **config)

    def ranking(self, logits: np.ndarray, vector: np.ndarray) -> list[tuple[str, float]]:
        likely = softmax(logits + self._lift)
        order = np.argsort(-likely)
        return [(self._intents[n], float(likely[n])) for n in order]
