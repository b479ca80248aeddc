"""`python -m tests.fakes PLATFORM`: a fake chat platform as a process that outlives what a test kills."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.fakes.base import FakePlatform
from tests.fakes.discord import DiscordFake
from tests.fakes.mattermost import MattermostFake, make_id
from tests.fakes.slack import SlackFake
from tests.fakes.teams import TeamsFake

FAKES: Final[Mapping[str, type[FakePlatform]]] = {
    "slack": SlackFake,
    "teams": TeamsFake,
    "discord": DiscordFake,
    "mattermost": MattermostFake,
}
SIGNING_SECRET: Final = "0123456789abcdef0123456789abcdef"


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT, after a line with the URL and one with the configuration."""
    given = _parse(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _fake(given) as fake:
            for line in introduction(given.platform, fake):
                print(line, flush=True)  # noqa: T201
            stop.wait()
    except OSError as error:
        print(f"tests.fakes: port {given.port} cannot be used ({error.strerror})", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def introduction(platform: str, fake: FakePlatform) -> tuple[str, str]:
    """Two lines for people and harnesses: the address and configuration in JSON, and a command to paste."""
    config = json.dumps(CONFIGS[platform](fake))
    hello = json.dumps({"platform": platform, "url": fake.url, "config": CONFIGS[platform](fake)})
    return hello, f"./im chatops add {platform} fake-{platform} --config {shlex.quote(config)}"


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description=__doc__)
    parser.add_argument("platform", choices=FAKES)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--records", type=Path, help="append a JSON line for each message and edit")
    parser.add_argument("--no-rates", dest="rates", action="store_false", help="no rate limits")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    return parser.parse_args(arguments)


def _fake(given: argparse.Namespace) -> FakePlatform:
    fake = FAKES[given.platform](
        rates=given.rates, latency=given.latency, records=given.records, port=given.port
    )
    if isinstance(fake, SlackFake):
        # The document's five: with more, what is uncertain is looked for in a very long history.
        fake.scopes = ("chat:write", "commands", "app_mentions:read", "channels:read", "users:read")
    return fake


def _slack(fake: Any) -> dict[str, Any]:
    return {
        "bot_token": fake.token,
        "signing_secret": SIGNING_SECRET,
        "team_id": fake.team_id,
        "api_base": fake.url,
        "default_channel": "C0INCIDENTS",
    }


def _teams(fake: Any) -> dict[str, Any]:
    return {
        "app_id": fake.app_id,
        "app_password": fake.app_password,
        "tenant_id": fake.tenant,
        "team_id": fake.team_id,
        "service_url": f"{fake.url}/teams",
        "login_base": fake.url,
        "openid_metadata_url": f"{fake.url}/v1/.well-known/openidconfiguration",
        "default_channel": "19:incidents@thread.tacv2",
    }


def _discord(fake: Any) -> dict[str, Any]:
    return {
        "bot_token": fake.token,
        "application_id": fake.application_id,
        "public_key": fake.public_key,
        "guild_id": fake.guild_id,
        "api_base": f"{fake.url}/api/v10",
        "default_channel": "102020202020202020",
    }


def _mattermost(fake: Any) -> dict[str, Any]:
    return {
        "bot_token": fake.token,
        "command_token": fake.commands[0].token,
        "base_url": fake.url,
        "team": fake.team.name,
        "default_channel": make_id("townsquare"),
    }


CONFIGS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "slack": _slack,
    "teams": _teams,
    "discord": _discord,
    "mattermost": _mattermost,
}
"""What a provider needs to reach a fake."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
