"""A stand-in for a Mattermost server: the parts of its REST API (version 4) that the adapter uses.

Its answers follow the server's source (server/channels/api4, app and public/model); where the server only
logs a warning about an invalid attachment, the fake refuses, so that tests see it.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar

from tests.fakes.base import Call, FakePlatform, Posted, Refused, Reply
from tests.fakes.mattermost_errors import app_error, bad_props, invalid, no_permission
from tests.fakes.mattermost_people import MattermostPeople
from tests.fakes.mattermost_rooms import MattermostRooms

ID = re.compile(r"[a-z0-9]{26}\Z")
MAX_MESSAGE = 16_383
MAX_PROPS = 760_000
NONCE_SECONDS = 30.0
MAX_PAGE = 200

_STYLES = {"default", "primary", "success", "good", "warning", "danger"}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z|good\Z|warning\Z|danger\Z")
_ACTION_ID = re.compile(r"[A-Za-z0-9]+\Z")
_WEB = re.compile(r"https?://[^\s/]+")

_POST_KEYS = {"channel_id", "message", "root_id", "props", "pending_post_id"}
_PATCH_KEYS = {"message", "props"}
_PROP_KEYS = {"attachments", "from_bot", "im_nonce"}
_ATTACHMENT_KEYS = {"fallback", "color", "pretext", "title", "title_link", "text", "fields", "actions"}
_ATTACHMENT_KEYS |= {"image_url", "footer"}
_FIELD_KEYS = {"title", "value", "short"}
_ACTION_KEYS = {"id", "type", "name", "style", "integration", "options", "data_source"}


def make_id(name: str) -> str:
    """An id of Mattermost's form that tells its name."""
    return (re.sub(r"[^a-z0-9]", "", name.lower()) + "0" * 26)[:26]


@dataclass
class FakeChannel:
    id: str
    name: str
    type: str = "O"
    member: bool = True
    delete_at: int = 0
    team_id: str = ""
    header: str = ""
    creator_id: str = ""
    members: set[str] = field(default_factory=set)


@dataclass
class FakeUser:
    id: str
    username: str
    email: str
    roles: str = "system_user"
    delete_at: int = 0


@dataclass
class FakeCommand:
    trigger: str = "im"
    token: str = "command-token-0123456789ab"


class Limiter:
    """The server's GCRA limiter with its default settings: 10 requests a second, bursts of 100 more."""

    EVERY = 0.1
    BURST = 100

    def __init__(self) -> None:
        self._full_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call is allowed; 0 and counted when it is allowed now."""
        full_at = max(now, self._full_at) + self.EVERY
        late = full_at - now - (self.BURST + 1) * self.EVERY
        if late <= 0:
            self._full_at = full_at
        return max(late, 0.0)


@dataclass
class _Kept:
    """What the server holds of a post beside the record."""

    at: int
    root: str
    deleted: bool = False


@dataclass
class Team:
    id: str = field(default_factory=lambda: make_id("team"))
    name: str = "incidents"


class MattermostFake(MattermostPeople, MattermostRooms, FakePlatform):
    """One server with one team; any id of the right form is a channel, except `missing_channel`."""

    platform: ClassVar[str] = "mattermost"

    def __init__(
        self, *, token: str = "bot-token-0123456789abcdefgh", open_channels: bool = True, **base: Any
    ):
        super().__init__(**base)
        self.token = token
        self._open_channels = open_channels
        self.missing_channel = make_id("missing")
        self.team = Team()
        self._routes_of_posts()
        self._routes_of_the_rest()
        self._routes_of_people()
        self._routes_of_rooms()
        self._rates = self.rates
        self.reset()

    def reset(self) -> None:
        """Everything as it was at the start, for the next test."""
        for records in (self.calls, self.messages, self.refusals, self._faults, self._random_faults):
            records.clear()
        self.rates = self._rates
        self._limiter = Limiter()
        self.open_channels = self._open_channels
        self.tokens = {self.token}
        self.me = FakeUser(make_id("bot"), "incident-bot", "bot@example.com")
        self.users = [self.me, FakeUser(make_id("dana"), "dana", "dana@example.com")]
        self.users.append(FakeUser(make_id("erin"), "erin", "erin@example.com"))
        self.channels_by_id: dict[str, FakeChannel] = {}
        self.commands = [FakeCommand()]
        self.may_list_commands = True
        self.may_list_public = True
        self.edit_limit: float | None = None
        """PostEditTimeLimit in seconds; None is the default -1."""
        self.broken_saves = 0
        """So many posts are still being saved when the same nonce comes again."""
        self._kept: dict[str, _Kept] = {}
        self._nonces: dict[str, tuple[float, str]] = {}
        self._numbers = itertools.count(1)
        self.reset_people()
        self.reset_rooms()
        self.add_channel(make_id("townsquare"), "town-square")

    def _routes_of_posts(self) -> None:
        self._api("POST", "/posts", self._create)
        self._api("PUT", "/posts/([^/]+)/patch", self._patch)
        self._api("GET", "/posts/([^/]+)", self._read)
        self._api("GET", "/channels/([^/]+)/posts", self._posts)

    def _routes_of_the_rest(self) -> None:
        self._api("GET", "/users/me", lambda _: Reply(self._user(self.me)))
        self._api(
            "GET", "/users/username/([^/]+)", self._user_by("username", "app.user.get_by_username.app_error")
        )
        self._api("GET", "/users/email/([^/]+)", self._user_by("email", "app.user.missing_account.const"))
        self._api("GET", "/users/me/channels", self._joined)
        self._api("GET", "/users/me/teams/([^/]+)/channels", self._joined)
        self._api("GET", "/users/([^/]+)", self._user_by("id", "app.user.missing_account.const"))
        self._api("GET", "/teams/name/([^/]+)", self._team_by_name)
        self._api("GET", "/teams/([^/]+)", self._team_by_id)
        self._api("GET", "/teams/name/([^/]+)/channels/name/([^/]+)", self._channel_by_name)
        self._api("GET", "/teams/([^/]+)/channels/name/([^/]+)", self._channel_by_name)
        self._api("GET", "/teams/([^/]+)/channels", self._public)
        self._api("GET", "/channels/([^/]+)", self._channel)
        self._api("GET", "/channels/([^/]+)/members/me", self._member)
        self._api("POST", "/channels/direct", self._direct)
        self._api("GET", "/commands", self._commands)

    # What tests use.

    def add_channel(self, id: str, name: str = "", **more: Any) -> FakeChannel:
        """Create a channel, or replace it."""
        channel = FakeChannel(id=id, name=name or f"channel-{id}", team_id=self.team.id, **more)
        self.channels_by_id[id] = channel
        return channel

    def archive(self, id: str) -> None:
        self._known(id).delete_at = 1

    def delete(self, id: str) -> None:
        """Delete a message, as a person does."""
        self._kept[id].deleted = True

    def check_rate(self, channel: str) -> None:  # noqa: ARG002  the server does not look at it
        """The limiter counts every call of a user, to whatever channel."""
        wait = self._limiter.wait(time.monotonic()) if self.rates else 0.0
        if wait > 0:
            raise Refused(self.too_many(wait))

    def too_many(self, wait: float) -> Reply:
        reset = str(ceil(wait) + 10)
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "x-ratelimit-limit": "101",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": reset,
            "retry-after": str(ceil(wait)),
        }
        return Reply(b"limit exceeded\n", 429, headers)

    # Every call.

    def _api(self, method: str, path: str, handler: Callable[[Call], Reply]) -> None:
        def checked(call: Call) -> Reply:
            self.check_rate("")
            if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise app_error("api.context.session_expired.app_error", 401, "Invalid or expired session.")
            return handler(call)

        self.route(method, "/api/v4" + path, checked)

    @staticmethod
    def _body(call: Call) -> Any:
        if call.headers.get("content-type") != "application/json":
            raise invalid("body")
        try:
            return call.json
        except ValueError:
            raise invalid("body") from None

    # Posts.

    def _create(self, call: Call) -> Reply:
        post = self._body(call)
        self._check_keys(post, _POST_KEYS, "post")
        channel = self._may_post(post.get("channel_id"))
        known = self._deduplicated(post.get("pending_post_id", ""))
        if known:
            return Reply(self._shown(known), 201)
        root = self._check_root(post, channel)
        check_content(post, props=post.get("props", {}))
        posted = self._save(channel.id, post, root)
        self.noticed(posted)
        return Reply(self._shown(posted), 201)

    def _save(self, channel: str, post: dict[str, Any], root: str) -> Posted:
        new = f"p{next(self._numbers):025d}"
        nonce = post.get("pending_post_id") or None
        self._kept[new] = _Kept(at=int(time.time() * 1000), root=root)
        if nonce:
            self._nonces[nonce] = (time.monotonic(), new)
        return self.keep(channel, post, id=new, nonce=nonce, parent=root or None)

    def _may_post(self, channel_id: Any) -> FakeChannel:
        """An unknown channel is refused like a forbidden one; so does the server."""
        channel = self._find_channel(channel_id)
        if channel is None or not channel.member:
            raise no_permission()
        if channel.delete_at:
            raise app_error("api.post.create_post.can_not_post_to_deleted.error", 400)
        return channel

    def _deduplicated(self, nonce: str) -> Posted | None:
        at, known = self._nonces.get(nonce, (0.0, ""))
        if known not in self.messages or time.monotonic() - at > NONCE_SECONDS:
            return None
        if self.broken_saves:
            self.broken_saves -= 1
            raise app_error("api.post.deduplicate_create_post.pending", 500)
        return self.messages[known]

    def _check_root(self, post: dict[str, Any], channel: FakeChannel) -> str:
        root = post.get("root_id", "")
        if not isinstance(root, str):
            raise invalid("post")
        if not root:
            return ""
        kept = self._living(root)
        if kept is None or kept.root:
            raise app_error("api.post.create_post.root_id.app_error", 400)
        if self.message(root).channel != channel.id:
            raise app_error("api.post.create_post.channel_root_id.app_error", 400)
        return root

    def _patch(self, call: Call) -> Reply:
        found = self._valid_id(call.match[0], "post_id")
        patch = self._body(call)
        self._check_keys(patch, _PATCH_KEYS, "post")
        kept = self._living(found)
        if kept is None or found not in self.messages:
            raise no_permission()
        channel = self._known(self.messages[found].channel)
        if not channel.member:
            raise no_permission()
        if self.edit_limit is not None and time.time() * 1000 > kept.at + self.edit_limit * 1000:
            raise app_error("api.post.update_post.permissions_time_limit.app_error", 400)
        if channel.delete_at:
            raise app_error("api.post.update_post.can_not_update_post_in_deleted.error", 400)
        check_content(patch, props=patch.get("props", {}))
        self.change(found, patch)
        return Reply(self._shown(self.messages[found]))

    def _read(self, call: Call) -> Reply:
        found = self._valid_id(call.match[0], "post_id")
        kept = self._living(found)
        if kept is None:
            raise app_error("app.post.get.app_error", 404)
        if not self._known(self.message(found).channel).member:
            raise no_permission()
        return Reply(self._shown(self.message(found)))

    def _living(self, post_id: str) -> _Kept | None:
        kept = self._kept.get(post_id)
        return (
            kept if kept and not kept.deleted and (post_id in self.messages or post_id in self.said) else None
        )

    def message(self, post_id: str) -> Posted:
        """A message of the bot's or of a person's."""
        return self.messages[post_id] if post_id in self.messages else self.said[post_id]

    def _remember_post(self, post_id: str, root: str) -> None:
        self._kept[post_id] = _Kept(at=int(time.time() * 1000), root=root)

    @staticmethod
    def check_post(post: dict[str, Any]) -> None:
        """Raise Refused when the server would not take this as a post."""
        check_content(post, props=post.get("props", {}))

    def _posts(self, call: Call) -> Reply:
        channel = self._readable(call.match[0])
        page, size = self._paging(call, default=60)
        newest = [p for p in reversed(self.in_channel(channel.id)) if not self._kept[p.id].deleted]
        chosen = newest[page * size : (page + 1) * size]
        posts = {posted.id: self._shown(posted) for posted in chosen}
        return Reply({"order": list(posts), "posts": posts, "next_post_id": "", "prev_post_id": ""})

    def _shown(self, posted: Posted) -> dict[str, Any]:
        """As a client reads it: the buttons' integrations are never shown."""
        kept = self._kept[posted.id]
        props = json.loads(json.dumps(posted.shown.get("props", {})))
        for attachment in props.get("attachments", []):
            for action in attachment.get("actions", []):
                action.pop("integration", None)
        return {
            "id": posted.id,
            "create_at": kept.at,
            "update_at": kept.at,
            "delete_at": 0,
            "user_id": posted.shown.get("user_id", self.me.id),
            "channel_id": posted.channel,
            "root_id": kept.root,
            "message": posted.shown.get("message", ""),
            "props": props,
            "pending_post_id": "",
        }

    # What a post may hold.

    @staticmethod
    def _check_keys(given: Any, known: set[str], what: str) -> None:
        if not isinstance(given, dict) or set(given) - known:
            raise invalid(what)

    # Channels, people, commands.

    @staticmethod
    def _valid_id(id: Any, what: str) -> str:
        if not isinstance(id, str) or not ID.match(id):
            raise app_error("api.context.invalid_url_param.app_error", 400, f"Invalid or missing {what}.")
        return id

    def _find_channel(self, id: Any) -> FakeChannel | None:
        if not isinstance(id, str) or not ID.match(id) or id == self.missing_channel:
            return None
        if id not in self.channels_by_id and self.open_channels:
            return self.add_channel(id)
        return self.channels_by_id.get(id)

    def _known(self, id: str) -> FakeChannel:
        channel = self._find_channel(id)
        if channel is None:
            raise app_error("app.channel.get.existing.app_error", 404)
        return channel

    def _readable(self, id: str) -> FakeChannel:
        channel = self._known(self._valid_id(id, "channel_id"))
        if not channel.member and channel.type != "O":
            raise no_permission()
        return channel

    def _channel(self, call: Call) -> Reply:
        return Reply(_channel_body(self._readable(call.match[0])))

    def _channel_by_name(self, call: Call) -> Reply:
        team, name = call.match
        if team not in (self.team.name, self.team.id):
            raise app_error("app.team.get_by_name.missing.app_error", 404)
        for channel in self.channels_by_id.values():
            if channel.name == name and (
                not channel.delete_at or call.query.get("include_deleted") == "true"
            ):
                return Reply(_channel_body(channel))
        raise app_error("app.channel.get_by_name.missing.app_error", 404)

    def _member(self, call: Call) -> Reply:
        channel = self._known(call.match[0])
        if not channel.member:
            raise app_error("app.channel.get_member.missing.app_error", 404)
        return Reply({"channel_id": channel.id, "user_id": self.me.id, "roles": "channel_user"})

    def _joined(self, _: Call) -> Reply:
        return Reply([_channel_body(c) for c in self.channels_by_id.values() if c.member])

    def _public(self, call: Call) -> Reply:
        if not self.may_list_public:
            raise no_permission()
        page, size = self._paging(call, default=60)
        public = sorted((c for c in self.channels_by_id.values() if c.type == "O"), key=lambda c: c.name)
        return Reply([_channel_body(c) for c in public[page * size : (page + 1) * size]])

    def _direct(self, call: Call) -> Reply:
        pair = self._body(call)
        known = {user.id for user in self.users}
        if not isinstance(pair, list) or len(pair) != 2 or not set(pair) <= known or self.me.id not in pair:
            raise invalid("user_ids")
        other = next((one for one in pair if one != self.me.id), self.me.id)
        found = make_id("direct" + other)
        channel = self.channels_by_id.get(found) or self.add_channel(found, "__".join(pair), type="D")
        return Reply(_channel_body(channel), 201)

    def _team_by_name(self, call: Call) -> Reply:
        if call.match[0] != self.team.name:
            raise app_error("app.team.get_by_name.missing.app_error", 404)
        return Reply({"id": self.team.id, "name": self.team.name})

    def _team_by_id(self, call: Call) -> Reply:
        if call.match[0] != self.team.id:
            raise app_error("app.team.get.find.app_error", 404)
        return Reply({"id": self.team.id, "name": self.team.name})

    def _user_by(self, attribute: str, missing: str) -> Callable[[Call], Reply]:
        def handler(call: Call) -> Reply:
            for user in self.users:
                if getattr(user, attribute) == call.match[0]:
                    return Reply(self._user(user))
            raise app_error(missing, 404)

        return handler

    @staticmethod
    def _user(user: FakeUser) -> dict[str, Any]:
        return {**user.__dict__, "is_bot": user.roles == "bot"}

    def _commands(self, call: Call) -> Reply:
        if call.query.get("team_id") != self.team.id or call.query.get("custom_only") != "true":
            raise invalid("team_id")
        if not self.may_list_commands:
            raise no_permission()
        return Reply([{**command.__dict__, "team_id": self.team.id} for command in self.commands])

    @staticmethod
    def _paging(call: Call, *, default: int) -> tuple[int, int]:
        size = int(call.query.get("per_page", default))
        return int(call.query.get("page", 0)), min(size, MAX_PAGE)


def _channel_body(channel: FakeChannel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "display_name": channel.name.title(),
        "type": channel.type,
        "team_id": channel.team_id if channel.type in "OP" else "",
        "delete_at": channel.delete_at,
        "header": channel.header,
        "creator_id": channel.creator_id,
    }


def check_content(post: dict[str, Any], *, props: Any) -> None:
    """Raise Refused when the server's rules do not take this message and these props."""
    message = post.get("message", "")
    if not isinstance(message, str) or not isinstance(props, dict):
        raise invalid("post")
    if len(message) > MAX_MESSAGE:
        raise app_error("model.post.is_valid.message_length.app_error", 400)
    if len(json.dumps(props, ensure_ascii=False)) > MAX_PROPS:
        raise app_error("model.post.is_valid.props.app_error", 400)
    _check_props(props)
    if not message.strip() and not props.get("attachments"):
        raise invalid("post")


def _check_props(props: dict[str, Any]) -> None:
    if set(props) - _PROP_KEYS:
        raise bad_props("unknown key")
    if props.get("from_bot", "true") != "true" or not isinstance(props.get("im_nonce", ""), str):
        raise bad_props("from_bot")
    attachments = props.get("attachments", [])
    if not isinstance(attachments, list):
        raise bad_props("attachments")
    for attachment in attachments:
        _check_attachment(attachment)


def _check_attachment(attachment: Any) -> None:
    if not isinstance(attachment, dict) or set(attachment) - _ATTACHMENT_KEYS:
        raise bad_props("attachment")
    texts = {key: attachment.get(key, "") for key in ("fallback", "pretext", "title", "title_link", "text")}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["fallback"]:
        raise bad_props("a required text")
    if not _COLOUR.match(attachment.get("color", "")):
        raise bad_props("color")
    if texts["title_link"] and not (texts["title"] and _WEB.match(texts["title_link"])):
        raise bad_props("title_link")
    for entry in attachment.get("fields", []):
        _check_field(entry)
    ids = [_check_action(action) for action in attachment.get("actions", [])]
    if len(ids) != len(set(ids)):
        raise bad_props("two actions with one id")
    if not any(attachment.get(key) for key in ("pretext", "title", "text", "fields", "actions", "image_url")):
        raise bad_props("an empty attachment")


def _check_field(entry: Any) -> None:
    if not isinstance(entry, dict) or set(entry) != _FIELD_KEYS:
        raise bad_props("field")
    right = isinstance(entry["title"], str) and isinstance(entry["value"], str)
    if not right or not entry["value"] or not isinstance(entry["short"], bool):
        raise bad_props("field")


def _check_action(action: Any) -> str:
    if not isinstance(action, dict) or set(action) - _ACTION_KEYS:
        raise bad_props("action")
    if not isinstance(action.get("id"), str) or not _ACTION_ID.match(action["id"]) or not action.get("name"):
        raise bad_props("action's id or name")
    {"button": _check_button, "select": _check_select}.get(action.get("type", ""), _no_type)(action)
    integration = action.get("integration")
    if not isinstance(integration, dict) or set(integration) != {"url", "context"}:
        raise bad_props("action must have integration settings")
    if not _WEB.match(integration["url"]) or not isinstance(integration["context"], dict):
        raise bad_props("action must have a valid integration URL")
    return str(action["id"])


def _no_type(_: dict[str, Any]) -> None:
    raise bad_props("action's type")


def _check_button(action: dict[str, Any]) -> None:
    if action.get("style", "") not in _STYLES | {""} or "options" in action or "data_source" in action:
        raise bad_props("button")


def _check_select(action: dict[str, Any]) -> None:
    options, source = action.get("options", []), action.get("data_source", "")
    if "style" in action or bool(options) == bool(source) or source not in ("", "users", "channels"):
        raise bad_props("select")
    for option in options:
        if set(option) != {"text", "value"} or not option["text"] or not option["value"]:
            raise bad_props("option")
