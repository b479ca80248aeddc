"""Talking to the bot as somebody in the sandbox does: say or press something, wait for what comes of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from api.cli.errors import CliError, Refused
from api.cli.session import Api

T = TypeVar("T")

PATIENCE_SECONDS: Final = 30.0
"""For all of a turn."""
RECORD_SECONDS: Final = 5.0
"""A turn is written down before it is answered, so its record is there or never will be."""
SENDING_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_NEWEST: Final = 50
_NOT_FOUND: Final = 404
_FIELDS: Final = ("asks_for", "offers", "confirm", "does", "refused", "cancelled")

Shown = dict[str, Any]
"""What the sandbox shows of a message: text, actions, menus, form."""


class Place(msgspec.Struct, frozen=True):
    """Who speaks, and in which channel."""

    user: str
    channel: str


class Turn(msgspec.Struct, frozen=True):
    """What came of a sentence: the bot's messages and the outcome, as `im chat --json` prints it."""

    shown: tuple[Shown, ...]
    outcome: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """`{"messages": [text…], "asks_for", "offers", "confirm", "does", "refused", "cancelled"}`."""
        return {"messages": [message["text"] for message in self.shown], **self.outcome}


class Conversation:
    """Turns through a sandbox provider, one after another."""

    def __init__(self, server: Api, provider: str, patience: float = PATIENCE_SECONDS) -> None:
        self._server = server
        self._provider = provider
        self._patience = patience
        self._names: dict[str, str] = {}

    def known_as(self, user: str) -> str:
        """The id of a person in this sandbox: whoever is named like an account is that account here.

        One who is linked already stays so, and one who is called like nobody speaks without an account.
        """
        name = user.strip().removeprefix("@").strip()
        if name not in self._names:
            self._names[name] = self._linked(name)
        return self._names[name]

    def say(self, place: Place, text: str) -> Turn:
        """Mention the bot; what it answered, and what it did. CliError where nothing comes in time."""
        key = self.mention(place, text)
        return Turn((self._until(lambda: self._reply(place, key)),), self._outcome(key))

    def ask(self, place: Place, text: str) -> Shown:
        """Mention the bot; what it answered."""
        key = self.mention(place, text)
        return self._until(lambda: self._reply(place, key))

    def mention(self, place: Place, text: str) -> str:
        """Mention the bot, without waiting; the key of what was said, which is also its message's id."""
        key = f"chat-{secrets.token_hex(12)}"
        self._post("mention", place, key=key, message=key, text=text)
        return key

    def give(self, kind: str, place: Place, **more: object) -> Shown:
        """A command, a press or a filled form: what only the person is shown then."""
        seen = {row["id"] for row in self._messages(place)}
        self._post(kind, place, key=f"chat-{secrets.token_hex(12)}", **more)
        return self._until(lambda: self._private(place, seen))

    def send(self) -> None:
        """Begin to send what waits to be announced, where nothing else does."""
        if self._server.alone and self._server.sender:
            self._server.sender.start()

    def sent(self) -> None:
        """Wait for the end of that."""
        if self._server.sender:
            self._server.sender.wait(SENDING_SECONDS)

    def _post(self, kind: str, place: Place, **more: object) -> None:
        body = {"kind": kind, "user": self.known_as(place.user), "channel": place.channel, **more}
        self._server.deliver("sandbox", self._provider, body=body)

    def _linked(self, name: str) -> str:
        accounts = self._server.get("users")
        links = (link for account in accounts for link in account["links"])
        if any((link["platform"], link["user"]) == ("sandbox", name) for link in links):
            return name
        if any(account["name"] == name for account in accounts):
            self._server.post("users", name, "link", body={"provider": self._provider, "user": name})
        return name

    def _messages(self, place: Place) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._server.get(
            "chatops", "providers", self._provider, "messages", channel=place.channel, limit=_NEWEST
        )
        return rows

    def _reply(self, place: Place, key: str) -> Shown | None:
        """The answer to a mention, which is under it."""
        answers = [row["payload"] for row in self._messages(place) if row["parent"] == key]
        return answers[0] if answers else None

    def _private(self, place: Place, seen: set[str]) -> Shown | None:
        """The answer that only they see: an answer to what they did, or a form."""
        user = self.known_as(place.user)
        new = (row["payload"] for row in self._messages(place) if row["id"] not in seen)
        return next((payload for payload in new if payload.get("to") == user), None)

    def _outcome(self, key: str) -> dict[str, Any]:
        try:
            record = self._until(lambda: self._record(key), RECORD_SECONDS)
        except CliError:
            raise CliError(
                "the bot answered, but keeps no record of what is said; set IM_UTTERANCE_DAYS to 1 or more"
            ) from None
        return {name: record["outcome"][name] for name in _FIELDS}

    def _record(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._server.get("nlu", "utterances", provider=self._provider, key=key)
        except Refused as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise
        return found

    def _until(self, look: Callable[[], T | None], seconds: float | None = None) -> T:
        """What is looked for, once it is there."""
        deadline = time.monotonic() + (self._patience if seconds is None else seconds)
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise CliError(
                    f"the bot did not answer within {self._patience:g} s; `im doctor` says what is wrong"
                )
            self._server.pause(_POLL_SECONDS)
        return found
