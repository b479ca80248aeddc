"""Accounts and links: made by admins, by e-mail and by codes, over the real store, HTTP and `im users`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from adapters.inbound import Person
from api.cli.main import run
from router.people import linking
from router.people.people import Account, Identity, Joined, People, Speaker
from router.problems import Conflict, Invalid, NotFound, Problem
from tests.flow.stage import ADMIN, SENDER, Im

DANA = Identity("slack", "T1", "U1")
DANA_TEAMS = Identity("teams", "tenant", "29:abc")
EVE = Identity("slack", "T1", "U666")
CODE = re.compile(r"[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}")


class Stage:
    """The accounts of the running installation, called synchronously."""

    def __init__(self, im: Im) -> None:
        self.im = im
        self.people = People(im.parts.store)
        self.run = im.loop.run

    def add(self, name: str = "dana", role: str = "responder", email: str | None = None) -> Account:
        return self.run(self.people.add(name, role=role, email=email, actor="test"))

    def link(self, name: str, identity: Identity, **more: Any) -> None:
        self.run(self.people.link(name, identity, actor="test", **more))

    def who(self, identity: Identity, name: str = "", email: str | None = None) -> Speaker:
        return self.run(self.people.who(identity, Person(id=identity.user, name=name, email=email)))

    def code(self, identity: Identity, name: str = "") -> str:
        return self.run(self.people.issue_code(identity, self.who(identity, name)))

    def use(self, code: str, by: Identity | Account, **more: str) -> Joined:
        return self.run(self.people.use_code(code, by, **more))

    def audited(self) -> list[tuple[str, str, str, str]]:
        rows = self.im.sql("SELECT actor, action, subject, outcome FROM audit ORDER BY seq")
        return [(row["actor"], row["action"], row["subject"], row["outcome"]) for row in rows]


@pytest.fixture
def stage(im: Im) -> Stage:
    return Stage(im)


def refused(kind: type[Problem], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return caught.value.detail


# Who speaks.


def test_a_linked_person_speaks_as_their_account(stage: Stage) -> None:
    stage.add("dana", "commander")
    stage.link("dana", DANA)
    speaker = stage.who(DANA, "Dana Scully")
    assert (speaker.account and speaker.account.name, speaker.role, speaker.label) == (
        "dana",
        "commander",
        "dana",
    )
    for other in (
        Identity("slack", "T2", "U1"),
        Identity("teams", "T1", "U1"),
        Identity("slack", "T1", "u1"),
    ):
        assert stage.who(other, "dana").account is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Dana", "Dana"),
        ("", "U1"),
        ("\u202e\u2066", "U1"),
        ("a\u202eb\x1b[31m\nc\t d", "a b [31m c d"),
        ("x" * 200, "x" * 60),
    ],
)
def test_an_unlinked_person_is_called_by_a_visible_short_name(stage: Stage, name: str, label: str) -> None:
    speaker = stage.who(DANA, name)
    assert (speaker.account, speaker.role, speaker.label) == (None, "unlinked", label)


def test_an_email_that_the_platform_vouches_for_links_once_and_is_audited(stage: Stage) -> None:
    stage.add("dana", "commander", "Dana@Example.com")
    assert stage.who(DANA, "Dana").account is None
    assert stage.who(DANA, "Dana", "dana@example.COM").role == "commander"
    assert stage.who(DANA).role == "commander"
    assert stage.audited()[1:] == [("im", "user.link", "dana", "done")]
    assert stage.im.sql("SELECT how FROM links") == [{"how": "email"}]


@pytest.mark.parametrize(
    "email", ["eve@example.com", "\u212aim@example.com", "kim", "", "a b@example.com", "\0"]
)
def test_other_emails_and_lookalikes_link_nobody(stage: Stage, email: str) -> None:
    stage.add("kim", email="kim@example.com")
    assert stage.who(DANA, "Kim", email).account is None


def test_two_messages_of_a_new_person_at_once_link_once(stage: Stage) -> None:
    stage.add("dana", email="dana@example.com")
    person = Person(id="U1", email="dana@example.com")

    async def both() -> list[Speaker]:
        return await asyncio.gather(*(stage.people.who(DANA, person) for _ in range(6)))

    assert {speaker.label for speaker in stage.run(both())} == {"dana"}
    assert len(stage.audited()) == 2


def test_a_link_that_an_admin_undid_is_not_made_again_by_email(stage: Stage) -> None:
    stage.add("dana", email="dana@example.com")
    assert stage.who(DANA, email="dana@example.com").account
    stage.run(stage.people.unlink("dana", DANA, actor="test"))
    assert stage.who(DANA, email="dana@example.com").role == "unlinked"
    assert stage.run(stage.people.users_of("dana", "slack", "T1")) == ()
    stage.link("dana", DANA)
    assert stage.who(DANA).label == "dana"


def test_a_new_role_holds_for_the_next_message(stage: Stage) -> None:
    stage.add("dana", "viewer")
    stage.link("dana", DANA)
    stage.run(stage.people.set_role("dana", "admin", actor="test"))
    assert stage.who(DANA).role == "admin"


# Finding.


def test_accounts_are_found_by_name_mail_and_display_name(stage: Stage) -> None:
    stage.add("dana", email="dana@example.com")
    stage.add("fox")
    stage.link("dana", DANA)
    stage.who(DANA, "Dana Scully")
    for text in ("dana", "@dana", " DANA ", "Dana@example.com", "dana scully", "@Dana Scully"):
        found = stage.run(stage.people.find(text))
        assert found is not None, text
        assert found.name == "dana"
    for text in ("scully", "", "@", "%", "d_na", "\0"):
        assert stage.run(stage.people.find(text)) is None


def test_a_name_comes_before_a_display_name_and_several_are_not_guessed(stage: Stage) -> None:
    for name, identity in (("dana", DANA), ("eve", EVE), ("kim", DANA_TEAMS)):
        stage.add(name)
        stage.link(name, identity)
    stage.who(EVE, "Dana")
    found = stage.run(stage.people.find("dana"))
    assert found is not None
    assert found.name == "dana"
    stage.who(EVE, "Alex")
    stage.who(DANA_TEAMS, "alex")
    assert stage.run(stage.people.find("Alex")) is None
    assert [account.name for account in stage.run(stage.people.candidates("Alex"))] == ["eve", "kim"]


def test_an_account_has_its_ids_by_workspace(stage: Stage) -> None:
    stage.add()
    for identity in (DANA, Identity("slack", "T1", "U2"), DANA_TEAMS):
        stage.link("dana", identity)
    assert stage.run(stage.people.users_of("dana", "slack", "T1")) == ("U1", "U2")
    assert stage.run(stage.people.users_of("dana", "slack", "T2")) == ()
    account = stage.run(stage.people.account_of(DANA_TEAMS))
    assert account is not None
    assert account.name == "dana"


# What admins link.


def test_a_person_of_another_account_is_moved_only_by_force(stage: Stage) -> None:
    stage.add("dana")
    stage.add("eve")
    stage.link("dana", DANA)
    said = refused(Conflict, lambda: stage.link("eve", DANA))
    assert said.startswith("slack:T1/U1 is linked to `dana` already")
    stage.link("eve", DANA, force=True)
    assert stage.who(DANA).label == "eve"
    (last,) = stage.im.sql("SELECT data FROM audit ORDER BY seq DESC LIMIT 1")
    assert last["data"]["moved_from"] == "dana"


def test_linking_again_changes_nothing(stage: Stage) -> None:
    stage.add()
    stage.link("dana", DANA)
    before = stage.audited()
    stage.link("dana", DANA)
    stage.link("dana", DANA, force=True)
    assert stage.audited() == before


def test_only_its_own_links_can_be_undone(stage: Stage) -> None:
    stage.add("dana")
    stage.add("eve")
    stage.link("dana", DANA)
    undo = stage.people.unlink
    assert "is not linked to slack:T1/U1" in refused(
        NotFound, lambda: stage.run(undo("eve", DANA, actor="test"))
    )
    assert stage.who(DANA).label == "dana"


# Codes.


def test_a_code_of_a_linked_person_links_the_one_who_types_it(stage: Stage) -> None:
    stage.add("dana", "commander")
    stage.link("dana", DANA)
    code = stage.code(DANA)
    assert CODE.fullmatch(code)
    joined = stage.use(code.lower().replace("-", " \u2013 "), DANA_TEAMS, label="Dana S.")
    assert (joined.account.name, joined.identity, joined.label) == ("dana", DANA_TEAMS, "Dana S.")
    assert stage.who(DANA_TEAMS).role == "commander"
    assert stage.audited()[-2:] == [
        ("slack:T1/U1", "user.code", "slack:T1/U1", "done"),
        ("teams:tenant/29:abc", "user.link", "dana", "done"),
    ]


def test_a_code_of_an_unlinked_person_is_completed_by_a_linked_one(stage: Stage) -> None:
    stage.add()
    stage.link("dana", DANA)
    joined = stage.use(stage.code(DANA_TEAMS, "Dana in Teams"), DANA, label="Dana in Slack")
    assert (joined.identity, joined.label) == (DANA_TEAMS, "Dana in Teams")
    assert stage.who(DANA_TEAMS).label == "dana"


def test_a_code_of_an_unlinked_person_is_completed_by_an_admin(stage: Stage) -> None:
    account = stage.add()
    joined = stage.use(stage.code(DANA, "Dana"), account, actor="root")
    assert (joined.identity, joined.label) == (DANA, "Dana")
    assert stage.audited()[-1] == ("root", "user.link", "dana", "done")


def test_a_code_does_not_join_what_it_should_not_and_stays_good(stage: Stage) -> None:
    dana, _ = stage.add("dana"), stage.add("eve")
    stage.link("eve", EVE)
    code = stage.code(DANA)
    assert "neither of the two" in refused(Conflict, lambda: stage.use(code, DANA_TEAMS))
    assert "told to you here" in refused(Conflict, lambda: stage.use(code, DANA))
    stage.link("dana", DANA)
    said = refused(Conflict, lambda: stage.use(code, EVE))
    assert said.startswith("this code is for `dana`, and you are `eve`")
    assert "both are linked to `dana`" in refused(Conflict, lambda: stage.use(code, dana))
    assert stage.use(code, DANA_TEAMS).account.name == "dana"


def test_a_code_is_good_once(stage: Stage) -> None:
    stage.add()
    stage.link("dana", DANA)
    code = stage.code(DANA)
    stage.use(code, DANA_TEAMS)
    assert "is not good" in refused(NotFound, lambda: stage.use(code, EVE))
    assert stage.who(EVE).account is None


def test_a_code_is_good_for_ten_minutes(stage: Stage) -> None:
    stage.add()
    stage.link("dana", DANA)
    code = stage.code(DANA)
    (left,) = stage.im.sql("SELECT expires_at - now() AS left FROM link_codes")
    assert 590 < left["left"].total_seconds() <= 600
    stage.im.sql("UPDATE link_codes SET expires_at = expires_at - interval '10 minutes'")
    assert "is not good" in refused(NotFound, lambda: stage.use(code, EVE))
    stage.code(DANA)
    assert len(stage.im.sql("SELECT 1 FROM link_codes")) == 1


def test_a_code_is_kept_as_a_digest_only_and_never_audited(stage: Stage) -> None:
    code = stage.code(DANA)
    plain = code.replace("-", "")
    tables = ("link_codes", "audit")
    rows = [row for name in tables for row in stage.im.sql(f"SELECT t::text AS text FROM {name} t")]
    assert rows
    for row in rows:
        assert plain not in row["text"]
        assert code not in row["text"]
        assert plain.encode().hex() not in row["text"]


def test_a_person_holds_five_codes_at_most(stage: Stage) -> None:
    for _ in range(5):
        stage.code(DANA)
    assert "5 open codes" in refused(Conflict, lambda: stage.code(DANA))
    assert stage.code(EVE)

    async def many() -> list[Any]:
        speaker = await stage.people.who(DANA_TEAMS, Person(id="x"))
        made = (stage.people.issue_code(DANA_TEAMS, speaker) for _ in range(8))
        return await asyncio.gather(*made, return_exceptions=True)

    assert sum(isinstance(each, str) for each in stage.run(many())) == 5


def test_guessing_is_stopped_after_ten_wrong_codes_even_for_the_right_one(stage: Stage) -> None:
    stage.add()
    stage.link("dana", DANA)
    code = stage.code(DANA)
    for number in range(10):
        assert "is not good" in refused(NotFound, partial(stage.use, f"AAAA-AAA{number % 8 + 2}", EVE))
    assert "too many wrong codes" in refused(Conflict, lambda: stage.use(code, EVE))
    assert stage.audited().count(("slack:T1/U666", "user.link", "slack:T1/U666", "wrong code")) == 10
    stage.im.sql("UPDATE link_tries SET at = at - interval '1 hour'")
    assert stage.use(code, EVE).account.name == "dana"


def test_guesses_at_once_are_counted_too(stage: Stage) -> None:
    async def many() -> list[Any]:
        guesses = (stage.people.use_code("BBBB-BBBB", EVE) for _ in range(16))
        return await asyncio.gather(*guesses, return_exceptions=True)

    results = stage.run(many())
    assert [sum(isinstance(each, kind) for each in results) for kind in (NotFound, Conflict)] == [10, 6]


@pytest.mark.parametrize(
    "text", ["", "dana", "AAAA-AAA", "AAAA-AAAAA", "AAAA-AAA0", "AAAA-AAA\0", "x" * 10_000]
)
def test_what_is_no_code_is_said_and_not_counted(stage: Stage, text: str) -> None:
    assert refused(Invalid, lambda: stage.use(text, EVE)).startswith("code: is not a code")
    assert stage.im.sql("SELECT 1 FROM link_tries") == []


def test_of_two_uses_at_once_one_wins(stage: Stage) -> None:
    stage.add()
    stage.link("dana", DANA)
    for _ in range(5):
        code = stage.code(DANA)
        people = [Identity("slack", "T1", f"W{number}{code}") for number in range(3)]

        async def both(code: str = code, people: list[Identity] = people) -> list[Any]:
            uses = (stage.people.use_code(code, who) for who in people)
            return await asyncio.gather(*uses, return_exceptions=True)

        results = stage.run(both())
        assert sorted(type(each).__name__ for each in results) == ["Joined", "NotFound", "NotFound"]
        assert sum(stage.who(who).account is not None for who in people) == 1


def test_codes_have_no_letter_that_is_read_as_another() -> None:
    assert len(set(linking.ALPHABET)) == len(linking.ALPHABET) == 30
    assert not set("01ILOU") & set(linking.ALPHABET)


# HTTP.


def test_admins_make_and_list_accounts(im: Im) -> None:
    body = {"name": "dana", "role": "commander", "email": "dana@example.com", "timezone": "Europe/Berlin"}
    made = im.call("POST", "/api/v1/users", body)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert {key: shown[key] for key in body} == body
    assert shown["links"] == []
    assert im.get("/api/v1/users") == [shown]
    role = im.call("POST", "/api/v1/users/dana/role", {"role": "viewer"})
    assert (role.status_code, role.json()["role"]) == (200, "viewer")
    (audit, *_) = im.get("/api/v1/audit")
    assert (audit["action"], audit["actor"], audit["data"]) == (
        "user.role",
        "admin-source",
        {"role": "viewer", "before": "commander"},
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "", {"name": "dana"}),
        ("POST", "/dana/role", {"role": "admin"}),
        ("POST", "/dana/link", {"code": "AAAA-AAAA"}),
        ("DELETE", "/dana/links/slack/T1/U1", None),
    ],
)
def test_others_than_admins_may_not(im: Im, method: str, path: str, body: Any) -> None:
    assert im.call(method, f"/api/v1/users{path}", body, token=SENDER).status_code == 403
    assert im.call(method, f"/api/v1/users{path}", body, token=None).status_code == 401


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"name": "Dana"}, "name", "use lower case letters"),
        ({"name": "me"}, "name", "`me` means something else"),
        ({"name": "dana\n"}, "name", "use lower case letters"),
        ({"name": "dana", "role": "root"}, "role", "choose from viewer, responder, commander, admin"),
        ({"name": "dana", "email": "dana"}, "email", "write it like dana@example.com"),
        ({"name": "dana", "email": "\u212a@example.com"}, "email", "write it like dana@example.com"),
        ({"name": "dana", "timezone": "Europe/Berln"}, "timezone", "did you mean `Europe/Berlin`?"),
    ],
)
def test_what_makes_no_account_is_named(im: Im, body: dict[str, str], field: str, said: str) -> None:
    answer = im.call("POST", "/api/v1/users", body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["detail"]


def test_names_and_emails_are_unique(im: Im) -> None:
    assert im.call("POST", "/api/v1/users", {"name": "dana", "email": "d@example.com"}).status_code == 201
    for body in ({"name": "dana"}, {"name": "eve", "email": "D@EXAMPLE.com"}):
        assert im.call("POST", "/api/v1/users", body).status_code == 409


def test_a_code_links_over_http_and_the_link_can_be_undone(stage: Stage) -> None:
    im = stage.im
    stage.add()
    linked = im.call("POST", "/api/v1/users/dana/link", {"code": stage.code(DANA_TEAMS)})
    assert linked.status_code == 200, linked.text
    (link,) = linked.json()["links"]
    assert (link["platform"], link["workspace"], link["user"], link["how"]) == (
        "teams",
        "tenant",
        "29:abc",
        "code",
    )
    path = "/api/v1/users/dana/links/teams/tenant/29%3Aabc"
    undone = im.call("DELETE", path)
    assert (undone.status_code, undone.json()["links"]) == (200, [])
    assert im.call("DELETE", path).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"provider": "x"}, {"user": "U1"}, {"code": "AAAA-AAAA", "user": "U1", "provider": "x"}]
)
def test_a_link_needs_a_person_or_a_code(stage: Stage, body: dict[str, str]) -> None:
    stage.add()
    answer = stage.im.call("POST", "/api/v1/users/dana/link", body)
    assert (answer.status_code, answer.json()["detail"]) == (400, "give `provider` and `user`, or `code`")


def test_a_person_at_a_provider_is_linked_by_their_id(stage: Stage) -> None:
    im = stage.im
    stage.add("dana")
    stage.add("eve")
    im.add("chat", "teams", **TEAMS)
    body = {"provider": "chat", "user": "29:dana"}
    linked = im.call("POST", "/api/v1/users/dana/link", body)
    assert linked.status_code == 200, linked.text
    (link,) = linked.json()["links"]
    assert (link["platform"], link["workspace"], link["user"]) == ("teams", TEAMS["tenant_id"], "29:dana")
    assert stage.who(Identity("teams", TEAMS["tenant_id"], "29:dana")).label == "dana"
    taken = im.call("POST", "/api/v1/users/eve/link", body)
    assert taken.status_code == 409
    assert "linked to `dana` already" in taken.json()["detail"]
    assert im.call("POST", "/api/v1/users/eve/link", body | {"force": True}).status_code == 200
    strange = im.call("POST", "/api/v1/users/eve/link", body | {"user": "Eve Smith"})
    assert (strange.status_code, strange.json()["errors"][0]["field"]) == (400, "user")


def test_links_of_nobody_and_nowhere_are_refused(stage: Stage) -> None:
    body = {"provider": "nowhere", "user": "U1"}
    assert stage.im.call("POST", "/api/v1/users/nobody/link", body).status_code == 404
    stage.add()
    answer = stage.im.call("POST", "/api/v1/users/dana/link", body)
    assert answer.status_code == 404
    assert "there is no provider `nowhere`" in answer.json()["detail"]


def test_a_provider_that_does_not_tell_its_workspace_is_named(stage: Stage) -> None:
    stage.add()
    stage.im.add(
        "chat",
        "mattermost",
        base_url="http://127.0.0.1:9",
        team="ops",
        bot_token="0123456789abcdefghijklmnop",
        default_channel="town",
    )
    answer = stage.im.call("POST", "/api/v1/users/dana/link", {"provider": "chat", "user": "u"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("provider: `chat` does not tell its workspace: ")


TEAMS = {
    "app_id": "00000000-0000-4000-8000-000000000001",
    "app_password": "not-a-real-password-of-anything",
    "tenant_id": "00000000-0000-4000-8000-000000000002",
    "service_url": "https://smba.example.com/teams/",
    "default_channel": "19:general@thread.tacv2",
}


# The command line.


@pytest.fixture
def command(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("IM_URL", f"http://127.0.0.1:{stage.im.settings.port}")
    monkeypatch.setenv("IM_TOKEN", ADMIN)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(("users", *arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_the_command_line_does_what_admins_do(
    stage: Stage, command: Callable[..., tuple[int, str, str]]
) -> None:
    assert command("list") == (0, "", "there are no accounts; `im users add` makes one\n")
    assert command("add", "dana", "--email", "dana@example.com")[:2] == (0, "added dana (responder)\n")
    assert command("role", "dana", "commander")[:2] == (0, "dana is commander now\n")
    code = stage.code(DANA)
    assert command("link", "dana", "--code", code)[:2] == (0, "linked dana: slack:T1/U1 (code)\n")
    titles, row = command("list")[1].splitlines()
    assert titles.split()[:3] == ["Name", "Role", "E-mail"]
    assert row.split()[:5] == ["dana", "commander", "dana@example.com", "slack:T1/U1", "(code)"]
    assert command("unlink", "dana", "slack", "T1", "U1")[:2] == (0, "unlinked slack:T1/U1 from dana\n")
    done, out, _ = command("list", "--json")
    assert (done, [row["name"] for row in json.loads(out)]) == (0, ["dana"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("link", "dana"), 2, "im: give --provider and --user, or --code alone\n"),
        (("link", "dana", "--provider", "x"), 2, "im: give --provider and --user, or --code alone\n"),
        (("link", "dana", "--code", "A", "--force"), 2, "im: give --provider and --user, or --code alone\n"),
        (("role", "dana", "viewer"), 1, "im: there is no account `dana`; `im users list` shows them\n"),
        (
            ("unlink", "dana", "slack", "T", "U"),
            1,
            "im: there is no account `dana`; `im users list` shows them\n",
        ),
    ],
)
def test_wrong_use_of_the_command_line_is_one_sentence(
    command: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert command(*arguments) == (code, "", said)
