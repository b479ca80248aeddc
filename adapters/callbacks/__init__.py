"""Back to the systems that incidents come from: the kinds of callbacks, listed.

They are platforms like the others to whatever delivers, but nobody adds one as a chat provider: a source has
one (`im sources`). They live apart from `adapters.registry` for that reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from adapters.callbacks import pagerduty, webhook
from adapters.callbacks.act import TIME
from adapters.contract import Platform

__all__ = ["CALLBACKS", "TIME", "takes"]

CALLBACKS: Final[Mapping[str, Platform]] = {
    platform.name: platform for platform in (webhook.PLATFORM, pagerduty.PLATFORM)
}
_ONLY: Final[Mapping[str, Collection[str]]] = {pagerduty.PLATFORM.name: pagerduty.ACTIONS}


def takes(kind: str, event: str) -> bool:
    """Whether a kind of callback has words for a type of event (`incident.acknowledged`)."""
    return kind not in _ONLY or event in _ONLY[kind]
