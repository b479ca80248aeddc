"""Adapters for the configured providers, built once for each version of a provider's configuration."""

from __future__ import annotations

from adapters import registry
from adapters.callbacks import CALLBACKS
from adapters.config import limits_for
from adapters.contract import Limits, Outbound, Resources
from router.sending import Connected
from router.shelf import StoreShelf
from router.store import Store
from router.targets import Provider


class Adapters:
    """See the module."""

    def __init__(self, store: Store, http: Outbound) -> None:
        self._store = store
        self._http = http
        self._built: dict[str, tuple[int, Connected, Limits]] = {}

    def connected(self, provider: Provider) -> Connected:
        """The adapter of a provider."""
        return self._entry(provider)[1]

    def limits(self, provider: Provider) -> Limits:
        """The rate windows that hold for a provider."""
        return self._entry(provider)[2]

    def _entry(self, provider: Provider) -> tuple[int, Connected, Limits]:
        entry = self._built.get(provider.name)
        if entry is None or entry[0] != provider.version:
            platform = CALLBACKS.get(provider.platform) or registry.platform(provider.platform)
            resources = Resources(self._http, StoreShelf(self._store, provider.name))
            connected = Connected(platform, platform.build(provider.config, resources))
            entry = (provider.version, connected, limits_for(provider.config, platform.limits))
            self._built[provider.name] = entry
        return entry
