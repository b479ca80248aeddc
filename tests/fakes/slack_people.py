"""Slack's people: they type, press, choose, fill in and react, and see what they are answered.

The requests are laid out field by field as Slack's pages show them, fields that nobody reads included:
https://docs.slack.dev/interactivity/implementing-slash-commands, …/reference/interaction-payloads and
…/apis/events-api.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import time
from typing import Any, Final
from urllib.parse import urlencode

from tests.fakes.base import Call, Posted, Refused, Reply
from tests.fakes.slack_blocks import Invalid, check_view, elements, label, legible, resolve
from tests.fakes.speaking import Dialog, Shown, Signal

BOT: Final = "U0BOT"
APP: Final = "A0FAKE"
# The deprecated verification token; nobody may rely on it.
TOKEN: Final = "gIkuvaNzQIHg97ATvDxqgjtO"

TRIGGER_SECONDS: Final = 3.0
ANSWERS: Final = 5
ANSWER_SECONDS: Final = 30 * 60.0

_MENTION: Final = re.compile(r"&lt;@([UW][A-Z0-9_]+)&gt;")
FORM: Final = "application/x-www-form-urlencoded"


def error(code: str, **more: object) -> Reply:
    return Reply({"ok": False, "error": code, **more})


class SlackPeople:
    """The speaking half of SlackFake; see tests/fakes/speaking.py."""

    signing_secret: str
    team_id: str
    users: list[dict[str, Any]]
    channels: dict[str, dict[str, Any]]
    messages: dict[str, Posted]
    url: str
    people: tuple[str, str] = ("U0DANA", "U0ERIN")

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self.answers: list[Shown] = []
        self.forms: list[Dialog] = []
        self.conversations: set[tuple[str, str]] = set()
        """Where people have spoken to the bot: (channel, thread), and (D…, "") for direct messages."""
        self.clock: Any = time.time
        self._numbers = itertools.count(1)
        self._triggers: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()
        self._urls: dict[str, tuple[str, str, float]] = {}
        self._uses: dict[str, int] = {}
        self._asides: set[str] = set()
        self._seen_by: dict[str, str] = {}

    # What people do.

    def command(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        assert thread is None, "Slack takes no slash commands in threads"
        trigger = self._trigger(user)
        fields = {
            "token": TOKEN,
            "team_id": self.team_id,
            "team_domain": "fake",
            "channel_id": channel,
            "channel_name": self._channel_name(channel),
            "user_id": user,
            "user_name": self._handle(user),
            "command": "/im",
            "text": escaped(text),
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self._response_url(user, channel),
            "trigger_id": trigger,
        }
        return self.signed(urlencode(fields).encode(), FORM, trigger)

    def mention(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """In a direct message Slack brings it as message.im, without the bot's name."""
        direct = channel.startswith("D")
        ts = self._ts()
        kind = {"type": "message", "channel_type": "im"} if direct else {"type": "app_mention"}
        event = kind | {
            "user": user,
            "ts": ts,
            "client_msg_id": "f24f1c87-2d5b-4a32-9a6b-3c05f6a3a1f4",
            "text": escaped(text) if direct else f"<@{BOT}> {escaped(text)}",
            "team": self.team_id,
            "channel": channel,
            "event_ts": ts,
            "blocks": [{"type": "rich_text", "block_id": "x", "elements": []}],
        }
        if thread:
            event |= {"thread_ts": thread, "parent_user_id": BOT}
        self.conversations.add((channel, thread or ("" if direct else ts)))
        return self.event(event)

    def press(self, user: str, posted: Posted, label: str) -> Signal:
        element = self._element(posted, label)
        assert element["type"] == "button", f"`{label}` is no button"
        done = {name: element[name] for name in ("type", "action_id", "text", "style") if name in element}
        return self._acted(user, posted, done | {"value": element.get("value", "")})

    def choose(self, user: str, posted: Posted, menu: str, option: str) -> Signal:
        element = self._element(posted, menu)
        done = {"type": element["type"], "action_id": element["action_id"]}
        if element["type"] == "users_select":
            self._handle(option)
            return self._acted(user, posted, done | {"selected_user": option, "initial_user": None})
        assert element["type"] == "static_select", f"`{menu}` is no menu"
        (chosen,) = [one for one in element["options"] if resolve(one["text"]["text"]) == option]
        return self._acted(user, posted, done | {"selected_option": chosen})

    def submit(self, user: str, dialog: Dialog, **fields: str) -> Signal:
        assert dialog.to == user, "the form was opened for somebody else"
        known = {block["block_id"]: block for block in dialog.raw["blocks"]}
        assert fields.keys() <= known.keys(), f"no fields {fields.keys() - known.keys()}"
        values = {
            name: {block["element"]["action_id"]: self._filled(block, fields.get(name, ""))}
            for name, block in known.items()
        }
        trigger = self._trigger(user)
        view = dialog.raw | {
            "id": f"V0FAKE{next(self._numbers)}",
            "team_id": self.team_id,
            "state": {"values": values},
            "hash": "1569362015.55b5e41b",
            "clear_on_close": False,
            "notify_on_close": False,
            "previous_view_id": None,
            "root_view_id": "V0FAKE",
            "app_id": APP,
            "external_id": "",
            "app_installed_team_id": self.team_id,
            "bot_id": "B0BOT",
        }
        payload = self._interaction("view_submission", user, trigger)
        return self.interaction(payload | {"view": view, "response_urls": []}, trigger)

    def react(self, user: str, posted: Posted, emoji: str) -> Signal | None:
        assert posted.id in self.messages, "there is no such message to react to"
        self.conversations.add((posted.channel, posted.id))
        item = {"type": "message", "channel": posted.channel, "ts": posted.id}
        return self.event(
            {
                "type": "reaction_added",
                "user": user,
                "reaction": emoji,
                "item_user": BOT,
                "item": item,
                "event_ts": self._ts(),
            }
        )

    def heard(self, signal: Signal, status: int, headers: dict[str, str], body: bytes) -> None:
        assert status == 200, f"Slack shows `operation_timeout` or `dispatch_failed` for {status}"
        if not body:
            return
        media_type = headers.get("content-type", "").partition(";")[0]
        assert media_type == "application/json", f"Slack does not read {media_type}"
        said = json.loads(body)
        assert isinstance(said, dict), "Slack reads objects only"
        if "response_action" in said:
            assert said["response_action"] in ("clear", "errors", "update", "push")
        elif signal.key in self._triggers:
            user = self._triggers[signal.key][0]
            self.show(user, self.aside("", said), thread=None)

    # What they are shown.

    def show(self, to: str | None, posted: Posted, *, thread: str | None) -> None:
        shown = elements(posted.shown)
        self.answers.append(
            Shown(
                to=to,
                channel=posted.channel,
                text=legible(posted.shown),
                posted=posted,
                buttons=tuple(label(one) for one in shown if one["type"] == "button"),
                menus=tuple(label(one) for one in shown if one["type"] != "button"),
                thread=thread,
            )
        )
        if to is not None:
            self._seen_by[posted.id] = to

    def aside(self, channel: str, payload: dict[str, Any]) -> Posted:
        """A message that only one person sees: it is in no channel's history."""
        posted = Posted(
            id=self._ts(), channel=channel, payload=payload, nonce=None, parent=None, at=time.time()
        )
        self._asides.add(posted.id)
        return posted

    def _responded(self, call: Call) -> Reply:
        """A response_url: no token, 5 uses, 30 minutes."""
        key = call.match[0]
        if "authorization" in call.headers:
            raise Refused(error("the token was sent to a response_url"))
        user, channel, made = self._urls.get(key, ("", "", 0.0))
        self._uses[key] = self._uses.get(key, 0) + 1
        if self._uses[key] > ANSWERS:
            raise Refused(Reply({"ok": False, "error": "used_url"}, 404))
        if self.clock() - made > ANSWER_SECONDS:
            raise Refused(Reply({"ok": False, "error": "expired_url"}, 404))
        payload = call.json
        self._checked(payload)  # type: ignore[attr-defined]
        if payload.get("replace_original") is not False:
            raise Refused(error("the answer would replace what was pressed"))
        if payload.get("response_type", "ephemeral") == "ephemeral":
            self.show(user, self.aside(channel, payload), thread=payload.get("thread_ts"))
        else:
            ts = self._next_ts()  # type: ignore[attr-defined]
            posted = self.keep(channel, payload, id=ts, parent=payload.get("thread_ts"))  # type: ignore[attr-defined]
            self.show(None, posted, thread=payload.get("thread_ts"))
        return Reply({"ok": True})

    def _open_view(self, arguments: dict[str, Any]) -> Reply:
        trigger = arguments.get("trigger_id", "")
        if trigger not in self._triggers:
            raise Refused(error("invalid_trigger_id"))
        user, made = self._triggers[trigger]
        if trigger in self._used:
            raise Refused(error("exchanged_trigger_id"))
        if self.clock() - made > TRIGGER_SECONDS:
            raise Refused(error("expired_trigger_id"))
        view: Any = arguments.get("view")
        try:
            check_view(view)
        except Invalid as invalid:
            raise Refused(
                error("invalid_arguments", response_metadata={"messages": [str(invalid)]})
            ) from None
        self._used.add(trigger)
        labels = {block["block_id"]: resolve(block["label"]["text"]) for block in view["blocks"]}
        self.forms.append(Dialog(to=user, title=resolve(view["title"]["text"]), fields=labels, raw=view))
        return Reply({"ok": True, "view": view | {"id": "V0FAKE"}})

    # The requests themselves.

    def signed(self, body: bytes, media_type: str, key: str) -> Signal:
        """As Slack signs: https://docs.slack.dev/authentication/verifying-requests-from-slack"""
        timestamp = str(int(self.clock()))
        text = f"v0:{timestamp}:".encode() + body
        mac = hmac.new(self.signing_secret.encode(), text, hashlib.sha256).hexdigest()
        headers = {
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "accept": "application/json,*/*",
            "content-type": media_type,
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": f"v0={mac}",
        }
        return Signal(body=body, headers=headers, key=key)

    def event(self, event: dict[str, Any], **changes: Any) -> Signal:
        """An event in its envelope; `changes` are of the envelope."""
        key = f"Ev0FAKE{next(self._numbers)}"
        bot = {
            "enterprise_id": None,
            "team_id": self.team_id,
            "user_id": BOT,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        envelope = {
            "token": TOKEN,
            "team_id": self.team_id,
            "context_team_id": self.team_id,
            "context_enterprise_id": None,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": key,
            "event_time": int(self.clock()),
            "authorizations": [bot],
            "is_ext_shared_channel": False,
            "event_context": "4-eyJldCI6ImFwcF9tZW50aW9uIn0",
        }
        return self.signed(json.dumps(envelope | changes).encode(), "application/json", key)

    def interaction(self, payload: dict[str, Any], trigger: str) -> Signal:
        return self.signed(urlencode({"payload": json.dumps(payload)}).encode(), FORM, trigger)

    def _interaction(self, kind: str, user: str, trigger: str) -> dict[str, Any]:
        handle = self._handle(user)
        person = {"id": user, "username": handle, "name": handle, "team_id": self.team_id}
        return {
            "type": kind,
            "user": person,
            "api_app_id": APP,
            "token": TOKEN,
            "trigger_id": trigger,
            "team": {"id": self.team_id, "domain": "fake"},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _acted(self, user: str, posted: Posted, action: dict[str, Any]) -> Signal:
        private = posted.id in self._asides
        assert not private or self._seen_by.get(posted.id) == user, "only somebody else sees this message"
        trigger = self._trigger(user)
        thread = posted.payload.get("thread_ts")
        container = {
            "type": "message_attachment" if posted.shown.get("attachments") else "message",
            "message_ts": posted.id,
            "attachment_id": 1,
            "channel_id": posted.channel,
            "is_ephemeral": private,
            "is_app_unfurl": False,
        } | ({"thread_ts": thread} if thread else {})
        message = {
            "bot_id": "B0BOT",
            "type": "message",
            "text": posted.shown.get("text", ""),
            "user": BOT,
            "ts": posted.id,
            "team": self.team_id,
            "blocks": posted.shown.get("blocks", []),
        } | ({"thread_ts": thread, "parent_user_id": BOT} if thread else {})
        payload = self._interaction("block_actions", user, trigger) | {
            "container": container,
            "channel": {"id": posted.channel, "name": self._channel_name(posted.channel)},
            "state": {"values": {}},
            "response_url": self._response_url(user, posted.channel),
            "actions": [action | {"block_id": "x7Q", "action_ts": self._ts()}],
        }
        return self.interaction(payload | ({} if private else {"message": message}), trigger)

    @staticmethod
    def _element(posted: Posted, wanted: str) -> dict[str, Any]:
        found = [one for one in elements(posted.shown) if label(one) == wanted]
        known = [label(one) for one in elements(posted.shown)]
        assert len(found) == 1, f"`{wanted}` is not exactly once among {known}"
        return found[0]

    def _filled(self, block: dict[str, Any], value: str) -> dict[str, Any]:
        element = block["element"]
        kind = element["type"]
        assert value or block.get("optional"), f"`{block['block_id']}` is required"
        if kind == "plain_text_input":
            assert len(value) <= element.get("max_length", 3000), f"`{block['block_id']}` is too long"
            return {"type": kind, "value": value or None}
        if kind == "users_select":
            return {"type": kind, "selected_user": value.removeprefix("@") or None}
        chosen = [one for one in element["options"] if one["value"] == value]
        assert chosen or not value, f"`{value}` is no option of `{block['block_id']}`"
        return {"type": kind, "selected_option": chosen[0] if chosen else None}

    def _trigger(self, user: str) -> str:
        trigger = f"13345224609.738474920.{next(self._numbers):032x}"
        self._triggers[trigger] = (user, self.clock())
        return trigger

    def _response_url(self, user: str, channel: str) -> str:
        key = f"r{next(self._numbers)}"
        self._urls[key] = (user, channel, self.clock())
        return f"{self.url}/response/{key}"

    def _ts(self) -> str:
        return f"{int(self.clock())}.9{next(self._numbers):05d}"

    def _handle(self, user: str) -> str:
        (handle,) = [one["name"] for one in self.users if one["id"] == user]
        return str(handle)

    def _channel_name(self, channel: str) -> str:
        if channel.startswith("D"):
            return "directmessage"
        return str(self.channels.get(channel, {}).get("name", channel.lower()))


def escaped(text: str) -> str:
    """What somebody typed as Slack brings it; a mention `<@U…>` was made by Slack's client and stays one."""
    marked = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub(r"<@\1>", marked)
