"""Scripts behind docs/nlu-model.md; run in the Rasa environment, not part of the server."""
