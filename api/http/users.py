"""Accounts: made, linked with people in chat, and given roles."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Router, delete, get, post
from litestar.params import FromPath

from adapters.contract import DeliveryError
from adapters.inbound import Receives
from api.http.bodies import read
from api.http.context import Call, caller, context_of
from router.bootstrap import Parts
from router.people.people import Identity, LinkedAccount, People
from router.problems import Invalid


class NewUser(msgspec.Struct, frozen=True):
    """The body that makes an account."""

    name: str
    role: str = "responder"
    email: str | None = None
    timezone: str | None = None


class NewLink(msgspec.Struct, frozen=True):
    """The body that links a person: their id at a provider, or the code that they were told."""

    provider: str = ""
    user: str = ""
    code: str = ""
    force: bool = False
    """Move a person who is linked to another account."""


class NewRole(msgspec.Struct, frozen=True):
    """The body that gives another role."""

    role: str


@get("/api/v1/users", summary="List the accounts")
async def list_users(request: Call) -> tuple[LinkedAccount, ...]:
    """By name, each with its links."""
    await caller(request, "admin")
    return await _people(request).listed()


@post("/api/v1/users", summary="Make an account")
async def add_user(request: Call) -> LinkedAccount:
    """`name` is what incidents hold as their assignee."""
    principal = await caller(request, "admin")
    given = await read(request, NewUser)
    return await _people(request).add(
        given.name, role=given.role, email=given.email, timezone=given.timezone, actor=principal.name
    )


@post("/api/v1/users/{name:str}/link", status_code=200, summary="Link a person in chat to an account")
async def link_user(request: Call, name: FromPath[str]) -> LinkedAccount:
    """By `provider` and `user` (the platform's id), or by the `code` that the bot told them."""
    principal = await caller(request, "admin")
    given = await read(request, NewLink)
    people = _people(request)
    if given.code and not (given.provider or given.user):
        await people.use_code(given.code, await people.get(name), actor=principal.name)
        return await people.get(name)
    if given.code or not given.provider or not given.user:
        raise Invalid("give `provider` and `user`, or `code`")
    account = await people.get(name)
    identity = await _identity(context_of(request).parts, given.provider, given.user)
    return await people.link(account.name, identity, actor=principal.name, force=given.force)


@delete(
    "/api/v1/users/{name:str}/links/{platform:str}/{workspace:str}/{user:str}",
    status_code=200,
    summary="Undo a link",
)
async def unlink_user(
    request: Call, name: FromPath[str], platform: FromPath[str], workspace: FromPath[str], user: FromPath[str]
) -> LinkedAccount:
    """The person's e-mail does not make it again."""
    principal = await caller(request, "admin")
    identity = Identity(platform, workspace, user)
    return await _people(request).unlink(name, identity, actor=principal.name)


@post("/api/v1/users/{name:str}/role", status_code=200, summary="Give an account another role")
async def set_role(request: Call, name: FromPath[str]) -> LinkedAccount:
    """It holds from the person's next command on."""
    principal = await caller(request, "admin")
    given = await read(request, NewRole)
    return await _people(request).set_role(name, given.role, actor=principal.name)


def _people(request: Call) -> People:
    return People(context_of(request).parts.store)


async def _identity(parts: Parts, name: str, user: str) -> Identity:
    """A person at a provider: the provider knows its platform and workspace."""
    provider = await parts.providers.get(name)
    adapter: Any = parts.adapters.connected(provider).adapter
    if not isinstance(adapter, Receives):
        raise Invalid.at(
            "provider", f"nobody can speak to the bot through `{name}`, so there is none to link"
        )
    try:
        return Identity(provider.platform, await adapter.workspace(), user)
    except DeliveryError as error:
        raise Invalid.at("provider", f"`{name}` does not tell its workspace: {error.detail}") from None


ROUTER = Router("/", route_handlers=[list_users, add_user, link_user, unlink_user, set_role], tags=["users"])
