"""A text as numbers: its word pieces, and where in them each unit begins."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from nlu_model.components.units import FEATURES, Unit, features_of, units_of

LONGEST = 192  # word pieces that are read; what follows is not looked at


class Reading(NamedTuple):
    """A text as the model takes it; `firsts[n]` is the position in `pieces` where `units[n]` begins."""

    units: list[Unit]
    pieces: list[int]
    firsts: list[int]
    features: np.ndarray  # float32 (units, FEATURES)


class Reader:
    """Reads texts with the encoder's own word pieces (a `tokenizer.json`)."""

    def __init__(self, tokenizer: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._begin, self._end = (self._tokenizer.token_to_id(sign) for sign in ("[CLS]", "[SEP]"))
        self._unknown = self._tokenizer.token_to_id("[UNK]")

    def read(self, text: str, longest: int = LONGEST) -> Reading:
        """The text's reading; units beyond `longest` word pieces are left out."""
        units: list[Unit] = []
        pieces, firsts = [self._begin], []
        for unit in units_of(text):
            own = self._pieces(unit.reading)
            if len(pieces) + len(own) >= longest:
                break
            units.append(unit)
            firsts.append(len(pieces))
            pieces += own
        features = np.array([features_of(unit) for unit in units], np.float32).reshape(-1, FEATURES)
        return Reading(units, [*pieces, self._end], firsts, features)

    def _pieces(self, word: str) -> list[int]:
        # Blanks and controls have no pieces; a unit must have one, to have a vector.
        return self._tokenizer.encode(word, add_special_tokens=False).ids[:16] or [self._unknown]


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of different lengths as one int32 array, zeros behind the shorter ones."""
    whole = np.zeros((len(rows), max(1, *(len(row) for row in rows), 1)), np.int32)
    for n, row in enumerate(rows):
        whole[n, : len(row)] = row
    return whole
