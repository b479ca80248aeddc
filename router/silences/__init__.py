"""Silences: what they mute, how long, and what is told when they end."""
