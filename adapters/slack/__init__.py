"""Slack: Block Kit messages over the Web API."""

from adapters.slack.outbound import PLATFORM

__all__ = ["PLATFORM"]
