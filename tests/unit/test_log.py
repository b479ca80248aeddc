"""The log hides secrets, and never takes the work down that it tells of."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog

from router import log


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, _text: str, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _configured() -> None:
    log.configure(debug=False)


@pytest.mark.parametrize("stream", [Full(), io.StringIO()])
def test_a_log_that_cannot_be_written_is_lost_and_nothing_else(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(stream, Full):
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    structlog.get_logger().error("something_happened")


def test_what_sounds_like_a_secret_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("added", bot_token="xoxb-1", Authorization="Bearer x", provider="slack")
    row = json.loads(capsys.readouterr().err)
    assert row["bot_token"] == row["Authorization"] == "…"
    assert row["provider"] == "slack"


def test_a_traceback_is_for_debugging_only(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().error("failed", exc_info=ValueError("inner"))
    assert "inner" not in capsys.readouterr().err
