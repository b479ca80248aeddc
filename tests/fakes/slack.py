"""A Slack that enforces its documented rules: tokens, scopes, channels, Block Kit, rates and threads."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

from tests.fakes.base import Call, FakePlatform, Posted, Refused, Reply
from tests.fakes.slack_blocks import Invalid, check_blocks, need, only, texts
from tests.fakes.slack_people import BOT, SlackPeople, error

__all__ = ["SCOPES", "SlackFake", "texts"]

SCOPES: Final = (
    *("chat:write", "commands", "app_mentions:read", "channels:read", "users:read"),
    *("channels:manage", "users:read.email", "channels:history", "reactions:read", "im:history"),
)
"""All that the bot can use; the first five it must have."""
SECRET: Final = "0123456789abcdef0123456789abcdef"

# Stated here again, from the pages that adapters/slack/limits.py names: a fake that took its limits from
# the adapter would agree with the adapter's mistakes.
MAX_TEXT = {"chat.postMessage": 40_000, "chat.update": 4_000}
MAX_BLOCKS = 50
MAX_ATTACHMENT_BLOCKS = 20
MAX_ALL_BLOCKS = 11_000
MAX_METADATA = 8_000

_CHANNEL = re.compile(r"[CGD][A-Z0-9_]{1,79}\Z")
_USER = re.compile(r"[UW][A-Z0-9]{3,40}\Z")
_TS = re.compile(r"\d{10}\.\d{6}\Z")
_COLOUR = re.compile(r"(#?[0-9a-fA-F]{6}|good|warning|danger)\Z")


class SlackFake(SlackPeople, FakePlatform):
    """`token` is the valid bot token, `scopes` what it may do; channels are opened as they are named."""

    platform: ClassVar[str] = "slack"
    channel_windows: ClassVar[tuple[tuple[int, float], ...]] = ((1, 1.0),)

    def __init__(
        self,
        *,
        token: str = "xoxb-1000000000-2000000000-fakebottoken1234",
        scopes: tuple[str, ...] = SCOPES,
        team_id: str = "T0FAKE",
        missing_channel: str = "C0MISSING",
        open_channels: bool = True,
        page_size: int = 200,
        signing_secret: str = SECRET,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.signing_secret = signing_secret
        self.token = token
        self.revoked_tokens: dict[str, str] = {}
        """Tokens that are known and refused, with Slack's code (`token_revoked`)."""
        self.scopes = scopes
        self.team_id = team_id
        self.missing_channel = missing_channel
        self.open_channels = open_channels
        self.page_size = page_size
        self.channels: dict[str, dict[str, Any]] = {}
        self.users: list[dict[str, Any]] = []
        self._serial = itertools.count(1)
        self._last_second = 0
        self.unfetchable: set[str] = set()
        """Addresses of pictures that Slack cannot fetch."""
        self.add_channel("C0INCIDENTS", "incidents")
        self.add_channel("C0ARCHIVED", "archived", is_archived=True)
        self.add_channel("C0FOREIGN", "foreign", is_member=False)
        self.add_user("U0DANA", "dana", "Dana Scully", "dana@example.com")
        self.add_user("U0ERIN", "erin", "Erin", "erin@example.com")
        self.add_user("U0GONE", "gone", "Gone", "gone@example.com", deleted=True)
        for name, scope, handler in (
            ("auth.test", None, self._auth_test),
            ("chat.postMessage", "chat:write", self._post_message),
            ("chat.update", "chat:write", self._update),
            ("chat.postEphemeral", "chat:write", self._post_ephemeral),
            ("views.open", None, self._open_view),
            ("conversations.create", "channels:manage", self._create),
            ("conversations.setTopic", "channels:manage", self._set_topic),
            ("conversations.invite", "channels:manage", self._invite),
            ("conversations.archive", "channels:manage", self._archive),
            ("conversations.rename", "channels:manage", self._rename),
            ("conversations.info", "channels:read", self._conversation_info),
            ("conversations.list", "channels:read", self._conversation_list),
            ("conversations.history", "channels:history", self._history),
            ("conversations.replies", "channels:history", self._replies),
            ("users.info", "users:read", self._user_info),
            ("users.lookupByEmail", "users:read.email", self._user_by_email),
            ("users.list", "users:read", self._user_list),
        ):
            self.route("POST", rf"/{re.escape(name)}", self._guarded(scope, handler))
        self.route("POST", r"/response/(\w+)", self._responded)

    def add_channel(
        self,
        id: str,
        name: str = "",
        *,
        is_member: bool = True,
        is_archived: bool = False,
        private: bool = False,
    ) -> None:
        """Make a channel known; messages to others are taken while `open_channels`."""
        self.channels[id] = {
            "id": id,
            "name": name or id.lower(),
            "is_member": is_member,
            "is_archived": is_archived,
            "is_private": private,
            "creator": "U0DANA",
        }

    def add_user(self, id: str, name: str, real_name: str, email: str, *, deleted: bool = False) -> None:
        """Make a person known."""
        profile = {"real_name": real_name, "display_name": name.title(), "email": email}
        self.users.append({"id": id, "name": name, "deleted": deleted, "profile": profile})

    def too_many(self, wait: float) -> Reply:
        return Reply(
            {"ok": False, "error": "ratelimited"}, 429, {"retry-after": str(max(1, int(wait + 0.999)))}
        )

    # Every call.

    def _guarded(
        self, scope: str | None, handler: Callable[[dict[str, Any]], Reply]
    ) -> Callable[[Call], Reply]:
        def answer(call: Call) -> Reply:
            self._authorize(call.headers.get("authorization", ""))
            self._need_scope(scope)
            reply = handler(self._arguments(call))
            granted = {"x-oauth-scopes": ",".join(self.scopes)}
            return Reply(reply.body, reply.status, granted | reply.headers)

        return answer

    def _authorize(self, header_value: str) -> None:
        token = header_value.removeprefix("Bearer ")
        if not token or token == header_value:
            raise Refused(error("not_authed"))
        if token != self.token:
            raise Refused(error(self.revoked_tokens.get(token, "invalid_auth")))

    def _need_scope(self, scope: str | None) -> None:
        if scope and scope not in self.scopes:
            raise Refused(error("missing_scope", needed=scope, provided=",".join(self.scopes)))

    @staticmethod
    def _arguments(call: Call) -> dict[str, Any]:
        kind = call.headers.get("content-type", "").partition(";")[0]
        writes = call.path.startswith(("/chat.", "/views."))
        if kind == "application/json" and writes:
            try:
                arguments = call.json
            except ValueError:
                raise Refused(error("invalid_json")) from None
            if not isinstance(arguments, dict):
                raise Refused(error("json_not_object"))
            return {**arguments, "method": call.path[1:]}
        if kind == "application/x-www-form-urlencoded" and not writes:
            return {**call.form, "method": call.path[1:]}
        raise Refused(error("invalid_post_type"))

    def _channel(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name = str(arguments.get("channel", ""))
        if _USER.match(name) and arguments["method"] == "chat.postMessage":
            name = "D" + name[1:]
        known = name in self.channels
        if not known and (not self.open_channels or name == self.missing_channel or not _CHANNEL.match(name)):
            raise Refused(error("channel_not_found"))
        if not known:
            self.add_channel(name)
        return self.channels[name]

    # Messages.

    def _post_message(self, arguments: dict[str, Any]) -> Reply:
        channel = self._writable(arguments)
        nonce = self._checked(arguments)
        parent = arguments.get("thread_ts")
        heard = (channel["id"], str(parent)) in self.conversations
        if parent is not None and not heard and self._known(channel["id"], parent) is None:
            raise Refused(error("thread_not_found"))
        self.check_rate(channel["id"])
        ts = self._next_ts()
        payload = {key: value for key, value in arguments.items() if key != "method"}
        posted = self.keep(channel["id"], payload, id=ts, nonce=nonce, parent=parent)
        if heard or (channel["id"], "") in self.conversations:
            self.show(None, posted, thread=parent)
        return Reply({"ok": True, "channel": channel["id"], "ts": ts, "message": {"ts": ts}})

    def _update(self, arguments: dict[str, Any]) -> Reply:
        channel = self._writable(arguments)
        self._checked(arguments)
        ts = arguments.get("ts", "")
        if self._known(channel["id"], ts) is None:
            raise Refused(error("message_not_found"))
        self.change(ts, {key: value for key, value in arguments.items() if key != "method"})
        return Reply({"ok": True, "channel": channel["id"], "ts": ts, "text": arguments.get("text", "")})

    def _post_ephemeral(self, arguments: dict[str, Any]) -> Reply:
        channel = self._writable(arguments)
        self._checked(arguments)
        if not any(user["id"] == arguments.get("user") and not user["deleted"] for user in self.users):
            raise Refused(error("user_not_in_channel"))
        payload = {key: value for key, value in arguments.items() if key != "method"}
        posted = self.aside(channel["id"], payload)
        self.show(arguments["user"], posted, thread=arguments.get("thread_ts"))
        return Reply({"ok": True, "message_ts": posted.id})

    def _writable(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments)
        if channel["is_archived"]:
            raise Refused(error("is_archived"))
        if not channel["is_member"] and "chat:write.public" not in self.scopes:
            raise Refused(error("not_in_channel"))
        return channel

    def _known(self, channel: str, ts: Any) -> Posted | None:
        posted = self.messages.get(ts) if isinstance(ts, str) and _TS.match(ts) else None
        return posted if posted and posted.channel == channel else None

    def _next_ts(self) -> str:
        # Unique and rising; Slack's are unique in a channel.
        self._last_second = max(self._last_second, int(time.time()))
        return f"{self._last_second}.{next(self._serial) % 1_000_000:06d}"

    def _checked(self, arguments: dict[str, Any]) -> str | None:
        """Refuse what Slack refuses in a message; the nonce in its metadata."""
        if not any(arguments.get(part) for part in ("text", "blocks", "attachments")):
            raise Refused(error("no_text"))
        if len(arguments.get("text") or "") > MAX_TEXT.get(arguments.get("method", ""), 40_000):
            raise Refused(error("msg_too_long"))
        if arguments.get("parse", "none") not in ("none", "full"):
            raise Refused(error("invalid_arguments"))
        self._check_layout(arguments)
        return self._check_metadata(arguments.get("metadata"))

    def _check_layout(self, arguments: dict[str, Any]) -> None:
        attachments = arguments.get("attachments") or []
        if len(attachments) > 100:
            raise Refused(error("too_many_attachments"))
        try:
            self._fetch_pictures(attachments)
            if arguments.get("blocks"):
                check_blocks(arguments["blocks"], MAX_BLOCKS)
        except Invalid as invalid:
            raise Refused(error("invalid_blocks", response_metadata={"messages": [str(invalid)]})) from None
        try:
            for attachment in attachments:
                only(attachment, "color", "blocks", "fallback")
                need(_COLOUR.match(attachment.get("color", "good")), "invalid color")
                check_blocks(attachment.get("blocks"), MAX_ATTACHMENT_BLOCKS)
        except Invalid as invalid:
            raise Refused(
                error("invalid_attachments", response_metadata={"messages": [str(invalid)]})
            ) from None
        layout = [arguments.get("blocks") or [], attachments]
        if sum(len(text) for _, text in texts(layout)) > MAX_ALL_BLOCKS:
            raise Refused(error("msg_blocks_too_long"))

    def _fetch_pictures(self, attachments: list[Any]) -> None:
        addresses = {block.get("image_url") for part in attachments for block in part.get("blocks") or []}
        if addresses & self.unfetchable:
            raise Refused(
                error("invalid_attachments", response_metadata={"messages": ["downloading image failed"]})
            )

    @staticmethod
    def _check_metadata(metadata: Any) -> str | None:
        if metadata is None:
            return None
        if not isinstance(metadata, dict) or not metadata.keys() <= {"event_type", "event_payload"}:
            raise Refused(error("invalid_metadata_format"))
        payload = metadata.get("event_payload")
        if not metadata.get("event_type") or not isinstance(payload, dict):
            raise Refused(error("invalid_metadata_schema"))
        if len(str(metadata)) > MAX_METADATA:
            raise Refused(error("metadata_too_large"))
        return payload.get("nonce")

    # Rooms.

    def _create(self, arguments: dict[str, Any]) -> Reply:
        name = arguments.get("name", "")
        if not re.fullmatch(r"[a-z0-9_-]{1,80}", name):
            raise Refused(error("invalid_name_specials"))
        if any(channel["name"] == name for channel in self.channels.values()):
            raise Refused(error("name_taken"))
        made = f"C0ROOM{next(self._serial)}"
        self.add_channel(made, name)
        self.channels[made] |= {"creator": BOT, "members": []}
        return Reply({"ok": True, "channel": self.channels[made]})

    def _open_channel(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments)
        if channel["is_archived"]:
            raise Refused(error("is_archived"))
        if not channel["is_member"]:
            raise Refused(error("not_in_channel"))
        return channel

    def _set_topic(self, arguments: dict[str, Any]) -> Reply:
        if len(arguments.get("topic", "")) > 250:
            raise Refused(error("too_long"))
        channel = self._open_channel(arguments)
        channel["topic"] = arguments["topic"]
        return Reply({"ok": True, "channel": channel})

    def _invite(self, arguments: dict[str, Any]) -> Reply:
        channel = self._open_channel(arguments)
        members = channel.setdefault("members", [])
        users = arguments.get("users", "").split(",")
        if len(users) > 100:
            raise Refused(error("too_many_users"))
        errors = [
            {"user": user, "ok": False, "error": why} for user in users if (why := self._shut(user, members))
        ]
        if errors and (arguments.get("force") != "true" or len(errors) == len(users)):
            raise Refused(error(errors[0]["error"], errors=errors))
        refused = {one["user"] for one in errors}
        members += [user for user in users if user not in refused]
        return Reply({"ok": True, "channel": channel} | ({"errors": errors} if errors else {}))

    def _shut(self, user: str, members: list[str]) -> str:
        known = {one["id"]: one for one in self.users}
        if user == BOT:
            return "cant_invite_self"
        if user not in known or known[user]["deleted"]:
            return "user_not_found"
        return "already_in_channel" if user in members else ""

    def _archive(self, arguments: dict[str, Any]) -> Reply:
        channel = self._channel(arguments)
        if channel["is_archived"]:
            raise Refused(error("already_archived"))
        if channel.get("kept"):
            raise Refused(error("restricted_action"))
        channel["is_archived"] = True
        return Reply({"ok": True})

    def _rename(self, arguments: dict[str, Any]) -> Reply:
        channel = self._channel(arguments)
        if any(other["name"] == arguments.get("name") for other in self.channels.values()):
            raise Refused(error("name_taken"))
        channel["name"] = arguments["name"]
        return Reply({"ok": True, "channel": channel})

    # Reading.

    def _auth_test(self, _: dict[str, Any]) -> Reply:
        return Reply({"ok": True, "team": "Fake", "team_id": self.team_id, "user_id": BOT, "bot_id": "B0BOT"})

    def _conversation_info(self, arguments: dict[str, Any]) -> Reply:
        return Reply({"ok": True, "channel": self._channel(arguments)})

    def _conversation_list(self, arguments: dict[str, Any]) -> Reply:
        types = arguments.get("types", "public_channel").split(",")
        if "private_channel" in types:
            self._need_scope("groups:read")
        with_archived = arguments.get("exclude_archived") != "true"
        found = [
            channel
            for channel in self.channels.values()
            if (with_archived or not channel["is_archived"])
            and ("private_channel" if channel["is_private"] else "public_channel") in types
        ]
        return self._page("channels", found, arguments)

    def _page(self, name: str, rows: list[Any], arguments: dict[str, Any], **more: object) -> Reply:
        limit = int(arguments.get("limit", 100))
        if not 1 <= limit <= 1000:
            raise Refused(error("invalid_limit"))
        cursor = arguments.get("cursor", "")
        if cursor and not re.fullmatch(r"at-\d+", cursor):
            raise Refused(error("invalid_cursor"))
        begin = int(cursor[3:]) if cursor else 0
        end = begin + min(limit, self.page_size)
        following = f"at-{end}" if end < len(rows) else ""
        return Reply(
            {"ok": True, name: rows[begin:end], "response_metadata": {"next_cursor": following}, **more}
        )

    def _history(self, arguments: dict[str, Any]) -> Reply:
        channel = self._channel(arguments)
        if not channel["is_member"]:
            raise Refused(error("not_in_channel"))
        posts = [posted for posted in self.in_channel(channel["id"]) if posted.parent is None]
        return self._posts(list(reversed(posts)), arguments)

    def _replies(self, arguments: dict[str, Any]) -> Reply:
        channel = self._channel(arguments)
        top = self._known(channel["id"], arguments.get("ts"))
        if top is None:
            raise Refused(error("thread_not_found"))
        replies = [posted for posted in self.in_channel(channel["id"]) if posted.parent == top.id]
        return self._posts([top, *replies], arguments)

    def _posts(self, posts: list[Posted], arguments: dict[str, Any]) -> Reply:
        oldest = arguments.get("oldest", "0")
        with_metadata = arguments.get("include_all_metadata") == "true"
        rows = [self._as_history(posted, with_metadata) for posted in posts if posted.id > oldest]
        return self._page("messages", rows, arguments)

    def _as_history(self, posted: Posted, with_metadata: bool) -> dict[str, Any]:
        replies = [one.id for one in self.messages.values() if one.parent == posted.id]
        row = {"type": "message", "ts": posted.id, "text": posted.shown.get("text", "")}
        if replies:
            row |= {"thread_ts": posted.id, "reply_count": len(replies), "latest_reply": max(replies)}
        metadata = posted.payload.get("metadata")
        return row | {"metadata": metadata} if with_metadata and metadata else row

    def _user_info(self, arguments: dict[str, Any]) -> Reply:
        return self._user(lambda user: user["id"] == arguments.get("user"), "user_not_found")

    def _user_by_email(self, arguments: dict[str, Any]) -> Reply:
        return self._user(lambda user: user["profile"]["email"] == arguments.get("email"), "users_not_found")

    def _user(self, matches: Callable[[dict[str, Any]], bool], otherwise: str) -> Reply:
        for user in self.users:
            if matches(user):
                return Reply({"ok": True, "user": self._shown(user)})
        return error(otherwise)

    def _user_list(self, arguments: dict[str, Any]) -> Reply:
        return self._page("members", [self._shown(user) for user in self.users], arguments)

    def _shown(self, user: dict[str, Any]) -> dict[str, Any]:
        if "users:read.email" in self.scopes:
            return user
        return user | {"profile": {k: v for k, v in user["profile"].items() if k != "email"}}
