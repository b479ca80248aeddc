"""Codes with which people link their own accounts: told in one place, typed in another, good once."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from router import audit
from router.access import digest_of
from router.people.accounts import Account, Identity, Joined, join, linked
from router.problems import Conflict, Invalid, NotFound
from router.store import Store, statement
from router.store.database import Connection

LIFETIME: Final = timedelta(minutes=10)
MAX_OPEN: Final = 5
"""Codes of one person at a time."""
MAX_WRONG: Final = 10
"""Wrong codes of one person within an hour; with 30^8 codes that guesses none."""
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without those that are read or said as others (0 and O, 1, I and L, U and V)."""
_HALF: Final = 4
_CODE: Final = re.compile(f"[{ALPHABET}]{{{2 * _HALF}}}")
_BETWEEN: Final = re.compile(r"[\s\u2010-\u2015-]+")
"""What people and chat clients put between the halves."""


async def issue(store: Store, identity: Identity, *, label: str = "") -> str:
    """A new code for a person, like `KX4T-9QWM`, kept as a digest; Conflict when they hold too many."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(2 * _HALF))
    who = msgspec.structs.asdict(identity)
    async with store.transaction() as connection:
        await connection.execute(statement("people.alone"), who)
        await connection.execute(statement("people.forget_codes"))
        await connection.execute(statement("people.forget_tries"))
        if await _count(connection, "people.open_codes", who) >= MAX_OPEN:
            raise Conflict(f"you hold {MAX_OPEN} open codes; use one of them, or ask again in ten minutes")
        given = who | {"digest": digest_of(drawn), "display": label, "lifetime": LIFETIME}
        await connection.execute(statement("people.add_code"), given)
        await audit.record(connection, identity.text, "user.code", identity.text)
    return f"{drawn[:_HALF]}-{drawn[_HALF:]}"


async def use(store: Store, code: str, by: Identity | Account, *, actor: str, label: str = "") -> Joined:
    """Link with a code that a person types, or that an admin gives for an account; who has joined what.

    Of the two people, the one who was told the code and the one who types it, one must have an account: the
    other joins it. NotFound when the code is not good (any more), Conflict when it joins nobody or after too
    many wrong ones; then it stays good. Of two uses at once, one wins.
    """
    digest = digest_of(_plain(code))
    async with store.transaction() as connection:
        if isinstance(by, Identity):
            await _require_tries(connection, by)
        cursor = await connection.execute(statement("people.take_code"), {"digest": digest})
        row = await cursor.fetchone()
        if row is not None:
            return await _complete(connection, row, by, actor=actor, label=label)
        if isinstance(by, Identity):
            await _count_wrong(connection, by)
    # Outside of the transaction, which must keep the count.
    raise NotFound("this code is not good; codes work once, for ten minutes: ask for a new one with `link`")


def _plain(code: str) -> str:
    """A code as it is kept, however it was typed."""
    plain = _BETWEEN.sub("", code[:40]).upper()
    if not _CODE.fullmatch(plain):
        raise Invalid.at("code", "is not a code; one looks like KX4T-9QWM")
    return plain


async def _require_tries(connection: Connection, identity: Identity) -> None:
    """Conflict after too many wrong codes; one use at a time for a person, so that none escapes the count."""
    who = msgspec.structs.asdict(identity)
    await connection.execute(statement("people.alone"), who)
    if await _count(connection, "people.tries", who) >= MAX_WRONG:
        raise Conflict("too many wrong codes; wait an hour, or ask an admin to link you with `im users link`")


async def _count_wrong(connection: Connection, identity: Identity) -> None:
    await connection.execute(statement("people.add_try"), msgspec.structs.asdict(identity))
    await audit.record(connection, identity.text, "user.link", identity.text, outcome="wrong code")


async def _count(connection: Connection, name: str, who: dict[str, Any]) -> int:
    row = await (await connection.execute(statement(name), who)).fetchone()
    return int(row["count"]) if row else 0


async def _complete(
    connection: Connection, row: dict[str, Any], by: Identity | Account, *, actor: str, label: str
) -> Joined:
    """Join whom the code brings together; a Conflict undoes that it was taken."""
    told = Identity(row["platform"], row["workspace"], row["user"])
    if told == by:
        raise Conflict("this code was told to you here; type it where you are not linked yet, or are already")
    theirs = await linked(connection, told)
    mine = await linked(connection, by) if isinstance(by, Identity) else by
    account = theirs or mine
    if account is None:
        raise Conflict(
            "neither of the two chat accounts is linked; ask an admin for `im users link ACCOUNT --code CODE`"
        )
    side = _joining(theirs, mine)
    identity, called = (told, row["display"]) if side == "told" or isinstance(by, Account) else (by, label)
    await join(connection, account, identity, how="code", actor=actor, label=called)
    return Joined(account, identity, called or identity.user)


def _joining(theirs: Account | None, mine: Account | None) -> Literal["told", "typed"]:
    """Who joins: the person who was told the code, or the one who types it."""
    if theirs is None:
        return "told"
    if mine is None:
        return "typed"
    if theirs.name == mine.name:
        raise Conflict(f"both are linked to `{mine.name}` already; there is nothing to do")
    raise Conflict(
        f"this code is for `{theirs.name}`, and you are `{mine.name}`; an admin can unlink one of them first"
    )
