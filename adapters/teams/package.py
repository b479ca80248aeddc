"""The app package that an admin uploads to Teams: a zip of a manifest and two icons, made of a configuration.

The manifest: https://learn.microsoft.com/microsoft-365/extensibility/schema/ (version 1.19), the icons:
https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/apps-package#app-icons
"""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from PIL import Image, ImageDraw

from adapters import look
from adapters.config import ConfigError
from adapters.contract import AppFile
from adapters.teams.config import TeamsConfig

VERSION: Final = "1.19"
SCHEMA: Final = f"https://developer.microsoft.com/json-schemas/teams/v{VERSION}/MicrosoftTeams.schema.json"
APP_VERSION: Final = "1.0.0"
COLOUR: Final = "#d92d20"
COLOUR_SIZE: Final = 192
OUTLINE_SIZE: Final = 32

# https://learn.microsoft.com/microsoft-365/extensibility/schema/root-bots-command-lists
SCOPES: Final = ("personal", "team", "groupChat")
COMMANDS: Final = (
    ("im help", "What can be asked"),
    ("im declare", "im declare [--sev SEV-2] [--service name] title"),
    ("im list", "Open incidents"),
    ("im status", "im status INC-2026-001"),
    ("im ack", "im ack INC-2026-001 [note]"),
    ("im resolve", "im resolve INC-2026-001 [note]"),
    ("im escalate", "im escalate INC-2026-001 SEV-1"),
    ("im assign", "im assign INC-2026-001 @person"),
    ("im update", "im update INC-2026-001 note"),
    ("im timeline", "im timeline INC-2026-001"),
)
_EPOCH: Final = (2026, 1, 1, 0, 0, 0)
"""One date for all files: the same configuration gives the same bytes."""


def app_file(name: str, config: TeamsConfig, url: str, features: frozenset[str]) -> AppFile:
    """The package, to be uploaded; ConfigError with the mend."""
    if features:
        raise ConfigError("features", "a Teams package has none to choose; leave them out")
    return AppFile(name=f"{name}.zip", media_type="application/zip", content=package(name, config, url))


def package(name: str, config: TeamsConfig, url: str) -> bytes:
    """The zip for the provider `name`; `url` is the router's public address. ConfigError with the mend."""
    files = {
        "manifest.json": msgspec.json.format(msgspec.json.encode(manifest(name, config, url))),
        "color.png": _png(_colour_icon()),
        "outline.png": _png(_outline_icon()),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(zipfile.ZipInfo(file, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def manifest(name: str, config: TeamsConfig, url: str) -> dict[str, Any]:
    """What the app is, which bot it has, and the commands that Teams offers."""
    app_id, host = _app_id(config), _host(url)
    address = f"https://{host}/"
    return {
        "$schema": SCHEMA,
        "manifestVersion": VERSION,
        "version": APP_VERSION,
        "id": app_id,
        "developer": {
            "name": "im",
            "websiteUrl": address,
            "privacyUrl": address,
            "termsOfUseUrl": address,
        },
        "name": {"short": "im", "full": look.cut(f"im incidents ({name})", 100)},
        "description": {
            "short": "Incidents in Teams: declare, acknowledge, resolve.",
            "full": "Shows incidents where they belong and takes what people do about them: "
            "commands, buttons, forms and plain words.",
        },
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": COLOUR,
        "bots": [_bot(app_id)],
        "validDomains": [host.partition(":")[0]],
    }


def _bot(app_id: str) -> dict[str, Any]:
    commands = [{"title": title, "description": description} for title, description in COMMANDS]
    return {
        "botId": app_id,
        "scopes": list(SCOPES),
        "supportsFiles": False,
        "isNotificationOnly": False,
        "commandLists": [{"scopes": list(SCOPES), "commands": commands}],
    }


def _app_id(config: TeamsConfig) -> str:
    try:
        return str(uuid.UUID(config.app_id))
    except ValueError:
        raise ConfigError("app_id", "is no Microsoft App ID; copy it from the bot's Configuration") from None


def _host(url: str) -> str:
    """The host (and port) of the public address, which Teams takes only as https."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc
        port = parts.port
    except ValueError:
        usable = port = None
    if not usable:
        raise ConfigError(
            "IM_PUBLIC_URL", "must be this router's https address, such as https://im.example.com"
        )
    return f"{parts.hostname}:{port}" if port else str(parts.hostname)


def _png(icon: Image.Image) -> bytes:
    made = io.BytesIO()
    icon.save(made, "PNG")
    return made.getvalue()


def _colour_icon() -> Image.Image:
    icon = Image.new("RGBA", (COLOUR_SIZE, COLOUR_SIZE), COLOUR)
    _draw_mark(icon, 36)
    return icon


def _outline_icon() -> Image.Image:
    """White on transparent, as Teams asks."""
    icon = Image.new("RGBA", (OUTLINE_SIZE, OUTLINE_SIZE), (255, 255, 255, 0))
    _draw_mark(icon, 4)
    return icon


def _draw_mark(icon: Image.Image, margin: int) -> None:
    """An exclamation mark in a ring, in white."""
    size = icon.width
    pen, middle = max(2, size // 16), size / 2
    draw = ImageDraw.Draw(icon)
    draw.ellipse((margin, margin, size - margin - 1, size - margin - 1), outline="white", width=pen)
    draw.rectangle((middle - pen / 2, size * 0.3, middle + pen / 2, size * 0.56), fill="white")
    draw.ellipse((middle - pen / 2, size * 0.63, middle + pen / 2, size * 0.63 + pen), fill="white")
