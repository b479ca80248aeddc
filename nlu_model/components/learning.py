"""Teaches the encoder intents and tags together (TensorFlow): sentences in, weights out."""

import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nlu_model.components.encoder import WIDTH, encode, mean_of
from nlu_model.components.forward import Arrays
from nlu_model.components.reading import Reader, Reading, padded
from nlu_model.components.sentences import Sentence
from nlu_model.components.units import FEATURES, OUTSIDE, may_follow, tags_of

BARRED = -50.0  # what a step costs that cannot be taken
LONGEST = 96  # word pieces of a sentence while learning


class Settings(NamedTuple):
    """How it is taught. Rates are peaks, reached after `warm_up` of all steps, falling to zero at the end."""

    epochs: int = 8
    batch: int = 32
    encoder_rate: float = 1e-4
    head_rate: float = 1e-3
    warm_up: float = 0.1
    decay: float = 0.01
    dropout: float = 0.1
    smoothing: float = 0.05
    tag_share: float = 1.0
    averaging: float = 0.99
    seed: int = 7


class Learned(NamedTuple):
    """What came out: weights by name, and the names that rows of the two heads stand for."""

    weights: Arrays
    intents: tuple[str, ...]
    tags: tuple[str, ...]


class Batch(NamedTuple):
    """Arrays of some sentences, padded; `tag_weights` is zero where nothing is to be learned."""

    pieces: np.ndarray  # int32 (batch, length)
    present: np.ndarray  # float32 (batch, length)
    firsts: np.ndarray  # int32 (batch, units)
    features: np.ndarray  # float32 (batch, units, FEATURES)
    tags: np.ndarray  # int32 (batch, units)
    tag_weights: np.ndarray  # float32 (batch, units)
    intents: np.ndarray  # int32 (batch,)


Pair = tuple[Sentence, Reading]
Vary = Callable[[Sentence, random.Random], Sentence]
Tell = Callable[[float, str], None]


def learn(
    sentences: Sequence[Sentence],
    encoder: Arrays,
    reader: Reader,
    settings: Settings,
    *,
    vary: Vary = lambda sentence, _: sentence,
    untagged: frozenset[str] = frozenset(),
    tell: Tell = lambda _share, _what: None,
) -> Learned:
    """Weights taught by the sentences; each epoch sees `vary` of every one. The seed fixes the outcome."""
    tf.keras.utils.set_random_seed(settings.seed)
    intents = tuple(sorted({sentence.intent for sentence in sentences}))
    tags = tag_names(sentences)
    total = settings.epochs * math.ceil(len(sentences) / settings.batch)
    pupil = Pupil(encoder, len(intents), tags, settings, total)
    chance = random.Random(settings.seed)  # noqa: S311 - nothing secret hangs on it
    step = 0
    for epoch in range(settings.epochs):
        varied = [vary(sentence, chance) for sentence in sentences]
        losses = []
        for group in grouped(
            [(one, reader.read(one.text, LONGEST)) for one in varied], settings.batch, chance
        ):
            batch = batch_of(group, intents, tags, untagged)
            losses.append(pupil.step(batch))
            step += 1
            if step % 10 == 0:
                loss = float(np.mean(losses[-50:]))
                tell(step / total, f"epoch {epoch + 1} of {settings.epochs}, loss {loss:.3f}")
    return Learned(pupil.weights(), intents, tags)


def tag_names(sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """`O` first, then `B-` and `I-` of each entity by name."""
    entities = sorted({span.entity for sentence in sentences for span in sentence.spans})
    return (OUTSIDE, *(f"{part}-{entity}" for entity in entities for part in "BI"))


def grouped(pairs: list[Pair], size: int, chance: random.Random) -> list[list[Pair]]:
    """All pairs once, in groups by chance but like lengths together, so that little is padding."""
    chance.shuffle(pairs)
    groups = []
    for at in range(0, len(pairs), size * 16):
        near = sorted(pairs[at : at + size * 16], key=lambda pair: len(pair[1].pieces))
        groups += [near[n : n + size] for n in range(0, len(near), size)]
    chance.shuffle(groups)
    return groups


def batch_of(
    group: Sequence[Pair], intents: Sequence[str], tags: Sequence[str], untagged: frozenset[str]
) -> Batch:
    """The arrays of some sentences; those whose intent is in `untagged` teach no tags."""
    readings = [reading for _, reading in group]
    numbers = {tag: n for n, tag in enumerate(tags)}
    own = [tags_of(reading.units, sentence.spans) for sentence, reading in group]
    taught = [int(sentence.intent not in untagged) for sentence, _ in group]
    return Batch(
        pieces=padded([reading.pieces for reading in readings]),
        present=padded([[1] * len(reading.pieces) for reading in readings]).astype(np.float32),
        firsts=padded([reading.firsts for reading in readings]),
        features=_padded_features([reading.features for reading in readings]),
        tags=padded([[numbers[tag] for tag in row] for row in own]),
        tag_weights=padded([[weight] * len(row) for weight, row in zip(taught, own, strict=True)]).astype(
            np.float32
        ),
        intents=np.array([intents.index(sentence.intent) for sentence, _ in group], np.int32),
    )


class Pupil:
    """The variables that learn, and one step of learning. Word embeddings stay as they are."""

    def __init__(
        self, encoder: Arrays, intents: int, tags: Sequence[str], settings: Settings, steps: int
    ) -> None:
        self._settings = settings
        self._barred = tf.constant(barred_steps(tags))
        heads = {
            "intent.weight": _small((intents, WIDTH), settings.seed),
            "intent.bias": np.zeros(intents, np.float32),
            "tag.weight": _small((len(tags), WIDTH + FEATURES), settings.seed + 1),
            "tag.bias": np.zeros(len(tags), np.float32),
            "tag.steps": np.zeros((len(tags), len(tags)), np.float32),
        }
        self._fixed = {name: tf.constant(array) for name, array in encoder.items() if _stays(name)}
        self._encoder = {name: tf.Variable(array) for name, array in encoder.items() if not _stays(name)}
        self._heads = {name: tf.Variable(array) for name, array in heads.items()}
        self._optimizers = [
            self._optimizer(list(self._encoder.values()), settings.encoder_rate, steps),
            self._optimizer(list(self._heads.values()), settings.head_rate, steps),
        ]
        self._step = tf.function(self._learn, input_signature=_SIGNATURE, autograph=False)

    def step(self, batch: Batch) -> float:
        """Learns from one batch; returns its loss."""
        return float(self._step(*batch))

    def weights(self) -> Arrays:
        """The averaged weights by name."""
        for optimizer, variables in zip(self._optimizers, (self._encoder, self._heads), strict=True):
            optimizer.finalize_variable_values(list(variables.values()))
        fixed = {name: tensor.numpy() for name, tensor in self._fixed.items()}
        return fixed | {name: v.numpy() for name, v in {**self._encoder, **self._heads}.items()}

    def _optimizer(
        self, variables: list[tf.Variable], rate: float, steps: int
    ) -> tf.keras.optimizers.Optimizer:
        optimizer = tf.keras.optimizers.AdamW(
            _Schedule(rate, steps, self._settings.warm_up),
            weight_decay=self._settings.decay,
            use_ema=self._settings.averaging > 0,
            ema_momentum=self._settings.averaging or 0.99,
            jit_compile=False,
        )
        optimizer.exclude_from_weight_decay([variable for variable in variables if variable.shape.rank == 1])
        optimizer.build(variables)
        return optimizer

    def _learn(self, *batch: tf.Tensor) -> tf.Tensor:
        pieces, present, firsts, features, tags, tag_weights, intents = batch
        variables = [*self._encoder.values(), *self._heads.values()]
        with tf.GradientTape() as tape:
            vectors = encode({**self._fixed, **self._encoder}, pieces, present, self._drop)
            loss = self._intent_loss(mean_of(vectors, present), intents)
            loss += self._settings.tag_share * self._tag_loss(vectors, firsts, features, tags, tag_weights)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
        split = len(self._encoder)
        # TensorFlow traces this, and its zip knows no `strict`.
        self._optimizers[0].apply_gradients(zip(gradients[:split], variables[:split]))  # noqa: B905
        self._optimizers[1].apply_gradients(zip(gradients[split:], variables[split:]))  # noqa: B905
        return loss

    def _intent_loss(self, means: tf.Tensor, intents: tf.Tensor) -> tf.Tensor:
        logits = _linear(self._heads, "intent", self._drop(means))
        kinds = logits.shape[-1]
        target = (
            tf.one_hot(intents, kinds) * (1 - self._settings.smoothing) + self._settings.smoothing / kinds
        )
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))

    def _tag_loss(
        self, vectors: tf.Tensor, firsts: tf.Tensor, features: tf.Tensor, tags: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        units = tf.concat([self._drop(tf.gather(vectors, firsts, batch_dims=1)), features], axis=-1)
        logits = _linear(self._heads, "tag", units)
        unlikely = sequence_loss(logits, tags, weights, self._heads["tag.steps"] + self._barred)
        return tf.reduce_sum(unlikely * weights[:, 0]) / tf.maximum(tf.reduce_sum(weights), 1.0)

    def _drop(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.dropout(x, self._settings.dropout)


def barred_steps(tags: Sequence[str]) -> np.ndarray:
    """(tags, tags): zero where the second may follow the first, BARRED elsewhere."""
    return np.array(
        [[0.0 if may_follow(before, tag) else BARRED for tag in tags] for before in tags], np.float32
    )


def sequence_loss(logits: tf.Tensor, tags: tf.Tensor, there: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """How unlikely each row of tags is as a whole (a linear-chain conditional random field).

    `logits` (batch, units, tags), `tags` (batch, units), `there` (batch, units) of zeros and ones, `steps`
    (tags, tags) the score of the second after the first → negative log likelihoods (batch,).
    """
    own = tf.gather(logits, tags, batch_dims=2) * there
    walked = tf.gather_nd(steps, tf.stack([tags[:, :-1], tags[:, 1:]], axis=-1)) * there[:, 1:]
    said = tf.reduce_sum(own, axis=1) + tf.reduce_sum(walked, axis=1)

    def forth(reached: tf.Tensor, unit: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        scores, present = unit
        further = tf.reduce_logsumexp(reached[:, :, None] + steps[None], axis=1) + scores
        return tf.where(present[:, None] > 0, further, reached)

    units = (tf.transpose(logits[:, 1:], (1, 0, 2)), tf.transpose(there[:, 1:]))
    reached = tf.foldl(forth, units, initializer=logits[:, 0])
    return tf.reduce_logsumexp(reached, axis=-1) - said


class _Schedule(tf.keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Rises evenly to `peak` over the warm-up, then falls as a cosine to zero."""

    def __init__(self, peak: float, steps: int, warm_up: float) -> None:
        super().__init__()
        self._peak, self._steps, self._rise = peak, steps, max(1.0, steps * warm_up)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        fallen = tf.clip_by_value((step - self._rise) / max(1.0, self._steps - self._rise), 0.0, 1.0)
        return self._peak * tf.minimum((step + 1) / self._rise, 0.5 * (1.0 + tf.cos(math.pi * fallen)))


_SIGNATURE = (
    tf.TensorSpec((None, None), tf.int32),
    tf.TensorSpec((None, None), tf.float32),
    tf.TensorSpec((None, None), tf.int32),
    tf.TensorSpec((None, None, FEATURES), tf.float32),
    tf.TensorSpec((None, None), tf.int32),
    tf.TensorSpec((None, None), tf.float32),
    tf.TensorSpec((None,), tf.int32),
)


def _stays(name: str) -> bool:
    return name.startswith("embeddings.") and "LayerNorm" not in name


def _linear(heads: dict[str, tf.Variable], name: str, x: tf.Tensor) -> tf.Tensor:
    return tf.tensordot(x, heads[f"{name}.weight"], [[-1], [1]]) + heads[f"{name}.bias"]


def _small(shape: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, shape).astype(np.float32)


def _padded_features(rows: Sequence[np.ndarray]) -> np.ndarray:
    whole = np.zeros((len(rows), max(1, *(len(row) for row in rows), 1), FEATURES), np.float32)
    for n, row in enumerate(rows):
        whole[n, : len(row)] = row
    return whole
