"""Commands that come with the router and work once an admin has configured them: `im commands set`."""

from __future__ import annotations

from typing import Final

from router.chat.commands import Command
from router.chat.shipped import maintenance, metric, workflows

SHIPPED: Final[tuple[Command, ...]] = (*workflows.COMMANDS, *metric.COMMANDS, *maintenance.COMMANDS)
"""A team's own command may take the name of one of these."""
