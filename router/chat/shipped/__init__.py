"""Commands that come with the router and work once an admin has configured them: `im commands set`."""

from __future__ import annotations

from typing import Final

from router.chat.commands import Command
from router.chat.shipped.maintenance import COMMANDS as MAINTENANCE
from router.chat.shipped.metric import COMMANDS as METRIC
from router.chat.shipped.workflows import COMMANDS as WORKFLOWS

SHIPPED: Final[tuple[Command, ...]] = (*WORKFLOWS, *METRIC, *MAINTENANCE)
"""A team's own command may take the name of one of these."""
