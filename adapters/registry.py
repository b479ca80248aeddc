"""The platforms, listed. A new one is a folder beside this file and a line here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final

from adapters import discord, mattermost, sandbox, slack, teams
from adapters.config import ConfigError
from adapters.contract import Platform

PLATFORMS: Final[Mapping[str, Platform]] = {
    platform.name: platform
    for platform in (
        slack.PLATFORM,
        teams.PLATFORM,
        discord.PLATFORM,
        mattermost.PLATFORM,
        sandbox.PLATFORM,
    )
}


def platform(name: str) -> Platform:
    """The platform of that name; ConfigError with the nearest known one otherwise."""
    try:
        return PLATFORMS[name]
    except KeyError:
        near = difflib.get_close_matches(name, PLATFORMS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(PLATFORMS)}"
        raise ConfigError("type", f"unknown platform `{name}`; {hint}") from None
