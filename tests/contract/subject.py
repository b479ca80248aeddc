"""What the adapters' common suite needs of each platform; each `subject_<platform>.py` provides one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.config import ProviderConfig
from adapters.contract import Platform, Shelf
from tests.fakes.base import FakePlatform, Posted


@dataclass(frozen=True)
class Subject:
    """A platform with a running fake, and what the suite may expect there."""

    platform: Platform
    config: ProviderConfig
    """Points at the fake, with valid secrets; rate limits of the fake on."""
    bad_config: ProviderConfig
    """The same with a wrong token."""
    fake: FakePlatform | None
    """None for the sandbox, which has no server; then `shelf` holds the messages."""
    channel: str
    """Exists, and the bot may post there."""
    missing_channel: str
    user_query: str
    user_id: str
    """What find_user(user_query) must return."""
    visible: Callable[[Posted], str]
    """All text that a person sees of a message as it stands now, with the platform's escapes resolved."""
    buttons: Callable[[Posted], list[str]]
    """The labels of the message's buttons, in order."""
    pings: Callable[[Posted], list[str]]
    """Whom the message would notify or which markup of a person's text would take effect; [] when safe."""
    sends_path: str = ".*"
    """A regex of the path of posting calls, for faults that must not hit token or other calls."""
    unknown_user: str = "nobody@nowhere.example"
    """What find_user must not find."""
    shelf: Shelf | None = None
    """The sandbox's; other platforms do without."""
    kept: dict[str, Posted] = field(default_factory=dict)
    """The messages by id, where there is no fake."""

    @property
    def messages(self) -> dict[str, Posted]:
        """All messages that the platform holds, by id, oldest first."""
        return self.fake.messages if self.fake else self.kept
