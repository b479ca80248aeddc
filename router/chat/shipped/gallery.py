"""Pictures that the router drew, for chat platforms to fetch: kept for a week under random names."""

from __future__ import annotations

import re
import secrets
from typing import Final

from router.settings import Settings
from router.store import Store
from router.targets import Provider

LIVES_SECONDS: Final = 7 * 86_400.0
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_OURS: Final = "sandbox"
"""The one platform whose people see this server under a loopback address."""


async def keep(store: Store, png: bytes) -> str:
    """Keep a picture; its id, of 192 random bits. Those that are over go with it."""
    name = secrets.token_urlsafe(24)
    await store.run("commands.keep_picture", {"id": name, "png": png, "seconds": LIVES_SECONDS})
    return name


async def find(store: Store, id: str) -> bytes | None:
    """A picture's PNG; None for one that is over, and for what is no id."""
    if not _ID.fullmatch(id):
        return None
    row = await store.row("commands.picture", {"id": id})
    return bytes(row["png"]) if row else None


def served(settings: Settings) -> bool:
    """Whether pictures are served at all: to the public address, or to this machine alone."""
    return bool(settings.public_url) or settings.loopback


def shown_on(settings: Settings, provider: Provider) -> bool:
    """Whether the people of a provider can be shown one."""
    return bool(settings.public_url) or (settings.loopback and provider.platform == _OURS)


def address(settings: Settings, id: str) -> str:
    """Where a picture is fetched from."""
    return f"{settings.address.rstrip('/')}/pictures/{id}.png"
