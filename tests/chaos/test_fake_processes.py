"""`python -m tests.fakes`: what it prints can be used as it is, and what it records is there at once."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from adapters import registry
from adapters.config import validate
from tests.chaos.installation import PLATFORMS, ROOT, fakes
from tests.fakes.__main__ import introduction
from tests.fakes.slack import SlackFake


def test_every_platform_starts_with_a_configuration_that_validates(tmp_path: Path) -> None:
    with fakes(tmp_path) as running:
        assert tuple(running) == PLATFORMS
        for name, fake in running.items():
            platform = registry.platform(name)
            assert validate(platform.config, name, fake.config).default_channel
    assert {name: fake.process.returncode for name, fake in running.items()} == dict.fromkeys(PLATFORMS, 0)


def test_a_message_is_in_the_records_when_it_is_answered(tmp_path: Path) -> None:
    with fakes(tmp_path) as running:
        config = running["slack"].config
        headers = {"authorization": f"Bearer {config['bot_token']}", "content-type": "application/json"}
        body = json.dumps({"channel": "C0INCIDENTS", "text": "hello"}).encode()
        request = urllib.request.Request(f"{config['api_base']}/chat.postMessage", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["ok"]
        (row,) = map(json.loads, running["slack"].records.read_text().splitlines())
    assert (row["what"], row["channel"], row["payload"]["text"]) == ("post", "C0INCIDENTS", "hello")


def test_the_command_to_paste_holds_the_configuration_as_one_argument() -> None:
    with SlackFake() as fake:
        hello, command = introduction("slack", fake)
    words = shlex.split(command)
    assert words[:5] == ["./im", "chatops", "add", "slack", "fake-slack"]
    assert json.loads(words[6]) == json.loads(hello)["config"]


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with SlackFake() as fake:
        port = fake.port
        command = [sys.executable, "-m", "tests.fakes", "teams", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"tests.fakes: port {port} cannot be used")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["irc"]])
def test_an_unknown_platform_is_wrong_usage(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "tests.fakes", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "usage: python -m tests.fakes" in done.stderr
