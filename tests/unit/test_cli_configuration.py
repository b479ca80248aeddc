"""Providers' configuration from arguments, files, stdin and prompts."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from adapters import registry
from api.cli.configuration import asked, given
from api.cli.errors import CliError
from api.cli.sources import mapped

SECRET = "xoxb-1111111111-2222222222-neverprintedtoken"


def test_json_is_taken_from_the_argument_a_file_and_stdin(tmp_path: Path) -> None:
    file = tmp_path / "slack.json"
    file.write_text('{"default_channel": "C2"}', encoding="utf-8-sig")

    @click.command()
    def read() -> None:
        click.echo(given("-")["default_channel"])

    assert given('{"default_channel": "C1"}') == {"default_channel": "C1"}
    assert given(f"@{file}") == {"default_channel": "C2"}
    assert CliRunner().invoke(read, input='{"default_channel": "C3"}').output == "C3\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n "b" 2}', "--config is not JSON: line 2, column 6"),
        ('{\n"SEV-1": "C1", # urgent\n"SEV-2": "C2"}', "JSON has no comments"),
        ("[1]", "--config must be a JSON object"),
        ("", "--config is not JSON: line 1, column 1"),
        ("@/nowhere/at/all.json", "/nowhere/at/all.json cannot be read: No such file"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(CliError) as caught:
        given(text)
    assert said in str(caught.value)
    assert caught.value.code == 2


def test_an_error_does_not_repeat_the_configuration() -> None:
    with pytest.raises(CliError) as caught:
        given(f'{{"bot_token": "{SECRET}" "default_channel": "C1"}}')
    assert "xoxb" not in str(caught.value)


def ask(platform: str, answers: list[str]) -> tuple[dict[str, object], str]:
    """The configuration that these answers make, and what the terminal showed."""
    made: dict[str, object] = {}

    @click.command()
    def interview() -> None:
        made.update(asked(registry.platform(platform)))

    result = CliRunner().invoke(interview, input="\n".join(answers) + "\n")
    assert result.exception is None, result.output
    return made, result.output


def test_slack_is_asked_for_in_the_order_of_the_documentation_and_secrets_are_not_echoed() -> None:
    made, shown = ask("slack", [SECRET, "", "C0", "y", "y", "C1", "", "", ""])
    assert made == {
        "bot_token": SECRET,
        "default_channel": "C0",
        "enable_slash_commands": True,
        "enable_notifications": True,
        "notification_channels": {"SEV-1": "C1"},
    }
    assert "neverprintedtoken" not in shown
    places = [
        shown.index(text) for text in ("Bot token (xoxb-…)", "Default channel ID", "slash commands", "SEV-4")
    ]
    assert places == sorted(places)


def test_without_notifications_no_channels_are_asked_for() -> None:
    made, shown = ask("slack", [SECRET, "", "C0", "n", "n"])
    assert made["enable_notifications"] is False
    assert "SEV-1" not in shown


@pytest.mark.parametrize("platform", list(registry.PLATFORMS))
def test_every_required_key_and_every_secret_of_every_platform_is_asked_for(platform: str) -> None:
    kind = registry.platform(platform).config
    keys = {*kind.SECRETS, *kind.REQUIRED, "default_channel"}
    made, _ = ask(platform, [f"answer-{number}" for number in range(len(keys))] + ["y", "n"])
    assert keys <= made.keys()
    json.dumps(made)


def test_a_required_answer_is_asked_for_again() -> None:
    made, _ = ask("slack", ["", SECRET, "", "C0", "y", "n"])
    assert made["bot_token"] == SECRET


def test_severities_of_a_source_are_pairs() -> None:
    assert mapped(("critical=SEV-1", "a=b=c")) == {"critical": "SEV-1", "a": "b=c"}
    with pytest.raises(click.UsageError, match="not THEIRS=OURS"):
        mapped(("critical",))
