"""The language model: data, pipeline and client."""
