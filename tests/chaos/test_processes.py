"""What goes wrong around processes: ports, folders, rule files, disks and platforms that are not there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.installation import (
    ROOT,
    Answer,
    Installation,
    eventually,
    folder,
    free_port,
    installed,
    kill,
)
from tests.flow.test_servers import on_small_disk

pytestmark = pytest.mark.chaos

STOP_SECONDS = 20.0
BAD_RULES = """version: 1
routes:
  - id: all
    when: {severty: SEV-1}
    notify: [{to: default}]
"""
GOOD_RULES = BAD_RULES.replace("severty", "severity")


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    """An installation that several tests share."""
    with installed() as installation:
        yield installation


def serve(data_dir: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Run `im serve` until it gives up by itself."""
    environ = {**os.environ, "IM_DATA_DIR": str(data_dir), "PORT": str(port)}
    command = [sys.executable, "-m", "worker", "serve"]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def event(id: str, kind: str = "incident.created", incident: str = "INC-9", **more: str) -> dict[str, Any]:
    card = {"id": incident, "title": "Checkout is down", "severity": "SEV-2"} | more
    return {"id": id, "type": kind, "incident": card}


def deliveries_of(installation: Installation, id: str, incident: str) -> list[str]:
    """Post an incident, again while a part is away as every sender must, and return its deliveries."""
    answers: list[Answer] = []

    def accepted() -> bool:
        # The API of a killed supervisor may answer until it has ended, and then nothing does for a moment.
        with contextlib.suppress(OSError):
            answers.append(installation.call("POST", "/api/v1/events", event(id, incident=incident)))
        return bool(answers) and answers[-1].status == 202

    eventually(accepted, 30, lambda: answers[-1:])
    ids: list[str] = answers[-1].body["results"][0]["deliveries"]
    return ids


def delivery(installation: Installation, id: str) -> dict[str, Any]:
    found: dict[str, Any] = installation.call("GET", f"/api/v1/deliveries/{id}").body
    return found


def test_a_port_in_use_is_said_in_one_line_with_the_mend(running: Installation) -> None:
    with folder() as parent:
        done = serve(parent / "var", running.port)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"im: 127.0.0.1 port {running.port} cannot be used" in done.stderr
    assert "set PORT" in done.stderr


def test_a_data_folder_in_use_is_refused_and_its_owner_goes_on(running: Installation) -> None:
    done = serve(running.data_dir, free_port())
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(running.data_dir) in done.stderr
    assert f"{running.pid_of('supervisor')}" in done.stderr
    assert running.ready()


def test_a_bad_rule_file_at_the_start_is_named_with_its_mend_and_nothing_is_left_running() -> None:
    with folder() as parent:
        rules = parent / "rules"
        rules.mkdir()
        (rules / "10-mine.yaml").write_text(BAD_RULES)
        installation = Installation(parent / "var", IM_RULES_DIR=str(rules))
        process = installation.start()
        try:
            assert process.wait(60) == 1
            said = installation.log.read_text()
            assert "10-mine.yaml:4: " in said
            assert "did you mean `severity`?" in said
            assert "Traceback" not in said
            assert installation.left_over() == []
            (rules / "10-mine.yaml").write_text(GOOD_RULES)
            installation.start()
            installation.wait_ready()
        finally:
            installation.stop()


def test_rules_that_break_while_serving_stay_in_force_and_a_killed_api_comes_back_once_mended() -> None:
    with folder() as parent:
        rules = parent / "rules"
        rules.mkdir()
        (rules / "10-mine.yaml").write_text(GOOD_RULES)
        installation = Installation(parent / "var", IM_RULES_DIR=str(rules))
        process = installation.start()
        try:
            installation.wait_ready()
            (rules / "10-mine.yaml").write_text(BAD_RULES)
            eventually(lambda: "rules_refused" in installation.log.read_text(), 15)
            assert installation.ready()
            api = installation.pid_of("api")
            assert api is not None
            kill(api)
            eventually(lambda: "did you mean `severity`?\n" in installation.log.read_text(), 30)
            (rules / "10-mine.yaml").write_text(GOOD_RULES)
            installation.wait_ready()
            assert process.poll() is None, "the supervisor gave up"
        finally:
            installation.stop()


@pytest.mark.parametrize("kind", ["api", "worker", "ticker", "valkey", "postgres"])
def test_a_killed_part_is_started_again_and_messages_go_out(running: Installation, kind: str) -> None:
    before = running.pid_of(kind)
    assert before is not None
    kill(before)
    eventually(lambda: running.pid_of(kind) not in (None, before), 30)
    running.wait_ready()
    (sent,) = deliveries_of(running, f"after-{kind}", f"INC-AFTER-{kind.upper()}")
    eventually(lambda: delivery(running, sent)["state"] == "sent", 60, lambda: delivery(running, sent))


def test_a_platform_that_refuses_connections_shows_as_retrying_with_the_reason(running: Installation) -> None:
    config = {
        "bot_token": "xoxb-1000000000-2000000000-fakebottoken1234",
        "default_channel": "C0INCIDENTS",
        "api_base": f"http://127.0.0.1:{free_port()}",
    }
    body = {"name": "away", "type": "slack", "config": config}
    assert running.call("POST", "/api/v1/chatops/providers", body).status == 201
    sent = deliveries_of(running, "unreachable", "INC-UNREACHABLE")
    (waiting,) = (each for each in sent if delivery(running, each)["provider"] == "away")
    eventually(
        lambda: len(delivery(running, waiting)["attempts"]) > 1, 30, lambda: delivery(running, waiting)
    )
    shown = delivery(running, waiting)
    assert shown["state"] in ("retrying", "sending")
    assert shown["reason"] == "unreachable"
    assert shown["detail"].startswith("next try in")
    assert running.call("DELETE", "/api/v1/chatops/providers/away").status == 204


def test_sigterm_ends_everything_in_time_and_leaves_no_process() -> None:
    with installed() as installation:
        deliveries_of(installation, "last", "INC-LAST")
        assert len(installation.left_over()) >= 6, "the search does not find what runs"
        asked = time.monotonic()
        assert installation.stop() == 0
        assert time.monotonic() - asked < STOP_SECONDS
        assert installation.left_over() == []


def test_a_supervisor_that_is_killed_leaves_no_process_and_the_next_start_succeeds() -> None:
    with installed() as installation:
        process = installation.start_again_after(signal.SIGKILL)
        installation.wait_ready()
        assert process.poll() is None, "the restart gave up"
        deliveries_of(installation, "again", "INC-AGAIN")
        assert installation.stop() == 0
        assert installation.left_over() == []


def test_a_full_disk_is_named_nothing_is_half_stored_and_freed_space_is_enough(tmp_path: Path) -> None:
    said = on_small_disk(
        tmp_path,
        200,
        """
        from tests.chaos.full_disk import story
        print(story(disk))
        """,
    )
    assert said == "refused naming the disk; nothing half stored; accepted again\n"
