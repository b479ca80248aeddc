"""How long things take to start, and how much memory a started installation holds."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.systems import ROOT, memory_mb, router


def starting() -> dict[str, float]:
    """Figures by name: medians of several starts."""
    ready, memory = [], []
    with tempfile.TemporaryDirectory(prefix="im-bench-") as data:
        for _ in range(6):
            begun = time.perf_counter()
            with router(data=Path(data)) as system:
                while json.loads(_read(f"http://127.0.0.1:{system.port}/readyz"))["status"] != "ready":
                    time.sleep(0.01)
                ready.append(time.perf_counter() - begun)
                time.sleep(1.0)
                memory.append(memory_mb(system.process.pid))
    return {
        "im_help_ms": statistics.median(_help() for _ in range(7)) * 1000,
        "first_start_to_ready_seconds": ready[0],
        "later_start_to_ready_seconds": statistics.median(ready[1:]),
        "memory_mb_all_roles_idle": statistics.median(memory),
    }


def _help() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "api.cli", "--help"], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - begun


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        content: bytes = answer.read()
    return content
