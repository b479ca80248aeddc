"""People: who speaks in chat, which account they are, and what admins do with accounts."""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.inbound import Person
from router import audit
from router.people import linking
from router.people.accounts import (
    Account,
    How,
    Identity,
    Joined,
    Link,
    LinkedAccount,
    account_of,
    checked_email,
    checked_identity,
    checked_name,
    checked_role,
    checked_timezone,
    join,
    linked,
    require,
    trusted_email,
    visible_name,
)
from router.policy.file import UNLINKED
from router.problems import Conflict, NotFound
from router.store import Store, statement

__all__ = [
    "Account",
    "How",
    "Identity",
    "Joined",
    "Link",
    "LinkedAccount",
    "People",
    "Speaker",
]

_EMAIL_ACTOR: Final = "im"
"""Who links by e-mail: the router itself."""


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """Who said something in chat, and as what the policy judges them."""

    identity: Identity
    account: Account | None
    role: str
    """The account's, else `unlinked`."""
    label: str
    """The account's name; else what the person calls themselves, at most 60 visible characters, else the id.
    Without an account it proves nothing: anybody may call themselves anything."""


class People:
    """The accounts and their links in the store; every change is checked and audited."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Who speaks.

    async def who(self, identity: Identity, person: Person) -> Speaker:
        """Who a person in chat is. An e-mail that the platform vouches for links them to its account at once,
        unless an admin has undone their link."""
        label = visible_name(person.name)
        row = await self._store.row("people.linked", msgspec.structs.asdict(identity))
        if row is None:
            account = await self._by_email(identity, trusted_email(person.email), label)
        else:
            account = account_of(row) if row["active"] else None
            if account and label and label != row["display"]:
                called = msgspec.structs.asdict(identity) | {"display": label}
                await self._store.run("people.called", called)
        return Speaker(
            identity=identity,
            account=account,
            role=account.role if account else UNLINKED,
            label=account.name if account else label or visible_name(person.id),
        )

    async def any_emails(self) -> bool:
        """Whether any account has an e-mail address, by which somebody could be known."""
        return await self._store.row("people.any_email") is not None

    async def _by_email(self, identity: Identity, email: str | None, label: str) -> Account | None:
        if email is None:
            return None
        async with self._store.transaction() as connection:
            cursor = await connection.execute(statement("people.by_email"), {"email": email})
            row = await cursor.fetchone()
            if row is None:
                return None
            given = msgspec.structs.asdict(identity) | {"account": row["name"], "display": label}
            cursor = await connection.execute(statement("people.link_by_email"), given)
            if await cursor.fetchone() is None:  # linked by another at this moment
                return await linked(connection, identity)
            about = {"identity": identity.text, "how": "email", "moved_from": None}
            await audit.record(connection, _EMAIL_ACTOR, "user.link", row["name"], data=about)
            return account_of(row)

    async def account_of(self, identity: Identity) -> Account | None:
        """The account that an identity is linked to, as for a mention of somebody."""
        async with self._store.connection() as connection:
            return await linked(connection, identity)

    async def users_of(self, account: str, platform: str, workspace: str) -> tuple[str, ...]:
        """The ids that an account has in a workspace, for invitations and direct messages."""
        given = {"account": account, "platform": platform, "workspace": workspace}
        return tuple(row["user_id"] for row in await self._store.rows("people.users_of", given))

    async def find(self, text: str) -> Account | None:
        """The one account that a text names; None where there is none, or several of that display name."""
        found = await self.candidates(text)
        return found[0] if len(found) == 1 else None

    async def candidates(self, text: str) -> tuple[Account, ...]:
        """The accounts that a text can mean: by name (`dana`, `@dana`), e-mail, or display name in chat.

        Names come first and alone, as anybody may choose another's name for display.
        """
        said = text.strip().removeprefix("@").strip()
        searches = (
            ("people.account", {"name": said.lower()}),
            ("people.by_email", {"email": said}),
            ("people.by_display", {"display": visible_name(said)}),
        )
        for name, given in searches if said and "\0" not in said else ():
            rows = await self._store.rows(name, given)
            if rows:
                return tuple(account_of(row) for row in rows)
        return ()

    # What admins do.

    async def listed(self) -> tuple[LinkedAccount, ...]:
        """All accounts with their links, by name."""
        rows = await self._store.rows("people.list", {"name": None})
        return tuple(msgspec.convert(row, LinkedAccount) for row in rows)

    async def get(self, name: str) -> LinkedAccount:
        """An account with its links; NotFound when there is none."""
        row = await self._store.row("people.list", {"name": name})
        if row is None:
            raise NotFound(f"there is no account `{name[:80]}`; `im users list` shows them")
        return msgspec.convert(row, LinkedAccount)

    async def add(
        self, name: str, *, role: str, email: str | None = None, timezone: str | None = None, actor: str
    ) -> LinkedAccount:
        """A new account; Invalid names the field, Conflict what is taken."""
        given = {
            "name": checked_name(name),
            "role": checked_role(role),
            "email": checked_email(email),
            "timezone": checked_timezone(timezone),
        }
        async with self._store.transaction() as connection:
            cursor = await connection.execute(statement("people.add"), given)
            if await cursor.fetchone() is None:
                raise Conflict(f"there is an account with the name `{name}` or this e-mail already")
            await audit.record(connection, actor, "user.add", name, data={"role": role})
        return await self.get(name)

    async def set_role(self, name: str, role: str, *, actor: str) -> LinkedAccount:
        """Give an account another role; it holds from the next command on."""
        given = {"name": name, "role": checked_role(role)}
        async with self._store.transaction() as connection:
            await require(connection, name)
            cursor = await connection.execute(statement("people.set_role"), given)
            before = await cursor.fetchone()
            about = {"role": role, "before": before["before"] if before else None}
            await audit.record(connection, actor, "user.role", name, data=about)
        return await self.get(name)

    async def link(
        self,
        account: str,
        identity: Identity,
        *,
        how: How = "admin",
        actor: str,
        label: str = "",
        force: bool = False,
    ) -> LinkedAccount:
        """Link an identity to an account; Conflict names the account that has it, unless `force` moves it."""
        checked_identity(identity)
        async with self._store.transaction() as connection:
            found = await require(connection, account)
            await join(
                connection, found, identity, how=how, actor=actor, label=visible_name(label), force=force
            )
        return await self.get(account)

    async def unlink(self, account: str, identity: Identity, *, actor: str) -> LinkedAccount:
        """Undo a link; NotFound when the account does not have it. The e-mail does not make it again."""
        given = msgspec.structs.asdict(identity) | {"account": account}
        async with self._store.transaction() as connection:
            await require(connection, account)
            cursor = await connection.execute(statement("people.unlink"), given)
            if await cursor.fetchone() is None:
                raise NotFound(
                    f"`{account}` is not linked to {identity.text[:300]}; `im users list` shows its links"
                )
            about = {"identity": identity.text}
            await audit.record(connection, actor, "user.unlink", account, data=about)
        return await self.get(account)

    # Codes.

    async def issue_code(self, identity: Identity, speaker: Speaker) -> str:
        """A code to tell the person in private, like `KX4T-9QWM`: good once, for ten minutes.

        Conflict when they hold five open ones.
        """
        return await linking.issue(self._store, identity, label="" if speaker.account else speaker.label)

    async def use_code(
        self, code: str, by: Identity | Account, *, actor: str = "", label: str = ""
    ) -> Joined:
        """Link with a code that a person types, or that an admin gives for an account; see linking.use.

        `label` is what the typing person calls themselves, `actor` who is audited (the person without it).
        """
        who = actor or (by.text if isinstance(by, Identity) else by.name)
        return await linking.use(self._store, code, by, actor=who, label=visible_name(label))
