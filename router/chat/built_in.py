"""All commands and buttons that come with the router, in the order of their help."""

from __future__ import annotations

from typing import Final

from router.chat import inform, lifecycle, others, room, undoing
from router.chat.asked import Answer, Asked, World, done
from router.chat.commands import Button, Command
from router.incidents import Incident

REHEARSAL: Final = "rehearsal"
"""The button that `im chatops interact-test` presses."""

COMMANDS: Final[tuple[Command, ...]] = (
    *lifecycle.COMMANDS,
    *room.COMMANDS,
    *inform.COMMANDS,
    *others.COMMANDS,
)


async def _rehearse(_: World, __: Asked, ___: Incident | None) -> Answer:
    """Nothing, and that works."""
    return done("Buttons work.")


BUTTONS: Final = (
    Button(id=REHEARSAL, run=_rehearse, role="viewer"),
    Button(id=undoing.UNDO, run=undoing.undo, role="responder"),
)
