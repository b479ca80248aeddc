"""Whether a sentence is asked of us at all: the ranking of the intents, `out_of_scope` among them."""

from collections.abc import Sequence

import numpy as np

from nlu_model.components.forward import softmax

OUT_OF_SCOPE = "out_of_scope"


class Scope:
    """Ranks intents by their logits, `out_of_scope` lifted by a fixed amount.

    The lift trades rejecting what is asked against answering what is not. It is chosen by leaving out a voice
    of the training data; docs/nlu-model.md has the figures, and those of distances and energies, which did no
    better than the class that is learned.
    """

    def __init__(self, intents: Sequence[str], lift: float = 0.0) -> None:
        self._intents = tuple(intents)
        self._lift = np.array([lift * (intent == OUT_OF_SCOPE) for intent in intents], np.float32)

    def ranking(self, logits: np.ndarray) -> list[tuple[str, float]]:
        """All intents with their confidence (0..1), surest first; `logits` are (intents,)."""
        likely = softmax(logits + self._lift)
        return [(self._intents[n], float(likely[n])) for n in np.argsort(-likely, kind="stable")]
