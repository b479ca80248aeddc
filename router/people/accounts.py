"""Accounts and the identities that people have in chat: their words, checks, and how the two are joined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from router import audit
from router.policy.file import RANKS
from router.problems import Conflict, Invalid, NotFound
from router.store import statement
from router.store.database import Connection
from rules.zones import zone_problem

How = Literal["admin", "code", "email"]
"""What made a link: an admin, a code that the person carried over, or an e-mail the platform vouched for."""

MAX_LABEL: Final = 60
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_RESERVED: Final = ("me", "unlinked")
"""Words that mean something else where a person is named."""
_EMAIL: Final = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,189}")
"""ASCII only: lower-casing maps other letters onto these (K, the Kelvin sign, onto k), and a platform may let
people choose them."""
_ID: Final = re.compile(r"\S{1,200}")


class Identity(msgspec.Struct, frozen=True):
    """A person in chat: which user of which workspace. A name identifies nobody."""

    platform: str
    workspace: str
    user: str

    @property
    def text(self) -> str:
        """As the audit and people see it: `slack:T024BE7LD/U024BE7LH`."""
        return f"{self.platform}:{self.workspace}/{self.user}"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the router knows them; `name` is what an incident's assignee holds."""

    name: str
    role: str
    created_at: datetime
    email: str | None = None
    timezone: str | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An identity that an account has."""

    platform: str
    workspace: str
    user: str
    how: How
    created_at: datetime


class LinkedAccount(Account, frozen=True, kw_only=True):
    """An account with its links."""

    links: tuple[Link, ...] = ()


class Joined(msgspec.Struct, frozen=True):
    """An identity that has become an account's."""

    account: Account
    identity: Identity
    label: str
    """What the person is called there; the id where that is not known."""


def account_of(row: Mapping[str, Any]) -> Account:
    """An account from a row with its columns."""
    return Account(**{name: row[name] for name in Account.__struct_fields__})


def visible_name(name: str) -> str:
    """A display name as one short line, without characters that hide, reorder or control."""
    kept = "".join(each if each.isprintable() else " " for each in name[: 10 * MAX_LABEL])
    return " ".join(kept.split())[:MAX_LABEL].rstrip()


def checked_name(name: str) -> str:
    """The name of a new account; Invalid says what it may be."""
    if not _NAME.fullmatch(name):
        raise Invalid.at("name", "use lower case letters, digits, `-`, `_` and `.` (at most 63)")
    if name in _RESERVED:
        raise Invalid.at("name", f"`{name}` means something else in commands; take another name")
    return name


def checked_role(role: str) -> str:
    """A role that an account can have."""
    if role not in RANKS:
        raise Invalid.at("role", f"choose from {', '.join(RANKS)}")
    return role


def checked_email(email: str | None) -> str | None:
    """An e-mail, or None for none."""
    if email and not _EMAIL.fullmatch(email):
        raise Invalid.at("email", "write it like dana@example.com, in ASCII")
    return email or None


def checked_timezone(timezone: str | None) -> str | None:
    """A time zone's IANA name, or None for none."""
    problem = zone_problem(timezone) if timezone else None
    if problem:
        raise Invalid.at("timezone", problem)
    return timezone or None


def checked_identity(identity: Identity) -> Identity:
    """An identity whose parts can be ids; Invalid names the part."""
    for field in Identity.__struct_fields__:
        value = getattr(identity, field)
        if not _ID.fullmatch(value) or not value.isprintable():
            raise Invalid.at(field, "must be an id of 1 to 200 visible characters, without spaces")
    return identity


def trusted_email(email: str | None) -> str | None:
    """An e-mail that can be compared with accounts'; None where it cannot."""
    return email if email and _EMAIL.fullmatch(email) else None


async def require(connection: Connection, name: str) -> Account:
    """An account by its name; NotFound when there is none."""
    cursor = await connection.execute(statement("people.account"), {"name": name})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no account `{name[:80]}`; `im users list` shows them")
    return account_of(row)


async def linked(connection: Connection, identity: Identity) -> Account | None:
    """The account that an identity is linked to now."""
    cursor = await connection.execute(statement("people.linked"), msgspec.structs.asdict(identity))
    row = await cursor.fetchone()
    return account_of(row) if row and row["active"] else None


async def join(
    connection: Connection,
    account: Account,
    identity: Identity,
    *,
    how: How,
    actor: str,
    label: str = "",
    force: bool = False,
) -> None:
    """Link an identity to an account, and audit it; nothing happens where it is so already.

    Conflict names the account that has it, unless `force` moves it from there.
    """
    before = await linked(connection, identity)
    given = msgspec.structs.asdict(identity) | {"account": account.name, "how": how, "display": label}
    cursor = await connection.execute(statement("people.link"), given | {"force": force})
    if await cursor.fetchone() is None:
        await _require_same(connection, account, identity)
        return
    about = {"identity": identity.text, "how": how, "moved_from": before.name if before else None}
    await audit.record(connection, actor, "user.link", account.name, data=about)


async def _require_same(connection: Connection, account: Account, identity: Identity) -> None:
    has = await linked(connection, identity)
    if has is not None and has.name != account.name:
        raise Conflict(
            f"{identity.text} is linked to `{has.name}` already; unlink it there, or move it with "
            f"`im users link {account.name} --force`"
        )
