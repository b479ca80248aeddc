"""Files that only their owner may read, such as keys: there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def create(file: Path, text: str) -> None:
    """Make the file unless there is one; of several processes that do so at once, one makes it for all."""
    fresh = _written_beside(file, text)
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def replace(file: Path, text: str) -> None:
    """Put a new file in the old one's place."""
    _written_beside(file, text).replace(file)


def _written_beside(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(3).hex()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return fresh
