"""The first start of an installation: migrations, the admin's token, the sandbox provider."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from router.access import Access
from router.bootstrap import Parts, parts
from router.problems import Conflict
from router.settings import Settings
from router.store import migrate


class Prepared(msgspec.Struct, frozen=True):
    """What was found or made."""

    migrated: tuple[str, ...]
    token_file: Path
    token_made: bool


async def prepare(settings: Settings) -> Prepared:
    """Bring the store up to date and make what a new installation needs; may be repeated."""
    migrated = migrate(settings.database_url)
    async with parts(settings, connections=1) as built:
        await _sandbox(built)
        made = await _admin_token(built.access, built, settings.data_dir / "admin-token")
    return Prepared(migrated, settings.data_dir / "admin-token", made)


async def _sandbox(built: Parts) -> None:
    if await built.store.row("audit.first_provider"):
        return
    try:
        await built.providers.add("sandbox", "sandbox", {}, actor="installation")
    except Conflict:
        return


async def _admin_token(access: Access, built: Parts, file: Path) -> bool:
    """Write an admin token once; an existing file is accepted again if the store forgot it."""
    if file.exists():
        await access.keep(file.read_text().strip(), "admin", source="api", scopes=["admin"])
        return False
    if await built.store.row("tokens.any_admin"):
        return False
    token = f"im_{secrets.token_urlsafe(32)}"
    await access.keep(token, "admin", source="api", scopes=["admin"])
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(token + "\n")
    return True
