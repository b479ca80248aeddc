"""Mattermost for the adapters' common suite, and how its posts look to people there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adapters.config import validate
from adapters.mattermost import PLATFORM
from adapters.mattermost.config import MattermostConfig
from tests.contract.subject import Subject
from tests.fakes.mattermost import MattermostFake, make_id
from tests.fakes.mattermost_eyes import _mentions, buttons, pings, visible

__all__ = ["CALLBACK", "TOKEN", "_mentions", "buttons", "configured", "pings", "subject", "visible"]

TOKEN = "bot-token-0123456789abcdefgh"
CALLBACK = "https://im.example.com/chatops/mattermost/corp-mattermost"


@contextmanager
def subject() -> Iterator[Subject]:
    """A running fake and a provider that points at it."""
    with MattermostFake(token=TOKEN) as fake:
        fake.add_channel(make_id("critical"), "critical-incidents")
        yield Subject(
            platform=PLATFORM,
            config=configured(fake),
            bad_config=configured(fake, bot_token="wrong-token-0123456789abcdef"),
            fake=fake,
            channel=make_id("critical"),
            missing_channel=fake.missing_channel,
            user_query="@dana",
            user_id=make_id("dana"),
            visible=visible,
            buttons=buttons,
            pings=pings,
            sends_path=r"/api/v4/posts(?:/[^/]+/patch)?\Z",
        )


def configured(fake: MattermostFake, **more: Any) -> MattermostConfig:
    """The configuration that an admin would write, with other values where given."""
    raw: dict[str, Any] = {
        "base_url": fake.url,
        "bot_token": TOKEN,
        "command_token": "command-token-0123456789ab",
        "default_channel": make_id("critical"),
        "team": "incidents",
        "callback_url": CALLBACK,
    }
    config = validate(MattermostConfig, "mattermost", raw | more)
    assert isinstance(config, MattermostConfig)
    return config
