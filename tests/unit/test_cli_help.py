"""The command line before any command runs: help, typos, errors, and what is imported for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import click
import pytest

from api.cli.groups import Group
from api.cli.main import COMMANDS, im, run

HEAVY = ("litestar", "httpx", "rich", "psycopg", "redis", "rq", "uvicorn", "structlog", "yaml")


def commands() -> list[tuple[str, ...]]:
    """Every command there is, by its path."""
    found: list[tuple[str, ...]] = []

    def walk(path: tuple[str, ...], command: click.Command) -> None:
        found.append(path)
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk((*path, name), below)

    walk((), im)
    return found


@pytest.mark.parametrize(
    "arguments", [["--help"], ["chatops", "--help"], ["help", "events", "post"], ["chatop"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from api.cli.main import run\n"
        f"run({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_help_shows_the_first_sentence_of_every_command_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chatops", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "channels The channels that the bot sees, whether it can post there, and what they are used for."
        in shown
    )
    assert "..." not in shown.partition("Commands:")[2]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert re.fullmatch(r"im \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_help_names_every_command_in_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for entry in COMMANDS:
        assert f"{entry.section}:" in shown
        assert f"  {entry.name} " in shown


@pytest.mark.parametrize("path", commands(), ids=lambda path: " ".join(path) or "im")
def test_every_command_has_help_and_every_leaf_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: {' '.join(('im', *path))}")
    command: click.Command = im
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    if not isinstance(command, Group):
        assert "im " + " ".join(path) in shown.partition("Example")[2]


def test_help_of_a_command_is_what_the_command_says_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "chatops", "add"]) == 0
    first = capsys.readouterr().out
    assert run(["chatops", "add", "--help"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chatop"], "im: there is no command `chatop`; did you mean `im chatops`?"),
        (
            ["chatops", "brodcast", "x"],
            "im: there is no command `brodcast`; did you mean `im chatops broadcast`?",
        ),
        (["help", "evnts"], "im: there is no command `evnts`; did you mean `im events`?"),
        (["qqqq"], "im: there is no command `qqqq`; `im --help` lists those there are"),
        (["incidents", "show"], "im: missing argument 'INCIDENT'; see `im incidents show --help`"),
        (["--bogus"], "im: no such option '--bogus'; see `im --help`"),
    ],
)
def test_wrong_usage_is_one_sentence_with_the_mend(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.replace('"', "'") == said + "\n"


def test_without_a_command_the_help_is_shown_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: im" in capsys.readouterr().err


def test_an_unforeseen_error_is_a_sentence_and_with_debugging_a_traceback_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def crash() -> None:
        raise ValueError("xoxb-secret")

    monkeypatch.setattr(im, "get_command", lambda *_: crash)
    monkeypatch.delenv("CHATOPS_DEBUG", raising=False)
    assert run(["crash"]) == 1
    assert capsys.readouterr().err == (
        "im: this should not have happened (ValueError); CHATOPS_DEBUG=true shows where\n"
    )
    monkeypatch.setenv("CHATOPS_DEBUG", "true")
    assert run(["crash"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_early_gets_no_complaint() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_im_itself(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_IM_COMPLETE" in capsys.readouterr().out


def test_completion_offers_the_commands_of_a_group() -> None:
    environ = os.environ | {"COMP_WORDS": "im chatops te", "COMP_CWORD": "2", "_IM_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-m", "api.cli"], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "plain,test",
        "plain,test-commands",
        "plain,test-notifications",
    ]


def test_settings_that_cannot_be_used_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "99999")
    assert run(["config", "show"]) == 1
    assert capsys.readouterr().err == ("im: PORT: '99999' is not a port; give a number from 1 to 65535\n")


def test_config_show_masks_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IM_SECRET_KEY", "0123456789abcdef0123456789abcdef-secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://im:hunter2@db/im")
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        assert run(arguments) == 0
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        assert "0123456789abcdef" not in shown


def test_a_server_without_a_token_is_refused_before_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IM_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("IM_TOKEN", raising=False)
    assert run(["chatops", "list"]) == 1
    assert "IM_TOKEN is not" in capsys.readouterr().err
