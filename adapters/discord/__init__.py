"""Discord: incidents as embeds with buttons, through a bot's REST calls."""

from adapters.discord.outbound import PLATFORM

__all__ = ["PLATFORM"]
