"""Conversation: what people say to the bot, and what it means."""
