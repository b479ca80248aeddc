"""An installation under test: `im serve` started again whenever it dies, its processes, and its fakes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from adapters.config import SEVERITY_KEYS
from router.servers.layout import layout_of
from router.servers.processes import Process, processes
from router.servers.valkey import is_server
from tests.fakes.mattermost import make_id

ROOT: Final = Path(__file__).parents[2]
START_SECONDS: Final = 60.0
UNTHROTTLED: Final = {"channel_per_second": 100_000, "provider_per_second": 100_000}
_ROLE_TITLES: Final[Mapping[str, str]] = {
    "api": " -m api.",
    "worker": " -m worker worker",
    "ticker": " -m worker ticker",
}
_CHANNELS: Final[Mapping[str, Callable[[int], str]]] = {
    "slack": lambda n: f"C0SEV{n}",
    "teams": lambda n: f"19:sev{n}@thread.tacv2",
    "discord": lambda n: f"10203040506070800{n}",
    "mattermost": lambda n: make_id(f"sev{n}"),
}
PLATFORMS: Final = tuple(_CHANNELS)


class Fake(msgspec.Struct, frozen=True):
    """A fake platform in a process of its own."""

    platform: str
    config: dict[str, Any]
    records: Path
    process: subprocess.Popen[str]


class Answer(msgspec.Struct, frozen=True):
    """What the API answered."""

    status: int
    kind: str
    body: Any


class Installation:
    """One data folder, one port, and the supervisor that serves it."""

    def __init__(self, data_dir: Path, **environ: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.log = data_dir.with_name("serve.log")
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self.starts: list[float] = []
        """When the supervisor was started, monotonic."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return layout_of(self.data_dir).endpoints(postgres=True, valkey=True).database_url

    @property
    def token(self) -> str:
        return (self.data_dir / "admin-token").read_text().strip()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the supervisor; its output is appended to `log`."""
        own = {"IM_DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        self.starts.append(time.monotonic())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker", "serve"],
                cwd=ROOT,
                env={**os.environ, **own, **self._environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._process

    def keep_running(self) -> None:
        """Start the supervisor again if it ended, as an init system would."""
        if self._process is not None and self._process.poll() is not None:
            self.start()

    def start_again_after(self, number: signal.Signals) -> subprocess.Popen[bytes]:
        """End the supervisor with a signal, and start it the moment that it has gone."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()
        return self.start()

    def ready(self) -> bool:
        """Whether events are accepted."""
        with contextlib.suppress(OSError):
            return self.call("GET", "/readyz").status == 200
        return False

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until events are accepted; AssertionError with the end of the log."""
        eventually(self.ready, seconds, lambda: self.log.read_text()[-2000:])

    def call(self, method: str, path: str, body: object = None, *, seconds: float = 20.0) -> Answer:
        """Call the API as the admin; any status is an answer, OSError is none."""
        headers = {"content-type": "application/json"}
        with contextlib.suppress(OSError):
            headers["authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return _answer(answer.status, answer)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error)

    def pid_of(self, kind: str) -> int | None:
        """The process id of a part while it runs."""
        if kind == "supervisor":
            return self._process.pid if self._process and self._process.poll() is None else None
        if kind == "postgres":
            return self._postgres()
        if kind == "valkey":
            socket_path = layout_of(self.data_dir).valkey_socket
            return self._child(lambda found: is_server(found, socket_path))
        return self._child(lambda found: _ROLE_TITLES[kind] in found.title)

    def _child(self, wanted: Callable[[Process], bool]) -> int | None:
        """The supervisor's own: what an earlier one left behind ends by itself."""
        supervisor = self.pid_of("supervisor")
        ours = (found.pid for found in processes() if wanted(found))
        return next((pid for pid in ours if parent_of(pid) == supervisor), None)

    def _postgres(self) -> int | None:
        try:
            pid = int((layout_of(self.data_dir).postgres / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return None
        return pid

    def left_over(self) -> list[str]:
        """The titles of processes that still work for this data folder."""
        name = layout_of(self.data_dir).name
        here = str(self.data_dir)
        found = [p for p in processes() if name in p.title or here in p.title or here in _environment(p.pid)]
        return [each.title for each in found if each.pid != os.getpid()]

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that every user can reach: the embedded Postgres is not run as root."""
    parent = Path(tempfile.mkdtemp(prefix="im-chaos-"))
    parent.chmod(0o755)
    try:
        yield parent
    finally:
        shutil.rmtree(parent, ignore_errors=True)


@contextlib.contextmanager
def installed(**environ: str) -> Iterator[Installation]:
    """A running installation, stopped at the end."""
    with folder() as parent:
        installation = Installation(parent / "var", **environ)
        installation.start()
        try:
            installation.wait_ready()
            yield installation
        finally:
            installation.stop()


@contextlib.contextmanager
def fakes(records: Path, *, latency: float = 0.0) -> Iterator[dict[str, Fake]]:
    """All four platforms, each in its process, without rate limits."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(_fake(name, records, latency)) for name in PLATFORMS}


@contextlib.contextmanager
def _fake(platform: str, records: Path, latency: float) -> Iterator[Fake]:
    path = records / f"{platform}.jsonl"
    options = ["--records", str(path), "--no-rates", "--latency", str(latency)]
    command = [sys.executable, "-m", "tests.fakes", platform, *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Fake(platform, json.loads(process.stdout.readline())["config"], path, process)
        finally:
            process.terminate()
            process.wait(10)


def add_providers(installation: Installation, running: Mapping[str, Fake]) -> None:
    """Add all fakes as providers, a channel for each severity; the sandbox is switched off."""
    installation.call("PATCH", "/api/v1/chatops/providers/sandbox", {"active": False})
    for platform, fake in running.items():
        channel = _CHANNELS[platform]
        severities = {key: channel(number) for number, key in enumerate(SEVERITY_KEYS[:4], 1)}
        own = {"rate_limit": UNTHROTTLED, "notification_channels": severities}
        body = {"name": platform, "type": platform, "config": fake.config | own}
        answer = installation.call("POST", "/api/v1/chatops/providers", body)
        assert answer.status == 201, answer


def eventually(condition: Callable[[], bool], seconds: float, explain: Callable[[], object] = str) -> None:
    """Wait until it holds; AssertionError with the explanation."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {explain()}"
        time.sleep(0.05)


def kill(pid: int) -> None:
    """SIGKILL, where it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def parent_of(pid: int) -> int | None:
    """The parent's process id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _answer(status: int, stream: Any) -> Answer:
    text = stream.read()
    kind = stream.headers.get_content_type()
    return Answer(status, kind, json.loads(text) if text and kind.endswith("json") else text)
