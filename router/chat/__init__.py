"""Chat in: what people type, press and choose, from the inbox to its answer."""

from router.chat.asked import World
from router.chat.work import Desk

__all__ = ["Desk", "World"]
