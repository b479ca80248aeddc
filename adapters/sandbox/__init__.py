"""The sandbox: a platform that keeps its messages in the store and needs no account."""

from adapters.sandbox.outbound import PLATFORM

__all__ = ["PLATFORM"]
