"""What a Slack app for this bot may do, and the app manifest that sets one up.

https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.config import ConfigError
from adapters.contract import AppFile
from adapters.slack.config import SlackConfig

SCOPES: Final = ("chat:write", "commands", "app_mentions:read", "channels:read", "users:read")
"""What the bot needs: sending, slash commands, mentions, listing channels, looking people up."""

APP_NAME: Final = "Incident Management Bot"
COMMAND: Final = "/im"


class Feature(msgspec.Struct, frozen=True):
    """Something that is off until the app is given more: its name for people, the scopes, the events."""

    title: str
    scopes: tuple[str, ...]
    events: tuple[str, ...] = ()


# The scopes as the methods' and events' own pages name them:
# https://docs.slack.dev/reference/methods/conversations.create (invite, archive, rename, setTopic alike),
# …/methods/users.lookupByEmail, …/methods/conversations.history, …/events/reaction_added, …/events/message.im
FEATURES: Final[Mapping[str, Feature]] = {
    "war-rooms": Feature("War rooms are", ("channels:manage",)),
    "email-link": Feature("Linking people by e-mail is", ("users:read.email",)),
    "dedupe": Feature("Looking for doubles after a time-out is", ("channels:history",)),
    "feedback": Feature("Feedback by reactions is", ("reactions:read",), ("reaction_added",)),
    "direct": Feature("Talking to the bot in direct messages is", ("im:history",), ("message.im",)),
}


def app_file(name: str, _: SlackConfig, url: str, features: frozenset[str]) -> AppFile:
    """The manifest as JSON, to be pasted; ConfigError names an unknown feature."""
    try:
        made = manifest(name, url, features)
    except ValueError as error:
        raise ConfigError("features", str(error)) from None
    content = msgspec.json.format(msgspec.json.encode(made))
    return AppFile(name=f"{name}-manifest.json", media_type="application/json", content=content)


def manifest(name: str, url: str, features: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The manifest for the provider `name` of a router that is reached at `url` (`https://<host>`).

    `features` are keys of FEATURES; an unknown one is a ValueError that names those there are.
    """
    unknown = sorted(features - FEATURES.keys())
    if unknown:
        raise ValueError(f"no feature {', '.join(unknown)}; there are {', '.join(FEATURES)}")
    wanted = [feature for key, feature in FEATURES.items() if key in features]
    webhook = f"{url.rstrip('/')}/chatops/slack/{name}"
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": APP_NAME,
            "description": "Routes incidents to the people who mend them",
        },
        "features": _features(webhook, messages="direct" in features),
        "oauth_config": {"scopes": {"bot": [*SCOPES, *(s for f in wanted for s in f.scopes)]}},
        "settings": _settings(webhook, ["app_mention", *(event for f in wanted for event in f.events)]),
    }


def _features(webhook: str, *, messages: bool) -> dict[str, Any]:
    command = {
        "command": COMMAND,
        "url": webhook,
        "description": "Manage incidents",
        "usage_hint": 'declare --title "Issue description"',
        # Mentions of people arrive as their ids, and not as names that could be anybody's.
        "should_escape": True,
    }
    return {
        "app_home": {
            "home_tab_enabled": False,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": not messages,
        },
        "bot_user": {"display_name": APP_NAME, "always_online": True},
        "slash_commands": [command],
    }


def _settings(webhook: str, events: list[str]) -> dict[str, Any]:
    return {
        "event_subscriptions": {"request_url": webhook, "bot_events": events},
        "interactivity": {"is_enabled": True, "request_url": webhook},
        "org_deploy_enabled": False,
        "socket_mode_enabled": False,
        "token_rotation_enabled": False,
    }
