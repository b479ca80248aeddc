"""How well parses agree with annotated examples: intents, what is out of scope, entities, words of free text.

Standard library and yaml only, Python 3.10 and later: the router's side and Rasa's own side both use it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

OUT_OF_SCOPE = "out_of_scope"
FREE_TEXT = frozenset({"title", "note", "description"})  # measured by words, not by exact ends
MARK = re.compile(r"\[([^\[\]]+)\]\(([a-z_]+)\)")
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Span:
    """An entity: its name, its words as said, and where they stand (code points, `end` exclusive)."""

    entity: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Example:
    """An annotated sentence: `source` says which file it is from."""

    text: str
    intent: str
    spans: tuple[Span, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Answer:
    """What was understood of an example's text."""

    intent: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Tally:
    """Counts of hits, of what was claimed and of what is true; its shares are 1.0 for 0 of 0."""

    hits: int = 0
    claimed: int = 0
    true: int = 0

    @property
    def precision(self) -> float:
        return self.hits / self.claimed if self.claimed else 1.0

    @property
    def recall(self) -> float:
        return self.hits / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.hits / (self.claimed + self.true) if self.claimed + self.true else 1.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.hits + other.hits, self.claimed + other.claimed, self.true + other.true)


@dataclass(frozen=True)
class Scores:
    """All figures of one evaluation; rates are between 0 and 1."""

    examples: int
    intent_accuracy: float  # in-scope examples whose intent is right
    overall_accuracy: float  # all examples, out_of_scope being an intent like the others
    out_of_scope_recall: float  # of what is out of scope, how much was called so
    false_rejections: float  # of what is in scope, how much was called out of scope
    exact: dict[str, Tally] = field(default_factory=dict)  # by entity, same ends
    valued: dict[str, Tally] = field(default_factory=dict)  # by entity, same words but for case and blanks
    words: dict[str, Tally] = field(default_factory=dict)  # by entity of FREE_TEXT, words shared
    confusion: dict[tuple[str, str], int] = field(default_factory=dict)  # (true, answered) → examples

    @property
    def entity_f1(self) -> float:
        """F1 by exact ends over all entities that are not free text."""
        return _sum(self.exact, leave_out=FREE_TEXT).f1

    @property
    def value_f1(self) -> float:
        """F1 by value over all entities that are not free text."""
        return _sum(self.valued, leave_out=FREE_TEXT).f1

    @property
    def word_f1(self) -> float:
        """F1 over the words of titles, notes and descriptions."""
        return _sum(self.words).f1


def read_examples(folder: Path) -> list[Example]:
    """Every example of every `*.yml` below the folder; raises ValueError that names a file at fault."""
    return [example for path in sorted(folder.rglob("*.yml")) for example in read_file(path)]


def read_file(path: Path) -> list[Example]:
    """The examples of one file in Rasa's training format."""
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        return [
            read_example(line, section["intent"], str(path))
            for section in sections
            for line in _lines(section["examples"])
        ]
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} is not in Rasa's training format: {error}") from error


def read_example(line: str, intent: str, source: str = "") -> Example:
    """An annotated line as text and spans: `ack [INC-7](incident_id)` → `ack INC-7` with one span."""
    text, at, spans = "", 0, []
    for mark in MARK.finditer(line):
        text += line[at : mark.start()]
        spans.append(Span(mark.group(2), mark.group(1), len(text), len(text) + len(mark.group(1))))
        text += mark.group(1)
        at = mark.end()
    return Example(text + line[at:], intent, tuple(spans), source)


def evaluate(examples: Sequence[Example], answers: Sequence[Answer]) -> Scores:
    """Scores of answers to examples, one for one; raises ValueError when their numbers differ."""
    pairs = list(zip(examples, answers, strict=True))
    within = [(e, a) for e, a in pairs if e.intent != OUT_OF_SCOPE]
    without = [(e, a) for e, a in pairs if e.intent == OUT_OF_SCOPE]
    return Scores(
        examples=len(pairs),
        intent_accuracy=_share(e.intent == a.intent for e, a in within),
        overall_accuracy=_share(e.intent == a.intent for e, a in pairs),
        out_of_scope_recall=_share(a.intent == OUT_OF_SCOPE for _, a in without),
        false_rejections=_share((a.intent == OUT_OF_SCOPE for _, a in within), of_none=0.0),
        exact=_tallies(pairs, lambda span: [(span.start, span.end)]),
        valued=_tallies(pairs, lambda span: [_plain(span.text)]),
        words=_tallies(pairs, lambda span: list(_words(span)), only=FREE_TEXT),
        confusion=dict(Counter((e.intent, a.intent) for e, a in pairs)),
    )


def report(scores: Scores) -> str:
    """The scores as lines of text for a terminal, the worst confusions last."""
    lines = [
        f"examples            {scores.examples}",
        f"intent accuracy     {scores.intent_accuracy:.4f}  (over all {scores.overall_accuracy:.4f})",
        f"out-of-scope recall {scores.out_of_scope_recall:.4f}  (rejected {scores.false_rejections:.4f})",
        f"entity F1           {scores.entity_f1:.4f}  (by value {scores.value_f1:.4f})",
        f"free text word F1   {scores.word_f1:.4f}",
        "",
        f"{'entity':<14}{'exact P':>9}{'R':>9}{'F1':>9}{'value F1':>10}{'word F1':>9}{'true':>7}",
    ]
    lines += [_row(scores, entity) for entity in sorted(scores.exact)]
    wrong = Counter({pair: n for pair, n in scores.confusion.items() if pair[0] != pair[1]})
    lines += ["", *(f"{n:>4}  {true} → {answered}" for (true, answered), n in wrong.most_common(20))]
    return "\n".join(lines)


def _row(scores: Scores, entity: str) -> str:
    exact, valued = scores.exact[entity], scores.valued[entity]
    words = f"{scores.words[entity].f1:>9.4f}" if entity in scores.words else " " * 9
    return (
        f"{entity:<14}{exact.precision:>9.4f}{exact.recall:>9.4f}{exact.f1:>9.4f}{valued.f1:>10.4f}{words}"
        f"{exact.true:>7}"
    )


def _tallies(
    pairs: Iterable[tuple[Example, Answer]],
    keys: Callable[[Span], Sequence[object]],
    only: frozenset[str] | None = None,
) -> dict[str, Tally]:
    """By entity, how many keys of the spans agree; a key said twice counts twice."""
    totals: dict[str, Tally] = defaultdict(Tally)
    for example, answer in pairs:
        true, claimed = _keys(example.spans, keys), _keys(answer.spans, keys)
        for entity in true.keys() | claimed.keys():
            if only is None or entity in only:
                hits = sum((true[entity] & claimed[entity]).values())
                totals[entity] += Tally(hits, sum(claimed[entity].values()), sum(true[entity].values()))
    return dict(totals)


def _keys(
    spans: Iterable[Span], keys: Callable[[Span], Sequence[object]]
) -> "defaultdict[str, Counter[object]]":
    found: defaultdict[str, Counter[object]] = defaultdict(Counter)
    for span in spans:
        found[span.entity].update(keys(span))
    return found


def _words(span: Span) -> Iterator[tuple[int, str]]:
    """A span's words with where they stand, so that only the same word at the same place agrees."""
    for word in WORD.finditer(span.text):
        yield span.start + word.start(), word.group().lower()


def _lines(examples: str) -> Iterator[str]:
    for line in examples.splitlines():
        if line.strip().startswith("- "):
            yield line.strip()[2:].strip()


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _share(outcomes: Iterable[bool], of_none: float = 1.0) -> float:
    counted = list(outcomes)
    return sum(counted) / len(counted) if counted else of_none


def _sum(tallies: dict[str, Tally], leave_out: frozenset[str] = frozenset()) -> Tally:
    total = Tally()
    for entity, tally in tallies.items():
        total = total if entity in leave_out else total + tally
    return total
