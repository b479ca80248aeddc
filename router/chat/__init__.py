"""Chat in: what people type, press and choose, from the inbox to its answer."""
