"""Facts in, Decision out: the rule files, their engine and their explanations."""
