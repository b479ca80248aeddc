"""The command line against real servers: what people type, what they read, and what the platforms get.

The embedded servers stay up for the whole file, but nothing serves: what a command causes, it sends itself.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.cli.main import run
from router.servers import Endpoints, borrowed
from tests.fakes.slack import SlackFake
from tests.marks import SLOW

SECRET = "0123456789abcdef0123456789abcdef"


class Said(NamedTuple):
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Im:
    """The command line, called in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self.folder = folder

    def __call__(self, *arguments: str) -> Said:
        self._capsys.readouterr()
        code = run(arguments)
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Said(code, printed.out, printed.err)

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="im-cli-"))
    yield parent / "var"
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def servers(data_dir: Path) -> Iterator[Endpoints]:
    with borrowed(data_dir) as endpoints:
        yield endpoints


@pytest.fixture
def im(
    servers: Endpoints,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Im:
    for name in ("DATABASE_URL", "REDIS_URL", "IM_URL", "IM_TOKEN", "IM_RULES_DIR", "IM_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IM_DATA_DIR", str(data_dir))
    monkeypatch.setenv("PORT", str(free_port()))
    return Im(capsys, tmp_path)


@pytest.fixture
def slack(im: Im) -> Iterator[SlackFake]:
    """A Slack that is configured as the provider `company-slack`."""
    with SlackFake(open_channels=False) as fake:
        config = {
            "bot_token": fake.token,
            "signing_secret": SECRET,
            "default_channel": "C0INCIDENTS",
            "notification_channels": {"SEV-1": "C0CRITICAL"},
            "api_base": fake.url,
        }
        added = im(
            "chatops", "add", "slack", "company-slack", "--config", f"@{im.file('s', json.dumps(config))}"
        )
        assert added.code == 0, added.err
        assert added.out == "added company-slack (slack, active, 2 channels)\n"
        assert fake.token not in added.err
        yield fake
        assert im("chatops", "remove", "company-slack").out == "removed company-slack\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def created(number: int, **more: Any) -> dict[str, Any]:
    incident = {"id": f"INC-2024-{number:03d}", "title": "Database timeout", "severity": "SEV-2", **more}
    return {"id": f"evt-{number}", "type": "incident.created", "incident": incident}


def test_a_slack_provider_is_added_listed_and_tested_as_the_documentation_shows(
    im: Im, slack: SlackFake
) -> None:
    assert im("chatops", "list").out.split()[:4] == ["Provider", "Platform", "Status", "Channels"]
    assert ["company-slack", "slack", "active", "2"] in [
        line.split() for line in im("chatops", "list").out.splitlines()
    ]
    slack.add_channel("C0CRITICAL", "critical")
    tested = im("chatops", "test", "company-slack")
    assert tested.out.splitlines() == [
        "✓ Connected to Slack workspace",
        "✓ Bot permissions verified",
        "✓ Default channel accessible",
        "✓ Slash commands configured",
    ]
    assert tested.code == 0


def test_secrets_are_masked_wherever_a_provider_is_shown(im: Im, slack: SlackFake) -> None:
    for arguments in (
        ["chatops", "list", "--json"],
        ["chatops", "config", "--provider", "company-slack"],
        ["chatops", "config", "--provider", "company-slack", "--json"],
        ["chatops", "update", "company-slack", "--disable", "--json"],
    ):
        said = im(*arguments)
        assert said.code == 0
        assert slack.token not in said.out
        assert SECRET not in said.out
    shown = im("chatops", "config", "--provider", "company-slack").out
    assert "xoxb-…1234" in shown
    assert ["SEV-1", "C0CRITICAL"] in [line.split() for line in shown.splitlines()]
    assert ["SEV-2", "C0INCIDENTS"] in [line.split() for line in shown.splitlines()]


def test_one_severitys_channel_changes_and_the_others_stay(im: Im, slack: SlackFake) -> None:
    def change(channels: dict[str, str | None]) -> None:
        said = im(
            "chatops", "update", "company-slack", "--config", json.dumps({"notification_channels": channels})
        )
        assert said.code == 0

    change({"SEV-2": "C0MAJOR", "SEV-3": "C0MINOR"})
    change({"SEV-2": "C0NEW", "SEV-3": None})
    shown = im("chatops", "config", "--provider", "company-slack").out
    rows = [line.split() for line in shown.splitlines()]
    assert ["SEV-1", "C0CRITICAL"] in rows
    assert ["SEV-2", "C0NEW"] in rows
    assert ["SEV-3", "C0INCIDENTS"] in rows


def test_a_token_that_slack_refuses_fails_the_test_with_the_mend(im: Im, slack: SlackFake) -> None:
    slack.token = "xoxb-another"
    tested = im("chatops", "test", "company-slack")
    assert tested.code == 1
    assert tested.out.startswith("✗ ")
    assert "im: 4 of 4 checks of company-slack failed\n" in tested.err


def test_a_notification_of_an_unknown_incident_arrives_marked_test(im: Im, slack: SlackFake) -> None:
    said = im("chatops", "notify", "company-slack", "INC-12345")
    assert said == (0, "✓ sent to C0INCIDENTS on company-slack\n", "")
    (message,) = slack.in_channel("C0INCIDENTS")
    assert "TEST" in json.dumps(message.payload)
    assert "INC-12345" in json.dumps(message.payload)


@SLOW
def test_a_notification_that_cannot_be_sent_says_why_and_is_sent_again_when_that_is_mended(
    im: Im, slack: SlackFake
) -> None:
    said = im("chatops", "notify", "company-slack", "INC-1", "--severity", "SEV-1", "--json")
    assert said.code == 1
    (delivery,) = said.json["deliveries"]
    assert (delivery["state"], delivery["reason"]) == ("failed", "channel_not_found")
    assert f"`im deliveries show {delivery['id']}` says more" in said.err
    assert "channel_not_found" in im("deliveries", "show", delivery["id"]).out
    assert delivery["id"] in im("deliveries", "list", "--state", "failed").out
    slack.add_channel("C0CRITICAL", "critical")
    assert im("deliveries", "retry", delivery["id"]).out == "✓ sent to C0CRITICAL on company-slack\n"
    assert len(slack.in_channel("C0CRITICAL")) == 1
    again = im("deliveries", "retry", delivery["id"])
    assert (again.code, again.err) == (1, "im: the delivery is sent; there is nothing to try again\n")


@SLOW
def test_every_severity_is_tested_and_each_outcome_told(im: Im) -> None:
    said = im("chatops", "test-notifications", "--provider", "sandbox")
    assert said.out.splitlines() == [
        f"✓ SEV-{number}: sent to #incidents on sandbox" for number in range(1, 5)
    ]
    assert "Test of the SEV-4 channel" in im("chatops", "messages", "sandbox").out


def test_messages_and_broadcasts_arrive_where_they_are_sent(im: Im) -> None:
    said = im("chatops", "message", "sandbox", "Maintenance at ten", "--channel", "#ops")
    assert said.out == "✓ sent to #ops on sandbox\n"
    assert "Maintenance at ten" in im("chatops", "messages", "sandbox", "--channel", "#ops").out
    (delivery,) = im("chatops", "broadcast", "To everybody", "--json").json["deliveries"]
    assert delivery["state"] == "sent"
    assert "#ops" in im("chatops", "channels", "--provider", "sandbox").out
    assert im("chatops", "health", "--provider", "sandbox", "--json").json["state"] == "healthy"
    assert [row["provider"] for row in im("chatops", "status", "--json").json] == ["sandbox"]


@SLOW
def test_events_from_lines_are_taken_but_those_at_fault_which_are_named(im: Im) -> None:
    lines = [
        json.dumps(created(1, service="checkout")),
        json.dumps(created(2, severity="SEV-9")),
        "not json",
        json.dumps({"id": "evt-3", "type": "incident.acknowledged", "actor": "dana", "note": "on it",
                    "incident": {"id": "INC-2024-001"}}),
    ]  # fmt: skip
    file = im.file("events.jsonl", "\n".join(lines))
    said = im("events", "post", file)
    assert said.code == 1
    assert said.out == "2 events accepted, 2 deliveries\n"
    assert "line 2: incident.severity: `SEV-9` is not one of" in said.err
    assert "line 3: is not JSON" in said.err
    assert "im: 2 of 4 failed" in said.err
    again = im("events", "post", file, "--json").json
    assert [row["duplicate"] for row in again["results"]] == [True, True]
    assert [row["place"] for row in again["failed"]] == ["line 3", "line 2"]

    assert "INC-2024-001" in im("incidents", "list").out
    shown = im("incidents", "show", "inc-2024-001").out
    assert ["Status:", "acknowledged"] in [line.split() for line in shown.splitlines()]
    assert "on it" in im("timeline", "INC-2024-001").out
    assert im("timeline", "INC-2024-001", "--source", "chatops").out == ""
    assert "on it" in im("timeline", "--source", "api", "--limit", "2").out
    assert [row["event_type"] for row in im("timeline", "--limit", "2", "--json").json] == [
        "incident.created",
        "incident.acknowledged",
    ]
    assert "INC-2024-001: Database timeout" in im("chatops", "messages", "sandbox").out
    explained = im("rules", "explain", "evt-1").out
    assert "✓ incident-created (10-incidents.yaml:" in explained
    assert "not: event is incident.resolved" in explained
    decision = again["results"][0]["decision_id"]
    assert im("rules", "explain", decision).out == explained


def test_an_array_is_taken_whole_or_not_at_all(im: Im) -> None:
    file = im.file("events.json", json.dumps([created(11), created(12, title="")]))
    said = im("events", "post", file)
    assert (said.code, said.out) == (1, "0 events accepted, 0 deliveries\n")
    assert "item 2: incident.title: missing" in said.err
    assert im("incidents", "show", "INC-2024-011").code == 1


def test_more_events_than_a_request_takes_go_in_several(im: Im) -> None:
    lines = "\n".join(
        json.dumps(
            {"id": f"many-{number}", "type": "incident.created",
             "incident": {"id": "INC-2024-500", "title": f"x{number}", "severity": "SEV-4"}}
        )
        for number in range(1050)
    )  # fmt: skip
    said = im("events", "post", im.file("many.jsonl", lines))
    assert said.code == 0, said.err
    assert said.out.startswith("1050 events accepted, ")


def test_a_token_is_shown_once_and_no_longer_taken_when_it_is_revoked(im: Im) -> None:
    made = im("tokens", "create", "alertmanager", "--scope", "events:write")
    token = made.out.strip()
    assert token.startswith("im_")
    assert "not shown again" in made.err
    assert token not in im("tokens", "list").out
    assert im("tokens", "revoke", "alertmanager").out == "revoked alertmanager\n"
    assert im("tokens", "revoke", "alertmanager").code == 1
    assert im("tokens", "create", "x", "--scope", "everything").code == 1


def test_a_source_keeps_what_an_update_does_not_name(im: Im) -> None:
    assert im("sources", "update", "am").code == 1
    assert im("sources", "add", "am", "--severity", "critical=SEV-1", "--per", "alert").code == 0
    assert im("sources", "add", "am").code == 1
    assert im("sources", "update", "am", "--severity", "warning=SEV-3", "--json").json == {
        "name": "am",
        "severity_map": {"critical": "SEV-1", "warning": "SEV-3"},
        "default_severity": "SEV-3",
        "per": "alert",
    }
    assert "critical=SEV-1, warning=SEV-3" in im("sources", "list").out


def test_secrets_are_sealed_again_and_still_open(im: Im, slack: SlackFake) -> None:
    assert "again" in im("secrets", "rotate").out
    assert im("chatops", "test", "company-slack").code == 0


def test_templates_are_listed_and_previewed_and_a_wrong_placeholder_is_named(
    im: Im, slack: SlackFake
) -> None:
    wrong = json.dumps({"templates": {"incident_created": {"slack": "*{{.Titel}}*"}}})
    said = im("chatops", "update", "company-slack", "--config", wrong)
    assert said.code == 1
    assert "did you mean `{{.Title}}`?" in said.err
    right = wrong.replace("Titel", "Title")
    assert im("chatops", "update", "company-slack", "--config", right).code == 0
    assert "*{{.Title}}*" in im("templates", "list").out
    shown = im("templates", "preview", "--provider", "company-slack").out
    assert "*Checkout &lt;fails&gt;" in shown
    file = im.file(
        "look.yaml", "templates:\n  incident_created:\n    sandbox: 'Hi {{.ID}}'\n    teams: '{{.Nope}}'\n"
    )
    assert im("templates", "preview", file, "--platform", "sandbox").out == "Hi INC-2026-001\n"
    assert "{{.Nope}}" in im("templates", "preview", file).err


def test_rules_are_validated_with_their_place_and_wrong_ones_are_not_taken(
    im: Im, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert im("rules", "validate").out.startswith("✓ ")
    assert "incident-created" in im("rules", "show").out
    assert im("rules", "reload").code == 0
    assert im("events", "post", im.file("kept.json", json.dumps(created(90)))).code == 0
    folder = im.folder / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "version: 1\nroutes:\n  - id: x\n    when: {severty: SEV-1}\n    notify: []\n"
    )
    said = im("rules", "validate", str(folder))
    assert said.code == 1
    assert "✗ a.yaml:4" in said.out
    assert "did you mean `severity`?" in said.out
    (problem,) = im("rules", "validate", str(folder), "--json").json["problems"]
    assert (problem["file"], problem["line"]) == ("a.yaml", 4)
    monkeypatch.setenv("IM_RULES_DIR", str(folder))
    assert "✗ Rules in" in im("doctor").out
    assert im("chatops", "list").code == 0  # the rules of the last run are in force


def test_the_doctor_names_what_is_wrong_and_the_mend(
    im: Im, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert im("chatops", "list").code == 0  # the first start makes the token
    well = im("doctor")
    assert well.code == 0, well.out
    assert all(line.startswith("✓ ") for line in well.out.splitlines())
    (data_dir / "admin-token").chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        ill = im("doctor", "--json")
    (data_dir / "admin-token").chmod(0o600)
    assert ill.code == 1
    wrong = {check["name"]: check["mend"] for check in ill.json["checks"] if not check["ok"]}
    assert wrong["admin-token"] == f"run `chmod 600 {data_dir}/admin-token`"
    assert "set PORT or IM_BIND" in wrong["port"]
    assert len(wrong) == 2


def test_with_a_server_elsewhere_the_same_commands_say_the_same(
    im: Im, servers: Endpoints, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = im("chatops", "list")
    token = (data_dir / "admin-token").read_text().strip()
    port = free_port()
    environ = os.environ | {
        "DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url, "PORT": str(port)
    }  # fmt: skip
    with subprocess.Popen([sys.executable, "-m", "api.cli", "api"], env=environ) as server:
        try:
            await_port(port)
            monkeypatch.setenv("IM_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("IM_TOKEN", token)
            assert im("chatops", "list") == here
            assert im("doctor").code == 0
            nobody = im("chatops", "remove", "nobody")
            assert nobody.code == 1
            assert "there is no provider `nobody`" in nobody.err
            monkeypatch.setenv("IM_TOKEN", "im_wrong")
            refused = im("chatops", "list")
            assert (refused.code, refused.out) == (1, "")
            assert "the token is not valid" in refused.err
        finally:
            server.terminate()
    away = im("chatops", "list")
    assert away.code == 1
    assert f"http://127.0.0.1:{port} cannot be reached" in away.err


def test_a_role_without_servers_says_how_to_start_them(
    im: Im, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IM_DATA_DIR", str(tmp_path / "empty"))
    said = im("worker", "--lanes", "sandbox")
    assert said.code == 1
    assert "start `im serve`, or set DATABASE_URL and REDIS_URL" in said.err


def await_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not start")
