"""The people of the fake Discord: they type commands, press, choose, fill in, and see what they are answered.

Field by field as https://docs.discord.com/developers/interactions/receiving-and-responding has it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from nacl.signing import SigningKey

from tests.fakes.base import Call, Posted, Refused, Reply
from tests.fakes.discord_body import ON_EDIT, ON_FOLLOW_UP, check_body, check_modal, refuse
from tests.fakes.discord_reading import read, texts
from tests.fakes.speaking import Dialog, Shown, Signal

SIGNING_KEY: Final = SigningKey(b"a made-up seed of 32 characters!")

ANSWER_SECONDS: Final = 3.0
TOKEN_SECONDS: Final = 900.0
_EPHEMERAL: Final = 64
_COMMAND, _COMPONENT, _AUTOCOMPLETE, _MODAL = 2, 3, 4, 5
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_RESPONSES: Final = {1: {1}, 2: {4, 5, 9}, 3: {4, 5, 6, 7, 9}, 4: {8}, 5: {4, 5, 6, 7}}
"""Which types of response Discord takes to which type of interaction."""


@dataclass
class Interaction:
    """What Discord knows of an interaction that it sent."""

    id: str
    type: int
    token: str
    user: str
    channel: str
    on: Posted | None = None
    at: float = field(default_factory=time.time)
    state: Literal["sent", "deferred", "unchanged", "shown", "modal"] = "sent"
    original: Posted | None = None
    followed: int = 0


class People:
    """The speaking half of DiscordFake; see tests.fakes.speaking.Speaking."""

    people = ("201234567890123456", "201234567890123457")

    # What the other half has.
    application_id: str
    guild_id: str
    user_id: str
    channels: dict[str, dict[str, Any]]
    members: list[dict[str, Any]]
    guild_commands: list[dict[str, Any]]
    messages: dict[str, Posted]
    route: Callable[..., None]
    check_rate: Callable[[str], None]
    direct_channel: Callable[[str], dict[str, Any]]
    _channel: Callable[[str], dict[str, Any]]
    _new_id: Callable[[], str]
    _body: Callable[[Call], Any]
    _account: Callable[[str], dict[str, Any]]

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self.answers: list[Shown] = []
        self.forms: list[Dialog] = []
        self.interactions: dict[str, Interaction] = {}
        """By token."""
        self.said: dict[str, Posted] = {}
        """What people wrote, which the Gateway brings."""
        self.signing_key = SIGNING_KEY

    # What people do.

    def command(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """`/im <text>`, filled in as the client would: only what is registered can be."""
        words = [re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for quoted, bare in _WORD.findall(text)]
        known = {sub["name"]: sub for sub in self._subcommands()}
        if words and words[0] in known and words[0] != "run":
            given = _options(known[words[0]], words[1:])
            return self.fill(user, words[0], given, channel=channel, thread=thread)
        assert not known or "run" in known, f"there is no subcommand {words[:1]}"
        return self.fill(user, "run", {"text": text}, channel=channel, thread=thread)

    def fill(
        self, user: str, sub: str, given: dict[str, str], *, channel: str, thread: str | None = None
    ) -> Signal:
        """A subcommand with options in the order in which the person filled them in."""
        found = next((one for one in self._subcommands() if one["name"] == sub), None)
        if found:
            _check_filled(found, given)
        options = [{"name": name, "type": 3, "value": value} for name, value in given.items()]
        data = {
            "id": "105050505050505050",
            "name": "im",
            "type": 1,
            "guild_id": self.guild_id,
            "options": [{"name": sub, "type": 1, "options": options}],
        }
        return self._interact(_COMMAND, user, thread or channel, data)

    def mention(self, *_: str, **__: str | None) -> Signal:
        raise AssertionError("Discord's mentions come by the Gateway: tests/fakes/discord_gateway.py")

    def press(self, user: str, posted: Posted, label: str) -> Signal:
        """Press a button of a message as it stands now."""
        button = next((one for one in _components(posted) if one.get("label") == label), None)
        assert button, f"there is no button {label!r}"
        assert "custom_id" in button, f"{label!r} is a link"
        data = {"id": 1, "custom_id": button["custom_id"], "component_type": 2}
        return self._interact(_COMPONENT, user, posted.channel, data, on=posted)

    def choose(self, user: str, posted: Posted, menu: str, option: str) -> Signal:
        """Choose from a menu: an option by its label, a person by id."""
        found = next((one for one in _components(posted) if one.get("placeholder") == menu), None)
        assert found, f"there is no menu {menu!r}"
        data = {"id": 1, "custom_id": found["custom_id"], "component_type": found["type"]}
        return self._interact(_COMPONENT, user, posted.channel, data | self._chosen(found, option), on=posted)

    def submit(self, user: str, dialog: Dialog, **fields: str) -> Signal:
        """Fill a modal in and send it off; what is not given stays as it is filled in already."""
        assert dialog.to == user, "the form is somebody else's"
        modal, cause = dialog.raw
        inputs = [label["component"] for label in modal["components"]]
        unknown = fields.keys() - {one["custom_id"] for one in inputs}
        assert not unknown, f"the form has no fields {unknown}"
        components = [
            {"type": 18, "id": index, "component": self._filled(one, fields.get(one["custom_id"]), index)}
            for index, one in enumerate(inputs)
        ]
        data = {"custom_id": modal["custom_id"], "components": components}
        return self._interact(_MODAL, user, cause.channel, data, on=cause.on)

    def react(self, *_: object) -> Signal | None:
        """Reactions come by the Gateway: tests/fakes/discord_gateway.py."""
        return None

    def ping(self) -> Signal:
        """What Discord sends when somebody saves the Interactions Endpoint URL."""
        body = {"id": self._new_id(), "application_id": self.application_id, "type": 1, "token": "ping-token"}
        user = {"user": self._account(self.people[0]), "version": 1, "entitlements": []}
        return self.signed(body | user)

    def autocomplete(self, user: str, text: str, *, channel: str) -> Signal:
        """While somebody types an option."""
        option = {"name": "text", "type": 3, "value": text, "focused": True}
        data = {"id": "105050505050505050", "name": "im", "type": 1, "options": [option]}
        return self._interact(_AUTOCOMPLETE, user, channel, data)

    def signed(self, body: dict[str, Any] | bytes, *, at: float | None = None) -> Signal:
        """Any body as Discord would sign it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        timestamp = str(int(time.time() if at is None else at))
        headers = {
            "content-type": "application/json",
            "user-agent": "Discord-Interactions/1.0 (+https://discord.com)",
            "x-signature-ed25519": self.signing_key.sign(timestamp.encode() + raw).signature.hex(),
            "x-signature-timestamp": timestamp,
        }
        return Signal(body=raw, headers=headers, key="" if isinstance(body, bytes) else body["id"])

    # What comes back.

    def heard(self, signal: Signal, status: int, headers: dict[str, str], body: bytes) -> None:
        """Take the response to an interaction, as Discord would within 3 s."""
        sent = json.loads(signal.body)
        assert status == 200, f"Discord shows an error: the endpoint answered {status}"
        assert headers.get("content-type", "").startswith("application/json"), "Discord wants JSON"
        response = json.loads(body)
        kind = response["type"]
        assert kind in _RESPONSES[sent["type"]], f"no response of type {kind} to one of type {sent['type']}"
        found = self.interactions.get(sent["token"])
        if found is None:
            return
        assert time.time() - found.at < ANSWER_SECONDS, "the interaction failed: no answer in 3 s"
        assert found.state == "sent", "the interaction was answered already"
        if kind in (6, 7):
            assert found.on is not None, "only an interaction from a message can leave or change it"
        self._take(found, kind, response.get("data", {}))

    def expire(self, signal: Signal) -> None:
        """Fifteen minutes pass."""
        self.interactions[json.loads(signal.body)["token"]].at -= TOKEN_SECONDS + 1

    def show_if_answer(self, posted: Posted) -> None:
        """A message of the bot that answers what somebody wrote is an answer to them."""
        if posted.parent in self.said:
            self._show(None, posted)

    # Interactions' webhooks.

    def route_webhooks(self, base: str) -> None:
        hook = f"{base}/webhooks/([0-9]{{15,20}})/([A-Za-z0-9_.=-]+)"
        self.route("PATCH", f"{hook}/messages/@original", self._edit_original)
        self.route("DELETE", f"{hook}/messages/@original", self._delete_original)
        self.route("POST", hook, self._follow_up)

    def _edit_original(self, call: Call) -> Reply:
        found = self._of_token(call)
        body = self._body(call)
        check_body(body, [key for key in ON_EDIT if key != "flags"])
        if found.state == "deferred" or found.original is None:
            if found.state != "deferred":
                raise refuse(404, 10008, "Unknown Message")
            found.state, found.original = "shown", self._tell(found, body)
        else:
            found.original.edits.append(body)
        return Reply({"id": found.original.id, "channel_id": found.channel, "flags": _EPHEMERAL})

    def _delete_original(self, call: Call) -> Reply:
        found = self._of_token(call)
        if found.state not in ("deferred", "shown"):
            raise refuse(404, 10008, "Unknown Message")
        found.state = "unchanged"
        return Reply(None, 204)

    def _follow_up(self, call: Call) -> Reply:
        found = self._of_token(call)
        body = self._body(call)
        check_body(body, ON_FOLLOW_UP)
        found.followed += 1
        posted = self._tell(found, body, private=body.get("flags", 0) & _EPHEMERAL != 0)
        return Reply({"id": posted.id, "channel_id": found.channel, "flags": body.get("flags", 0)})

    def _of_token(self, call: Call) -> Interaction:
        application, token = call.match
        found = self.interactions.get(token)
        if application != self.application_id or found is None or found.state == "sent":
            raise refuse(404, 10015, "Unknown Webhook")
        if time.time() - found.at > TOKEN_SECONDS:
            raise refuse(401, 50027, "Invalid Webhook Token")
        return found

    # Inside.

    def _take(self, found: Interaction, kind: int, data: dict[str, Any]) -> None:
        if kind == 5:
            assert data.keys() <= {"flags"}, "a deferred answer has nothing but flags"
            found.state = "deferred"
        elif kind == 6:
            found.state = "unchanged"
        elif kind == 9:
            _checked(lambda: check_modal(data))
            found.state = "modal"
            labels = {label["component"]["custom_id"]: label["label"] for label in data["components"]}
            self.forms.append(Dialog(found.user, data["title"], labels, raw=(data, found)))
        elif kind == 4:
            _checked(lambda: check_body(data, ON_FOLLOW_UP))
            found.state, found.original = "shown", self._tell(found, data)

    def _tell(self, found: Interaction, body: dict[str, Any], *, private: bool = True) -> Posted:
        posted = Posted(self._new_id(), found.channel, body, None, None, time.time())
        self._show(found.user if private else None, posted)
        return posted

    def _show(self, to: str | None, posted: Posted) -> None:
        components = list(_components(posted))
        self.answers.append(
            Shown(
                to=to,
                channel=posted.channel,
                text="\n".join(read(text) for text in texts(posted.shown)),
                posted=posted,
                buttons=tuple(one["label"] for one in components if one["type"] == 2),
                menus=tuple(one["placeholder"] for one in components if one["type"] != 2),
                thread=posted.parent,
            )
        )

    def _interact(
        self, type: int, user: str, channel: str, data: dict[str, Any], *, on: Posted | None = None
    ) -> Signal:
        number = self._new_id()
        place = self.direct_channel(channel[1:]) if channel.startswith("@") else self._channel(channel)
        token = f"aW50ZXJhY3Rpb246{number}.made-up_token="
        self.interactions[token] = Interaction(number, type, token, user, place["id"], on)
        body = {
            "id": number,
            "application_id": self.application_id,
            "type": type,
            "data": data,
            "channel": {"id": place["id"], "type": place["type"], "name": place["name"]},
            "channel_id": place["id"],
            "token": token,
            "version": 1,
            "app_permissions": "442368",
            "locale": "en-GB",
            "entitlements": [],
            "attachment_size_limit": 10_485_760,
            **self._who(user, direct=place["type"] == 1),
        }
        return self.signed(body | ({"message": self._seen(on)} if on else {}))

    def _who(self, user: str, *, direct: bool) -> dict[str, Any]:
        owners = {"authorizing_integration_owners": {"0": "0" if direct else self.guild_id}}
        if direct:
            return {"user": self._account(user), "context": 1, **owners}
        person = next(person for person in self.members if person["user"]["id"] == user)
        member = {
            **person,
            "permissions": "2248473465835073",
            "joined_at": "2025-05-16T22:51:16.692000+00:00",
        }
        guild = {"id": self.guild_id, "locale": "en-GB", "features": []}
        return {
            "member": member | {"deaf": False, "mute": False, "pending": False, "flags": 0},
            "guild_id": self.guild_id,
            "guild": guild,
            "guild_locale": "en-GB",
            "context": 0,
            **owners,
        }

    def _seen(self, posted: Posted) -> dict[str, Any]:
        shown = posted.shown
        return {
            "id": posted.id,
            "channel_id": posted.channel,
            "author": self._account(self.user_id),
            "content": shown.get("content", ""),
            "embeds": shown.get("embeds", []),
            "components": shown.get("components", []),
            "flags": shown.get("flags", 0),
            "type": 0,
        }

    def _subcommands(self) -> list[dict[str, Any]]:
        return [
            sub for command in self.guild_commands if command["name"] == "im" for sub in command["options"]
        ]

    def _chosen(self, menu: dict[str, Any], wanted: str) -> dict[str, Any]:
        if menu["type"] == 5:
            person = next((p for p in self.members if p["user"]["id"] == wanted), None)
            assert person, f"{wanted!r} is not in the server"
            resolved = {"users": {wanted: person["user"]}, "members": {wanted: {"roles": person["roles"]}}}
            return {"values": [wanted], "resolved": resolved}
        found = [o["value"] for o in menu["options"] if wanted in (o["label"], o["value"])]
        assert found, f"there is no option {wanted!r}"
        return {"values": found[:1]}

    def _filled(self, field: dict[str, Any], given: str | None, id: int) -> dict[str, Any]:
        common = {"type": field["type"], "id": 100 + id, "custom_id": field["custom_id"]}
        if field["type"] == 4:
            value = field.get("value", "") if given is None else given
            assert value or not field.get("required", True), f"{field['custom_id']} is required"
            assert len(value) <= field.get("max_length", 4000), f"{field['custom_id']} is too long"
            assert field["style"] == 2 or "\n" not in value, f"{field['custom_id']} is one line"
            return common | {"value": value}
        default = next((o["value"] for o in field.get("options", []) if o.get("default")), None)
        wanted = given or default
        assert wanted or not field.get("required", True), f"{field['custom_id']} is required"
        return common | (self._chosen(field, wanted) if wanted else {"values": []})


def _components(posted: Posted) -> Iterable[dict[str, Any]]:
    return (one for row in posted.shown.get("components", []) for one in row["components"])


def _options(sub: dict[str, Any], words: list[str]) -> dict[str, str]:
    """The words of a command as the options of a subcommand; the last by place takes what is left."""
    given: dict[str, str] = {}
    left = list(words)
    for option in [o["name"] for o in sub["options"] if o["name"].startswith("--")]:
        if option in left:
            place = left.index(option)
            given[option] = left[place + 1]
            del left[place : place + 2]
    places = [option["name"] for option in sub["options"] if not option["name"].startswith("--")]
    assert places or not left, f"{sub['name']} takes no {left}"
    last = len(places) - 1
    values = zip(places, [*left[:last], " ".join(left[last:])], strict=False)
    given.update({name: value for name, value in values if value})
    return given


def _check_filled(sub: dict[str, Any], given: dict[str, str]) -> None:
    options = {option["name"]: option for option in sub.get("options", [])}
    assert given.keys() <= options.keys(), f"{sub['name']} has no options {given.keys() - options.keys()}"
    for name, option in options.items():
        assert name in given or not option.get("required"), f"{sub['name']} needs {name}"
        values = [choice["value"] for choice in option.get("choices", [])]
        assert not values or given.get(name, values[0]) in values, (
            f"{given.get(name)!r} is no choice of {name}"
        )


def _checked(check: Callable[[], None]) -> None:
    try:
        check()
    except Refused as refused:
        raise AssertionError(f"Discord shows an error: {refused.reply.body}") from None
