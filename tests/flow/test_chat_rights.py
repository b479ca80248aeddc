"""Who may what in chat: roles, places and severities, by a policy of the test; every attempt is on record."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from router.settings import ROOT
from tests.fakes.speaking import Shown
from tests.flow.people import Room, room
from tests.flow.stage import Im, event, until
from tests.marks import quick_on

PLATFORMS = ("slack", "teams")
DEFAULT = ROOT / "data" / "access"
USUAL = [
    "g, responder, viewer",
    "g, commander, responder",
    "g, admin, commander",
    "g, unlinked, responder",
    "p, viewer, status|list|timeline|help|oncall|why|metrics|runbook|link, *, *, allow",
    "p, responder, declare|ack|resolve|close|reopen|escalate|assign|update|room, *, *, allow",
    "p, commander, silence|broadcast, *, *, allow",
]


class House:
    """An installation with a policy of its own, and a platform in it."""

    def __init__(self, im: Im, chat: Room, folder: Path) -> None:
        self.im = im
        self.chat = chat
        self.folder = folder

    def account(self, name: str, role: str, user: str = "") -> None:
        """An account, linked to `user` of the platform."""
        assert self.im.call("POST", "/api/v1/users", {"name": name, "role": role}).status_code == 201
        if user:
            body = {"provider": self.chat.provider, "user": user}
            assert self.im.call("POST", f"/api/v1/users/{name}/link", body).status_code == 200

    def attempts(self) -> list[tuple[str, str]]:
        """What people tried, oldest first: action and outcome."""
        rows = [row for row in self.im.get("/api/v1/audit") if row["action"].startswith("chat.")]
        return [(row["action"], row["outcome"]) for row in rows][::-1]

    def status(self) -> str:
        return str(self.im.incident()["status"])


Build = Callable[..., House]


@pytest.fixture(params=PLATFORMS)
def house(request: pytest.FixtureRequest, im_with: Callable[..., Im], tmp_path: Path) -> Iterator[Build]:
    stack = ExitStack()

    def make(*lines: str, usual: bool = True) -> House:
        folder = written(tmp_path / "access", [*lines, *(USUAL if usual else ())])
        im = im_with(access_dir=folder)
        chat = stack.enter_context(room(im, request.param))
        stack.enter_context(im.draining())
        return House(im, chat, folder)

    with stack:
        yield make


def written(folder: Path, lines: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copy(DEFAULT / "model.conf", folder)
    (folder / "new.csv").write_text("\n".join(lines) + "\n")
    (folder / "new.csv").rename(folder / "policy.csv")
    return folder


def test_people_without_an_account_have_the_role_that_the_policy_gives_them(house: Build) -> None:
    here = house(
        "g, unlinked, viewer",
        "g, responder, viewer",
        "p, viewer, status|help, *, *, allow",
        "p, responder, ack, *, *, allow",
        usual=False,
    )
    here.im.post(event())
    told = here.chat.say("ack INC-2024-001").text
    assert "`ack` needs an account with the role responder" in told
    assert "yours is not linked to any" in told
    assert "INC-2024-001 is open" in here.chat.say("status INC-2024-001").text
    here.account("dana", "responder", here.chat.dana)
    assert "You acknowledged" in here.chat.say("ack INC-2024-001").text
    assert here.im.incident()["assignee"] == "dana"
    assert here.attempts() == [("chat.ack", "refused"), ("chat.status", "done"), ("chat.ack", "done")]


def test_a_refused_press_changes_nothing_and_is_on_record(house: Build) -> None:
    here = house()
    here.account("dana", "viewer", here.chat.dana)
    here.im.post(event())
    posted = until(lambda: here.chat.place.announced("major"))[0]
    assert "`ack` needs the role responder" in here.chat.press(posted, "Acknowledge").text
    assert here.status() == "open"
    (row,) = [row for row in here.im.get("/api/v1/audit") if row["action"] == "chat.ack"]
    assert row["outcome"] == "refused"
    assert row["subject"] in ("INC-2024-001", here.chat.place.channel("major"))
    about = row["data"] if isinstance(row["data"], dict) else json.loads(row["data"])
    assert (about["who"], about["role"], about["place"]) == ("dana", "viewer", "incident")


def test_a_new_role_holds_from_the_next_command_on(house: Build) -> None:
    here = house()
    here.account("dana", "viewer", here.chat.dana)
    here.im.post(event())
    assert "needs the role responder" in here.chat.say("ack INC-2024-001").text
    assert here.im.call("POST", "/api/v1/users/dana/role", {"role": "responder"}).status_code == 200
    assert "You acknowledged" in here.chat.say("ack INC-2024-001").text


def test_a_place_can_be_closed_to_a_command(house: Build) -> None:
    here = house("p, viewer, ack, management, *, deny")
    here.im.post(event())
    told = here.chat.say("ack INC-2024-001", channel="executives").text
    assert "may not be used in" in told
    assert here.status() == "open"
    assert "You acknowledged" in here.chat.say("ack INC-2024-001").text


def test_a_severity_can_be_closed_before_and_after_the_change(house: Build) -> None:
    here = house("p, viewer, escalate, *, SEV-1, deny")
    here.im.post(event())
    posted = until(lambda: here.chat.place.announced("major"))[0]
    assert "`escalate`" in here.chat.say("escalate INC-2024-001 SEV-1").text
    asked = here.chat.press(posted, "Escalate")
    assert "`escalate`" in here.chat.choose(asked.posted, asked.menus[0], "SEV-1").text
    details = here.chat.press(posted, "View Details")
    assert "`escalate`" in here.chat.choose(details.posted, "Change the severity", "SEV-1").text
    assert here.im.incident()["severity"] == "SEV-2"
    assert "is SEV-3 now" in here.chat.say("escalate INC-2024-001 SEV-3").text
    assert [outcome for _, outcome in here.attempts()].count("refused") == 3


def test_what_the_policy_marks_is_done_after_a_yes_once(house: Build) -> None:
    here = house("p, responder, close, *, SEV-2, confirm")
    here.im.post(event(), event("resolved", minute=1, id="evt-2"))
    asked = here.chat.say("close INC-2024-001")
    assert set(asked.buttons) == {"Yes", "No"}
    assert here.status() == "resolved"
    assert "Closed INC-2024-001" in here.chat.press(asked.posted, "Yes").text
    assert "answered already" in here.chat.press(asked.posted, "Yes").text
    assert here.status() == "closed"
    assert here.attempts() == [("chat.close", "asked"), ("chat.close", "done"), ("chat.action", "refused")]


def test_a_no_does_nothing(house: Build) -> None:
    here = house("p, responder, close, *, SEV-2, confirm")
    here.im.post(event(), event("resolved", minute=1, id="evt-2"))
    asked = here.chat.say("close INC-2024-001")
    assert "nothing was done" in here.chat.press(asked.posted, "No").text
    assert "answered already" in here.chat.press(asked.posted, "Yes").text
    assert here.status() == "resolved"


def test_a_question_that_is_too_old_is_not_answered(house: Build) -> None:
    here = house("p, responder, close, *, SEV-2, confirm")
    here.im.post(event(), event("resolved", minute=1, id="evt-2"))
    asked = here.chat.say("close INC-2024-001")
    here.im.sql("UPDATE questions SET expires_at = now()")
    assert "too long ago" in here.chat.press(asked.posted, "Yes").text
    assert here.status() == "resolved"


def test_a_yes_is_judged_anew(house: Build) -> None:
    """Between the question and the answer the role was taken away."""
    here = house("p, responder, close, *, SEV-2, confirm")
    here.account("dana", "responder", here.chat.dana)
    here.im.post(event(), event("resolved", minute=1, id="evt-2"))
    asked = here.chat.say("close INC-2024-001")
    assert here.im.call("POST", "/api/v1/users/dana/role", {"role": "viewer"}).status_code == 200
    assert "needs the role responder" in here.chat.press(asked.posted, "Yes").text
    assert here.status() == "resolved"


def test_somebody_elses_yes_does_not_count(house: Build) -> None:
    here = house("p, responder, close, *, SEV-2, confirm")
    here.im.post(event(), event("resolved", minute=1, id="evt-2"))
    asked = here.chat.say("close INC-2024-001")
    if here.chat.place.name == "slack":
        assert asked.to == here.chat.dana, "nobody else sees the question"
        return
    told = here.chat.press(asked.posted, "Yes", user=here.chat.erin).text
    assert "Only the one who was asked" in told
    assert here.status() == "resolved"


def test_a_changed_policy_holds_and_a_broken_one_does_not(house: Build) -> None:
    here = house()
    here.im.post(event())
    written(here.folder, ["p, viewr, ack, *, *, allow"])
    assert "is open" in here.chat.say("status INC-2024-001").text
    written(here.folder, ["p, viewer, status, *, *, deny", *USUAL])
    until(lambda: "`status`" in here.chat.say("status INC-2024-001").text, every=0.3)


def test_a_channel_shared_with_others_hears_little(im: Im) -> None:
    with room(im, "slack") as chat, im.draining():
        im.post(event())
        assert "may not be used in a channel shared" in outside(chat, "status INC-2024-001").text
        assert "may not be used in a channel shared" in outside(chat, "ack INC-2024-001").text
        assert "/im declare" in outside(chat, "help").text
        assert "Declared INC-" in outside(chat, "declare We cannot pay").text
        assert im.incident()["status"] == "open"
        audit = [row for row in im.get("/api/v1/audit") if row["action"].startswith("chat.")]
        assert [row["outcome"] for row in audit] == ["done", "done", "refused", "refused"]


def outside(chat: Room, text: str) -> Shown:
    """A mention in a channel that Slack says is shared."""
    fake: Any = chat.fake
    mention = fake.mention(chat.dana, text, channel=chat.place.channel("major"))
    body = json.loads(mention.body) | {"is_ext_shared_channel": True}
    signal = fake.signed(json.dumps(body).encode(), "application/json", mention.key)
    before = len(chat.fake.answers)
    assert chat.send(signal).status_code == 200
    until(lambda: len(chat.fake.answers) > before)
    return chat.fake.answers[before]


# Names.


def rename(chat: Room, user: str, name: str) -> None:
    people: Any = chat.fake
    for one in people.users if chat.place.name == "slack" else people.members:
        if one["id"] == user:
            one["name"] = name
            one.get("profile", {}).update(display_name=name, real_name=name)


@contextmanager
def platform(im: Im, name: str) -> Iterator[Room]:
    with room(im, name) as chat, im.draining():
        yield chat


@pytest.mark.parametrize("name", PLATFORMS)
def test_nobody_is_taken_for_an_account_that_they_are_not_linked_to(im: Im, name: str) -> None:
    with platform(im, name) as chat:
        assert im.call("POST", "/api/v1/users", {"name": "root", "role": "admin"}).status_code == 201
        rename(chat, chat.erin, "root")
        im.post(event())
        assert "silence" in chat.say("silence INC-2024-001 2h", user=chat.erin).text
        assert im.get("/api/v1/silences") == []
        assert "assigned to root (not linked)" in chat.say("assign INC-2024-001 me", user=chat.erin).text
        assert im.incident()["assignee"] == "root (not linked)"
        chat.say("escalate INC-2024-001 SEV-1", user=chat.erin)
        until(lambda: "root (not linked)" in chat.text(chat.announced()))
        chat.say("assign INC-2024-001 @root")
        assert im.incident()["assignee"] == "root", "the account, by its name"
        assert "root (not linked)" in chat.say(f"assign INC-2024-001 <@{chat.erin}>").text


HOSTILE = (
    "<!channel>",
    "<!subteam^S1>",
    "<@U0DANA>",
    "@everyone",
    "<at>everyone</at>",
    "*bold* _it_ `code`",
    "[link](https://evil.example)",
    "<https://evil.example|click>",
    "\u202egnp.exe",
    "a\nb",
    "\U0001f600" * 50,
    "x" * 5000,
    "{{.Title}}",
    "&lt;!here&gt;",
)


ALIVE = {
    "slack": ("<!channel>", "<!subteam", "<@U0DANA>", "<https://evil.example|"),
    "teams": ("mentioned",),  # markup mentions nobody without an entity that says who
}
"""What would mean something there."""


@pytest.mark.parametrize("name", quick_on("slack", of=PLATFORMS))
def test_hostile_texts_and_names_are_shown_and_mean_nothing(im: Im, name: str) -> None:
    with platform(im, name) as chat:
        im.post(event())
        for text in HOSTILE:
            rename(chat, chat.erin, text[:80])
            for said in (
                f"declare {text}",
                f"update INC-2024-001 {text}",
                f"oncall {text}",
                f"{text}",
                f"assign INC-2024-001 {text}",
                f"list --service {text}",
            ):
                chat.say(said, user=chat.erin)
            assert chat.mention(f"oncall {text}", user=chat.erin).text
        im.settled(20)
        assert chat.fake.refusals == []  # type: ignore[attr-defined]
        states = im.sql("SELECT DISTINCT state, outcome FROM inbox")
        assert {row["state"] for row in states} == {"answered"}
        assert "failed" not in {row["outcome"] for row in states}
        shown = json.dumps([call.body.decode(errors="replace") for call in chat.fake.calls])  # type: ignore[attr-defined]
        for markup in ALIVE[name]:
            assert markup not in shown, markup
