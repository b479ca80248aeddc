"""A stand-in for Discord's REST API: tokens, permissions, documented limits, rate windows, nonces, errors.

Stricter than Discord in one thing: fields that a payload does not know are refused instead of ignored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

from tests.fakes.base import Call, FakePlatform, Posted, Refused, Reply

# https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
VIEW_CHANNEL: Final = 0x400
SEND_MESSAGES: Final = 0x800
EMBED_LINKS: Final = 0x4000
READ_MESSAGE_HISTORY: Final = 0x10000
SEND_IN_THREADS: Final = 0x4000000000

_EPOCH_MS: Final = 1_420_070_400_000
_ID: Final = r"([0-9]{15,20})"
_THREADS: Final = (10, 11, 12)
_NO_TEXT: Final = (4, 15, 16)

Path = tuple[str | int, ...]


def refuse(status: int, code: int, message: str, **more: Any) -> Refused:
    """Discord's form of an error."""
    return Refused(Reply({"message": message, "code": code, **more}, status))


class Form:
    """Collects what is wrong with a body, in the nested form in which Discord answers it."""

    def __init__(self) -> None:
        self.errors: dict[str, Any] = {}

    def wrong(self, path: Path, code: str, message: str) -> None:
        node = self.errors
        for part in path:
            node = node.setdefault(str(part), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def known(self, path: Path, given: Any, keys: Iterable[str]) -> dict[str, Any]:
        """The object at `path`, with only the keys that it may have."""
        if not isinstance(given, dict):
            self.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return {}
        for key in given.keys() - set(keys):
            self.wrong((*path, key), "BASE_TYPE_UNKNOWN", "This field is not known")
        return given

    def listed(self, path: Path, given: Any, most: int, least: int = 0) -> list[Any]:
        if not isinstance(given, list):
            self.wrong(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        if not least <= len(given) <= most:
            self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
        return given

    def text(self, path: Path, given: Any, most: int, *, required: bool = True) -> int:
        """The length that counts: Discord trims white space, and takes what is left for the text."""
        if given is None and not required:
            return 0
        if not isinstance(given, str):
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")
            return 0
        size = len(given.strip())
        if size == 0 and required:
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")
        if size > most:
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
        return size

    def choice(self, path: Path, given: Any, allowed: Iterable[Any]) -> None:
        if isinstance(given, bool) or given not in tuple(allowed):
            self.wrong(path, "BASE_TYPE_CHOICES", f"Value must be one of {tuple(allowed)}.")

    def flag(self, path: Path, given: Any) -> None:
        if given is not None and not isinstance(given, bool):
            self.wrong(path, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")

    def url(self, path: Path, given: Any, most: int) -> None:
        self.text(path, given, most)
        if isinstance(given, str) and urlsplit(given).scheme not in ("http", "https", "discord"):
            self.wrong(path, "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord').")

    def done(self) -> None:
        """Refused with all that was found."""
        if self.errors:
            raise refuse(400, 50035, "Invalid Form Body", errors=self.errors)


# https://discord.com/developers/docs/resources/message#create-message and #edit-message
_ON_EDIT: Final = ("content", "embeds", "components", "allowed_mentions", "flags")
_ON_CREATE: Final = (*_ON_EDIT, "nonce", "enforce_nonce", "tts", "message_reference")
_EMBED: Final = ("title", "description", "url", "timestamp", "color", "footer", "author", "fields")
_BUTTON: Final = ("type", "style", "label", "custom_id", "url", "disabled")


def check_body(body: Any, keys: Iterable[str]) -> None:
    """Raise Refused unless Discord would take this body."""
    form = Form()
    body = form.known((), body, keys)
    form.text(("content",), body.get("content"), 2000, required=False)
    total = 0
    for index, embed in enumerate(form.listed(("embeds",), body.get("embeds", []), 10)):
        total += _check_embed(form, ("embeds", index), embed)
    if total > 6000:
        form.wrong(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    _check_components(form, body.get("components", []))
    _check_mentions(form, body.get("allowed_mentions"))
    _check_nonce(form, body)
    _check_reference(form, body.get("message_reference"))
    form.done()
    if not (body.get("content") or "").strip() and not body.get("embeds") and not body.get("components"):
        raise refuse(400, 50006, "Cannot send an empty message")


def _check_embed(form: Form, path: Path, given: Any) -> int:
    embed = form.known(path, given, _EMBED)
    if not embed.keys() & {"title", "description", "footer", "author", "fields"}:
        form.wrong((*path, "description"), "BASE_TYPE_REQUIRED", "This field is required")
    size = form.text((*path, "title"), embed.get("title"), 256, required="title" in embed)
    size += form.text((*path, "description"), embed.get("description"), 4096, required="description" in embed)
    colour = embed.get("color", 0)
    if not isinstance(colour, int) or isinstance(colour, bool) or not 0 <= colour <= 0xFFFFFF:
        form.wrong((*path, "color"), "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
    if "url" in embed:
        form.url((*path, "url"), embed["url"], 2048)
    if "footer" in embed:
        footer = form.known((*path, "footer"), embed["footer"], ("text",))
        size += form.text((*path, "footer", "text"), footer.get("text"), 2048)
    if "author" in embed:
        author = form.known((*path, "author"), embed["author"], ("name", "url"))
        size += form.text((*path, "author", "name"), author.get("name"), 256)
    for index, item in enumerate(form.listed((*path, "fields"), embed.get("fields", []), 25)):
        where = (*path, "fields", index)
        field = form.known(where, item, ("name", "value", "inline"))
        size += form.text((*where, "name"), field.get("name"), 256)
        size += form.text((*where, "value"), field.get("value"), 1024)
        form.flag((*where, "inline"), field.get("inline"))
    return size


def _check_components(form: Form, given: Any) -> None:
    seen: set[str] = set()
    for index, item in enumerate(form.listed(("components",), given, 5)):
        path: Path = ("components", index)
        row = form.known(path, item, ("type", "components"))
        form.choice((*path, "type"), row.get("type"), (1,))
        buttons = form.listed((*path, "components"), row.get("components"), 5, 1)
        for place, button in enumerate(buttons):
            _check_button(form, (*path, "components", place), button, seen)


def _check_button(form: Form, path: Path, given: Any, seen: set[str]) -> None:
    button = form.known(path, given, _BUTTON)
    form.choice((*path, "type"), button.get("type"), (2,))
    form.choice((*path, "style"), button.get("style"), (1, 2, 3, 4, 5))
    form.text((*path, "label"), button.get("label"), 80)
    if button.get("style") == 5:
        form.url((*path, "url"), button.get("url"), 512)
        if "custom_id" in button:
            form.wrong(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Both are given")
        return
    form.text((*path, "custom_id"), button.get("custom_id"), 100)
    if "url" in button:
        form.wrong(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Both are given")
    if button.get("custom_id") in seen:
        form.wrong(
            (*path, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
        )
    seen.add(str(button.get("custom_id")))


def _check_mentions(form: Form, given: Any) -> None:
    if given is None:
        return
    path: Path = ("allowed_mentions",)
    mentions = form.known(path, given, ("parse", "roles", "users", "replied_user"))
    for index, kind in enumerate(form.listed((*path, "parse"), mentions.get("parse", []), 3)):
        form.choice((*path, "parse", index), kind, ("roles", "users", "everyone"))


def _check_nonce(form: Form, body: dict[str, Any]) -> None:
    nonce = body.get("nonce")
    if nonce is not None and not isinstance(nonce, int):
        form.text(("nonce",), nonce, 25)
    form.flag(("enforce_nonce",), body.get("enforce_nonce"))


def _check_reference(form: Form, given: Any) -> None:
    if given is None:
        return
    path: Path = ("message_reference",)
    keys = ("type", "message_id", "channel_id", "guild_id", "fail_if_not_exists")
    reference = form.known(path, given, keys)
    if not str(reference.get("message_id", "")).isdigit():
        form.wrong((*path, "message_id"), "NUMBER_TYPE_COERCE", "Value is not snowflake.")
    form.flag((*path, "fail_if_not_exists"), reference.get("fail_if_not_exists"))


class DiscordFake(FakePlatform):
    """One bot in one server. Attributes may be changed by tests while it runs."""

    platform = "discord"
    channel_windows = ((5, 5.0),)
    provider_windows = ((50, 1.0),)

    token = "MTA5OTk5OTk5OTk5OTk5OTk5.GfAkE0.not-a-real-token-of-anybody-0123456789"
    application_id = "109999999999999999"
    user_id = "108888888888888888"
    guild_id = "101010101010101010"
    public_key = "1e0a356058d627ca38a5c8c9648818061d49e49bd9da9e3ab17d98ad4d6b0a2f"
    missing_channel = "404404404404404404"

    def __init__(self, *, open_channels: bool = True, nonce_window: float = 120.0, **base: Any) -> None:
        super().__init__(**base)
        self.open_channels = open_channels
        """Whether well-formed ids that nobody added, other than `missing_channel`, are text channels."""
        self.nonce_window = nonce_window
        """Seconds in which a nonce is unique; Discord says "the past few minutes"."""
        self.author_id = self.user_id
        """Who is shown as the author of all messages."""
        self.in_guild = True
        self.permissions = VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | READ_MESSAGE_HISTORY | SEND_IN_THREADS
        """Of the bot's role."""
        self.channels: dict[str, dict[str, Any]] = {}
        self.members = [
            self._person("201234567890123456", "dana", "Dana Scully", nick="Spooky"),
            self._person("201234567890123457", "dan", "Dan"),
            self._person(self.user_id, "im-bot", None, roles=["103030303030303030"]),
        ]
        self.commands: list[dict[str, Any]] = [{"id": "105050505050505050", "name": "im", "type": 1}]
        self.deleted: set[str] = set()
        self._nonces: dict[str, tuple[str, float]] = {}
        self._serial = count()
        self.add_channel("102020202020202020", name="incidents")
        self.add_channel("102020202020202021", name="general")
        self.add_channel("102020202020202022", name="voices", type=2)
        self._list_routes()

    # What tests change.

    def add_channel(self, id: str, *, name: str = "", type: int = 0, **more: Any) -> None:
        """Add a channel; `type` as Discord numbers them."""
        self.channels[id] = {
            "id": id,
            "type": type,
            "name": name or f"c-{id}",
            "guild_id": self.guild_id,
            "permission_overwrites": [],
            **more,
        }

    def deny(self, channel: str, bits: int) -> None:
        """Take permissions away from the bot in one channel."""
        overwrite = {"id": self.user_id, "type": 1, "allow": "0", "deny": str(bits)}
        self._channel(channel)["permission_overwrites"] = [overwrite]

    def delete(self, message_id: str) -> None:
        """Somebody deletes a message."""
        self.deleted.add(message_id)

    # Rules that hold for every call.

    def check_rate(self, channel: str) -> None:
        """The channel's bucket; the bot's global one was counted when the call came."""
        wait = self._channel_logs[channel].wait(time.monotonic()) if self.rates else 0.0
        if wait > 0:
            raise Refused(self.too_many(wait))

    def too_many(self, wait: float, *, scope: str = "user") -> Reply:
        """https://discord.com/developers/docs/topics/rate-limits#exceeding-a-rate-limit"""
        headers = {
            "retry-after": str(int(wait) + 1),
            "x-ratelimit-scope": scope,
            "x-ratelimit-reset-after": f"{wait:.3f}",
        }
        if scope == "global":
            headers["x-ratelimit-global"] = "true"
        body = {
            "message": "You are being rate limited.",
            "retry_after": round(wait + 0.0005, 3),
            "global": scope == "global",
        }
        return Reply(body, 429, headers)

    def _guard(self, handler: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
        def guarded(call: Call) -> Reply:
            if call.headers.get("authorization") != f"Bot {self.token}":
                raise refuse(401, 0, "401: Unauthorized")
            if not call.headers.get("user-agent", "").startswith("DiscordBot ("):
                raise refuse(403, 40333, "internal network error")
            wait = self._provider_log.wait(time.monotonic()) if self.rates else 0.0
            if wait > 0:
                raise Refused(self.too_many(wait, scope="global"))
            return handler(call)

        return guarded

    def _list_routes(self) -> None:
        guild, channel = f"/guilds/{_ID}", f"/channels/{_ID}"
        routes: tuple[tuple[str, str, Callable[[Call], Reply]], ...] = (
            ("GET", "/users/@me", lambda _: Reply(self._account(self.user_id))),
            ("GET", "/applications/@me", self._application),
            ("GET", f"/applications/{_ID}/commands", self._commands),
            ("GET", f"/applications/{_ID}/guilds/{_ID}/commands", self._guild_commands),
            ("GET", guild, self._guild),
            ("GET", f"{guild}/channels", self._guild_channels),
            ("GET", f"{guild}/members/search", self._search),
            ("GET", f"{guild}/members/{_ID}", self._member),
            ("GET", channel, self._get_channel),
            ("POST", f"{channel}/messages", self._create),
            ("GET", f"{channel}/messages", self._list),
            ("PATCH", f"{channel}/messages/{_ID}", self._edit),
        )
        for method, pattern, handler in routes:
            self.route(method, "/api/v10" + pattern, self._guard(handler))

    # Messages.

    def _create(self, call: Call) -> Reply:
        channel = call.match[0]
        self.check_rate(channel)
        body = self._body(call)
        self._may_write(channel)
        check_body(body, _ON_CREATE)
        if body.get("enforce_nonce") and (earlier := self._earlier(body.get("nonce"))):
            return Reply(self._message(earlier, nonce=body["nonce"]))
        parent = self._parent(channel, body.get("message_reference"))
        nonce = body.get("nonce")
        posted = self.keep(channel, body, id=self._new_id(), nonce=nonce, parent=parent)
        if nonce is not None:
            self._nonces[nonce] = (posted.id, time.monotonic())
        return Reply(self._message(posted, nonce=nonce))

    def _earlier(self, nonce: str | None) -> Posted | None:
        """The message of this bot with the nonce; one deleted since is not made anew (PR 6647 there)."""
        found = self._nonces.get(nonce or "")
        if not found or time.monotonic() - found[1] > self.nonce_window:
            return None
        if found[0] in self.deleted:
            raise refuse(404, 10008, "Unknown Message")
        return self.messages[found[0]]

    def _parent(self, channel: str, reference: dict[str, Any] | None) -> str | None:
        if reference is None:
            return None
        if not self._bits(channel) & READ_MESSAGE_HISTORY:
            raise refuse(403, 160002, "Cannot reply without permission to read message history")
        parent = self.messages.get(str(reference["message_id"]))
        if parent and parent.channel == channel and parent.id not in self.deleted:
            return parent.id
        if reference.get("fail_if_not_exists", True):
            form = Form()
            form.wrong(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
            form.done()
        return None

    def _edit(self, call: Call) -> Reply:
        channel, message_id = call.match
        self.check_rate(f"{channel} edits")  # a route of its own has a bucket of its own
        body = self._body(call)
        self._may_see(channel)
        posted = self.messages.get(message_id)
        if posted is None or posted.channel != channel or message_id in self.deleted:
            raise refuse(404, 10008, "Unknown Message")
        merged = {**posted.shown, **body}
        check_body(body, _ON_EDIT)
        check_body(merged, _ON_CREATE)
        return Reply(self._message(self.change(message_id, merged)))

    def _list(self, call: Call) -> Reply:
        channel = call.match[0]
        self._may_see(channel)
        limit = int(call.query.get("limit", "50"))
        if not 1 <= limit <= 100 or len(call.query.keys() & {"after", "before", "around"}) > 1:
            raise refuse(400, 50035, "Invalid Form Body", errors={})
        if not self._bits(channel) & READ_MESSAGE_HISTORY:
            return Reply([])
        kept = sorted(
            (p for p in self.in_channel(channel) if p.id not in self.deleted), key=lambda p: int(p.id)
        )
        if "after" in call.query:
            kept = [p for p in kept if int(p.id) > int(call.query["after"])][:limit]
        elif "before" in call.query:
            kept = [p for p in kept if int(p.id) < int(call.query["before"])]
        return Reply([self._message(p) for p in reversed(kept[-limit:])])

    def _message(self, posted: Posted, nonce: str | None = None) -> dict[str, Any]:
        """A message as Discord shows it; the nonce is only in the answer to its creation."""
        shown = posted.shown
        message = {
            "id": posted.id,
            "channel_id": posted.channel,
            "author": self._account(self.author_id),
            "content": shown.get("content", ""),
            "embeds": [{"type": "rich", **embed} for embed in shown.get("embeds", [])],
            "components": shown.get("components", []),
            "timestamp": datetime.fromtimestamp(posted.at, UTC).isoformat(),
            "type": 19 if posted.parent else 0,
        }
        return message | ({"nonce": nonce} if nonce is not None else {})

    def _body(self, call: Call) -> Any:
        if call.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise refuse(
                400, 50035, "Invalid Form Body", errors={"_errors": [{"code": "CONTENT_TYPE_INVALID"}]}
            )
        try:
            return json.loads(call.body)
        except ValueError:
            raise refuse(400, 50109, "The request body contains invalid JSON.") from None

    def _new_id(self) -> str:
        return str((int(time.time() * 1000) - _EPOCH_MS) << 22 | next(self._serial) & 0x3FFFFF)

    # Channels, server, people, commands.

    def _channel(self, id: str) -> dict[str, Any]:
        if id == self.missing_channel or (id not in self.channels and not self.open_channels):
            raise refuse(404, 10003, "Unknown Channel")
        if id not in self.channels:
            self.add_channel(id)
        return self.channels[id]

    def _bits(self, channel: str) -> int:
        overwrites = self._channel(channel)["permission_overwrites"]
        denied = [int(o["deny"]) for o in overwrites if o["id"] == self.user_id]
        return self.permissions & ~sum(denied)

    def _may_see(self, channel: str) -> None:
        self._channel(channel)
        if not self.in_guild or not self._bits(channel) & VIEW_CHANNEL:
            raise refuse(403, 50001, "Missing Access")

    def _may_write(self, channel: str) -> None:
        self._may_see(channel)
        kind = self._channel(channel)["type"]
        if kind in _NO_TEXT:
            raise refuse(400, 50008, "Cannot send messages in a non-text channel")
        send = SEND_IN_THREADS if kind in _THREADS else SEND_MESSAGES
        if self._bits(channel) & (send | EMBED_LINKS) != send | EMBED_LINKS:
            raise refuse(403, 50013, "Missing Permissions")
        if self._channel(channel).get("thread_metadata", {}).get("archived"):
            raise refuse(400, 50083, "Thread is archived")

    def _get_channel(self, call: Call) -> Reply:
        self._may_see(call.match[0])
        return Reply(self._channel(call.match[0]))

    def _in_guild(self, call: Call) -> None:
        if call.match[0] != self.guild_id:
            raise refuse(404, 10004, "Unknown Guild")
        if not self.in_guild:
            raise refuse(403, 50001, "Missing Access")

    def _guild(self, call: Call) -> Reply:
        self._in_guild(call)
        roles = [
            {"id": self.guild_id, "name": "@everyone", "permissions": "0"},
            {"id": "103030303030303030", "name": "im-bot", "permissions": str(self.permissions)},
        ]
        return Reply({"id": self.guild_id, "name": "Acme", "owner_id": "201234567890123456", "roles": roles})

    def _guild_channels(self, call: Call) -> Reply:
        self._in_guild(call)
        return Reply([c for c in self.channels.values() if c["type"] not in _THREADS])

    def _member(self, call: Call) -> Reply:
        self._in_guild(call)
        for person in self.members:
            if person["user"]["id"] == call.match[1]:
                return Reply(person)
        raise refuse(404, 10007, "Unknown Member")

    def _search(self, call: Call) -> Reply:
        self._in_guild(call)
        query, limit = call.query.get("query", ""), int(call.query.get("limit", "1"))
        if not query or not 1 <= limit <= 1000:
            raise refuse(400, 50035, "Invalid Form Body", errors={})
        found = [
            person
            for person in self.members
            if person["user"]["username"].lower().startswith(query.lower())
            or (person["nick"] or "").lower().startswith(query.lower())
        ]
        return Reply(found[:limit])

    def _application(self, _: Call) -> Reply:
        return Reply({"id": self.application_id, "name": "im", "verify_key": self.public_key})

    def _commands(self, call: Call) -> Reply:
        if call.match[0] != self.application_id:
            raise refuse(403, 20012, "You are not authorized to perform this action on this application")
        return Reply(self.commands)

    def _guild_commands(self, call: Call) -> Reply:
        if call.match[0] != self.application_id or call.match[1] != self.guild_id:
            raise refuse(403, 50001, "Missing Access")
        return Reply([])

    def _account(self, id: str) -> dict[str, Any]:
        return next(person["user"] for person in self.members if person["user"]["id"] == id)

    def _person(
        self, id: str, username: str, shown: str | None, *, nick: str | None = None, roles: Any = ()
    ) -> dict[str, Any]:
        user = {"id": id, "username": username, "global_name": shown, "bot": id == self.user_id}
        return {"user": user, "nick": nick, "roles": list(roles)}
