"""A stand-in for Discord: its REST API with tokens, permissions, limits, rates and nonces, and its people.

Stricter than Discord in one thing: fields that a payload does not know are refused instead of ignored.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from tests.fakes.base import Call, FakePlatform, Posted, Refused, Reply
from tests.fakes.discord_body import ON_CREATE, ON_EDIT, Form, check_body, check_command, refuse
from tests.fakes.discord_people import SIGNING_KEY, People

__all__ = ["DiscordFake", "check_body"]

# https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
MANAGE_CHANNELS: Final = 0x10
VIEW_CHANNEL: Final = 0x400
SEND_MESSAGES: Final = 0x800
EMBED_LINKS: Final = 0x4000
READ_MESSAGE_HISTORY: Final = 0x10000
MANAGE_ROLES: Final = 0x10000000
SEND_IN_THREADS: Final = 0x4000000000

_EPOCH_MS: Final = 1_420_070_400_000
_ID: Final = r"([0-9]{15,20})"
_THREADS: Final = (10, 11, 12)
_NO_TEXT: Final = (4, 15, 16)


class DiscordFake(People, FakePlatform):
    """One bot in one server. Attributes may be changed by tests while it runs."""

    platform = "discord"
    channel_windows = ((5, 5.0),)
    provider_windows = ((50, 1.0),)

    token = "MTA5OTk5OTk5OTk5OTk5OTk5.GfAkE0.not-a-real-token-of-anybody-0123456789"
    application_id = "109999999999999999"
    user_id = "108888888888888888"
    guild_id = "101010101010101010"
    public_key = SIGNING_KEY.verify_key.encode().hex()
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
        self.permissions |= MANAGE_CHANNELS | MANAGE_ROLES
        """Of the bot's role."""
        self.everybody = 0
        """The permissions of every member."""
        self.endpoint_url: str | None = "https://im.example.com/chatops/discord/dev-discord"
        self.gateway_address = "ws://127.0.0.1:9"
        """Where the Gateway is; tests/fakes/discord_gateway.py sets it."""
        self.sessions_left = 1000
        self.closed_to_bots: set[str] = set()
        """People who take no direct messages."""
        self.channels: dict[str, dict[str, Any]] = {}
        self.members = [
            self._person("201234567890123456", "dana", "Dana Scully", nick="Spooky"),
            self._person("201234567890123457", "dan", "Dan"),
            self._person(self.user_id, "im-bot", None, roles=["103030303030303030"]),
        ]
        self.commands: list[dict[str, Any]] = [{"id": "105050505050505050", "name": "im", "type": 1}]
        self.guild_commands: list[dict[str, Any]] = []
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
            ("PUT", f"/applications/{_ID}/guilds/{_ID}/commands", self._register),
            ("GET", "/gateway/bot", self._gateway),
            ("POST", "/users/@me/channels", self._open_direct),
            ("POST", f"{guild}/channels", self._make_channel),
            ("PATCH", channel, self._modify_channel),
            ("PUT", f"{channel}/permissions/{_ID}", self._overwrite),
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
        self.route_webhooks("/api/v10")

    # Messages.

    def _create(self, call: Call) -> Reply:
        channel = call.match[0]
        self.check_rate(channel)
        body = self._body(call)
        self._may_write(channel)
        check_body(body, ON_CREATE)
        if body.get("enforce_nonce") and (earlier := self._earlier(body.get("nonce"))):
            return Reply(self._message(earlier, nonce=body["nonce"]))
        parent = self._parent(channel, body.get("message_reference"))
        nonce = body.get("nonce")
        posted = self.keep(channel, body, id=self._new_id(), nonce=nonce, parent=parent)
        if nonce is not None:
            self._nonces[nonce] = (posted.id, time.monotonic())
        self.show_if_answer(posted)
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
        wanted = str(reference["message_id"])
        parent = self.messages.get(wanted) or self.said.get(wanted)
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
        check_body(body, ON_EDIT)
        check_body(merged, ON_CREATE)
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
        if self._channel(channel)["type"] == 1:
            return self.permissions
        overwrites = self._channel(channel)["permission_overwrites"]
        denied = [int(o["deny"]) for o in overwrites if o["id"] == self.user_id]
        return self.permissions & ~sum(denied)

    def _may_see(self, channel: str) -> None:
        self._channel(channel)
        if not self.in_guild or not self._bits(channel) & VIEW_CHANNEL:
            raise refuse(403, 50001, "Missing Access")

    def _may_write(self, channel: str) -> None:
        self._may_see(channel)
        if self.closed_to_bots & set(self._channel(channel).get("recipients", ())):
            raise refuse(403, 50007, "Cannot send messages to this user")
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
            {"id": self.guild_id, "name": "@everyone", "permissions": str(self.everybody)},
            {"id": "103030303030303030", "name": "im-bot", "permissions": str(self.permissions)},
        ]
        return Reply({"id": self.guild_id, "name": "Acme", "owner_id": "201234567890123456", "roles": roles})

    def _guild_channels(self, call: Call) -> Reply:
        self._in_guild(call)
        return Reply([c for c in self.channels.values() if c["type"] not in (1, *_THREADS)])

    def _make_channel(self, call: Call) -> Reply:
        """https://docs.discord.com/developers/resources/guild#create-guild-channel"""
        self._in_guild(call)
        self._needs(MANAGE_CHANNELS)
        body = self._body(call)
        form = Form()
        form.known((), body, ("name", "type", "topic", "parent_id", "permission_overwrites"))
        form.text(("name",), body.get("name"), 100)
        form.text(("topic",), body.get("topic"), 1024, required=False)
        form.done()
        overwrites = body.get("permission_overwrites", [])
        for given in overwrites:
            if (int(given["allow"]) | int(given["deny"])) & ~(self.permissions & ~MANAGE_ROLES):
                raise refuse(403, 50013, "Missing Permissions")
        number = self._new_id()
        name = re.sub(r"\s+", "-", body["name"]).lower()
        self.add_channel(number, **{**body, "name": name})
        return Reply(self.channels[number], 201)

    def _modify_channel(self, call: Call) -> Reply:
        self._may_see(call.match[0])
        self._needs(MANAGE_CHANNELS)
        body = self._body(call)
        form = Form()
        form.known((), body, ("name", "topic"))
        form.text(("name",), body.get("name"), 100)
        form.done()
        self._channel(call.match[0]).update(body)
        return Reply(self._channel(call.match[0]))

    def _overwrite(self, call: Call) -> Reply:
        channel, target = call.match
        self._may_see(channel)
        self._needs(MANAGE_ROLES)
        body = self._body(call)
        form = Form()
        form.known((), body, ("type", "allow", "deny"))
        form.choice(("type",), body.get("type"), (0, 1))
        form.done()
        if (int(body.get("allow", 0)) | int(body.get("deny", 0))) & ~self.permissions:
            raise refuse(403, 50013, "Missing Permissions")
        kept = [o for o in self._channel(channel)["permission_overwrites"] if o["id"] != target]
        self._channel(channel)["permission_overwrites"] = [*kept, {"id": target, **body}]
        return Reply(None, 204)

    def _needs(self, bit: int) -> None:
        if not self.permissions & bit:
            raise refuse(403, 50013, "Missing Permissions")

    def _open_direct(self, call: Call) -> Reply:
        user = self._body(call).get("recipient_id")
        if all(person["user"]["id"] != user for person in self.members):
            raise refuse(400, 50033, "Invalid Recipient(s)")
        return Reply(self.direct_channel(user))

    def direct_channel(self, user: str) -> dict[str, Any]:
        """The channel for direct messages with a person."""
        number = str(int(user) + 7)
        if number not in self.channels:
            self.add_channel(number, type=1, recipients=[user])
            del self.channels[number]["guild_id"]
        return self.channels[number]

    def _gateway(self, _: Call) -> Reply:
        limit = {
            "total": 1000,
            "remaining": self.sessions_left,
            "reset_after": 14_400_000,
            "max_concurrency": 1,
        }
        return Reply({"url": self.gateway_address, "shards": 1, "session_start_limit": limit})

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
        found = {"id": self.application_id, "name": "im", "verify_key": self.public_key}
        return Reply(found | {"interactions_endpoint_url": self.endpoint_url})

    def _commands(self, call: Call) -> Reply:
        if call.match[0] != self.application_id:
            raise refuse(403, 20012, "You are not authorized to perform this action on this application")
        return Reply(self.commands)

    def _guild_commands(self, call: Call) -> Reply:
        if call.match[0] != self.application_id or call.match[1] != self.guild_id:
            raise refuse(403, 50001, "Missing Access")
        return Reply(self.guild_commands)

    def _register(self, call: Call) -> Reply:
        """https://docs.discord.com/developers/interactions/application-commands#bulk-overwrite-guild-application-commands"""
        self._guild_commands(call)
        body = self._body(call)
        for command in body:
            check_command(command)
        self.guild_commands = [{"id": self._new_id(), **command} for command in body]
        return Reply(self.guild_commands)

    def _account(self, id: str) -> dict[str, Any]:
        return next(person["user"] for person in self.members if person["user"]["id"] == id)

    def _person(
        self, id: str, username: str, shown: str | None, *, nick: str | None = None, roles: Any = ()
    ) -> dict[str, Any]:
        user = {"id": id, "username": username, "global_name": shown, "bot": id == self.user_id}
        return {"user": user, "nick": nick, "roles": list(roles)}
