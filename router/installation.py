"""The first start of an installation: migrations, the admin's token, the sandbox provider."""

from __future__ import annotations

from pathlib import Path

from router import access, private
from router.bootstrap import Parts, parts
from router.problems import Conflict, Problem
from router.settings import Settings
from router.store import migrate


async def prepare(settings: Settings) -> None:
    """Bring the store up to date and make what a new installation needs; may be repeated.

    Raises StoreError, VaultError, and Problem where the admin token's file is of no use.
    """
    migrate(settings.database_url)
    async with parts(settings, connections=1) as built:
        await _sandbox(built)
        await _admin_token(built, settings.data_dir / "admin-token")


async def _sandbox(built: Parts) -> None:
    if await built.store.row("audit.first_provider"):
        return
    try:
        await built.providers.add("sandbox", "sandbox", {}, actor="installation")
    except Conflict:
        return


async def _admin_token(built: Parts, file: Path) -> None:
    """Write an admin token once; an existing file is accepted again if the store forgot it."""
    if not file.exists():
        if await built.store.row("tokens.any_admin"):
            return
        private.create(file, f"{access.new_token()}\n")
    token = file.read_text().strip()
    if not token:
        raise Problem(f"{file} is empty; remove it and start again")
    await built.access.keep(token, "admin", source="api", scopes=["admin"])
