"""The systems under test: started fresh in a temporary folder, ended by their process id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"a system under test ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("a system under test did not start")


class Router:
    """A running `im serve`."""

    def __init__(self, port: int, token: str, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.port, self.token, self.process, self.folder = port, token, process, folder

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_slack(self, port: int, *, unlimited: bool = True) -> None:
        """One Slack provider at the sink, the sandbox switched off: one message for each event."""
        self.call("PATCH", "/api/v1/chatops/providers/sandbox", {"active": False})
        channels = {f"SEV-{n}": f"C0SEV{n}" for n in range(1, 5)}
        config: dict[str, Any] = {
            "bot_token": "xoxb-bench-000000000000",
            "signing_secret": "0123456789abcdef0123456789abcdef",
            "api_base": f"http://127.0.0.1:{port}/api",
            "default_channel": "C0DEFAULT",
            "notification_channels": channels,
            "service_channels": {f"s{n}": f"C0S{n}" for n in range(50)},
        }
        if unlimited:
            config["rate_limit"] = {"channel_per_second": 1_000_000, "provider_per_second": 1_000_000}
        self.call("POST", "/api/v1/chatops/providers", {"name": "slack", "type": "slack", "config": config})


@contextmanager
def router(
    *, rules: str | None = None, workers: int = 1, data: Path | None = None, nlu_url: str = "off"
) -> Iterator[Router]:
    """`im serve` in a folder of its own, with the default rules unless others are given; `data` is kept."""
    folder = Path(tempfile.mkdtemp(prefix="im-bench-"))
    port = free_port()
    kept = data or folder / "var"
    given = {**os.environ, "IM_DATA_DIR": str(kept), "PORT": str(port), "IM_NLU_URL": nlu_url}
    if rules is not None:
        (folder / "rules").mkdir()
        (folder / "rules" / "bench.yaml").write_text(rules)
        given["IM_RULES_DIR"] = str(folder / "rules")
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "worker", "serve", str(workers)]
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=log, stderr=log)
        try:
            await_port(port, process)
            yield Router(port, (kept / "admin-token").read_text().strip(), process, folder)
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def alertmanager_program() -> str | None:
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


@contextmanager
def alertmanager(sink: int, *, group_interval: str = "5m") -> Iterator[int]:
    """Alertmanager with a webhook receiver, every alert its own group; yields its port."""
    program = alertmanager_program()
    assert program is not None
    folder = Path(tempfile.mkdtemp(prefix="am-bench-"))
    port = free_port()
    (folder / "config.yml").write_text(
        f"route: {{receiver: sink, group_by: ['...'], group_wait: 0s, group_interval: {group_interval}}}\n"
        "receivers:\n"
        "  - name: sink\n"
        f"    webhook_configs: [{{url: 'http://127.0.0.1:{sink}/', send_resolved: false}}]\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'config.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            await_port(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process and all its descendants so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            used[int(entry.name)] = (int(fields[11]) + int(fields[12])) / ticks
    total, todo = 0.0, [pid]
    while todo:
        each = todo.pop()
        total += used.get(each, 0.0)
        todo += children.get(each, [])
    return total


def memory_mb(pid: int) -> float:
    """Proportional memory (shared pages counted once) of a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, todo = 0, [pid]
    while todo:
        each = todo.pop()
        todo += children.get(each, [])
        try:
            rows = (Path("/proc") / str(each) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
    return total / 1024
