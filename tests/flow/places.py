"""The four platforms for flow tests: a running fake, a provider's configuration, channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tests.contract import subject_discord, subject_mattermost, subject_slack, subject_teams
from tests.contract.subject import Subject
from tests.fakes.base import FakePlatform, Posted
from tests.fakes.mattermost import make_id
from tests.flow.stage import QUICK, Im

_SUBJECTS: Final[Mapping[str, Callable[[], AbstractContextManager[Subject]]]] = {
    "slack": subject_slack.subject,
    "teams": subject_teams.subject,
    "discord": subject_discord.subject,
    "mattermost": subject_mattermost.subject,
}
PLATFORMS: Final = tuple(_SUBJECTS)
_SEVERITIES: Final = {"SEV-1": "critical", "SEV-2": "major", "SEV-3": "minor", "SEV-4": "info"}
_DISCORD: Final = {"critical": 1, "major": 2, "minor": 3, "info": 4, "executives": 5, "archive": 6}


@dataclass(frozen=True)
class Place:
    """A fake platform to which a provider is connected."""

    name: str
    subject: Subject
    fake: FakePlatform

    def channel(self, name: str) -> str:
        """The platform's id of `critical`, `executives` and so on."""
        return {
            "slack": f"C0{name.upper()}",
            "teams": f"19:{name}@thread.tacv2",
            "discord": f"{10202020202020200 + _DISCORD.get(name, 0)}0",
            "mattermost": make_id(name),
        }[self.name]

    def announced(self, channel: str) -> list[Posted]:
        """What stands in a channel itself."""
        return [posted for posted in self._in(channel) if posted.parent is None]

    def replies(self, channel: str) -> list[Posted]:
        """What was said in threads or as answers."""
        return [posted for posted in self._in(channel) if posted.parent is not None]

    def _in(self, channel: str) -> list[Posted]:
        prefix = self.channel(channel)
        return [posted for posted in self.fake.messages.values() if posted.channel.startswith(prefix)]

    def text(self, posted: Posted) -> str:
        """What a person sees."""
        return self.subject.visible(posted)

    def config(self, **changes: Any) -> dict[str, Any]:
        """A provider's configuration with a channel for each use."""
        given = {key: value for key, value in msgspec.to_builtins(self.subject.config).items() if value}
        severities = zip(
            ("SEV-1", "SEV-2", "SEV-3", "SEV-4"), ("critical", "major", "minor", "info"), strict=True
        )
        given |= {
            "notification_channels": {severity: self.channel(name) for severity, name in severities},
            "escalation_channels": {"management": self.channel("executives")},
            "archive_channel": self.channel("archive"),
            "rate_limit": QUICK,
        }
        return given | changes


@contextmanager
def place(im: Im, platform: str, *, named: str = "chat", **changes: Any) -> Iterator[Place]:
    """A platform with a provider (`chat`) that is connected to it, without the fake's rates."""
    with _SUBJECTS[platform]() as subject:
        assert subject.fake is not None
        subject.fake.rates = False
        found = Place(platform, subject, subject.fake)
        im.add(named, platform, **found.config(**changes))
        yield found
