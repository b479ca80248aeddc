"""People in chat, for flow tests: what they do arrives signed over real HTTP; what they see is read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import httpx

from tests.fakes.base import Posted
from tests.fakes.speaking import Dialog, Shown, Signal, Speaking
from tests.flow.places import PLATFORMS, Place, place
from tests.flow.sandbox import SandboxPlace, sandbox_place
from tests.flow.stage import ADMIN, Im, until

ALL = (*PLATFORMS, "sandbox")


class Room:
    """A platform with people in it."""

    def __init__(self, im: Im, place: Place | SandboxPlace, provider: str) -> None:
        self.im = im
        self.place = place
        self.provider = provider
        self.fake = cast("Speaking", place.fake)
        self.dana, self.erin = self.fake.people

    def post(self, signal: Signal) -> httpx.Response:
        """The platform's request; nobody takes the response."""
        path = f"/chatops/{self.place.name}/{self.provider}"
        headers = signal.headers
        if self.place.name == "sandbox":
            headers = headers | {"authorization": f"Bearer {ADMIN}"}
        return self.im.api.client.post(path, content=signal.body, headers=headers)

    def send(self, signal: Signal) -> httpx.Response:
        """What the platform does: POST, and take the response."""
        answer = self.post(signal)
        self.fake.heard(signal, answer.status_code, dict(answer.headers), answer.content)
        return answer

    @property
    def answers(self) -> list[Shown]:
        """What came of what was asked; on Mattermost neither "On it …" nor what all in the channel see."""
        given = [each for each in self.fake.answers if not each.text.startswith("On it")]
        return [each for each in given if each.to or self.place.name != "mattermost"]

    def _after(self, signal: Signal) -> Shown:
        before = len(self.answers)
        assert self.send(signal).status_code == 200
        until(lambda: len(self.answers) > before)
        return self.answers[before]

    def say(self, text: str, *, user: str = "", channel: str = "major", thread: str | None = None) -> Shown:
        """`/im <text>`: what is answered."""
        where = self.place.channel(channel)
        return self._after(self.fake.command(user or self.dana, text, channel=where, thread=thread))

    def mention(self, text: str, *, user: str = "", channel: str = "major") -> Shown:
        """`@bot <text>`: what is answered."""
        return self._after(self.fake.mention(user or self.dana, text, channel=self.place.channel(channel)))

    def press(self, posted: Posted, label: str, *, user: str = "") -> Shown:
        """Press a button: what is answered."""
        return self._after(self.fake.press(user or self.dana, posted, label))

    def choose(self, posted: Posted, menu: str, option: str, *, user: str = "") -> Shown:
        """Choose from a menu: what is answered."""
        return self._after(self.fake.choose(user or self.dana, posted, menu, option))

    def form(self, signal: Signal) -> Dialog:
        """The form that an input opens."""
        before = len(self.fake.forms)
        assert self.send(signal).status_code == 200
        until(lambda: len(self.fake.forms) > before)
        return self.fake.forms[before]

    def fill(self, dialog: Dialog, *, user: str = "", **fields: str) -> Shown:
        """Fill a form in: what is answered."""
        return self._after(self.fake.submit(user or self.dana, dialog, **fields))

    def announced(self, channel: str = "major") -> Posted:
        """The one message that announces an incident there."""
        (posted,) = self.place.announced(channel)
        return posted

    def text(self, posted: Posted) -> str:
        """What it says now."""
        return self.place.text(posted)


@contextmanager
def room(im: Im, platform: str, *, named: str = "", **changes: Any) -> Iterator[Room]:
    """A platform with people, its provider named after it."""
    name = named or f"my-{platform}"
    callback = f"{im.settings.address}/chatops/mattermost/{name}"
    own = {"callback_url": callback, "webhook_token": "webhook-token-0123456789"}
    if platform == "mattermost":
        changes = own | changes
    opened = (
        sandbox_place(im, name, **changes)
        if platform == "sandbox"
        else place(im, platform, named=name, **changes)
    )
    with opened as found:
        yield Room(im, found, name)


@contextmanager
def rooms(im: Im, *platforms: str) -> Iterator[dict[str, Room]]:
    """Several platforms at once."""
    with ExitStack() as stack:
        yield {platform: stack.enter_context(room(im, platform)) for platform in platforms}
