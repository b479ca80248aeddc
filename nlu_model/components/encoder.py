"""The MiniLM sentence encoder as plain TensorFlow: its weights read from a file, its layers as one function.

Written out rather than taken from transformers: that import alone costs ten seconds and 300 MB in the server,
and twelve attention heads over six layers fit on a page (architecture: Devlin et al., 2018).
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

LAYERS = 6
HEADS = 12
WIDTH = 384
EPSILON = 1e-12

Weights = dict[str, Any]  # name → variable or array; names as in the published file


def package_folder(package: str) -> Path:
    """Where an installed package keeps the encoder; raises FileNotFoundError when it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} with the sentence encoder is not installed")
    return Path(spec.origin).parent / "model"


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """The encoder's arrays by name, float32, without the pooler (mean pooling needs none)."""
    arrays = load_file(str(folder / "model.safetensors"))
    return {
        name: array.astype(np.float32)
        for name, array in arrays.items()
        if not name.startswith("pooler") and not name.endswith("position_ids")
    }


def encode(
    weights: Weights,
    pieces: tf.Tensor,
    present: tf.Tensor,
    dropout: Callable[[tf.Tensor], tf.Tensor] = lambda x: x,
) -> tf.Tensor:
    """Vectors of word pieces: int32 and float32 mask (both batch, length) → (batch, length, WIDTH)."""
    length = tf.shape(pieces)[1]
    h = tf.gather(weights["embeddings.word_embeddings.weight"], pieces)
    h += weights["embeddings.position_embeddings.weight"][:length]
    h += weights["embeddings.token_type_embeddings.weight"][0]
    h = dropout(_normalise(weights, "embeddings.LayerNorm", h))
    unseen = (1.0 - present)[:, None, None, :] * -1e9
    for layer in range(LAYERS):
        h = _layer(weights, f"encoder.layer.{layer}", h, unseen, dropout)
    return h


def mean_of(vectors: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """The mean over the pieces that are there: (batch, length, width), (batch, length) → (batch, width)."""
    total = tf.reduce_sum(vectors * present[..., None], axis=1)
    return total / tf.reduce_sum(present, axis=1, keepdims=True)


def _layer(
    w: Weights, name: str, h: tf.Tensor, unseen: tf.Tensor, dropout: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    mixed = _dense(
        w, f"{name}.attention.output.dense", _attention(w, f"{name}.attention.self", h, unseen, dropout)
    )
    h = _normalise(w, f"{name}.attention.output.LayerNorm", h + dropout(mixed))
    inner = tf.nn.gelu(_dense(w, f"{name}.intermediate.dense", h), approximate=False)
    outer = _dense(w, f"{name}.output.dense", inner)
    return _normalise(w, f"{name}.output.LayerNorm", h + dropout(outer))


def _attention(
    w: Weights, name: str, h: tf.Tensor, unseen: tf.Tensor, dropout: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    query, key, value = (_heads(_dense(w, f"{name}.{part}", h)) for part in ("query", "key", "value"))
    scores = tf.matmul(query, key, transpose_b=True) / (WIDTH / HEADS) ** 0.5 + unseen
    mixed = tf.transpose(tf.matmul(dropout(tf.nn.softmax(scores)), value), (0, 2, 1, 3))
    return tf.reshape(mixed, tf.shape(h))


def _heads(x: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(x, (shape[0], shape[1], HEADS, WIDTH // HEADS)), (0, 2, 1, 3))


def _dense(w: Weights, name: str, x: tf.Tensor) -> tf.Tensor:
    kernel = w[f"{name}.weight"]  # (out, in), as published
    flat = tf.matmul(tf.reshape(x, (-1, kernel.shape[1])), kernel, transpose_b=True) + w[f"{name}.bias"]
    return tf.reshape(flat, tf.concat((tf.shape(x)[:-1], [kernel.shape[0]]), axis=0))


def _normalise(w: Weights, name: str, x: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, axes=-1, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + EPSILON) * w[f"{name}.weight"] + w[f"{name}.bias"]
