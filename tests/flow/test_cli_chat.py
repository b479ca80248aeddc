"""The command line about chat: incidents by hand, what platforms sent, rehearsals, apps to upload."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.slack import SlackFake
from tests.flow.test_cli import SECRET, Im, data_dir, im, servers

__all__ = ["data_dir", "im", "servers"]


@pytest.fixture
def company(im: Im) -> Iterator[SlackFake]:
    """A Slack that is configured as the provider `company-slack`."""
    with SlackFake() as fake:
        config = {
            "bot_token": fake.token,
            "signing_secret": SECRET,
            "default_channel": "C0INCIDENTS",
            "api_base": fake.url,
        }
        text = f"@{im.file('s', json.dumps(config))}"
        added = im("chatops", "add", "slack", "company-slack", "--config", text)
        assert added.code == 0, added.err
        yield fake
        im("chatops", "remove", "company-slack")


def declared(im: Im, *more: str) -> str:
    said = im("incidents", "declare", "It is down", *more)
    assert said.code == 0, said.err
    found = re.fullmatch(r"declared (INC-\d{4}-\d{3,}): SEV-\d, open\n", said.out)
    assert found, said.out
    return found[1]


def test_an_incident_is_worked_from_the_command_line(im: Im) -> None:
    number = declared(im, "--sev", "SEV-2", "--service", "checkout", "--description", "Nobody can pay")
    assert im("incidents", "ack", number, "on it").out == f"{number} is acknowledged\n"
    assert im("incidents", "escalate", number, "sev-1").out == f"{number} is SEV-1 now\n"
    assert im("incidents", "assign", number, "@dana").out == f"{number} is assigned to dana\n"
    assert im("incidents", "update", number, "failing over").out == f"noted on {number}\n"
    assert im("incidents", "resolve", number, "restarted it").out == f"{number} is resolved\n"
    assert im("incidents", "reopen", number).out == f"{number} is open\n"
    assert im("incidents", "resolve", number).code == 0
    assert im("incidents", "close", number).out == f"{number} is closed\n"
    shown = im("incidents", "show", number, "--json").json
    assert (shown["status"], shown["severity"], shown["assignee"]) == ("closed", "SEV-1", "dana")


def test_json_is_the_incident(im: Im) -> None:
    row = im("incidents", "declare", "Down", "--json").json
    assert (row["title"], row["severity"], row["status"]) == ("Down", "SEV-3", "open")
    assert im("incidents", "ack", row["id"], "--json").json["status"] == "acknowledged"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ack", "INC-404"), "there is no incident `INC-404`"),
        (("close", "ID"), "is open; resolve it first"),
        (("reopen", "ID"), "is open"),
        (("escalate", "ID", "SEV-9"), "`SEV-9` is not one of SEV-1"),
        (("escalate", "ID", "SEV-3"), "is SEV-3 already"),
        (("assign", "ID", " "), "name an account"),
        (("update", "ID", ""), "say what is new"),
        (("declare", " "), "say in a few words what is broken"),
        (("declare", "x", "--sev", "urgent"), "`urgent` is not one of SEV-1"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    im: Im,
    arguments: tuple[str, ...],
    told: str,
) -> None:
    number = declared(im) if "ID" in arguments else ""
    said = im("incidents", *(number if each == "ID" else each for each in arguments))
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("ack",), ("escalate", "INC-1"), ("declare",), ("update", "INC-1")])
def test_wrong_usage_is_code_two(im: Im, arguments: tuple[str, ...]) -> None:
    assert im("incidents", *arguments).code == 2


def test_the_second_to_acknowledge_is_told_who_was_first(im: Im) -> None:
    number = declared(im)
    assert im("incidents", "ack", number).code == 0
    again = im("incidents", "ack", number)
    assert again.code == 1
    assert f"{number} was acknowledged by " in again.err


def test_a_hostile_title_does_not_reach_the_terminal_raw(im: Im) -> None:
    row = im("incidents", "declare", "a\x1b[31mred\u202e\nb", "--json").json
    listed = im("incidents", "list")
    assert listed.code == 0
    assert "\x1b[31m" not in listed.out
    assert im("incidents", "show", row["id"]).code == 0


# What platforms sent.


def test_a_rehearsal_goes_through_the_front_door(im: Im, company: SlackFake) -> None:
    said = im("chatops", "test-commands", "--provider", "company-slack")
    lines = said.out.splitlines()
    assert said.code == 0, said.out + said.err
    assert lines[0] == "✓ A forged request was refused"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "✓ /im help",
        "✓ /im list",
        "✓ /im oncall",
        "✓ /im metrics",
    ]
    pressed = im("chatops", "interact-test", "company-slack")
    assert pressed.code == 0, pressed.out + pressed.err
    assert re.search(r"✓ A button: acknowledged in \d+ ms, done", pressed.out)
    assert company.messages == {}, "a rehearsal says nothing to anybody"


def test_what_was_sent_is_listed_with_its_judgement_and_no_body(im: Im, company: SlackFake) -> None:
    im("chatops", "interact-test", "company-slack")
    rows = im("chatops", "webhooks", "--recent", "2", "--provider", "company-slack", "--json").json
    assert [row["judgement"] for row in rows] == ["accepted", "no_signature"]
    assert all(
        set(row) == {"provider", "judgement", "kind", "about", "at", "size", "seconds"} for row in rows
    )
    said = im("chatops", "webhooks", "--recent", "1")
    assert said.code == 0
    assert "company-slack" in said.out
    assert "forged" not in said.out


def test_a_rehearsal_that_fails_names_the_mend(im: Im, company: SlackFake) -> None:
    im("chatops", "update", "company-slack", "--config", '{"enable_slash_commands": false}')
    said = im("chatops", "test-commands", "--provider", "company-slack")
    assert said.code == 1
    assert "came to refused" in said.out
    assert "4 of 5 checks of company-slack failed" in said.err
    im("chatops", "update", "company-slack", "--disable")
    off = im("chatops", "interact-test", "company-slack")
    assert off.code == 1
    assert "im chatops update company-slack --enable" in off.err


@pytest.mark.parametrize("test", [("interact-test", "nobody"), ("test-commands", "--provider", "nobody")])
def test_an_unknown_provider_is_named(im: Im, test: tuple[str, ...]) -> None:
    said = im("chatops", *test)
    assert (said.code, said.out) == (1, "")
    assert "there is no provider `nobody`" in said.err


def test_the_manifest_is_what_slack_reads(im: Im, company: SlackFake) -> None:
    said = im("chatops", "manifest", "company-slack", "--url", "https://im.example.com")
    assert said.code == 0, said.err
    made: Any = json.loads(said.out)
    (command,) = made["features"]["slash_commands"]
    assert command["command"] == "/im"
    assert command["url"] == "https://im.example.com/chatops/slack/company-slack"
    assert company.token not in said.out
    assert SECRET not in said.out
    wrong = im(
        "chatops", "manifest", "company-slack", "--with", "nonsense", "--url", "https://im.example.com"
    )
    assert wrong.code == 1
    assert "nonsense" in wrong.err


def test_the_teams_package_is_written_to_a_file(im: Im) -> None:
    config = {
        "app_id": "11111111-2222-4333-8444-555555555555",
        "app_password": "x" * 20,
        "tenant_id": "99999999-2222-4333-8444-555555555555",
        "default_channel": "19:general@thread.tacv2",
    }
    added = im("chatops", "add", "teams", "corp-teams", "--config", json.dumps(config))
    assert added.code == 0, added.err
    path = im.folder / "corp-teams.zip"
    said = im("chatops", "manifest", "corp-teams", "--url", "https://im.example.com", "--output", str(path))
    assert said.code == 0, said.err
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as package:
        assert "manifest.json" in package.namelist()
        assert b"x" * 20 not in package.read("manifest.json")
    im("chatops", "remove", "corp-teams")
