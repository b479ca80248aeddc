"""A source's callback as a provider, so that the outbox delivers to it as it does to any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.callbacks import CALLBACKS
from adapters.config import validate
from router.targets import Provider
from router.vault import Vault, VaultError

SOURCE_PREFIX: Final = "source:"
"""Before a source's name, where deliveries name its callback; no provider's own name can hold a colon."""


def callback_of(row: Mapping[str, Any], vault: Vault) -> Provider:
    """A source's callback as a provider, from the source's row; ConfigError or VaultError as `from_row`."""
    platform = CALLBACKS[row["callback"]]
    try:
        secrets = vault.open(row["sealed"])
    except VaultError:
        raise VaultError(
            f"the callback's secret of source `{row['name']}` cannot be opened with this key; set "
            "IM_SECRET_KEY to the one it was sealed with (or `new,old`), or give it again with "
            "`im sources update`"
        ) from None
    config = validate(platform.config, platform.name, {"callback_url": row["callback_url"], **secrets})
    return Provider(
        name=SOURCE_PREFIX + row["name"],
        platform=platform.name,
        active=True,
        config=config,
        version=row["version"],
    )
