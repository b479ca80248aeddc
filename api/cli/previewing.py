"""Templates of a file, and messages about a made-up incident as the platforms get them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from adapters import registry, templates
from adapters.config import ConfigError
from adapters.contract import Message
from api.cli.errors import WRONG_USAGE, CliError
from router import compose
from router.incidents import Incident

_STARTED: Final = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)

SAMPLE: Final = Incident(
    id="0",
    source="api",
    external_id="INC-2026-001",
    display_id="INC-2026-001",
    title="Checkout <fails> for *some* customers",
    severity="SEV-1",
    status="open",
    service="checkout",
    description="Multiple users report payment failures.",
    assignee="dana",
    url="https://incidents.example.com/INC-2026-001",
    started_at=_STARTED,
    changed_at=_STARTED,
)
"""Its title holds characters that platforms treat specially, so that a preview shows them escaped."""


def rendered(platform: str, event: str, template: str | None) -> Any:
    """The platform's payload, as JSON values; CliError names an unknown placeholder, event or platform."""
    kind = {name.replace(".", "_"): name for name in compose.HEADLINES}.get(event)
    if kind is None:
        known = ", ".join(name.replace(".", "_") for name in compose.HEADLINES)
        raise CliError(f"unknown event `{event[:60]}`; known are {known}", code=WRONG_USAGE)
    try:
        found = registry.platform(platform)
        templates.parse(template or "")
    except ConfigError as error:
        raise CliError(error.detail, code=WRONG_USAGE) from None
    except templates.TemplateError as error:
        raise CliError(str(error)) from None
    return msgspec.to_builtins(found.render(_message(kind, template)))


def texts_of(file: Path, platform: str, event: str) -> dict[str, str]:
    """The templates of a file by platform: YAML for several, anything else is one for `platform`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CliError(f"{file} cannot be read: {why}") from None
    if file.suffix in (".yaml", ".yml"):
        return _of_yaml(file, text, platform, event)
    if not platform:
        raise CliError("say for which platform with `--platform`", code=WRONG_USAGE)
    return {platform: text}


def _of_yaml(file: Path, text: str, platform: str, event: str) -> dict[str, str]:
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CliError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    events = given.get("templates", given) if isinstance(given, dict) else None
    chosen = events.get(event) if isinstance(events, dict) else None
    if isinstance(chosen, str) and platform:
        return {platform: chosen}
    if not isinstance(chosen, dict) or not all(isinstance(value, str) for value in chosen.values()):
        raise CliError(f"{file} has no templates for `{event}`; write them as templates: {event}: slack: …")
    if platform and platform not in chosen:
        raise CliError(f"{file} has none for `{platform}`; it has {', '.join(chosen)}")
    return {platform: chosen[platform]} if platform else chosen


def _message(kind: str, template: str | None) -> Message:
    return Message(
        event=kind,
        headline=compose.HEADLINES[kind],
        incident=compose.card(SAMPLE),
        actor="dana",
        note="Looking at the database",
        actions=compose.actions(SAMPLE),
        template=template,
    )
