"""Looking people up: by id, e-mail address, handle or name."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from adapters.contract import User
from adapters.slack.api import MAX_PAGES, Page, Refusal, Said, WebApi

_NO_MATCH: Final = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_USER_ID: Final = re.compile(r"(?:<@)?([UW][A-Z0-9]{5,})>?\Z")


class _Profile(msgspec.Struct):
    email: str | None = None
    display_name: str = ""
    real_name: str = ""


class _Person(msgspec.Struct):
    id: str
    name: str = ""
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_stranger: bool = False
    is_email_confirmed: bool = False
    profile: _Profile = msgspec.field(default_factory=_Profile)


class _PersonFound(Said):
    user: _Person | None = None


class _People(Page):
    members: tuple[_Person, ...] = ()


async def find(api: WebApi, query: str) -> User | None:
    """See adapters.contract.Adapter.find_user; people who have left are not found."""
    wanted = query.strip()
    by_id = _USER_ID.match(wanted)
    if by_id:
        return await _one(api, "users.info", user=by_id.group(1))
    if "@" in wanted[1:]:
        return await _one(api, "users.lookupByEmail", email=wanted)
    return await _named(api, wanted.removeprefix("@"))


async def email_of(api: WebApi, user: str) -> str | None:
    """See adapters.inbound.Vouches: of full members who have confirmed it, where users:read.email is granted.

    https://docs.slack.dev/reference/objects/user-object
    """
    found = (await api.ask("users.info", _PersonFound, user=user)).user
    if found is None or found.deleted or found.is_bot or found.is_restricted or found.is_stranger:
        return None
    return found.profile.email if found.is_email_confirmed else None


async def _one(api: WebApi, method: str, **query: str) -> User | None:
    try:
        found = (await api.ask(method, _PersonFound, **query)).user
    except Refusal as refused:
        if refused.code in _NO_MATCH:
            return None
        raise
    return _user(found) if found and not found.deleted else None


async def _named(api: WebApi, name: str) -> User | None:
    """By handle, else by a display or real name that only one person has: names are not unique."""
    folded = name.casefold()
    if not folded:
        return None
    same: list[_Person] = []
    async for page in api.pages("users.list", _People, MAX_PAGES):
        for person in page.members:
            if person.deleted:
                continue
            if person.name.casefold() == folded:
                return _user(person)
            names = (person.profile.display_name.casefold(), person.profile.real_name.casefold())
            same += [person] if folded in names else []
    return _user(same[0]) if len(same) == 1 else None


def _user(person: _Person) -> User:
    profile = person.profile
    name = profile.display_name or profile.real_name or person.name or person.id
    return User(id=person.id, name=name, email=profile.email)
