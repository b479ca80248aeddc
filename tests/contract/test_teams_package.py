"""The app package is what Teams takes: the documented fields, limits and icons.

Required fields and lengths: https://learn.microsoft.com/microsoft-365/extensibility/schema/ and
https://github.com/OfficeDev/microsoft-teams-app-schema (MIT).
"""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from typing import Any

import msgspec
import pytest
from PIL import Image

from adapters.config import ConfigError
from adapters.teams.package import package
from tests.contract.teams_requests import APP, CONFIG

URL = "https://im.example.com/"
REQUIRED = {
    "": ("manifestVersion", "version", "id", "developer", "name", "description", "icons", "accentColor"),
    "developer": ("name", "websiteUrl", "privacyUrl", "termsOfUseUrl"),
    "name": ("short", "full"),
    "description": ("short", "full"),
    "icons": ("color", "outline"),
}
LONGEST = {
    ("developer", "name"): 32,
    ("name", "short"): 30,
    ("name", "full"): 100,
    ("description", "short"): 80,
    ("description", "full"): 4000,
}


def opened(**changes: Any) -> dict[str, bytes]:
    given: dict[str, Any] = {"name": "corp-teams", "config": CONFIG, "url": URL}
    with zipfile.ZipFile(io.BytesIO(package(**(given | changes)))) as archive:
        assert archive.testzip() is None
        return {file: archive.read(file) for file in archive.namelist()}


def manifest(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(opened(**changes)["manifest.json"])
    return content


def test_the_files_are_at_the_top_of_the_zip() -> None:
    assert set(opened()) == {"manifest.json", "color.png", "outline.png"}


@pytest.mark.parametrize("name", ["corp-teams", "x" * 200])
def test_all_required_fields_are_there_and_none_is_too_long(name: str) -> None:
    content = manifest(name=name)
    for part, fields in REQUIRED.items():
        within = content[part] if part else content
        assert all(within[field] for field in fields)
    for (part, field), longest in LONGEST.items():
        assert len(content[part][field]) <= longest
    assert content["$schema"].endswith(f"/v{content['manifestVersion']}/MicrosoftTeams.schema.json")
    assert re.fullmatch(r"\d+\.\d+\.\d+", content["version"])
    assert re.fullmatch(r"#[0-9a-fA-F]{6}", content["accentColor"])
    assert all(
        address.startswith("https://") for key, address in content["developer"].items() if "Url" in key
    )


def test_the_bot_is_the_app_with_its_commands_in_all_scopes() -> None:
    content = manifest()
    (bot,) = content["bots"]
    assert content["id"] == bot["botId"] == APP
    assert uuid.UUID(bot["botId"])
    assert bot["scopes"] == ["personal", "team", "groupChat"]
    assert not bot["isNotificationOnly"]
    (listed,) = bot["commandLists"]
    assert set(listed["scopes"]) <= set(bot["scopes"])
    assert 1 <= len(listed["commands"]) <= 10
    for command in listed["commands"]:
        assert set(command) == {"title", "description"}
        assert command["title"].startswith("im ")
        assert len(command["title"]) <= 32
        assert len(command["description"]) <= 128


@pytest.mark.parametrize(
    ("url", "domain"),
    [(URL, "im.example.com"), ("https://im.example.com:8443/x?y", "im.example.com"), ("https://a.b", "a.b")],
)
def test_the_domain_is_the_routers(url: str, domain: str) -> None:
    content = manifest(url=url)
    assert content["validDomains"] == [domain]
    assert content["developer"]["websiteUrl"].startswith(f"https://{domain}")


def test_the_icons_have_the_documented_sizes_and_the_outline_is_white_on_nothing() -> None:
    files = opened()
    colour, outline = (Image.open(io.BytesIO(files[f"{name}.png"])) for name in ("color", "outline"))
    assert (colour.format, colour.size) == ("PNG", (192, 192))
    assert (outline.format, outline.size) == ("PNG", (32, 32))
    pixels = {pixel for _, pixel in outline.convert("RGBA").getcolors(1024) or ()}
    assert {pixel[:3] for pixel in pixels if pixel[3]} == {(255, 255, 255)}
    assert any(not pixel[3] for pixel in pixels)


def test_the_same_configuration_gives_the_same_bytes() -> None:
    assert package("corp-teams", CONFIG, URL) == package("corp-teams", CONFIG, URL)


def test_no_secret_is_in_the_package() -> None:
    assert not [file for file, content in opened().items() if str(CONFIG.app_password).encode() in content]


@pytest.mark.parametrize(
    "url",
    ["", "http://im.example.com", "im.example.com", "https://", "https://[x", "https://u@h/", "https://h:x/"],
)
def test_an_address_that_teams_would_not_take_is_named(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        package("corp-teams", CONFIG, url)
    assert caught.value.field == "IM_PUBLIC_URL"


def test_an_app_id_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        package("corp-teams", msgspec.structs.replace(CONFIG, app_id="im"), URL)
    assert caught.value.field == "app_id"
