"""The story of an installation whose disk fills up, told inside a small file system (test_processes.py)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.installation import Answer, Installation, eventually

PER_REQUEST: Final = 20
_FILLER: Final = "x" * 19_000
_TRIES: Final = 2_000
_BACK_SECONDS: Final = 60.0


def story(disk: Path) -> str:
    """Fill the disk until events are refused, free it, and say what was seen."""
    installation = Installation(disk / "var")
    installation.start()
    try:
        installation.wait_ready()
        ballast = _fill(disk)
        number, refused = _post_until_refused(installation)
        assert refused.status == 503, refused
        assert refused.kind == "application/problem+json", refused
        assert "disk is full" in refused.body["detail"], refused
        ballast.unlink()
        eventually(
            lambda: _post(installation, number + 1).status == 202, _BACK_SECONDS, installation.log.read_text
        )
        assert _stored(installation, number) == 0
        again = _post(installation, number)
        assert again.status == 202, again
        assert not any(result["duplicate"] for result in again.body["results"]), again
        assert _stored(installation, number) == PER_REQUEST
    finally:
        installation.stop()
    return "refused naming the disk; nothing half stored; accepted again"


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as stream:
        while True:
            stream.write(bytes(1 << 16))
    return ballast


def _post_until_refused(installation: Installation) -> tuple[int, Answer]:
    """The number of the first request that was refused, and its answer."""
    for number in range(_TRIES):
        answer = _post(installation, number)
        if answer.status != 202:
            return number, answer
    raise AssertionError(f"{_TRIES} requests were accepted on a full disk")


def _post(installation: Installation, number: int) -> Answer:
    incident = {"title": "Checkout is down", "severity": "SEV-3", "description": _FILLER}
    events = [
        {
            "id": f"full-{number}-{n}",
            "type": "incident.created",
            "incident": {"id": f"full-{number}-{n}", **incident},
        }
        for n in range(PER_REQUEST)
    ]
    return installation.call("POST", "/api/v1/events", events)


def _stored(installation: Installation, number: int) -> int:
    """How many of a request's events, incidents and deliveries are in the store; all counts agree."""
    query = """SELECT (SELECT count(*) FROM events WHERE key LIKE %(like)s),
        (SELECT count(*) FROM incidents WHERE external_id LIKE %(like)s)"""
    with psycopg.connect(installation.database_url) as connection:
        row = connection.execute(query, {"like": f"full-{number}-%"}).fetchone()
    assert row is not None
    assert row[0] == row[1], row
    return int(row[0])
