"""The part of the Mattermost stand-in that makes channels, lets people in, and knows what roles permit."""

from __future__ import annotations

import time
from typing import Any

from tests.fakes.base import Call, Reply
from tests.fakes.mattermost_errors import app_error, invalid, no_permission

_CHANNEL_KEYS = {"team_id", "name", "display_name", "header", "type"}


class MattermostRooms:
    """Mixed into MattermostFake, whose state it uses."""

    def _routes_of_rooms(self: Any) -> None:
        self._api("POST", "/channels", self._open_channel)
        self._api("DELETE", "/channels/([^/]+)", self._archive_channel)
        self._api("PUT", "/channels/([^/]+)/patch", self._patch_channel)
        self._api("POST", "/channels/([^/]+)/restore", self._restore_channel)
        self._api("POST", "/channels/([^/]+)/members", self._add_member)
        self._api("GET", "/teams/([^/]+)/members/me", self._team_member)
        self._api("POST", "/roles/names", self._roles)

    def reset_rooms(self: Any) -> None:
        """As it was at the start."""
        self.permissions = {"create_public_channel", "create_post_ephemeral"}
        """What the bot's roles permit."""
        self.may_archive = True
        self.may_restore = True
        self.strangers: set[str] = set()
        """Ids of people who are not in the team."""

    def _open_channel(self: Any, call: Call) -> Reply:
        new = self._body(call)
        if not isinstance(new, dict) or set(new) - _CHANNEL_KEYS or new.get("type") not in ("O", "P"):
            raise invalid("channel")
        if len(new["name"]) > 64 or len(new["display_name"]) > 64 or len(new["header"]) > 1024:
            raise app_error("model.channel.is_valid.name.app_error", 400)
        if "create_public_channel" not in self.permissions or new["team_id"] != self.team.id:
            raise no_permission()
        if any(channel.name == new["name"] for channel in self.channels_by_id.values()):
            raise app_error("store.sql_channel.save_channel.exists.app_error", 400)
        made = self.add_channel(
            f"c{next(self._numbers):025d}",
            new["name"],
            type=new["type"],
            header=new["header"],
            creator_id=self.me.id,
        )
        return self._channel_reply(made, 201)

    def _archive_channel(self: Any, call: Call) -> Reply:
        channel = self._known(call.match[0])
        if not self.may_archive:
            raise no_permission()
        if channel.delete_at:
            raise app_error("api.channel.delete_channel.deleted.app_error", 400)
        channel.delete_at = int(time.time() * 1000)
        return Reply({"status": "OK"})

    def _patch_channel(self: Any, call: Call) -> Reply:
        channel = self._known(call.match[0])
        patch = self._body(call)
        if set(patch) - {"name", "display_name", "header"}:
            raise invalid("channel")
        channel.name = patch.get("name", channel.name)
        return self._channel_reply(channel, 200)

    def _restore_channel(self: Any, call: Call) -> Reply:
        if not self.may_restore:
            raise no_permission()
        channel = self._known(call.match[0])
        channel.delete_at = 0
        return self._channel_reply(channel, 200)

    def _add_member(self: Any, call: Call) -> Reply:
        channel = self._known(call.match[0])
        user = self._body(call).get("user_id")
        if user not in {known.id for known in self.users}:
            raise app_error("app.user.missing_account.const", 404)
        if user in self.strangers:
            raise app_error("app.team.get_member.missing.app_error", 404)
        channel.members.add(user)
        return Reply({"channel_id": channel.id, "user_id": user, "roles": "channel_user"}, 201)

    def _team_member(self: Any, call: Call) -> Reply:
        if call.match[0] != self.team.id:
            raise no_permission()
        return Reply({"team_id": self.team.id, "user_id": self.me.id, "roles": "team_user"})

    def _roles(self: Any, call: Call) -> Reply:
        of_role = {"team_user": "create_public_channel", "system_user": "create_post_ephemeral"}
        return Reply(
            [
                {"name": name, "permissions": sorted({of_role.get(name, "")} & self.permissions)}
                for name in self._body(call)
            ]
        )

    def _channel_reply(self: Any, channel: Any, status: int) -> Reply:
        shown = {"type": channel.type, "team_id": channel.team_id, "delete_at": channel.delete_at}
        ids = {"id": channel.id, "name": channel.name, "creator_id": channel.creator_id}
        return Reply(ids | shown, status)
