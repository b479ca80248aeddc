"""What training and dev examples share: a dev set that repeats training measures memory only."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Final

import msgspec

from nlu_model.evaluation import Example, read_examples

NEAR: Final = 0.8
"""Share of words (Jaccard) from which on two sentences count as nearly the same."""
_IDS: Final = re.compile(r"#?\binc[-\s]*\d[\d-]*|<?@[\w.-]+>?", re.IGNORECASE)
_NUMBERS: Final = re.compile(r"\d+")
_WORDS: Final = re.compile(r"[^\W_]+")


class Said(msgspec.Struct, frozen=True):
    """An example as it is compared."""

    text: str
    intent: str
    voice: str
    """The folder that it is from: one author."""
    words: tuple[str, ...]
    """Folded, in their order."""


class Pair(msgspec.Struct, frozen=True):
    """A dev example and the training example that is most like it; `likeness` is NEAR to 1."""

    dev: Said
    train: Said
    likeness: float
    exact: bool
    """The same words in the same order, ids and numbers aside."""


class Overlap(msgspec.Struct, frozen=True):
    """What a dev set shares with a training set, by dev example; each is counted once."""

    train: int
    dev: int
    pairs: tuple[Pair, ...]

    @property
    def exact(self) -> int:
        """Dev examples that training has word for word."""
        return sum(pair.exact for pair in self.pairs)

    @property
    def near(self) -> int:
        """Dev examples that training has nearly."""
        return len(self.pairs) - self.exact

    def by(self, key: Callable[[Pair], str]) -> dict[str, tuple[int, int]]:
        """(exact, near) by what `key` says of a pair, the most first."""
        exact = Counter(key(pair) for pair in self.pairs if pair.exact)
        near = Counter(key(pair) for pair in self.pairs if not pair.exact)
        names = sorted(exact | near, key=lambda name: (-exact[name] - near[name], name))
        return {name: (exact[name], near[name]) for name in names}


def folded(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, without punctuation; ids, mentions and numbers are all alike."""
    return tuple(
        _WORDS.findall(_NUMBERS.sub(" 0 ", _IDS.sub(" 0 ", text)).lower().replace("'", "").replace("’", ""))
    )


def read_said(folder: Path) -> list[Said]:
    """The examples below a folder whose own folders are voices; ValueError names a file at fault."""
    return [_said(example, folder) for example in read_examples(folder)]


def overlap(train: Sequence[Said], dev: Sequence[Said], near: float = NEAR) -> Overlap:
    """For each dev example the training example that is most like it, where one is alike enough."""
    sequences = {said.words: said for said in train}
    by_size: defaultdict[int, list[tuple[frozenset[str], Said]]] = defaultdict(list)
    for said in sequences.values():
        words = frozenset(said.words)
        by_size[len(words)].append((words, said))
    found = (_nearest(said, sequences, by_size, near) for said in dev)
    return Overlap(len(train), len(dev), tuple(pair for pair in found if pair is not None))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of words that two sets have in common (Jaccard), 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _said(example: Example, folder: Path) -> Said:
    place = Path(example.source).relative_to(folder)
    voice = place.parts[0] if len(place.parts) > 1 else folder.name
    return Said(example.text, example.intent, voice, folded(example.text))


def _nearest(
    said: Said,
    sequences: dict[tuple[str, ...], Said],
    by_size: dict[int, list[tuple[frozenset[str], Said]]],
    near: float,
) -> Pair | None:
    same = sequences.get(said.words)
    if same is not None:
        return Pair(said, same, 1.0, True)
    words = frozenset(said.words)
    best = max(_alike(words, by_size, near), key=lambda found: found[0], default=None)
    return Pair(said, best[1], best[0], False) if best else None


def _alike(
    words: frozenset[str], by_size: dict[int, list[tuple[frozenset[str], Said]]], near: float
) -> Iterator[tuple[float, Said]]:
    """Those at least so like; sets of very different sizes cannot be, so they are not looked at."""
    for size in range(ceil(len(words) * near - 1e-9), int(len(words) / near + 1e-9) + 1):
        for other, said in by_size.get(size, ()):
            share = likeness(words, other)
            if share >= near:
                yield share, said
