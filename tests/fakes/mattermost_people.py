"""The part of the Mattermost stand-in that speaks: commands, mentions, presses, choices and dialogs.

The requests are those of the server, field by field: server/channels/app/command.go, webhook.go and
integration_action.go, server/public/model/outgoing_webhook.go. See tests/fakes/speaking.py.
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.fakes import mattermost_eyes as eyes
from tests.fakes.base import Call, Posted, Reply
from tests.fakes.mattermost_dialogs import check_dialog, check_submission
from tests.fakes.mattermost_errors import app_error, invalid, no_permission
from tests.fakes.speaking import Dialog, Shown, Signal

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TRIGGER_SECONDS = 3.0
HOOK_USES = 5
HOOK_SECONDS = 30 * 60

_RESPONSE_KEYS = {"response_type", "text", "attachments", "skip_slack_parsing", "username", "icon_url"}
_ANSWER_KEYS = {
    "command": _RESPONSE_KEYS,
    "mention": {"text", "attachments", "response_type", "props", "username", "icon_url"},
    "action": {"update", "ephemeral_text", "skip_slack_parsing"},
    "form": {"error", "errors", "type", "form"},
}
_NAMES = re.compile(r"@([a-z0-9][a-z0-9._-]*)")


@dataclass
class _Spoken:
    """Who is waiting for an answer, and where."""

    kind: str
    user: str
    channel: str
    thread: str | None
    uses: int = 0
    at: float = 0.0


class MattermostPeople:
    """Mixed into MattermostFake, whose state it uses."""

    answers: list[Shown]
    forms: list[Dialog]
    people: tuple[str, str]

    def _routes_of_people(self: Any) -> None:
        self._api("POST", "/users/ids", self._users_listed("id"))
        self._api("POST", "/users/usernames", self._users_listed("username"))
        self._api("POST", "/posts/ephemeral", self._ephemeral)
        self._api("POST", "/actions/dialogs/open", self._open_dialog)
        self.route("POST", "/hooks/commands/([^/]+)", self._hook)

    def reset_people(self: Any) -> None:
        """As it was at the start."""
        self.answers = []
        self.forms = []
        self.people = (self.users[1].id, self.users[2].id)
        self.said: dict[str, Posted] = {}
        """What people wrote themselves."""
        self.site_url = ""
        """The server's own address in response_urls; its real one while it is empty."""
        self.webhook_token = "webhook-token-0123456789"
        self.webhook_content = FORM
        self.later = 0.0
        """Seconds that this server's clock is ahead, so that triggers and hooks expire."""
        self._spoken: dict[str, _Spoken] = {}
        self._hooks: dict[str, _Spoken] = {}

    # People's doing.

    def command(self: Any, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """A custom slash command `/im`, with the method POST."""
        trigger = self._trigger("command", user, channel, thread)
        hook = f"h{next(self._numbers):025d}"
        self._hooks[hook] = self._spoken[trigger]
        token = next(command.token for command in self.commands if command.trigger == "im")
        named = [one for one in self.users if one.username in _NAMES.findall(text)]
        form = [
            *sorted(
                {
                    **self._where(channel),
                    "team_id": self.team.id,
                    "team_domain": self.team.name,
                    "command": "/im",
                    "response_url": f"{self.site_url or self.url}/hooks/commands/{hook}",
                    "root_id": thread or "",
                    "text": text,
                    "token": token,
                    "trigger_id": trigger,
                    "user_id": user,
                    "user_name": self._name_of(user),
                }.items()
            ),
            *(("user_mentions", one.username) for one in named),
            *(("user_mentions_ids", one.id) for one in named),
        ]
        headers = self._headers(FORM) | {"authorization": f"Token {token}"}
        return Signal(body=urlencode(form).encode(), headers=headers, key=trigger)

    def mention(self: Any, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """A public message that begins with the bot's name, as an outgoing webhook brings it."""
        if self._known(channel).type != "O":
            raise AssertionError("outgoing webhooks hear public channels only")
        trigger_word = f"@{self.me.username}"
        posted = self.say(user, f"{trigger_word} {text}", channel=channel, thread=thread)
        self._spoken[posted.id] = _Spoken("mention", user, channel, thread or posted.id)
        payload = {
            **self._where(channel),
            "token": self.webhook_token,
            "team_id": self.team.id,
            "team_domain": self.team.name,
            "timestamp": int(posted.at * 1000),
            "user_id": user,
            "user_name": self._name_of(user),
            "post_id": posted.id,
            "text": posted.payload["message"],
            "trigger_word": trigger_word,
            "file_ids": "",
        }
        if self.webhook_content == FORM:
            payload["timestamp"] //= 1000
            body = urlencode(sorted(payload.items())).encode()
        else:
            body = json.dumps(payload).encode()
        return Signal(body=body, headers=self._headers(self.webhook_content), key=posted.id)

    def say(self: Any, user: str, text: str, *, channel: str, thread: str | None = None) -> Posted:
        """A message that a person writes."""
        posted = Posted(
            id=f"s{next(self._numbers):025d}",
            channel=self._known(channel).id,
            payload={"message": text, "user_id": user},
            nonce=None,
            parent=thread,
            at=time.time(),
        )
        self.said[posted.id] = posted
        self._remember_post(posted.id, thread or "")
        return posted

    def press(self: Any, user: str, posted: Posted, label: str) -> Signal:
        """Press a button of a message as it stands now."""
        action = self._control(posted, label, "button")
        return self._pressed(user, posted, action, action["integration"]["context"])

    def choose(self: Any, user: str, posted: Posted, menu: str, option: str) -> Signal:
        """Choose an option by its text, or a person by id."""
        action = self._control(posted, menu, "select")
        if action.get("data_source") == "users":
            offered = {one.id: one.id for one in self.users}
        else:
            offered = {entry["text"]: entry["value"] for entry in action["options"]}
        if option not in offered:
            raise AssertionError(f"the menu {menu} does not offer {option}")
        context = action["integration"]["context"] | {"selected_option": offered[option]}
        return self._pressed(user, posted, action, context)

    def submit(self: Any, user: str, dialog: Dialog, **fields: str) -> Signal:
        """Fill the dialog in; what is required must be there."""
        raw = dialog.raw
        assert user == dialog.to, "the dialog is another person's"
        body = {
            "type": "dialog_submission",
            "url": raw["url"],
            "callback_id": raw["dialog"]["callback_id"],
            "state": raw["dialog"]["state"],
            "user_id": user,
            "channel_id": raw["channel"],
            "team_id": self.team.id,
            "submission": check_submission(raw["dialog"], fields, {one.id for one in self.users}),
            "cancelled": False,
        }
        key = raw["dialog"]["state"]
        self._spoken[key] = _Spoken("form", user, raw["channel"], None)
        return Signal(body=json.dumps(body).encode(), headers=self._headers(JSON), key=key)

    def react(self, user: str, posted: Posted, emoji: str) -> Signal | None:  # noqa: ARG002
        """Reactions come over the WebSocket: see tests/fakes/mattermost_socket.py."""
        return None

    def heard(self: Any, signal: Signal, status: int, headers: dict[str, str], body: bytes) -> None:
        """The router's answer; the server shows an error for anything but a 200 with JSON of its kind."""
        spoken = self._spoken[signal.key]
        assert status == 200, f"people are shown that the integration failed ({status})"
        answer = json.loads(body) if body or spoken.kind == "command" else {}
        assert isinstance(answer, dict)
        assert set(answer) <= _ANSWER_KEYS[spoken.kind], f"the server does not know {set(answer)}"
        assert not answer.get("error"), answer
        assert not answer.get("errors"), answer
        if answer and spoken.kind == "command":
            types = {lower.lower(): value for lower, value in headers.items()}
            assert types.get("content-type", "").startswith("application/json"), "it would be shown as text"
        text = answer.get("text") or answer.get("ephemeral_text") or ""
        if text or answer.get("attachments"):
            public = spoken.kind == "mention" or answer.get("response_type") == "in_channel"
            self._show(spoken, _post_of(answer | {"text": text}), to=None if public else spoken.user)

    def noticed(self: Any, posted: Posted) -> None:
        """A post of the bot's: an answer where somebody spoke, or where it is a direct message."""
        channel = self._known(posted.channel)
        spoke = {spoken.channel for spoken in self._spoken.values()} | {
            one.channel for one in self.said.values()
        }
        if channel.type == "D":
            to = next((one for one in channel.name.split("__") if one != self.me.id), None)
            self._record(posted, to=to)
        elif posted.channel in spoke:
            self._record(posted, to=None)

    # The server's doing.

    def _users_listed(self: Any, attribute: str) -> Any:
        def handler(call: Call) -> Reply:
            wanted = self._body(call)
            if not isinstance(wanted, list) or not wanted:
                raise invalid("user_ids")
            return Reply([self._user(user) for user in self.users if getattr(user, attribute) in wanted])

        return handler

    def _ephemeral(self: Any, call: Call) -> Reply:
        asked = self._body(call)
        if set(asked) != {"user_id", "post"} or asked["user_id"] not in {user.id for user in self.users}:
            raise invalid("user_id")
        if "create_post_ephemeral" not in self.permissions:
            raise no_permission()
        post = asked["post"]
        self._check_keys(post, {"channel_id", "message", "root_id", "props"}, "post")
        self._check_root(post, self._known(post["channel_id"]))
        self.check_post(post)
        spoken = _Spoken("ephemeral", asked["user_id"], post["channel_id"], post.get("root_id") or None)
        shown = self._show(spoken, post, to=asked["user_id"])
        return Reply(
            {"id": shown.posted.id, "channel_id": post["channel_id"], "message": post["message"]}, 201
        )

    def _hook(self: Any, call: Call) -> Reply:
        """Five answers in half an hour: server/public/model/command_webhook.go."""
        spoken = self._hooks.get(call.match[0])
        if spoken is None or self._now() - spoken.at > HOOK_SECONDS:
            raise app_error("app.command_webhook.get.missing", 404)
        spoken.uses += 1
        if spoken.uses > HOOK_USES:
            raise app_error("app.command_webhook.try_use.invalid", 400)
        answer = self._body(call)
        if set(answer) - _RESPONSE_KEYS or answer.get("skip_slack_parsing") is not True:
            raise invalid("response")
        post = _post_of(answer)
        self.check_post(post)
        self._show(spoken, post, to=None if answer.get("response_type") == "in_channel" else spoken.user)
        return Reply(b"ok", 200, {"content-type": "text/plain"})

    def _open_dialog(self: Any, call: Call) -> Reply:
        asked = self._body(call)
        if set(asked) != {"trigger_id", "url", "dialog"} or not asked["url"].startswith("http"):
            raise invalid("dialog")
        spoken = self._spoken.get(asked["trigger_id"])
        if spoken is None:
            raise app_error("interactive_message.decode_trigger_id.verify_signature_failed", 400)
        if self._now() - spoken.at > TRIGGER_SECONDS:
            raise app_error("interactive_message.decode_trigger_id.expired", 400)
        check_dialog(asked["dialog"])
        labels = {element["name"]: element["display_name"] for element in asked["dialog"]["elements"]}
        raw = asked | {"channel": spoken.channel}
        self.forms.append(Dialog(to=spoken.user, title=asked["dialog"]["title"], fields=labels, raw=raw))
        return Reply({"status": "OK"})

    def _trigger(self: Any, kind: str, user: str, channel: str, thread: str | None) -> str:
        """Signed by the server: its own id, the user, the time, and a signature that only it can check."""
        inner = f"t{next(self._numbers):025d}:{user}:{int(self._now() * 1000)}:"
        trigger = base64.b64encode(inner.encode() + base64.b64encode(b"signature")).decode()
        self._spoken[trigger] = _Spoken(kind, user, channel, thread, at=self._now())
        return trigger

    def _pressed(
        self: Any, user: str, posted: Posted, action: dict[str, Any], context: dict[str, Any]
    ) -> Signal:
        thread = posted.parent or posted.id
        trigger = self._trigger("action", user, posted.channel, thread)
        payload = {
            "user_id": user,
            "user_name": self._name_of(user),
            **self._where(posted.channel),
            "post_id": posted.id,
            "trigger_id": trigger,
            "type": action["type"],
            "data_source": action.get("data_source", ""),
            "context": context,
        }
        return Signal(body=json.dumps(payload).encode(), headers=self._headers(JSON), key=trigger)

    @staticmethod
    def _control(posted: Posted, label: str, kind: str) -> dict[str, Any]:
        for action in eyes.controls(posted):
            if action["name"] == label and action["type"] == kind:
                return action
        raise AssertionError(f"there is no {kind} {label!r}")

    def _where(self: Any, channel: str) -> dict[str, str]:
        """A direct message is in no team."""
        found = self._known(channel)
        team = (self.team.id, self.team.name) if found.type in "OP" else ("", "")
        return {
            "channel_id": channel,
            "channel_name": found.name,
            "team_id": team[0],
            "team_domain": team[1],
        }

    def _name_of(self: Any, user: str) -> str:
        return next(one.username for one in self.users if one.id == user)

    @staticmethod
    def _headers(content_type: str) -> dict[str, str]:
        return {
            "accept": JSON,
            "accept-encoding": "gzip",
            "content-type": content_type,
            "user-agent": "Go-http-client/1.1",
        }

    def _show(self: Any, spoken: _Spoken, post: dict[str, Any], *, to: str | None) -> Shown:
        posted = Posted(
            id=f"e{next(self._numbers):025d}",
            channel=spoken.channel,
            payload={"message": post.get("message", ""), "props": post.get("props", {})},
            nonce=None,
            parent=spoken.thread,
            at=self._now(),
        )
        return self._record(posted, to=to)

    def _record(self, posted: Posted, *, to: str | None) -> Shown:
        shown = Shown(
            to=to,
            channel=posted.channel,
            text=eyes.visible(posted).strip(),
            posted=posted,
            buttons=tuple(eyes.buttons(posted)),
            menus=tuple(eyes.menus(posted)),
            thread=posted.parent,
        )
        self.answers.append(shown)
        return shown

    def _now(self: Any) -> float:
        return time.monotonic() + float(self.later)


def _post_of(answer: dict[str, Any]) -> dict[str, Any]:
    """A response as the post that the server makes of it."""
    attachments = answer.get("attachments") or []
    return {"message": answer.get("text", ""), "props": {"attachments": attachments} if attachments else {}}
