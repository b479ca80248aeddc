"""The commands of chat: which there are, and what the shipped ones are configured with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Router, delete, get, put
from litestar.params import FromPath

from api.http.bodies import read
from api.http.context import Call, caller, context_of
from router.chat.commands import Command
from router.chat.shipped.settings import KINDS, CommandSettings, Shown

SETTINGS_OF: Final[Mapping[str, str]] = {"deploy": "github"}
"""By command: whose settings it has, where they are not its own."""


@get("/api/v1/chatops/commands", summary="List the commands of chat")
async def list_commands(request: Call) -> tuple[Shown, ...]:
    """In the order of their help; the settings of shipped ones with their secrets masked."""
    await caller(request, "admin")
    context = context_of(request)
    settings = await _settings(request).listed()
    return tuple(shown(each, settings) for each in context.world.commands.all.values())


@put("/api/v1/chatops/commands/{name:str}", summary="Configure a shipped command")
async def set_command(request: Call, name: FromPath[str]) -> dict[str, Any]:
    """The body is all of its settings; only a token that is left out stays."""
    principal = await caller(request, "admin")
    given = await read(request, dict[str, Any])
    kept = await _settings(request).put(name, given, actor=principal.name)
    return {"name": name, **kept}


@delete("/api/v1/chatops/commands/{name:str}", status_code=204, summary="Switch a shipped command off")
async def unset_command(request: Call, name: FromPath[str]) -> None:
    """Forgets its settings."""
    principal = await caller(request, "admin")
    await _settings(request).remove(name, actor=principal.name)


def shown(command: Command, settings: dict[str, dict[str, Any]]) -> Shown:
    """A command as it is listed. `deploy` has the settings of `github`."""
    name = SETTINGS_OF.get(command.name, command.name)
    known = settings.get(name, {})
    return Shown(
        name=command.name,
        usage=command.usage.shown,
        help=command.help,
        role=command.role,
        group=command.group,
        configured=bool(known) if name in KINDS else None,
        **known,
    )


def _settings(request: Call) -> CommandSettings:
    parts = context_of(request).parts
    return CommandSettings(parts.store, parts.vault)


ROUTER = Router("/", route_handlers=[list_commands, set_command, unset_command], tags=["commands"])
