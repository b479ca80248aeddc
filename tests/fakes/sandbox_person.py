"""People of the sandbox: they send what its pages send, and read what is on the shelf.

See tests/fakes/speaking.py. There is no server: the shelf's messages are given, and nothing is signed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from tests.fakes.base import Posted
from tests.fakes.speaking import Dialog, Shown, Signal


class SandboxPerson:
    """Speaks for everybody in a sandbox whose messages are `messages`, oldest first."""

    def __init__(self, messages: Mapping[str, Posted]) -> None:
        self.messages = messages
        self.people = ("dana", "erin")
        self._numbers = itertools.count(1)

    @property
    def answers(self) -> list[Shown]:
        """Everything on the shelf but forms."""
        return [_shown(posted) for posted in self.messages.values() if not posted.shown.get("form")]

    @property
    def forms(self) -> list[Dialog]:
        """The forms that people were shown."""
        return [_dialog(posted) for posted in self.messages.values() if posted.shown.get("form")]

    def command(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        return self._signal("command", user, channel, text=text, thread=thread)

    def mention(self, user: str, text: str, *, channel: str, thread: str | None = None) -> Signal:
        return self._signal("mention", user, channel, text=text, thread=thread)

    def press(self, user: str, posted: Posted, label: str) -> Signal:
        action = _labelled(posted.shown["actions"], label)
        return self._signal(
            "action", user, posted.channel, action=action["id"], value=action["value"], message=posted.id
        )

    def choose(self, user: str, posted: Posted, menu: str, option: str) -> Signal:
        found = _labelled(posted.shown["menus"], menu)
        chosen = f"@{option}" if found["people"] else _labelled(found["choices"], option)["value"]
        value = f"{found['about']} {chosen}"
        return self._signal(
            "action", user, posted.channel, action=found["id"], value=value, message=posted.id
        )

    def submit(self, user: str, dialog: Dialog, **fields: str) -> Signal:
        form, known = dialog.raw["form"], set(dialog.fields)
        assert user == dialog.to, "the form is another person's"
        assert set(fields) <= known, f"the form has no {set(fields) - known}"
        filled = {field["id"]: fields.get(field["id"], field["value"]) for field in form["fields"]}
        empty = [field["id"] for field in form["fields"] if field["required"] and not filled[field["id"]]]
        assert not empty, f"{empty} is required"
        return self._signal(
            "form", user, dialog.raw["channel"], action=form["id"], value=form["value"], fields=filled
        )

    def react(self, user: str, posted: Posted, emoji: str) -> Signal | None:
        return self._signal("reaction", user, posted.channel, action=emoji, message=posted.id)

    def heard(self, signal: Signal, status: int, headers: dict[str, str], body: bytes) -> None:  # noqa: ARG002
        assert status == 200, f"the page shows an error ({status}) for {signal.key}"
        assert json.loads(body) == {}

    def _signal(self, kind: str, user: str, channel: str, **more: Any) -> Signal:
        key = f"sandbox-{next(self._numbers)}"
        given = {"key": key, "kind": kind, "user": user, "channel": channel}
        body = json.dumps(given | {name: value for name, value in more.items() if value is not None})
        return Signal(body=body.encode(), headers={"content-type": "application/json"}, key=key)


def _labelled(entries: list[dict[str, Any]], label: str) -> dict[str, Any]:
    for entry in entries:
        if entry["label"] == label:
            return entry
    raise AssertionError(f"there is no {label!r}")


def _shown(posted: Posted) -> Shown:
    payload = posted.shown
    return Shown(
        to=payload.get("to"),
        channel=posted.channel,
        text=payload["text"],
        posted=posted,
        buttons=tuple(action["label"] for action in payload["actions"]),
        menus=tuple(menu["label"] for menu in payload["menus"]),
        thread=posted.parent,
    )


def _dialog(posted: Posted) -> Dialog:
    form = posted.shown["form"]
    return Dialog(
        to=posted.shown["to"],
        title=form["title"],
        fields={field["id"]: field["label"] for field in form["fields"]},
        raw={"form": form, "channel": posted.channel},
    )
