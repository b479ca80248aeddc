"""A child process that ends is started again with growing pauses; locks say who runs and who uses servers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from router.servers import Held, ServersError
from router.servers.child import Child, pause_before
from router.servers.layout import Endpoints
from router.servers.locks import Owner, OwnerLock, UsersLock, owner_of
from router.servers.logfile import LogFile


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeServer:
    """Runs a shell command; answers once its file is there."""

    name = "fake"
    identity = "same"
    stop_steps = ((signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0))

    def __init__(self, folder: Path, script: str = "touch up; exec sleep 60", mends: int = 0) -> None:
        self.script = script
        self.working_folder = folder
        self.log = LogFile(folder / "fake.log")
        self.prepared = 0
        self.mends = mends

    def prepare(self) -> None:
        self.prepared += 1
        (self.working_folder / "up").unlink(missing_ok=True)

    def command(self) -> list[str]:
        return ["/bin/sh", "-c", self.script]

    def answers(self) -> bool:
        return (self.working_folder / "up").exists()

    def explain(self, log: str) -> ServersError:
        return ServersError(f"it said: {log.strip()}")

    def mend(self) -> bool:
        self.mends -= 1
        return self.mends >= 0


def started(server: FakeServer, clock: Clock) -> Child:
    child = Child(server, clock)
    child.spawn()
    child.await_answer(10)
    return child


def end(child: Child) -> None:
    child.ask_to_stop()
    deadline = time.monotonic() + 10
    while not child.ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pauses_grow_from_none_to_five_seconds() -> None:
    assert [pause_before(ends) for ends in range(1, 9)] == [0, 0.25, 0.5, 1, 2, 5, 5, 5]


def test_the_first_end_is_followed_by_a_start_at_once_and_the_second_by_a_pause(tmp_path: Path) -> None:
    clock = Clock()
    child = started(FakeServer(tmp_path), clock)
    end(child)
    assert child.revive() is True
    end(child)
    assert child.revive() is False
    clock.now += 0.24
    assert child.revive() is False
    clock.now += 0.01
    assert child.revive() is True
    assert child.revive() is False
    child.stop()


def test_after_half_a_minute_of_life_an_end_counts_as_the_first_again(tmp_path: Path) -> None:
    clock = Clock()
    child = started(FakeServer(tmp_path), clock)
    for _ in range(3):
        clock.now += 31
        end(child)
        assert child.revive() is True
    child.stop()


def test_one_that_always_ends_is_not_started_in_a_hot_loop(tmp_path: Path) -> None:
    clock = Clock()
    child = started(server := FakeServer(tmp_path), clock)
    end(child)
    server.script = "exit 1"
    for _ in range(200):  # 20 s of checks
        child.revive()
        clock.now += 0.1
    assert server.prepared - 1 == 8  # after 0, 0.25, 0.5, 1, 2, 5, 5 and 5 s
    server.script = "touch up; exec sleep 60"
    clock.now += 5
    assert child.revive() is True
    child.stop()


def test_one_that_cannot_be_prepared_is_tried_again_later(tmp_path: Path) -> None:
    clock = Clock()
    child = started(server := FakeServer(tmp_path / "."), clock)
    end(child)
    server.working_folder = tmp_path / "lost"
    assert child.revive() is False
    (tmp_path / "lost").mkdir()
    child.revive()
    clock.now += 0.25
    assert child.revive() is True
    child.stop()


def test_an_end_before_the_first_answer_is_explained_by_what_was_logged_since(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, script="echo old; exit 1")
    for word in ("one", "two"):
        server.script = f"echo {word}; exit 1"
        child = Child(server)
        child.spawn()
        with pytest.raises(ServersError, match=f"^it said: {word}$"):
            child.await_answer(10)


def test_what_can_be_mended_is_mended_once(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, script="exit 1", mends=5)
    child = Child(server)
    child.spawn()
    with pytest.raises(ServersError):
        child.await_answer(10)
    assert (server.prepared, server.mends) == (2, 4)


def test_one_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    child = Child(FakeServer(tmp_path, script="exec sleep 60"))
    child.spawn()
    with pytest.raises(ServersError, match=r"did not answer in 0\.2 s"):
        child.await_answer(0.2)
    child.stop()


def test_one_that_does_not_hear_the_kind_signal_is_killed_in_bounded_time(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, script="trap '' TERM; touch up; while :; do sleep 0.1; done")
    child = started(server, Clock())
    before = time.monotonic()
    child.stop()
    assert child.ended
    assert time.monotonic() - before < 5


# -- locks ----------------------------------------------------------------------------------------------

ENDPOINTS = Endpoints("postgresql:///im?host=/run", "unix:///run/valkey.sock")


def test_only_one_owner_at_a_time_and_the_other_learns_who(tmp_path: Path) -> None:
    path = tmp_path / "servers.lock"
    first, second = OwnerLock(path), OwnerLock(path)
    first.take("serve", 0)
    with pytest.raises(Held, match=rf"^{tmp_path} is in use by the process {os.getpid()}: "):
        second.take("serve", 0)
    first.drop()
    second.take("serve", 0)
    second.drop()


def test_an_owner_that_serves_is_not_waited_for_and_one_that_will_end_is(tmp_path: Path) -> None:
    path = tmp_path / "servers.lock"
    first, second = OwnerLock(path), OwnerLock(path)
    first.take("serve", 0)
    durations = []
    for owner in (Owner(1, "serve"), Owner(1, "command"), Owner(1, "stopping")):
        first.say(owner)
        before = time.monotonic()
        with pytest.raises(Held):
            second.take("serve", 0.6)
        durations.append(time.monotonic() - before)
    first.drop()
    assert durations[0] < 0.6 <= min(durations[1:])


def test_what_an_owner_says_is_read_back_until_it_leaves(tmp_path: Path) -> None:
    path = tmp_path / "servers.lock"
    lock = OwnerLock(path)
    assert owner_of(path) is None
    lock.take("command", 0)
    assert owner_of(path) == Owner(os.getpid(), "command")
    lock.say(Owner(7, "serve", ENDPOINTS))
    assert owner_of(path) == Owner(7, "serve", ENDPOINTS)
    lock.say(Owner(7, "stopping"))
    assert owner_of(path) == Owner(7, "stopping")
    lock.drop()
    lock.drop()
    assert owner_of(path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', msgspec.json.encode({"pid": 1})])
def test_what_is_no_owner_is_read_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "servers.lock").write_bytes(content)
    assert owner_of(tmp_path / "servers.lock") is None


def test_many_users_share_and_one_is_alone_only_without_them(tmp_path: Path) -> None:
    one, two, owner = (UsersLock(tmp_path / "users") for _ in range(3))
    assert one.share(0)
    assert two.share(0)
    assert not owner.alone(0.05)
    one.drop()
    assert not owner.alone(0)
    two.drop()
    assert owner.alone(0)
    assert owner.alone(0)
    assert not one.share(0.05)
    owner.drop()
    assert one.share(0)
    one.drop()
    two.drop()
