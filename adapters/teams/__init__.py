"""Microsoft Teams: Adaptive Cards through the Bot Framework's connector."""

from adapters.teams.outbound import PLATFORM

__all__ = ["PLATFORM"]
