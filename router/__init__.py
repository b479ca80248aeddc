"""The use cases of the router and their vocabulary; see router/handle.py for the pipeline."""
