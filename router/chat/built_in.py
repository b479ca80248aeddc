"""All commands that come with the router, in the order of their help."""

from __future__ import annotations

from typing import Final

from router.chat import inform, lifecycle, others, room
from router.chat.commands import Command

COMMANDS: Final[tuple[Command, ...]] = (
    *lifecycle.COMMANDS,
    *room.COMMANDS,
    *inform.COMMANDS,
    *others.COMMANDS,
)
