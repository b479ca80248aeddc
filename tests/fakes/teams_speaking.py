"""People in the fake Teams: they type, press, choose, fill in and react, and see what the bot answers.

Requests have every field that Teams sends, also those that the adapter ignores. Sources:
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/channel-and-group-conversations,
https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model, and for reactions
https://github.com/microsoft/botframework-sdk/issues/5549.
"""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from tests.fakes import teams_keys
from tests.fakes.base import Posted
from tests.fakes.speaking import Dialog, Shown, Signal

BOT: Final = "im"
EMOJI: Final = {"+1": "like", "-1": "no"}
INVOKE_TYPES: Final = {
    "application/vnd.microsoft.card.adaptive": dict,
    "application/vnd.microsoft.activity.message": str,
    "application/vnd.microsoft.error": dict,
}
_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


class TeamsPeople:
    """The speaking half of TeamsFake; see tests.fakes.speaking.Speaking."""

    app_id: str
    tenant: str
    team_id: str
    members: list[dict[str, Any]]
    channels: dict[str, str | None]
    messages: dict[str, Posted]
    people: tuple[str, str] = ("29:1dana", "29:1fox")

    def start_speaking(self) -> None:
        """As new: nothing said, shown or pressed; one key, endorsed for Teams."""
        self.answers: list[Shown] = []
        self.forms: list[Dialog] = []
        self.toasts: list[str] = []
        """The short texts that a press was answered with."""
        self.keys: dict[str, tuple[str, ...] | None] = {"key-1": ("msteams", "webchat")}
        """The endorsements of each key that is published, by its id; None for a key without."""
        self.signing = "key-1"
        self._numbers = itertools.count(1_776_390_900_001)
        self._said: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        """Where the fake is; FakePlatform knows."""
        raise NotImplementedError

    @property
    def service_url(self) -> str:
        """Where answers go, as activities and tokens name it."""
        return f"{self.url}/teams/"

    # What people do.

    def command(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        return self.mention(user, f"im {text}", channel=channel, thread=thread)

    def mention(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        """Words to the bot: with a mention of it, where it is not alone with the person."""
        words, entities = self._words(text, alone=_is_personal(channel))
        said = {
            "type": "message",
            "text": words,
            "textFormat": "plain",
            "entities": entities,
            "attachments": [{"contentType": "text/html", "content": f"<div>{html.escape(words)}</div>"}],
            "localTimestamp": "2026-01-05T11:00:00.000+01:00",
        }
        return self._signal(said | self._frame(user, channel, thread, str(next(self._numbers))))

    def press(self, user: str, posted: Posted, label: str) -> Signal:
        buttons = [action for action in _actions(_card(posted)) if action["title"] == label]
        assert buttons, f"there is no button {label!r}"
        assert buttons[0]["type"] == "Action.Execute", f"{label!r} is a link"
        return self._execute(user, posted, buttons[0])

    def choose(self, user: str, posted: Posted, menu: str, option: str) -> Signal:
        """Choose from a list and press the button that follows it."""
        body = _card(posted)["body"]
        found = [i for i, part in enumerate(body) if _is_list(part) and part["label"] == menu]
        assert found, f"there is no menu {menu!r}"
        choices = {choice["title"]: choice["value"] for choice in body[found[0]]["choices"]}
        value = choices.get(option, option if option in choices.values() else None)
        assert value is not None, f"{menu!r} does not offer {option!r}"
        button = body[found[0] + 1]["actions"][0]
        return self._execute(user, posted, button, {body[found[0]]["id"]: value})

    def submit(self, user: str, dialog: Dialog, **fields: str) -> Signal:
        card, posted = dialog.raw
        inputs = [part for part in card["body"] if part["type"].startswith("Input.")]
        unknown = set(fields) - set(dialog.fields)
        assert not unknown, f"the form has no {unknown}"
        filled = {part["id"]: fields.get(_field(part), part.get("value", "")) for part in inputs}
        for part in inputs:
            _check_filled(part, filled[part["id"]])
        return self._execute(user, posted, card["actions"][0], filled)

    def react(self, user: str, posted: Posted, emoji: str) -> Signal:
        """A reaction; its activity's id is that of the message."""
        conversation, _, activity = posted.id.rpartition("|")
        assert posted.id in self.messages, "there is no such message"
        said = {
            "type": "messageReaction",
            "reactionsAdded": [{"type": EMOJI.get(emoji, emoji)}],
            "replyToId": activity,
        }
        return self._signal(said | self._frame_of(user, conversation, activity))

    def press_by_submit(self, user: str, posted: Posted, label: str) -> Signal:
        """The same press by a client that knows only Action.Submit."""
        button = next(a for a in _actions(_card(posted)) if a["title"] == label)["fallback"]
        assert button["type"] == "Action.Submit"
        conversation, _, activity = posted.id.rpartition("|")
        said = {"type": "message", "value": button["data"], "replyToId": activity}
        return self._signal(said | self._frame_of(user, conversation, str(next(self._numbers))))

    def activity(self, **changes: Any) -> Signal:
        """An activity of any other kind, in the first channel."""
        frame = self._frame(self.people[0], "19:incidents@thread.tacv2", None, str(next(self._numbers)))
        return self._signal(frame | changes)

    # What they see.

    def heard(self, signal: Signal, status: int, headers: dict[str, str], body: bytes) -> None:
        """Take the router's response as Teams does: an invoke needs one of the documented bodies."""
        said = self._said[signal.key]
        assert 200 <= status < 300, f"Teams shows an error for {status}"
        if said["type"] != "invoke":
            return
        assert headers.get("content-type", "").startswith("application/json"), "an invoke's answer is JSON"
        answer = json.loads(body)
        assert set(answer) == {"statusCode", "type", "value"}, "not an invoke's answer"
        assert 200 <= answer["statusCode"] <= 599, "no status"
        assert isinstance(answer["value"], INVOKE_TYPES[answer["type"]]), "not the type's value"
        assert answer["statusCode"] < 400, f"Teams shows an error: {answer['value']}"
        self._see_invoke_answer(said, answer["value"])

    def shown_by_bot(self, posted: Posted) -> None:
        """A message of the bot: an answer if it names something that a person did, a form if it is one."""
        asked = self._said.get(posted.payload.get("replyToId") or "")
        if asked is None:
            return
        conversation, thread = asked["conversation"]["id"], posted.parent
        alone = asked["conversation"]["conversationType"] == "personal"
        card = _card(posted)
        if _is_form(card):
            self._see_form(asked["from"]["id"], card, posted)
            return
        self.answers.append(
            Shown(
                to=asked["from"]["id"] if alone else None,
                channel=conversation.partition(";")[0],
                text="\n".join(_legible(card["body"])),
                posted=posted,
                buttons=tuple(action["title"] for action in card.get("actions", [])),
                menus=tuple(part["label"] for part in card["body"] if _is_list(part)),
                thread=thread,
            )
        )

    def _see_invoke_answer(self, said: dict[str, Any], value: Any) -> None:
        if isinstance(value, str):
            self.toasts.append(value)
            return
        self.check_card(value)
        if _is_form(value):
            conversation = said["conversation"]["id"]
            held = self.messages[f"{conversation}|{said['replyToId']}"]
            self._see_form(said["from"]["id"], value, held)

    def _see_form(self, user: str, card: dict[str, Any], posted: Posted) -> None:
        inputs = [part for part in card["body"] if part["type"].startswith("Input.")]
        title = _read(card["body"][0]["text"])
        labels = {_field(part): part["label"] for part in inputs}
        self.forms.append(Dialog(to=user, title=title, fields=labels, raw=(card, posted)))

    def check_card(self, card: dict[str, Any]) -> None:
        """Raise where Teams would not show the card; TeamsFake knows how."""
        raise NotImplementedError

    # The requests.

    def token(self, **changes: Any) -> str:
        """A token for the bot, with these claims instead of the usual."""
        usual = teams_keys.claims(self.app_id, self.service_url)
        return teams_keys.minted(usual | changes, self.signing)

    def rotate(self, kid: str, endorsements: tuple[str, ...] | None = ("msteams",)) -> None:
        """Publish one more key and sign with it from now on."""
        self.keys[kid] = endorsements
        self.signing = kid

    def _execute(
        self, user: str, posted: Posted, button: dict[str, Any], inputs: dict[str, str] | None = None
    ) -> Signal:
        conversation, _, activity = posted.id.rpartition("|")
        all_inputs = {p["id"]: p.get("value", "") for p in _card(posted)["body"] if "choices" in p}
        data = all_inputs | (inputs or {}) | button["data"]
        action = {"type": button["type"], "title": button["title"], "verb": button["verb"], "data": data}
        said = {
            "type": "invoke",
            "name": "adaptiveCard/action",
            "value": {"action": action, "trigger": "manual"},
            "replyToId": activity,
        }
        return self._signal(said | self._frame_of(user, conversation, f"f:{next(self._numbers)}"))

    def _frame(self, user: str, channel: str, thread: str | None, id: str) -> dict[str, Any]:
        if _is_personal(channel):
            conversation = channel if channel.startswith("a:") else self.chat_of(user)
        elif thread:
            conversation = thread.rpartition("|")[0]
        else:
            conversation = f"{channel};messageid={id}" if "@thread.tacv2" in channel else channel
        return self._frame_of(user, conversation, id)

    def _frame_of(self, user: str, conversation: str, id: str) -> dict[str, Any]:
        """What all activities have."""
        kind = "personal" if conversation.startswith("a:") else "channel"
        kind = "groupChat" if "@thread.v2" in conversation else kind
        channel = conversation.partition(";")[0]
        data: dict[str, Any] = {"tenant": {"id": self.tenant}}
        if kind == "channel":
            data |= {
                "teamsChannelId": channel,
                "teamsTeamId": self.team_id,
                "channel": {"id": channel, "name": self.channels.get(channel)},
                "team": {"id": self.team_id},
            }
        where = {"id": conversation, "tenantId": self.tenant, "conversationType": kind}
        return {
            "id": id,
            "timestamp": datetime.now(UTC).isoformat(),
            "channelId": "msteams",
            "serviceUrl": self.service_url,
            "from": self._account(user),
            "conversation": where | ({"isGroup": True} if kind != "personal" else {}),
            "recipient": {"id": f"28:{self.app_id}", "name": BOT},
            "locale": "en-GB",
            "localTimezone": "Europe/Berlin",
            "channelData": data,
        }

    def _account(self, user: str) -> dict[str, Any]:
        member = next((m for m in self.members if m["id"] == user), None)
        account = {"id": user, "name": member["name"] if member else "Somebody Else"}
        return account | ({"aadObjectId": member["aadObjectId"]} if member and member["aadObjectId"] else {})

    def _words(self, text: str, *, alone: bool) -> tuple[str, list[dict[str, Any]]]:
        """The text with `<@id>` as Teams writes mentions, and the entities that say who they are."""
        entities: list[dict[str, Any]] = [{"type": "clientInfo", "locale": "en-GB", "platform": "Web"}]

        def written(found: re.Match[str]) -> str:
            account = self._account(found[1])
            at = f"<at>{account['name']}</at>"
            mentioned = {"id": account["id"], "name": account["name"]}
            entities.append({"type": "mention", "text": at, "mentioned": mentioned})
            return at

        words = re.sub(r"<@([^>]+)>", written, text)
        if alone:
            return words, entities
        bot = {"id": f"28:{self.app_id}", "name": BOT}
        entities.append({"type": "mention", "text": f"<at>{BOT}</at>", "mentioned": bot})
        return f"<at>{BOT}</at>&nbsp;{words}\n", entities

    def _signal(self, activity: dict[str, Any]) -> Signal:
        self._said[activity["id"]] = activity
        headers = {
            "authorization": f"Bearer {self.token()}",
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Microsoft-SkypeBotApi (Microsoft-BotFramework/3.0)",
        }
        return Signal(body=json.dumps(activity).encode(), headers=headers, key=activity["id"])

    def chat_of(self, user: str) -> str:
        """The conversation of the bot with one person; TeamsFake keeps them."""
        raise NotImplementedError

    def published_keys(self) -> list[dict[str, Any]]:
        """The key set as it is now."""
        return [teams_keys.published(kid, endorsed) for kid, endorsed in self.keys.items()]


def _is_personal(channel: str) -> bool:
    return channel.startswith(("a:", "@", "29:"))


def _card(posted: Posted) -> dict[str, Any]:
    card: dict[str, Any] = posted.shown["attachments"][0]["content"]
    return card


def _actions(card: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from card.get("actions", [])
    for part in card["body"]:
        yield from part.get("actions", [])


def _is_list(part: dict[str, Any]) -> bool:
    return bool(part["type"] == "Input.ChoiceSet")


def _is_form(card: dict[str, Any]) -> bool:
    return any("form" in action.get("data", {}) for action in card.get("actions", []))


def _field(part: dict[str, Any]) -> str:
    return str(part["id"]).removeprefix("field:")


def _check_filled(part: dict[str, Any], value: str) -> None:
    assert value or not part.get("isRequired"), f"{part['label']!r} is required"
    assert len(value) <= part.get("maxLength", len(value)), f"{part['label']!r} is too long"
    offered = {choice["value"] for choice in part.get("choices", [])}
    assert not offered or not value or value in offered, f"{part['label']!r} does not offer that"


def _legible(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        if "text" in part:
            yield _read(part["text"])
        if "inlines" in part:
            yield "".join(run["text"] for run in part["inlines"])
        for fact in part.get("facts", []):
            yield f"{_read(fact['title'])}: {_read(fact['value'])}"
        if part["type"] == "Image":
            yield part.get("altText", "")
        yield from _legible(part.get("items", []))


def _read(markdown: str) -> str:
    bare = re.sub(r"</?at>", "", markdown)
    return html.unescape(_ESCAPE.sub(r"\1", bare.replace("\n\n", "\n")))
