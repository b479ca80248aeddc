"""Mattermost, self-hosted or in the cloud, through a bot account and the server's REST API (version 4)."""

from adapters.mattermost.outbound import PLATFORM

__all__ = ["PLATFORM"]
