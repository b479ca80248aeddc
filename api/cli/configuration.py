"""A provider's configuration as a person gives it: JSON (in place, a file, stdin) or answers to prompts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from api.cli.errors import WRONG_USAGE, CliError

if TYPE_CHECKING:
    from adapters.config import ProviderConfig
    from adapters.contract import Platform

_SEVERITIES: Final = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
_LABELS: Final = {
    "app_id": "App ID",
    "base_url": "Server address (https://…)",
    "default_channel": "Default channel ID",
    "guild_id": "Server (guild) ID",
}
_EXAMPLES: Final = {("slack", "bot_token"): "Bot token (xoxb-…)"}


def given(text: str) -> dict[str, Any]:
    """The object of `--config`: JSON, `@file` or `-`. CliError says line and column, and never the text."""
    place, body = _read(text)
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise _malformed(place, body, error) from None
    except RecursionError:
        raise CliError(f"{place} is nested too deeply", code=WRONG_USAGE) from None
    if not isinstance(value, dict):
        raise CliError(f'{place} must be a JSON object such as {{"default_channel": "…"}}', code=WRONG_USAGE)
    return value


def asked(platform: Platform) -> dict[str, Any]:
    """The configuration by prompts; secrets are not echoed. Empty answers are left out."""
    kind: type[ProviderConfig] = platform.config
    config: dict[str, Any] = {}
    for name in dict.fromkeys((*kind.SECRETS, *kind.REQUIRED)):
        _ask(config, platform.name, name, secret=name in kind.SECRETS, required=name in kind.REQUIRED)
    if "default_channel" not in kind.REQUIRED:
        _ask(config, platform.name, "default_channel", secret=False, required=False)
    config["enable_slash_commands"] = click.confirm("Enable slash commands?", default=True)
    config["enable_notifications"] = click.confirm("Enable notifications?", default=True)
    if config["enable_notifications"]:
        channels = {severity: _channel(severity) for severity in _SEVERITIES}
        config["notification_channels"] = {key: value for key, value in channels.items() if value}
    return config


def _ask(config: dict[str, Any], platform: str, name: str, *, secret: bool, required: bool) -> None:
    label = _EXAMPLES.get((platform, name)) or _LABELS.get(name) or name.replace("_", " ").capitalize()
    hint = "" if required else " (Enter for none)"
    default = None if required else ""
    answer: str = click.prompt(label + hint, hide_input=secret, default=default, show_default=False)
    if answer.strip():
        config[name] = answer.strip()


def _channel(severity: str) -> str:
    text = f"Channel for {severity} (Enter for the default channel)"
    answer: str = click.prompt(text, default="", show_default=False)
    return answer.strip()


def _read(text: str) -> tuple[str, str]:
    if text == "-":
        return "stdin", sys.stdin.read()
    if not text.startswith("@"):
        return "--config", text
    file = Path(text[1:]).expanduser()
    try:
        return str(file), file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CliError(f"{file} cannot be read: {why}", code=WRONG_USAGE) from None


def _malformed(place: str, body: str, error: json.JSONDecodeError) -> CliError:
    line = body.splitlines()[error.lineno - 1] if body else ""
    comment = line[error.colno - 1 :].lstrip()[:1] == "#" or "#" in line[: error.colno]
    hint = "; JSON has no comments, leave out what follows `#`" if comment else ""
    why = error.msg[:1].lower() + error.msg[1:]
    return CliError(
        f"{place} is not JSON: line {error.lineno}, column {error.colno}: {why}{hint}", code=WRONG_USAGE
    )
