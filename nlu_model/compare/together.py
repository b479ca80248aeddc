"""Many sentences at once: the same figures as `forward.score`, a batch at a time, for measuring."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nlu_model.components.encoder import encode, mean_of
from nlu_model.components.forward import Arrays
from nlu_model.components.reading import Reading, padded

SIZE = 64


def intents_of(arrays: Arrays, readings: Sequence[Reading]) -> tuple[np.ndarray, np.ndarray]:
    """Intent logits (sentences, intents) and vectors (sentences, width), in the order of the readings."""
    weights = {name: tf.constant(array) for name, array in arrays.items()}
    run = tf.function(
        lambda pieces, present: mean_of(encode(weights, pieces, present), present),
        input_signature=[tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None), tf.float32)],
        autograph=False,
    )
    vectors = np.zeros((len(readings), arrays["intent.weight"].shape[1]), np.float32)
    order = sorted(range(len(readings)), key=lambda n: len(readings[n].pieces))
    for at in range(0, len(order), SIZE):
        own = order[at : at + SIZE]
        present = padded([[1] * len(readings[n].pieces) for n in own]).astype(np.float32)
        vectors[own] = run(padded([readings[n].pieces for n in own]), present).numpy()
    return vectors @ arrays["intent.weight"].T + arrays["intent.bias"], vectors
